// The port through which randomness comes in; the simulator and the fuzzer put a seeded one here.
#pragma once

#include "ike/base/bytes.h"

namespace ipsec {

class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual void fill(MutableBytes out) = 0;
};

}  // namespace ipsec
