// Goal: hex and comparison helpers behave at their edges, where a parser of keys would be fooled.
#include <catch2/catch.hpp>

#include "ike/base/bytes.h"

using namespace std::string_view_literals;

TEST_CASE("hex goes both ways and refuses what is not hex", "[bytes]") {
  const ipsec::Bytes bytes{0x00, 0x7f, 0xff, 0xa5};
  CHECK(ipsec::to_hex(bytes) == "007fffa5");
  CHECK(ipsec::from_hex("007FffA5") == bytes);
  CHECK(ipsec::from_hex("") == ipsec::Bytes{});
  for (const auto bad : {"0"sv, "0g"sv, "0x01"sv, " 01 "sv, "00 "sv}) {
    CHECK_FALSE(ipsec::from_hex(bad).has_value());
  }
}

TEST_CASE("constant-time equality agrees with plain equality", "[bytes]") {
  const auto check = [](const ipsec::Bytes& a, const ipsec::Bytes& b) {
    CHECK(ipsec::equal_constant_time(a, b) == (a == b));
    CHECK(ipsec::equal(a, b) == (a == b));
  };
  check({}, {});
  check({1}, {});
  check({1, 2, 3}, {1, 2, 3});
  check({1, 2, 3}, {1, 2, 4});
  check({1, 2, 3}, {9, 2, 3});
  check({1, 2, 3}, {1, 2});
  // A difference in each single bit must be seen.
  for (int bit = 0; bit < 8; ++bit) {
    check({0x55, 0}, {0x55, static_cast<std::uint8_t>(1 << bit)});
  }
}

TEST_CASE("concat joins in order", "[bytes]") {
  const ipsec::Bytes a{1, 2};
  const ipsec::Bytes b{3};
  CHECK(ipsec::concat({a, {}, b}) == ipsec::Bytes{1, 2, 3});
  CHECK(ipsec::as_text(ipsec::to_bytes("key"sv)) == "key");
}
