// Goal: what a subnet says of its route table is taken or refused as its spelling promises, and
// every target has one spelling that means it again. Method: each form and each refusal by itself;
// random targets written and read.
#include "route/model.h"

#include <catch2/catch.hpp>

#include "tests/support/random.h"

namespace ipsec::route {
namespace {

using test::Random;

Target target_of(std::string_view text) {
  auto target = parse_target(text);
  INFO(text << ": " << (target ? "" : target.error()));
  REQUIRE(target);
  return *std::move(target);
}

std::string refusal_of(std::string_view text) {
  const auto target = parse_target(text);
  INFO(text);
  REQUIRE(!target);
  return target.error();
}

Address address(std::string_view text) { return *Address::parse(text); }

}  // namespace

TEST_CASE("a table of the kernel by its number") {
  const Target plain = target_of("101");
  CHECK(plain.table == Table{"kernel", "101", "", ""});
  CHECK(plain.next_hop == NextHop(WayToPeer{}));
  CHECK(!plain.with_rule);
  CHECK(target_of("kernel:101") == plain);
  CHECK(target_of("0101") == plain);
  CHECK(target_of("main").table.name == "254");
  CHECK(target_of("254") == target_of("main"));
  CHECK(target_of("4294967295").table.name == "4294967295");
}

TEST_CASE("what stands behind a table") {
  const Target all = target_of("101,netns=blue,via=10.0.1.1,rule");
  CHECK(all.table == Table{"kernel", "101", "blue", ""});
  CHECK(all.next_hop == NextHop(address("10.0.1.1")));
  CHECK(all.with_rule);
  CHECK(target_of("101,via=2001:db8::1").next_hop == NextHop(address("2001:db8::1")));
  CHECK(target_of("101,dev=xfrm7").next_hop == NextHop(ViaDevice{"xfrm7"}));
  CHECK(target_of("101,rule,dev=xfrm7") == target_of("101,dev=xfrm7,rule"));
}

TEST_CASE("the next hop where nothing is said") {
  CHECK(target_of("101").next_hop == NextHop(WayToPeer{}));
  CHECK(target_of("vrf:red").next_hop == NextHop(WayToPeer{}));
  // This machine's ways mean nothing elsewhere.
  CHECK(target_of("101,netns=blue").next_hop == NextHop(OwnAddress{}));
  CHECK(target_of("rest:rtb-0a1b").next_hop == NextHop(OwnAddress{}));
}

TEST_CASE("a VRF, and another driver") {
  CHECK(target_of("vrf:red,rule").table == Table{"kernel", "", "", "red"});
  CHECK(target_of("vrf:red,netns=blue").table == Table{"kernel", "", "blue", "red"});
  CHECK(target_of("rest:rtb-0a1b,via=10.0.1.1").table == Table{"rest", "rtb-0a1b", "", ""});
  CHECK(target_of("rest:a:b").table.name == "a:b");
  CHECK(!target_of("rest:rtb-0a1b").table.is_kernel());
}

TEST_CASE("what is refused, and why") {
  for (const auto* text : {"", "kernel:", "-1", "1x", " 1", "4294967296", "x", "kernel:main2"}) {
    CHECK_THAT(refusal_of(text), Catch::Contains("is a number from 1 to 4294967295, or `main`"));
  }
  CHECK_THAT(refusal_of("0"), Catch::Contains("the kernel keeps table 0"));
  CHECK_THAT(refusal_of("255"), Catch::Contains("the kernel keeps table 255"));
  CHECK_THAT(refusal_of("vrf:"), Catch::Contains("is no name of a VRF device"));
  CHECK_THAT(refusal_of("vrf:a/b"), Catch::Contains("'a/b' is no name of a VRF device"));
  CHECK_THAT(refusal_of("vrf:sixteen_letters_"), Catch::Contains("is no name of a VRF device"));
  CHECK_THAT(refusal_of("REST:x"), Catch::Contains("'REST' is no name of a route program"));
  CHECK_THAT(refusal_of(":x"), Catch::Contains("'' is no name of a route program"));
  CHECK_THAT(refusal_of("rest:"), Catch::Contains("has no name it could have"));
  CHECK_THAT(refusal_of("rest:a b"), Catch::Contains("has no name it could have"));
  CHECK_THAT(refusal_of("rest:" + std::string(256, 'a')),
             Catch::Contains("has no name it could have"));
  CHECK_THAT(refusal_of("1,via="), Catch::Contains("'' is no address of a next hop"));
  for (const auto* via : {"0.0.0.0", "::", "224.0.0.1", "ff02::1", "10.0.0.0/8", "10.0.0"}) {
    CHECK_THAT(refusal_of(std::string("1,via=") + via),
               Catch::Contains("no address of a next hop"));
  }
  for (const auto* text : {"1,via=10.0.0.1,dev=eth0", "1,dev=eth0,via=10.0.0.1",
                           "1,via=10.0.0.1,via=10.0.0.2", "1,dev=a,dev=b"}) {
    CHECK_THAT(refusal_of(text), Catch::Contains("takes one of via and dev"));
  }
  for (const auto* device : {"", "..", "a/b", "a b", "sixteen_letters_"}) {
    CHECK_THAT(refusal_of(std::string("1,dev=") + device), Catch::Contains("is no name of a dev"));
  }
  for (const auto* netns : {"", ".", "..", "a/b"}) {
    CHECK_THAT(refusal_of(std::string("1,netns=") + netns),
               Catch::Contains("is no name of a network namespace"));
  }
  for (const auto* text : {"1,", "1,,rule", "1,rules", "1,rule=yes", "1,metric=5"}) {
    CHECK_THAT(refusal_of(text),
               Catch::Contains("is none of netns=NAME, via=ADDRESS, dev=DEVICE, rule"));
  }
  for (const auto* text : {"rest:x,rule", "rest:x,dev=eth0", "rest:x,netns=blue", "rest:x,"}) {
    CHECK_THAT(refusal_of(text), Catch::Contains("is not via=ADDRESS"));
  }
}

TEST_CASE("every target is written so that it is read again") {
  Random random(1);
  const auto one_of = [&](std::initializer_list<const char*> texts) {
    return std::string(*(texts.begin() + random.below(texts.size())));
  };
  for (int round = 0; round < 2000; ++round) {
    std::string text = one_of({"1", "main", "254", "70001", "vrf:red", "rest:rtb-1", "api_2:x=1"});
    const bool kernel = text.find("rest") == std::string::npos && text.find("api") != 0;
    if (kernel) text += one_of({"", ",netns=blue"});
    text += one_of({"", ",via=10.0.1.1", ",via=2001:db8::1"});
    if (kernel && text.find("via") == std::string::npos) text += one_of({"", ",dev=xfrm7"});
    if (kernel) text += one_of({"", ",rule"});
    const Target target = target_of(text);
    const std::string written = to_string(target);
    INFO(text << " written as " << written);
    CHECK(target_of(written) == target);
    CHECK(to_string(target_of(written)) == written);
  }
}

TEST_CASE("tables and routes in words") {
  CHECK(to_string(Table{"kernel", "101", "", ""}) == "101");
  CHECK(to_string(Table{"kernel", "254", "", ""}) == "main");
  CHECK(to_string(Table{"kernel", "101", "blue", ""}) == "101 in netns blue");
  CHECK(to_string(Table{"kernel", "", "blue", "red"}) == "vrf red in netns blue");
  CHECK(to_string(Table{"rest", "rtb-0a1b", "", ""}) == "rest:rtb-0a1b");
  Route route{{*Cidr::parse("10.0.2.0/24"), 100}, {{address("10.0.1.1"), "eth0"}}, 1438, 1398};
  CHECK(to_string(route) == "10.0.2.0/24 via 10.0.1.1 dev eth0 metric 100 mtu 1438 advmss 1398");
  route.hops.push_back({std::nullopt, "xfrm7"});
  route.mtu = route.advmss = 0;
  CHECK(to_string(route) ==
        "10.0.2.0/24 nexthop via 10.0.1.1 dev eth0 nexthop dev xfrm7 metric 100");
  route.hops.clear();
  CHECK(to_string(route) == "blackhole 10.0.2.0/24 metric 100");
}

}  // namespace ipsec::route
