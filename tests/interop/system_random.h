// The system's randomness behind the engine's port.
#pragma once

#include "ike/base/random.h"

namespace ipsec::interop {

class SystemRandom final : public RandomSource {
 public:
  void fill(MutableBytes out) override;
};

}  // namespace ipsec::interop
