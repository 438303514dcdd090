// Goal: prefix arithmetic agrees with a naive model. Method: random prefixes of a space small
// enough to enumerate (the last 8 bits of an address), judged address by address.
#include <catch2/catch.hpp>

#include <random>

#include "ike/base/cidr.h"

using ipsec::Address;
using ipsec::AddressRange;
using ipsec::Cidr;

namespace {

Cidr cidr(const char* text) { return Cidr::parse(text).value(); }

}  // namespace

TEST_CASE("CIDRs parse, print and explain what is wrong", "[cidr]") {
  for (const char* text : {"0.0.0.0/0", "10.0.1.0/24", "192.0.2.1/32", "2001:db8::/32", "::/0"}) {
    CHECK(cidr(text).to_string() == text);
  }
  CHECK(cidr("192.0.2.1").to_string() == "192.0.2.1/32");
  CHECK(Cidr::parse("10.0.1.1/24").error().why == "host bits are set; did you mean 10.0.1.0/24?");
  CHECK(Cidr::parse("10.0.1.0/33").error().why == "prefix length must be 0 to 32");
  CHECK(Cidr::parse("2001:db8::/129").error().why == "prefix length must be 0 to 128");
  for (const char* bad : {"", "/24", "10.0.1.0/", "10.0.1.0/+8", "10.0.1.0/8x", "10.0.1/24",
                          "10.0.1.0/-1", "10.0.1.0/24/8"}) {
    CHECK_FALSE(Cidr::parse(bad).has_value());
  }
}

TEST_CASE("overlap and containment agree with enumeration", "[cidr]") {
  std::mt19937 random(1);
  const auto pick = [&random] {
    const auto octet = static_cast<std::uint32_t>(random() % 256);
    return Cidr::enclosing(Address::v4(0x0a000000 | octet), 24 + static_cast<int>(random() % 9));
  };
  for (int round = 0; round < 2000; ++round) {
    const Cidr a = pick();
    const Cidr b = pick();
    bool common = false;
    bool all_of_b = true;
    for (std::uint32_t octet = 0; octet < 256; ++octet) {
      const Address address = Address::v4(0x0a000000 | octet);
      common = common || (a.contains(address) && b.contains(address));
      all_of_b = all_of_b && (!b.contains(address) || a.contains(address));
      CHECK(a.contains(address) == a.range().contains(address));
    }
    CHECK(a.overlaps(b) == common);
    CHECK(a.contains(b) == all_of_b);
  }
}

TEST_CASE("families do not overlap", "[cidr]") {
  CHECK_FALSE(cidr("0.0.0.0/0").overlaps(cidr("::/0")));
  CHECK(cidr("0.0.0.0/0").overlaps(cidr("203.0.113.0/24")));
}

TEST_CASE("cover is exact, ordered and minimal", "[cidr]") {
  std::mt19937 random(2);
  for (int round = 0; round < 2000; ++round) {
    const auto x = static_cast<std::uint32_t>(random() % 256);
    const auto y = static_cast<std::uint32_t>(random() % 256);
    const Address first = Address::v4(0x0a000000 | std::min(x, y));
    const Address last = Address::v4(0x0a000000 | std::max(x, y));
    const auto prefixes = ipsec::cover(AddressRange::make(first, last).value());
    // Exact and without gaps: each begins right after the one before.
    CHECK(prefixes.front().network() == first);
    CHECK(prefixes.back().last() == last);
    for (std::size_t i = 1; i < prefixes.size(); ++i) {
      CHECK(prefixes[i - 1].last().next() == prefixes[i].network());
      // Minimal: no two neighbours could be one prefix.
      const Cidr joined =
          Cidr::enclosing(prefixes[i - 1].network(), prefixes[i - 1].prefix_length() - 1);
      CHECK_FALSE(
          (joined.network() == prefixes[i - 1].network() && joined.last() == prefixes[i].last()));
    }
  }
  const auto everything = AddressRange::make(Address::v4(0), Address::v4(0xffffffff)).value();
  CHECK(ipsec::cover(everything) == std::vector{cidr("0.0.0.0/0")});
  const auto worst = AddressRange::make(Address::v4(1), Address::v4(0xfffffffe)).value();
  CHECK(ipsec::cover(worst).size() == 62);
}
