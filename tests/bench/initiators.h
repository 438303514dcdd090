// Our own engine as many initiators on real sockets, with a kernel that is only pretended: what a
// responder is loaded with, whichever it is.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "ike/core/engine/engine.h"
#include "ike/crypto/openssl_provider.h"
#include "ike/daemon/system/random.h"
#include "ike/daemon/udp.h"
#include "tests/bench/suites.h"

namespace ipsec::bench {

// What the tunnels are, which those of the responder have to match: see tests/bench/site_texts.py.
struct Load {
  const Suite* suite = nullptr;
  std::uint32_t tunnels = 1;
  bool own_addresses = false;  // else all of them share one, and identities tell them apart
  bool children = false;       // else childless (RFC 6023)
  std::uint32_t at_once = 8;
  std::chrono::seconds dpd_delay{8};
};

// Of the openings of one order.
struct Tally {
  std::vector<double> latencies_ms;  // of those that came up
  std::size_t failed_tries = 0;
  double wall_s = 0;
};

class Initiators {
 public:
  Initiators(const crypto::Provider& crypto, const Load& load);

  // Tunnels in turns, each up and down again, for so long; those under way are waited for.
  Tally churn(Duration span);
  // The same, one opening every so often.
  Tally pace(Duration span, Duration every);
  // The first `count` of them, which stay.
  Tally up(std::uint32_t count);
  Tally down();
  // A new IKE SA, or child, for each that is up.
  Tally rekey(core::Order what);

  // Until `fd` has something to read.
  void idle(int fd);
  [[nodiscard]] std::size_t up_now() const;

 private:
  enum class Stage : std::uint8_t { idle, opening, up, ending, rekeying };
  struct Tunnel {
    Stage stage = Stage::idle;
    Time since{};
  };

  void order(std::size_t index, Stage stage, core::Order what);
  // The next one that is idle, if any is.
  bool open_next();
  void settle(Duration patience);
  [[nodiscard]] Tally finish(Time begun);
  void wait(Time until, int fd);
  void feed(core::Input input);
  void act(core::Action& action);
  void note(const core::Event& event);
  void came_up(std::size_t index);

  const crypto::Provider& crypto_;
  Load load_;
  SystemRandom random_;
  core::Engine engine_;
  daemon::UdpSockets sockets_;
  std::deque<core::Input> inputs_;
  std::vector<Tunnel> tunnels_;
  std::size_t next_ = 0;
  std::size_t under_way_ = 0;
  bool ends_at_once_ = false;  // what comes up is taken down
  std::uint32_t last_spi_ = 0xc0000000;
  Tally tally_;
};

}  // namespace ipsec::bench
