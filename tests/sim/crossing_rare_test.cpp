// Goal: what seldom happens in a crossing: a message of it is lost, a child that was just made is
// deleted before the one it replaces, a side deletes what is not its to delete, a retry is late.
// Method: walks through every order (see Orders), and single stories for both roles.
//
// With crossing_child_test.cpp, crossing_orders_test.cpp and pending_child_test.cpp these are the
// cases of strongSwan's own exchange tests (src/libcharon/tests/suites).
#include <algorithm>
#include <cstdint>

#include <catch2/catch.hpp>

#include "tests/sim/crossing.h"
#include "tests/support/effort.h"

using namespace std::chrono_literals;
using ipsec::core::ChildStatus;
using ipsec::core::Order;
using ipsec::sim::Crossing;
using ipsec::sim::kEveryWinner;
using ipsec::sim::Kind;
using ipsec::sim::Lowest;
using ipsec::sim::Orders;
using ipsec::sim::Pair;

namespace {

// The child with the newest SPIs of those that are usable.
ChildStatus newest(Crossing& pair, std::size_t side) {
  const auto children = pair.world.node(side).usable(1);
  REQUIRE_FALSE(children.empty());
  return *std::ranges::max_element(children, {}, &ChildStatus::id);
}

// With sanitizers, whose walk of all takes minutes, some drawn by a seed.
Orders orders(std::uint64_t seed) {
  return ipsec::test::kSanitized ? Orders::drawn(Orders::kDrawn, seed) : Orders::every();
}
Orders orders(Lowest lowest) { return orders(static_cast<std::uint64_t>(lowest) + 1); }

// Both orders given, then every order of what follows. No packet may be lost.
void walk(Orders orders, Lowest lowest, Order left, Order right, bool other_groups = false) {
  while (orders.next()) {
    Crossing pair;
    if (other_groups) pair.right_prefers_other_groups();
    REQUIRE(pair.ready());
    pair.lowest_nonce(lowest);
    auto flows = pair.start_flows();
    pair.order(Pair::kLeft, left);
    pair.order(Pair::kRight, right);
    if (!orders.deliver(pair.world)) continue;
    pair.release();
    pair.world.run_for(8s);
    pair.stop(flows);
    INFO(name_of(lowest) << ", order " << orders.describe());
    const auto problems = pair.in_the_end();
    if (!problems.empty() || flows.lost() > 0) UNSCOPED_INFO(pair.world.trace());
    REQUIRE(problems == Pair::Problems{});
    REQUIRE(flows.lost() == 0);
    CHECK(pair.left().count<ipsec::core::IkeDown>() == 0);
  }
  CHECK(orders.complete());
}

}  // namespace

//   A: rekey -->  <-- rekey :B    and what follows, one of all these lost
TEST_CASE("crossing rekeys of which one message is lost, in every order", "[sim][orders]") {
  for (const Lowest lowest : kEveryWinner) {
    walk(orders(lowest).losing_one(), lowest, Order::rekey_children, Order::rekey_children);
    walk(orders(lowest).losing_one(), lowest, Order::rekey_ike, Order::rekey_ike);
  }
}

TEST_CASE("rekeys of two kinds of which one message is lost, in every order", "[sim][orders]") {
  const auto lowest = Lowest::left_request;
  walk(orders(lowest).losing_one(), lowest, Order::rekey_children, Order::rekey_ike);
  walk(orders(lowest).losing_one(), lowest, Order::rekey_ike, Order::rekey_children);
}

//   A: rekey (x) -->  <-- rekey (y) :B    both INVALID_KE_PAYLOAD, both again, either one late
TEST_CASE("crossing rekeys that both meet INVALID_KE_PAYLOAD, in every order", "[sim][orders]") {
  for (const Lowest lowest : kEveryWinner) {
    walk(orders(lowest), lowest, Order::rekey_children, Order::rekey_children, true);
    walk(orders(lowest), lowest, Order::rekey_ike, Order::rekey_ike, true);
  }
}

//   A: rekey -->  <-- delete (child or IKE SA) :B    one of all these lost
TEST_CASE("a rekey that crosses a deletion, one message lost, in every order", "[sim][orders]") {
  for (const Order rekey : {Order::rekey_children, Order::rekey_ike}) {
    for (const bool whole : {false, true}) {  // the IKE SA, or its child alone
      for (const std::size_t a : {Pair::kLeft, Pair::kRight}) {
        auto orders = ::orders(a + 1).losing_one();
        while (orders.next()) {
          const std::size_t b = Crossing::other(a);
          Crossing pair;
          // One side opens again: where both do there is no end to the orders.
          pair.right_config.start = ipsec::core::Start::respond;
          REQUIRE(pair.ready());
          pair.order(a, rekey);
          if (whole) {
            auto changed = b == Pair::kLeft ? pair.left_config : pair.right_config;
            pair.world.configure(b, std::move(changed));
          } else {
            pair.expire(b, true);
          }
          if (!orders.deliver(pair.world)) continue;
          INFO("rekey by " << a << ", order " << orders.describe());
          const auto problems = pair.in_the_end();
          if (!problems.empty()) UNSCOPED_INFO(pair.world.trace());
          REQUIRE(problems == Pair::Problems{});
        }
        CHECK(orders.complete());
      }
    }
  }
}

//   A: rekey -->   <-- answer   [A's delete of the old one held]   A or B: the new one is deleted
TEST_CASE("the new child is deleted before the old one is", "[sim]") {
  for (const std::size_t a : {Pair::kLeft, Pair::kRight}) {
    for (const std::size_t who : {Pair::kLeft, Pair::kRight}) {
      Crossing pair;
      REQUIRE(pair.ready());
      pair.order(a, Order::rekey_children);
      REQUIRE(pair.pass(a, Kind::request));
      REQUIRE(pair.pass(Crossing::other(a), Kind::answer));
      REQUIRE(pair.waiting(a, Kind::request) == 1);  // its Delete of the old one
      const auto gone = newest(pair, who);
      pair.expire(who, gone, true);
      INFO("rekeyed by " << a << ", deleted by " << who);
      pair.release();
      const auto another = [&] {
        const auto children = pair.world.node(who).usable(1);
        return pair.packet_passes() && !children.empty() &&
               children.front().inbound != gone.inbound;
      };
      CHECK(pair.world.run_until(another, 5s));
      CHECK(pair.in_the_end() == Pair::Problems{});
      CHECK(pair.left().count<ipsec::core::IkeDown>() == 0);
    }
  }
}

//   A: rekey -->   B: answer (held)   <-- delete of the new one :B   then the answer
TEST_CASE("the peer deletes the new child before its answer has reached us", "[sim]") {
  for (const std::size_t a : {Pair::kLeft, Pair::kRight}) {
    for (const bool used : {false, true}) {  // B has gone over to the new one already
      const std::size_t b = Crossing::other(a);
      Crossing pair;
      REQUIRE(pair.ready());
      pair.order(a, Order::rekey_children);
      REQUIRE(pair.pass(a, Kind::request));
      auto& node = pair.world.node(b);
      REQUIRE(node.watched.size() == 1);
      if (used) {
        pair.world.feed(b, ipsec::core::InboundSeen{node.watched[0].sa, node.watched[0].key});
        pair.world.run_for(0ms);
      }
      const auto gone = newest(pair, b);
      pair.expire(b, gone, true);
      REQUIRE(pair.pass(b, Kind::request));
      REQUIRE(pair.pass(a, Kind::answer));
      INFO("rekeyed by " << a << ", used " << used);
      // The old child goes on where it is whole: not a packet is lost.
      CHECK(pair.packet_passes() == !used);
      REQUIRE(pair.pass(b, Kind::answer));
      for (const auto& child : pair.world.node(a).usable(1)) CHECK(child.outbound != gone.inbound);
      pair.release();
      CHECK(pair.world.run_until([&] { return pair.packet_passes(); }, 3s));
      CHECK(pair.in_the_end() == Pair::Problems{});
      // And it was rekeyed in the end.
      CHECK(newest(pair, a).inbound != gone.inbound);
      CHECK(pair.left().count<ipsec::core::IkeDown>() == 0);
    }
  }
}

//   A: rekey -->  <-- rekey :B    A's answer arrives, B's is held; B deletes old or lost one, and
//   then the new one too; then the answer
TEST_CASE("crossing rekeys, and the peer deletes the winner before we know of it", "[sim]") {
  for (const Lowest lowest : kEveryWinner) {
    for (const std::size_t a : {Pair::kLeft, Pair::kRight}) {
      const std::size_t b = Crossing::other(a);
      Crossing pair;
      REQUIRE(pair.ready());
      pair.lowest_nonce(lowest);
      pair.order(a, Order::rekey_children);
      pair.order(b, Order::rekey_children);
      REQUIRE(pair.pass(a, Kind::request));
      REQUIRE(pair.pass(b, Kind::request));
      REQUIRE(pair.pass(a, Kind::answer));
      // B has all there is of the crossing, and deletes what the rules have it delete.
      REQUIRE(pair.pass(b, Kind::request));
      REQUIRE(pair.pass(a, Kind::answer));
      const auto gone = newest(pair, b);
      pair.expire(b, gone, true);
      REQUIRE(pair.pass(b, Kind::request));
      if (pair.waiting(a, Kind::answer) > 0) REQUIRE(pair.pass(a, Kind::answer));
      INFO(name_of(lowest) << ", the late answer is to " << a);
      pair.release();
      CHECK(pair.world.run_until([&] { return pair.packet_passes(); }, 8s));
      CHECK(pair.in_the_end() == Pair::Problems{});
      CHECK(pair.left().count<ipsec::core::IkeDown>() == 0);
    }
  }
}

//   A: rekey -->  <-- rekey :B    the side that lost deletes the old child, which is the other's to
//   delete, and the other does too
TEST_CASE("the loser of a crossing deletes the old child as well", "[sim]") {
  for (const Lowest lowest : kEveryWinner) {
    for (const std::size_t first : {Pair::kLeft, Pair::kRight}) {
      for (const std::size_t wrong : {Pair::kLeft, Pair::kRight}) {
        Crossing pair;
        REQUIRE(pair.ready());
        pair.lowest_nonce(lowest);
        const auto old = newest(pair, wrong);
        pair.order(Pair::kLeft, Order::rekey_children);
        pair.order(Pair::kRight, Order::rekey_children);
        REQUIRE(pair.pass(Pair::kLeft, Kind::request));
        REQUIRE(pair.pass(Pair::kRight, Kind::request));
        REQUIRE(pair.pass(first, Kind::answer));
        pair.expire(wrong, old, true);
        INFO(name_of(lowest) << ", first " << first << ", wrong " << wrong);
        pair.release();
        CHECK(pair.world.run_until([&] { return pair.packet_passes(); }, 8s));
        CHECK(pair.in_the_end() == Pair::Problems{});
        CHECK(pair.left().count<ipsec::core::IkeDown>() == 0);
      }
    }
  }
}
