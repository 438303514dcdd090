// The event loop: epoll over every descriptor of the daemon, and deadlines that are asked for
// before each wait and never set.
//
// NOTE: Threading. One thread; handlers run one after another and must not wait.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "ike/base/error.h"
#include "ike/base/time.h"
#include "ike/base/unique_fd.h"

namespace ipsec::daemon {

// Something that wants to be called at a time.
class Timed {
 public:
  Timed() = default;
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;
  virtual ~Timed() = default;

  [[nodiscard]] virtual Time next_deadline() const = 0;
  virtual void tick(Time now) = 0;
};

class Loop {
 public:
  using Handler = std::function<void(std::uint32_t events)>;

  [[nodiscard]] static std::expected<Loop, KernelError> create();

  // The descriptor stays its owner's, who must forget it before closing it.
  void watch(int fd, std::uint32_t events, Handler handler);
  void rearm(int fd, std::uint32_t events);
  void forget(int fd);
  void add(Timed& timed);
  void remove(Timed& timed);

  // Since the machine started, and going on while it sleeps: an SA ages then too.
  [[nodiscard]] Time now() const;

  // Until stop(), calling `after` when all that was ready has been handled.
  void run(const std::function<void()>& after);
  void stop() { running_ = false; }

 private:
  explicit Loop(UniqueFd epoll) : epoll_(std::move(epoll)) {}

  void turn();
  void tick_due();
  [[nodiscard]] int wait_ms() const;

  UniqueFd epoll_;
  // Shared, since a handler may forget itself while it runs.
  std::map<int, std::shared_ptr<Handler>> handlers_;
  std::vector<Timed*> timed_;
  bool running_ = false;
};

}  // namespace ipsec::daemon
