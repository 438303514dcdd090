// The kernel's random generator. Without it there is no security to be had: the process ends.
#pragma once

#include "ike/base/random.h"

namespace ipsec {

class SystemRandom final : public RandomSource {
 public:
  void fill(MutableBytes out) override;
};

}  // namespace ipsec
