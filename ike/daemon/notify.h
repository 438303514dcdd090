// What the service manager is told, where one asks for it: sd_notify(3) without its library.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ike/base/time.h"
#include "ike/base/unique_fd.h"
#include "ike/daemon/loop.h"

namespace ipsec::daemon {

class Notify final : public Timed {
 public:
  // From NOTIFY_SOCKET and WATCHDOG_USEC, which are taken out of the environment.
  explicit Notify(Loop& loop);
  Notify(const Notify&) = delete;
  Notify& operator=(const Notify&) = delete;
  ~Notify() override { loop_.remove(*this); }

  // "READY=1", "STATUS=...", "STOPPING=1".
  void say(std::string_view state) const;

  [[nodiscard]] Time next_deadline() const override { return next_; }
  void tick(Time now) override;

 private:
  Loop& loop_;
  std::string socket_;
  UniqueFd fd_;
  std::optional<Duration> every_;
  Time next_ = kNever;
};

// Of a keeper while it has no daemon: that it is alive. Leaves the environment for the daemon.
void notify_alive();

// Of a start that failed: start-stop-daemon ends its waiting by that, and systemd shows it. Before
// there is a Notify.
void notify_failure();

}  // namespace ipsec::daemon
