// At most so many a second, by the time that is handed in.
#pragma once

#include "ike/base/time.h"

namespace ipsec::core {

class RateLimit {
 public:
  explicit RateLimit(int per_second) : per_second_(per_second) {}

  // Whether one more may go now; if so it is counted.
  [[nodiscard]] bool take(Time now) {
    if (now - second_ >= std::chrono::seconds(1)) {
      second_ = now;
      taken_ = 0;
    }
    if (taken_ >= per_second_) return false;
    ++taken_;
    return true;
  }

 private:
  int per_second_;
  int taken_ = 0;
  Time second_{};
};

}  // namespace ipsec::core
