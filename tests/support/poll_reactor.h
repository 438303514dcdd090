// A loop of poll() for route drivers in tests, without a daemon.
#pragma once

#include <chrono>
#include <functional>
#include <map>

#include "route/driver.h"

namespace ipsec::test {

class PollReactor final : public route::Reactor {
 public:
  void watch(int fd, std::function<void()> readable) override;
  void forget(int fd) override;
  [[nodiscard]] Time now() const override;

  // Waits up to `patience` for a descriptor or the driver's deadline, handles what there is, and
  // says whether there was anything. `driver` may be null.
  bool turn(route::Driver* driver, std::chrono::milliseconds patience);

  [[nodiscard]] std::size_t watched() const { return handlers_.size(); }

 private:
  std::map<int, std::function<void()>> handlers_;
};

}  // namespace ipsec::test
