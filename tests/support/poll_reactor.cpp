#include "tests/support/poll_reactor.h"

#include <poll.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace ipsec::test {

void PollReactor::watch(int fd, std::function<void()> readable) {
  handlers_[fd] = std::move(readable);
}

void PollReactor::forget(int fd) { handlers_.erase(fd); }

Time PollReactor::now() const {
  return Time(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

bool PollReactor::turn(route::Driver* driver, std::chrono::milliseconds patience) {
  const Time deadline = driver != nullptr ? driver->next_deadline() : kNever;
  std::chrono::milliseconds wait = patience;
  if (deadline != kNever) {
    const auto until = std::chrono::ceil<std::chrono::milliseconds>(deadline - now());
    wait = std::clamp(until, std::chrono::milliseconds(0), patience);
  }
  std::vector<pollfd> polled;
  for (const auto& [fd, handler] : handlers_) polled.push_back({fd, POLLIN, 0});
  const int ready = ::poll(polled.data(), polled.size(), static_cast<int>(wait.count()));
  bool handled = false;
  for (const pollfd& it : polled) {
    const auto found = handlers_.find(it.fd);
    // One handler may have ended the watch of another.
    if (ready <= 0 || it.revents == 0 || found == handlers_.end()) continue;
    const auto handler = found->second;
    handler();
    handled = true;
  }
  if (driver != nullptr && driver->next_deadline() <= now()) {
    driver->tick(now());
    handled = true;
  }
  return handled;
}

}  // namespace ipsec::test
