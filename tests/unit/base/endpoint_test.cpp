// Goal: endpoints print as people write them; port ranges intersect rightly.
#include <catch2/catch.hpp>

#include "ike/base/endpoint.h"

using ipsec::Address;
using ipsec::Endpoint;
using ipsec::PortRange;

TEST_CASE("endpoints print as people write them", "[endpoint]") {
  CHECK(Endpoint{Address::parse("192.0.2.1").value(), 500}.to_string() == "192.0.2.1:500");
  CHECK(Endpoint{Address::parse("2001:db8::1").value(), 4500}.to_string() == "[2001:db8::1]:4500");
}

TEST_CASE("port ranges", "[endpoint]") {
  CHECK(PortRange{}.is_any());
  CHECK(PortRange{}.contains(PortRange{80, 90}));
  CHECK_FALSE(PortRange{80, 90}.contains(PortRange{80, 91}));
  CHECK(PortRange{80, 90}.intersection(PortRange{85, 100}) == PortRange{85, 90});
  CHECK(PortRange{80, 90}.intersection(PortRange{90, 100}) == PortRange{90, 90});
  CHECK_FALSE(PortRange{80, 90}.intersection(PortRange{91, 100}).has_value());
  CHECK(PortRange{}.to_string() == "any");
  CHECK(PortRange{443, 443}.to_string() == "443");
  CHECK(PortRange{1, 2}.to_string() == "1-2");
}

TEST_CASE("opaque ports are within any and within nothing else", "[endpoint]") {
  constexpr PortRange kOpaque = PortRange::opaque();
  CHECK(kOpaque.is_opaque());
  CHECK_FALSE(kOpaque.is_any());
  CHECK(PortRange{}.contains(kOpaque));
  CHECK(kOpaque.contains(kOpaque));
  CHECK_FALSE(PortRange{443, 443}.contains(kOpaque));
  CHECK_FALSE(PortRange{1, 65535}.contains(kOpaque));
  CHECK_FALSE(kOpaque.contains(PortRange{}));
  CHECK_FALSE(kOpaque.contains(PortRange{65535, 65535}));
  CHECK(PortRange{}.intersection(kOpaque) == kOpaque);
  CHECK(kOpaque.intersection(PortRange{}) == kOpaque);
  CHECK(kOpaque.intersection(kOpaque) == kOpaque);
  CHECK_FALSE(kOpaque.intersection(PortRange{443, 443}).has_value());
  CHECK_FALSE(PortRange{0, 65534}.intersection(kOpaque).has_value());
  CHECK(kOpaque.to_string() == "opaque");
}
