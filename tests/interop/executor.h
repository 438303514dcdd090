// Does what the engine asks for: datagrams go to real sockets, jobs are done at once, and a kernel
// is only pretended, that hands out SPIs and writes down the SAs it is given.
#pragma once

#include <cstdint>
#include <deque>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>

#include "ike/core/engine/engine.h"
#include "ike/daemon/system/random.h"
#include "tests/interop/key_watcher.h"
#include "tests/interop/sockets.h"

namespace ipsec::interop {

class Executor {
 public:
  // Events go to `events`, a line each. The SAs that would be the kernel's go to `sas` with their
  // keys in clear, which only a test program may do: there they are held against the peer's.
  Executor(const KeyWatcher& crypto, std::ostream& events, std::ostream& sas)
      : crypto_(crypto), events_(events), sas_(sas), engine_(crypto, random_, {}) {}

  // One line of the script; false is the end.
  [[nodiscard]] bool obey(std::string_view line);
  // Until the next deadline, or a datagram, or `command_fd` has something to read.
  void wait(int command_fd);

 private:
  void tunnel(std::string_view line);
  void forget(std::string_view name);
  void order(std::string_view what, std::string_view name);
  void status();

  void feed(core::Input input);
  void execute(core::Action& action);
  void install(const core::InstallSas& batch);
  void report(const core::Event& event);
  [[nodiscard]] std::string name_of(TunnelId id) const;

  const KeyWatcher& crypto_;
  std::ostream& events_;
  std::ostream& sas_;
  SystemRandom random_;
  core::Engine engine_;
  Sockets sockets_;
  std::deque<core::Input> answers_;
  std::map<std::string, TunnelId, std::less<>> tunnels_;
  std::uint32_t next_spi_ = 0;
  std::size_t agreements_ = 0;  // jobs that computed a shared secret
};

}  // namespace ipsec::interop
