// The daemon's part in its replacement by a new program: the keeper tries that, and who asked is
// told. And what a daemon is without its keeper.
#pragma once

#include <functional>
#include <optional>

#include "ike/daemon/control_socket.h"
#include "ike/daemon/instance.h"
#include "ike/daemon/keeper_line.h"
#include "ike/daemon/log.h"
#include "ike/daemon/loop.h"

namespace ipsec::daemon {

class Upgrade {
 public:
  struct Parts {
    Loop& loop;
    Log& log;
    KeeperLine& keeper;
    Instance& instance;
    std::function<void()> leave;  // the daemon is to end now, and to leave all as it is
  };
  explicit Upgrade(Parts parts);
  Upgrade(const Upgrade&) = delete;
  Upgrade& operator=(const Upgrade&) = delete;
  ~Upgrade();

  // This daemon works, and its keeper holds these from now on.
  void ready(std::vector<int> fds);
  // Answered when the new program was tried.
  void ask(Responder respond);
  [[nodiscard]] bool has_begun() const { return has_begun_; }

 private:
  void hear();
  void take(const Message& message);
  void keeper_is_gone();
  void refuse(control::ErrorCode code, std::string why);

  Parts parts_;
  std::optional<Responder> asked_;
  bool has_begun_ = false;
};

}  // namespace ipsec::daemon
