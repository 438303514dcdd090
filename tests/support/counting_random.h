// A RandomSource for tests: different bytes each time, the same in every run.
#pragma once

#include <cstddef>

#include "ike/base/random.h"
#include "tests/support/random.h"

namespace ipsec::core {

class CountingRandom final : public RandomSource {
 public:
  void fill(MutableBytes out) override {
    for (std::uint8_t& byte : out) byte = random_.u8();
    drawn_ += out.size();
  }
  [[nodiscard]] std::size_t drawn() const { return drawn_; }

 private:
  test::Random random_{0};
  std::size_t drawn_ = 0;
};

}  // namespace ipsec::core
