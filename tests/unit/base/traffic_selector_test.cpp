// Goal: selectors intersect in every dimension at once, and print as an operator would write them.
#include <catch2/catch.hpp>

#include "ike/base/traffic_selector.h"

using ipsec::Cidr;
using ipsec::PortRange;
using ipsec::TrafficSelector;

namespace {

TrafficSelector of(const char* text) { return TrafficSelector::of(Cidr::parse(text).value()); }

}  // namespace

TEST_CASE("selectors intersect by address, protocol and port", "[traffic_selector]") {
  const auto wide = of("10.0.0.0/16");
  auto web = of("10.0.1.0/24");
  web.protocol = 6;
  web.ports = {443, 443};
  CHECK(wide.contains(web));
  CHECK_FALSE(web.contains(wide));
  CHECK(wide.intersection(web) == web);
  CHECK(web.intersection(wide) == web);
  auto udp = web;
  udp.protocol = 17;
  CHECK_FALSE(web.intersection(udp).has_value());
  auto other_port = web;
  other_port.ports = {80, 80};
  CHECK_FALSE(web.intersection(other_port).has_value());
  CHECK_FALSE(wide.intersection(of("10.1.0.0/16")).has_value());
  CHECK_FALSE(wide.intersection(of("::/0")).has_value());
}

TEST_CASE("selectors print as prefixes where they are one", "[traffic_selector]") {
  auto selector = of("10.0.1.0/24");
  CHECK(selector.to_string() == "10.0.1.0/24");
  selector.protocol = 6;
  selector.ports = {443, 443};
  CHECK(selector.to_string() == "10.0.1.0/24 protocol 6 ports 443");
  const auto first = ipsec::Address::parse("10.0.1.5").value();
  const auto last = ipsec::Address::parse("10.0.1.9").value();
  CHECK(TrafficSelector{ipsec::AddressRange::make(first, last).value(), 0, {}}.to_string() ==
        "10.0.1.5-10.0.1.9");
}

TEST_CASE("a selector of opaque ports narrows any port only", "[traffic_selector]") {
  auto fragments = of("10.0.1.0/24");
  fragments.protocol = 17;
  fragments.ports = PortRange::opaque();
  auto dns = fragments;
  dns.ports = {53, 53};
  CHECK(of("10.0.0.0/16").contains(fragments));
  CHECK(of("10.0.0.0/16").intersection(fragments) == fragments);
  CHECK_FALSE(dns.contains(fragments));
  CHECK_FALSE(dns.intersection(fragments).has_value());
  CHECK(fragments.to_string() == "10.0.1.0/24 protocol 17 ports opaque");
}
