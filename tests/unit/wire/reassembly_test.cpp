// Goal: the pieces of a message come together in whatever order and however often they arrive (RFC
// 7383 2.6), and nobody can make us hold more than the limits. Method: all 24 orders of four
// pieces, then one case for each verdict.
#include <algorithm>
#include <array>

#include "ike/base/limits.h"
#include "ike/wire/reassembly.h"
#include "tests/support/hex.h"

#include <catch2/catch.hpp>

namespace ipsec::wire {

using test::hex;
using Verdict = Reassembly::Verdict;

namespace {

constexpr PayloadType kFirst = PayloadType::id_initiator;

Verdict add(Reassembly& reassembly, std::uint16_t number, std::uint16_t total, ByteView bytes) {
  return reassembly.add({.number = number, .total = total},
                        number == 1 ? kFirst : PayloadType::none, bytes);
}

}  // namespace

TEST_CASE("four pieces come together in every order", "[reassembly]") {
  const std::array<Bytes, 4> pieces{hex("01"), hex("0202"), hex(""), hex("040404")};
  std::array<std::uint16_t, 4> order{1, 2, 3, 4};
  do {
    Reassembly reassembly;
    for (const std::uint16_t number : order) {
      CHECK_FALSE(reassembly.take().has_value());
      CHECK(add(reassembly, number, 4, pieces[number - 1U]) == Verdict::stored);
    }
    CHECK(reassembly.held_bytes() == 6);
    const auto whole = reassembly.take();
    REQUIRE(whole.has_value());
    CHECK(whole->first_inner == kFirst);
    CHECK(whole->chain == hex("010202040404"));
    CHECK(reassembly.held_bytes() == 0);
    CHECK_FALSE(reassembly.take().has_value());
  } while (std::ranges::next_permutation(order).found);
}

TEST_CASE("a single piece is a whole message", "[reassembly]") {
  Reassembly reassembly;
  CHECK(add(reassembly, 1, 1, hex("aa")) == Verdict::stored);
  CHECK(reassembly.take()->chain == hex("aa"));
}

TEST_CASE("a piece is kept once, the first time", "[reassembly]") {
  Reassembly reassembly;
  CHECK(add(reassembly, 2, 2, hex("bb")) == Verdict::stored);
  CHECK(add(reassembly, 2, 2, hex("cccc")) == Verdict::duplicate);
  CHECK(reassembly.held_bytes() == 1);
  CHECK(add(reassembly, 1, 2, hex("aa")) == Verdict::stored);
  CHECK(add(reassembly, 1, 2, hex("dd")) == Verdict::duplicate);
  CHECK(reassembly.take()->chain == hex("aabb"));
}

TEST_CASE("an empty piece counts as held", "[reassembly]") {
  Reassembly reassembly;
  CHECK(add(reassembly, 1, 2, {}) == Verdict::stored);
  CHECK(add(reassembly, 1, 2, hex("aa")) == Verdict::duplicate);
}

TEST_CASE("a larger total starts anew, a smaller one comes too late", "[reassembly]") {
  Reassembly reassembly;
  CHECK(add(reassembly, 1, 2, hex("aaaaaa")) == Verdict::stored);
  CHECK(add(reassembly, 3, 3, hex("cc")) == Verdict::stored);
  CHECK(reassembly.held_bytes() == 1);
  CHECK(add(reassembly, 2, 2, hex("bbbbbb")) == Verdict::stale);
  CHECK(add(reassembly, 1, 1, hex("dd")) == Verdict::stale);
  CHECK(add(reassembly, 2, 3, hex("bb")) == Verdict::stored);
  CHECK_FALSE(reassembly.take().has_value());
  CHECK(add(reassembly, 1, 3, hex("aa")) == Verdict::stored);
  CHECK(reassembly.take()->chain == hex("aabbcc"));
}

TEST_CASE("only the first piece says what the message begins with", "[reassembly]") {
  Reassembly reassembly;
  CHECK(reassembly.add({.number = 1, .total = 2}, kFirst, {}) == Verdict::stored);
  CHECK(reassembly.add({.number = 2, .total = 2}, PayloadType::eap, {}) == Verdict::stored);
  CHECK(reassembly.take()->first_inner == kFirst);

  // Nor does it survive from a former cut.
  CHECK(reassembly.add({.number = 1, .total = 2}, PayloadType::eap, {}) == Verdict::stored);
  CHECK(reassembly.add({.number = 2, .total = 3}, PayloadType::none, {}) == Verdict::stored);
  CHECK(reassembly.add({.number = 3, .total = 3}, PayloadType::none, {}) == Verdict::stored);
  CHECK(reassembly.add({.number = 1, .total = 3}, kFirst, {}) == Verdict::stored);
  CHECK(reassembly.take()->first_inner == kFirst);
}

TEST_CASE("numbers that make no sense change nothing", "[reassembly]") {
  Reassembly reassembly;
  CHECK(add(reassembly, 1, 2, hex("aa")) == Verdict::stored);
  CHECK(add(reassembly, 0, 2, hex("bb")) == Verdict::invalid);
  CHECK(add(reassembly, 0, 0, hex("bb")) == Verdict::invalid);
  CHECK(add(reassembly, 1, 0, hex("bb")) == Verdict::invalid);
  CHECK(add(reassembly, 4, 3, hex("bb")) == Verdict::invalid);
  CHECK(add(reassembly, 2, 2, hex("bb")) == Verdict::stored);
  CHECK(reassembly.take()->chain == hex("aabb"));
}

TEST_CASE("the number of pieces is limited", "[reassembly]") {
  constexpr std::uint16_t kMost = limits::kFragments;
  Reassembly reassembly;
  CHECK(add(reassembly, 1, kMost + 1, hex("aa")) == Verdict::too_large);
  CHECK(add(reassembly, 65535, 65535, hex("aa")) == Verdict::too_large);
  CHECK(reassembly.held_bytes() == 0);
  for (std::uint16_t number = kMost; number >= 1; --number) {
    CHECK(add(reassembly, number, kMost, hex("aa")) == Verdict::stored);
  }
  CHECK(reassembly.take()->chain.size() == kMost);
}

TEST_CASE("the bytes held are limited", "[reassembly]") {
  const Bytes most(limits::kReassembledBytes);
  const Bytes too_many(limits::kReassembledBytes + 1);
  Reassembly reassembly;
  CHECK(add(reassembly, 1, 1, too_many) == Verdict::too_large);
  CHECK(add(reassembly, 1, 2, most) == Verdict::stored);
  CHECK(add(reassembly, 2, 2, hex("aa")) == Verdict::too_large);
  CHECK(reassembly.held_bytes() == most.size());
  CHECK(add(reassembly, 2, 2, {}) == Verdict::stored);
  CHECK(reassembly.take()->chain.size() == most.size());
}

TEST_CASE("a piece that is refused does not start anew", "[reassembly]") {
  Reassembly reassembly;
  CHECK(add(reassembly, 1, 2, hex("aa")) == Verdict::stored);
  CHECK(add(reassembly, 1, 3, Bytes(limits::kReassembledBytes + 1)) == Verdict::too_large);
  CHECK(add(reassembly, 1, limits::kFragments + 1, hex("aa")) == Verdict::too_large);
  CHECK(add(reassembly, 2, 2, hex("bb")) == Verdict::stored);
  CHECK(reassembly.take()->chain == hex("aabb"));
  // What the former cut held does not count against the new one.
  CHECK(add(reassembly, 1, 2, Bytes(limits::kReassembledBytes)) == Verdict::stored);
  CHECK(add(reassembly, 1, 3, Bytes(limits::kReassembledBytes)) == Verdict::stored);
}

}  // namespace ipsec::wire
