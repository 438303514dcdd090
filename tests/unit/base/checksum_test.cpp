// Goal: what is not the same any more has another sum.
// Method: each bit of random bytes is flipped, each length is tried, and neighbours are exchanged.
#include "ike/base/checksum.h"

#include <set>
#include <utility>

#include <catch2/catch.hpp>

#include "tests/support/random.h"

using ipsec::Bytes;
using ipsec::ByteView;
using ipsec::checksum;

TEST_CASE("one bit makes another sum", "[checksum]") {
  ipsec::test::Random random(1);
  for (std::size_t size = 1; size < 70; ++size) {
    Bytes bytes = random.bytes(size);
    const std::uint64_t sum = checksum(bytes);
    for (std::size_t bit = 0; bit < 8 * size; ++bit) {
      bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
      INFO("bit " << bit << " of " << size << " bytes");
      CHECK(checksum(bytes) != sum);
      bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    }
    CHECK(checksum(bytes) == sum);
  }
}

TEST_CASE("each length has its own sum", "[checksum]") {
  const Bytes zeros(200, 0);
  const Bytes ones(200, 0xff);
  std::set<std::uint64_t> sums;
  for (std::size_t size = 0; size <= zeros.size(); ++size) {
    sums.insert(checksum(ByteView(zeros).first(size)));
    if (size > 0) sums.insert(checksum(ByteView(ones).first(size)));
  }
  CHECK(sums.size() == 2 * zeros.size() + 1);
}

TEST_CASE("the order of words counts", "[checksum]") {
  ipsec::test::Random random(2);
  Bytes bytes = random.bytes(64);
  const std::uint64_t sum = checksum(bytes);
  for (std::size_t at = 0; at + 16 <= bytes.size(); at += 8) {
    Bytes other = bytes;
    for (std::size_t i = 0; i < 8; ++i) std::swap(other[at + i], other[at + 8 + i]);
    CHECK(checksum(other) != sum);
  }
}
