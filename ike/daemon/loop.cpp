#include "ike/daemon/loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

namespace ipsec::daemon {
namespace {

constexpr int kEventsPerTurn = 64;
constexpr std::int64_t kLongestWaitMs = 60'000;

}  // namespace

std::expected<Loop, KernelError> Loop::create() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return std::unexpected(KernelError{"making the event loop: epoll_create1", errno});
  return Loop(std::move(epoll));
}

void Loop::watch(int fd, std::uint32_t events, Handler handler) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  handlers_[fd] = std::make_shared<Handler>(std::move(handler));
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}

void Loop::rearm(int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void Loop::forget(int fd) {
  if (handlers_.erase(fd) > 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void Loop::add(Timed& timed) { timed_.push_back(&timed); }
void Loop::remove(Timed& timed) { std::erase(timed_, &timed); }

Time Loop::now() const {
  timespec now{};
  (void)::clock_gettime(CLOCK_BOOTTIME, &now);
  return Time(std::chrono::duration_cast<Duration>(std::chrono::seconds(now.tv_sec) +
                                                   std::chrono::nanoseconds(now.tv_nsec)));
}

void Loop::run(const std::function<void()>& after) {
  running_ = true;
  while (running_) {
    turn();
    after();
  }
}

void Loop::turn() {
  std::array<epoll_event, kEventsPerTurn> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), kEventsPerTurn, wait_ms());
  for (int i = 0; i < count && running_; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    const auto found = handlers_.find(event.data.fd);
    if (found == handlers_.end()) continue;  // forgotten by a handler before it
    const auto handler = found->second;
    (*handler)(event.events);
  }
  tick_due();
}

// By number, since a tick may add or remove some. The clock is asked again only where time has
// passed: where it is a system call (user-mode Linux, some virtual machines) it is not cheap.
void Loop::tick_due() {
  Time at = now();
  for (std::size_t i = 0; i < timed_.size() && running_; ++i) {
    if (timed_[i]->next_deadline() > at) continue;
    timed_[i]->tick(at);
    at = now();
  }
}

int Loop::wait_ms() const {
  Time first = kNever;
  for (const Timed* timed : timed_) first = std::min(first, timed->next_deadline());
  if (first == kNever) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(first - now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, kLongestWaitMs));
}

}  // namespace ipsec::daemon
