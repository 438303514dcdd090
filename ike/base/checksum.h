// A 64-bit sum that tells whether bytes are still the same. Against accidents, not against people.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>

#include "ike/base/bytes.h"

namespace ipsec {

// Four words at a time, which do not wait for one another. The same on every machine.
[[nodiscard]] inline std::uint64_t checksum(ByteView bytes) {
  // Odd, and with its bits well spread: the golden ratio's fraction, as in Fibonacci hashing.
  constexpr std::uint64_t kFactor = 0x9e3779b97f4a7c15;
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  const auto mix = [](std::uint64_t& sum, std::uint64_t word) {
    sum = (sum ^ word) * kFactor;
    sum ^= sum >> 29;
  };
  const auto word_at = [bytes](std::size_t at) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, kWord);
    return std::endian::native == std::endian::little ? word : std::byteswap(word);
  };
  // By name, so that each has a register.
  std::uint64_t first = 1;
  std::uint64_t second = 2;
  std::uint64_t third = 3;
  std::uint64_t fourth = 4;
  std::size_t at = 0;
  for (; at + 4 * kWord <= bytes.size(); at += 4 * kWord) {
    mix(first, word_at(at));
    mix(second, word_at(at + kWord));
    mix(third, word_at(at + 2 * kWord));
    mix(fourth, word_at(at + 3 * kWord));
  }
  std::uint64_t sum = bytes.size() * kFactor;
  for (const std::uint64_t lane : {first, second, third, fourth}) mix(sum, lane);
  for (; at + kWord <= bytes.size(); at += kWord) mix(sum, word_at(at));
  std::uint64_t last = 0;
  for (; at < bytes.size(); ++at) last = last << 8 | bytes[at];
  mix(sum, last);
  return sum;
}

}  // namespace ipsec
