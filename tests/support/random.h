// Random bytes and choices, the same for a seed on every machine and with every compiler.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ike/base/bytes.h"

namespace ipsec::test {

// SplitMix64. The distributions of <random> differ from library to library, so they are not used.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  [[nodiscard]] std::uint64_t next();
  // 0 <= result < bound; 0 for a bound of 0.
  [[nodiscard]] std::size_t below(std::size_t bound);
  [[nodiscard]] bool one_in(std::size_t n) { return below(n) == 0; }
  [[nodiscard]] std::uint8_t u8() { return static_cast<std::uint8_t>(next()); }
  [[nodiscard]] std::uint16_t u16() { return static_cast<std::uint16_t>(next()); }
  [[nodiscard]] std::uint32_t u32() { return static_cast<std::uint32_t>(next()); }
  [[nodiscard]] Bytes bytes(std::size_t size);
  // Mostly short, now and then empty or long.
  [[nodiscard]] Bytes some_bytes();

 private:
  std::uint64_t state_;
};

// One to a few bytes changed, removed, inserted or copied from elsewhere.
void mutate(Random& random, Bytes& bytes);

}  // namespace ipsec::test
