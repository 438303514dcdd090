// Randomness is not what is measured, but it must not be free either.
#pragma once

#include <cstdint>

#include "ike/base/random.h"

namespace ipsec::bench {

class QuickRandom final : public RandomSource {
 public:
  void fill(MutableBytes out) override {
    for (std::uint8_t& byte : out) {
      state_ = state_ * 6364136223846793005U + 1442695040888963407U;
      byte = static_cast<std::uint8_t>(state_ >> 56);
    }
  }

 private:
  std::uint64_t state_ = 1;
};

}  // namespace ipsec::bench
