// A daemon's line to the keeper that started it. Without a keeper there is none, and nothing here
// does anything.
#pragma once

#include <sys/types.h>

#include <expected>
#include <optional>
#include <span>
#include <string>

#include "ike/base/error.h"
#include "ike/base/unique_fd.h"
#include "ike/daemon/inheritance.h"
#include "ike/daemon/keeper_channel.h"

namespace ipsec::daemon {

// The status with which a daemon asks for the next one, from a new program.
inline constexpr int kEndsForUpgrade = 3;

class KeeperLine {
 public:
  // From the number of --kept: what the keeper says first of all is waited for.
  [[nodiscard]] static std::expected<KeeperLine, KernelError> open(std::optional<int> channel);

  [[nodiscard]] bool is_there() const { return static_cast<bool>(channel_); }
  [[nodiscard]] int fd() const { return channel_.get(); }
  // Who is to be told to stop: the keeper, or this process.
  [[nodiscard]] pid_t process() const { return process_; }
  // "died by SIGKILL", of the daemon before this one; empty where none ended in a wrong way.
  [[nodiscard]] const std::string& end_before() const { return end_before_; }
  // What the keeper held, once. To be used up before the line is hung up.
  [[nodiscard]] Inheritance inheritance();

  // This daemon works, and these are to be held.
  void ready(std::span<const int> fds) const;
  [[nodiscard]] bool ask_for_trial() const { return send_message(fd(), Word::try_program); }
  [[nodiscard]] std::expected<Message, int> receive() const {
    return receive_message(fd(), Waits::no);
  }
  void hang_up() { channel_.reset(); }

 private:
  KeeperLine() = default;

  UniqueFd channel_;
  pid_t process_ = 0;
  std::string end_before_;
  std::vector<UniqueFd> held_;
};

}  // namespace ipsec::daemon
