// Goal: a daemon that dies at any moment and comes back from the runtime store and the kernel loses
// no packet, breaks no tunnel, leaves nothing twice, and can be rekeyed and closed as before.
// Method: packets flow both ways while one side does something; it dies after the n-th action of
// its engine, for every n until it lives through all of it, and comes back a moment later.
#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <catch2/catch.hpp>

#include "tests/sim/pair.h"
#include "tests/support/effort.h"

using namespace std::chrono_literals;
using ipsec::Address;
using ipsec::Duration;
using ipsec::Time;
using ipsec::core::ChildRekeyed;
using ipsec::core::IkeDown;
using ipsec::core::IkeRekeyed;
using ipsec::core::IkeUp;
using ipsec::core::IkeVersion;
using ipsec::core::Order;
using ipsec::core::Resumed;
using ipsec::core::Start;
using ipsec::sim::Node;
using ipsec::sim::Pair;

namespace {

struct Doing {
  std::string_view name;
  std::function<void(Pair&, std::size_t side)> begin;
  // Both ends are free to make more than one IKE SA of it.
  bool reconnects = false;
};

const std::array kDoings{
    Doing{"nothing", [](Pair&, std::size_t) {}},
    Doing{"rekeys its children",
          [](Pair& pair, std::size_t side) { pair.world.order(side, 1, Order::rekey_children); }},
    Doing{
        "has its children rekeyed",
        [](Pair& pair, std::size_t side) { pair.world.order(1 - side, 1, Order::rekey_children); }},
    Doing{"rekeys its children as the other does",
          [](Pair& pair, std::size_t side) {
            pair.world.order(side, 1, Order::rekey_children);
            pair.world.order(1 - side, 1, Order::rekey_children);
          }},
    Doing{"rekeys its IKE SA",
          [](Pair& pair, std::size_t side) { pair.world.order(side, 1, Order::rekey_ike); }},
    Doing{"has its IKE SA rekeyed",
          [](Pair& pair, std::size_t side) { pair.world.order(1 - side, 1, Order::rekey_ike); }},
    Doing{"rekeys its IKE SA as the other does",
          [](Pair& pair, std::size_t side) {
            pair.world.order(side, 1, Order::rekey_ike);
            pair.world.order(1 - side, 1, Order::rekey_ike);
          }},
    Doing{"asks whether the other is there",
          [](Pair& pair, std::size_t side) { pair.world.order(side, 1, Order::probe); }},
    Doing{"begins anew",
          [](Pair& pair, std::size_t side) { pair.world.order(side, 1, Order::reauthenticate); },
          true},
};

void use_v1(Pair& pair) {
  for (auto* config : {&pair.left_config, &pair.right_config}) config->version = IkeVersion::v1;
}

// Lets `side` die after that many actions from now, or not at all; false where it lived on.
bool live_through(Pair& pair, const Doing& doing, std::size_t side, std::size_t actions,
                  Duration dead_for) {
  Node& node = pair.world.node(side);
  node.dies_after = actions;
  doing.begin(pair, side);
  const bool died = pair.world.run_until([&] { return node.dead; }, 7s);
  node.dies_after.reset();
  if (!died) return false;
  pair.world.run_for(dead_for);
  pair.revive(side);
  return true;
}

// Both ends rekey everything once more: what was kept is complete.
void check_rekeys(Pair& pair) {
  for (const std::size_t side : {Pair::kLeft, Pair::kRight}) {
    for (const Order order : {Order::rekey_children, Order::rekey_ike}) {
      pair.world.order(side, 1, order);
      pair.world.run_for(20s);
    }
  }
}

void check_at_rest(Pair& pair) {
  const auto problems = pair.at_rest();
  for (const auto& problem : problems) FAIL_CHECK(problem);
}

// With sanitizers, whose walk takes minutes, after every eighth.
constexpr std::size_t kEach = ipsec::test::kSanitized ? 8 : 1;

// How often it was done until nobody died any more.
std::size_t die_at_each_action(const Doing& doing, std::size_t side, IkeVersion version,
                               Duration dead_for) {
  for (std::size_t actions = 0;; actions += kEach) {
    Pair pair;
    if (version == IkeVersion::v1) use_v1(pair);
    pair.right_config.start = Start::respond;
    pair.configure();
    REQUIRE(pair.up_within(10s));
    pair.world.run_for(20s);
    auto flows = pair.start_flows();
    pair.world.run_for(1s);
    const std::size_t ups = pair.left().count<IkeUp>();
    const bool died = live_through(pair, doing, side, actions, dead_for);
    pair.world.run_for(40s);
    INFO("v" << (version == IkeVersion::v1 ? 1 : 2) << ", side " << side << " " << doing.name
             << ", dead after " << actions << " actions for " << dead_for.count() << " us");
    const bool in_time = pair.up_within(10s);
    CHECK(in_time);
    check_rekeys(pair);
    pair.stop(flows);
    CHECK(flows.lost() == 0);
    CHECK(flows.received() > 10'000);
    if (!doing.reconnects && version == IkeVersion::v2) {
      CHECK(pair.left().count<IkeUp>() == ups);
      CHECK(pair.left().count<IkeDown>() == 0);
      CHECK(pair.right().count<IkeDown>() == 0);
    }
    check_at_rest(pair);
    if (!died) return actions;
    CHECK(pair.world.node(side).count<Resumed>() >= 1);
    if (actions > 400) {
      FAIL("it dies without end");
      return actions;
    }
  }
}

}  // namespace

TEST_CASE("a daemon that dies in the midst of something goes on from there", "[sim][resume]") {
  for (const Doing& doing : kDoings) {
    for (const std::size_t side : {Pair::kLeft, Pair::kRight}) {
      const std::size_t actions = die_at_each_action(doing, side, IkeVersion::v2, 300ms);
      CHECK(actions > 0);
    }
  }
}

TEST_CASE("so it does in IKEv1", "[sim][v1][resume]") {
  for (const Doing& doing : kDoings) {
    for (const std::size_t side : {Pair::kLeft, Pair::kRight}) {
      const std::size_t actions = die_at_each_action(doing, side, IkeVersion::v1, 300ms);
      CHECK(actions > 0);
    }
  }
}

// The kernel has an SA for a while after its end, and a keeper waits up to ten seconds before a
// daemon that dies often. In IKEv1 who begins gives the IKE SA its end at both, so there the other
// side does; a child has one end at both.
TEST_CASE("what ends while nobody is there goes on and is rekeyed at once", "[sim][v1][resume]") {
  for (const IkeVersion version : {IkeVersion::v2, IkeVersion::v1}) {
    for (const Time back_at : {Time{59s}, Time{63s}}) {
      Pair pair;
      if (version == IkeVersion::v1) use_v1(pair);
      const bool begins = version == IkeVersion::v2;
      (begins ? pair.right_config : pair.left_config).start = Start::respond;
      pair.right_config.dpd_timeout = 60s;
      pair.left_config.ike_lifetime = 60s;
      if (begins) pair.left_config.children.at(0).lifetime = 60s;
      pair.configure();
      REQUIRE(pair.up_within(1s));
      pair.world.run_for(1s);
      auto flows = pair.start_flows();
      pair.world.run_for(Time{44s} - pair.world.now());
      pair.world.kill(Pair::kLeft);
      pair.world.run_for(back_at - pair.world.now());
      // Its first message gets lost.
      bool lost = false;
      pair.world.swallows = [&](std::size_t from, ipsec::ByteView) {
        return from == Pair::kLeft && !std::exchange(lost, true);
      };
      pair.revive(Pair::kLeft);
      pair.world.run_for(20s);
      INFO("v" << (version == IkeVersion::v1 ? 1 : 2) << ", back after "
               << (back_at - Time{}).count() << " us");
      CHECK(lost);
      CHECK(pair.left().count<IkeDown>() + pair.right().count<IkeDown>() == 0);
      CHECK(pair.left().count<IkeRekeyed>() >= 1);
      if (begins) CHECK(pair.left().count<ChildRekeyed>() >= 1);
      pair.stop(flows);
      CHECK(flows.lost() == 0);
      check_at_rest(pair);
    }
  }
}
