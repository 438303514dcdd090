// Goal: addresses and ranges of both families, at the ends of their spaces.
#include <catch2/catch.hpp>

#include <string>

#include "ike/base/address.h"

using ipsec::Address;
using ipsec::AddressRange;
using ipsec::Family;

namespace {

Address at(const char* text) { return Address::parse(text).value(); }
AddressRange between(const char* first, const char* last) {
  return AddressRange::make(at(first), at(last)).value();
}

}  // namespace

TEST_CASE("addresses parse and print", "[address]") {
  for (const char* text : {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "2001:db8::1"}) {
    CHECK(at(text).to_string() == text);
  }
  for (const char* bad : {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4/8", "::g", " 1.2.3.4"}) {
    CHECK_FALSE(Address::parse(bad).has_value());
  }
  CHECK_FALSE(Address::parse(std::string("1.2.3.4\0x", 9)).has_value());
  CHECK(Address::v4(0xc0000201) == at("192.0.2.1"));
  CHECK_FALSE(Address::from_bytes(ipsec::Bytes(5)).has_value());
}

TEST_CASE("families are never equal", "[address]") {
  CHECK(Address::any(Family::v4) != Address::any(Family::v6));
  CHECK(at("::").is_any());
  CHECK(at("0.0.0.0").is_any());
  CHECK_FALSE(at("::1").is_any());
}

TEST_CASE("kinds of address", "[address]") {
  CHECK(at("127.9.9.9").is_loopback());
  CHECK(at("::1").is_loopback());
  CHECK_FALSE(at("::2").is_loopback());
  CHECK_FALSE(at("::").is_loopback());
  CHECK(at("224.0.0.1").is_multicast());
  CHECK(at("239.255.255.255").is_multicast());
  CHECK_FALSE(at("240.0.0.1").is_multicast());
  CHECK(at("ff02::1").is_multicast());
}

TEST_CASE("next and previous carry and stop at the ends", "[address]") {
  CHECK(at("10.0.0.255").next() == at("10.0.1.0"));
  CHECK(at("10.0.1.0").previous() == at("10.0.0.255"));
  CHECK(at("2001:db8::ffff:ffff").next() == at("2001:db8::1:0:0"));
  CHECK_FALSE(at("255.255.255.255").next().has_value());
  CHECK_FALSE(at("0.0.0.0").previous().has_value());
  CHECK_FALSE(at("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff").next().has_value());
}

TEST_CASE("ranges intersect, contain and refuse nonsense", "[address]") {
  const auto range = between("10.0.0.10", "10.0.0.20");
  CHECK(range.contains(at("10.0.0.10")));
  CHECK(range.contains(at("10.0.0.20")));
  CHECK_FALSE(range.contains(at("10.0.0.21")));
  CHECK_FALSE(range.contains(at("::a00:a")));
  CHECK(range.intersection(between("10.0.0.15", "10.0.0.30")) == between("10.0.0.15", "10.0.0.20"));
  CHECK_FALSE(range.overlaps(between("10.0.0.21", "10.0.0.30")));
  CHECK(range.overlaps(between("10.0.0.20", "10.0.0.30")));
  CHECK_FALSE(AddressRange::make(at("10.0.0.2"), at("10.0.0.1")).has_value());
  CHECK_FALSE(AddressRange::make(at("10.0.0.2"), at("::1")).has_value());
  CHECK(range.to_string() == "10.0.0.10-10.0.0.20");
  CHECK(between("10.0.0.1", "10.0.0.1").to_string() == "10.0.0.1");
}
