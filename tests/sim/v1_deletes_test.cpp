// Goal: IKEv1 says that something is gone in one message that nobody answers. Deletes that cross
// leave nothing; a peer that says none of them costs no packet and nothing piles up; and a peer
// that deletes its ISAKMP SA alone, or has forgotten it, keeps or gets back its children.
// Method: the network is held and messages are handed over in many orders, or it loses all Deletes
// of one side, told by what the engine encrypted.
#include <algorithm>

#include <catch2/catch.hpp>

#include "ike/base/limits.h"
#include "tests/sim/v1_crossing.h"

using namespace std::chrono_literals;
using ipsec::Duration;
using ipsec::Time;
using ipsec::core::ChildDown;
using ipsec::core::IkeDown;
using ipsec::core::IkeRekeyed;
using ipsec::core::Order;
using ipsec::core::Start;
using ipsec::sim::kV1Modes;
using ipsec::sim::Lowest;
using ipsec::sim::Node;
using ipsec::sim::Orders;
using ipsec::sim::Pair;
using ipsec::sim::V1Crossing;
using ipsec::sim::V1Mode;
using Deletes = V1Crossing::Deletes;

namespace {

constexpr Lowest kAny = Lowest::left_request;

// Established a while ago, on a network that works.
bool ready(V1Crossing& pair) {
  const bool up = pair.ready();
  pair.world.hold = false;
  return up;
}

// The right side deletes its ISAKMP SA after a minute, and cannot begin another one itself.
bool ready_until_right_ends_it(V1Crossing& pair) {
  pair.right_config.remote = ipsec::Address::any(ipsec::Family::v4);
  pair.right_config.ike_lifetime = 60s;
  return ready(pair);
}

bool is_empty(const Node& node) { return node.kernel.empty() && node.engine->snapshot().sas == 0; }

}  // namespace

//   both: down   --> Delete of the child, of the ISAKMP SA   <-- the same
TEST_CASE("IKEv1 taken down by both at once leaves nothing, in every order", "[sim][v1]") {
  walk_v1(Orders::every(), kAny, {.lossless = false, .stays_down = true}, [](V1Crossing& pair) {
    if (!pair.ready()) return false;
    pair.order(Pair::kLeft, Order::down);
    pair.order(Pair::kRight, Order::down);
    return true;
  });
}

//   A: down   B: rekey of the child, or another phase 1
TEST_CASE("IKEv1 taken down by one while the other makes something new leaves nothing",
          "[sim][v1]") {
  for (const V1Mode mode : kV1Modes) {
    for (const std::size_t closes : {Pair::kLeft, Pair::kRight}) {
      for (const Order what : {Order::rekey_children, Order::rekey_ike, Order::reauthenticate}) {
        INFO("closed by " << closes << ", order " << static_cast<int>(what));
        walk_v1(Orders::drawn(Orders::kDrawn, 1), kAny,
                {.mode = mode, .lossless = false, .stays_down = true},
                [closes, what](V1Crossing& pair) {
                  // Who is left does not come again.
                  auto& other = closes == Pair::kLeft ? pair.right_config : pair.left_config;
                  other.start = Start::respond;
                  if (!pair.ready()) return false;
                  pair.order(closes, Order::down);
                  pair.order(V1Crossing::other(closes), what);
                  return true;
                });
      }
    }
  }
}

//   A: rekeys, again and again   B: no Delete, of a child or an ISAKMP SA, at any time
TEST_CASE("an IKEv1 peer that says no Deletes costs no packet, and nothing piles up", "[sim][v1]") {
  // Every 10 s one more, which the side that was not told keeps for limits::kAwaitDelete.
  static constexpr std::size_t kKernelSas = 14;
  static constexpr std::size_t kIkeSas = 8;
  for (const V1Mode mode : kV1Modes) {
    for (const Order what : {Order::rekey_children, Order::rekey_ike}) {
      for (const int who : {1, 2, 3}) {
        INFO(name_of(mode) << ", order " << static_cast<int>(what) << ", by " << who);
        V1Crossing pair(mode);
        REQUIRE(ready(pair));
        pair.lose_deletes(Pair::kRight, Deletes::any);
        pair.carry();
        for (int i = 0; i < 8; ++i) {
          if ((who & 1) != 0) pair.order(Pair::kLeft, what);
          if ((who & 2) != 0) pair.order(Pair::kRight, what);
          pair.world.run_for(10s);
          for (const Node* node : {&pair.left(), &pair.right()}) {
            CHECK(node->kernel.sas().size() <= kKernelSas);
            CHECK(node->engine->snapshot().sas <= kIkeSas);
          }
        }
        CHECK(pair.in_the_end() == Pair::Problems{});
        CHECK(pair.packets_lost() == 0);
        CHECK(pair.packets_received() > 15'000);
        if (who != 1) CHECK(pair.deletes_lost() > 0);
        CHECK(pair.left().count<IkeDown>() == 0);
        CHECK(pair.left().count<ChildDown>() == 0);
      }
    }
  }
}

//   B: down, and its Deletes are lost   A: R-U-THERE --> nobody
TEST_CASE("an IKEv1 peer that goes without a word is found to be gone", "[sim][v1]") {
  V1Crossing pair;
  pair.left_config.start = Start::respond;
  REQUIRE(ready(pair));
  pair.lose_deletes(Pair::kRight, Deletes::any);
  pair.order(Pair::kRight, Order::down);
  pair.world.run_for(1s);
  REQUIRE(pair.deletes_lost() > 0);
  CHECK_FALSE(is_empty(pair.left()));
  pair.world.run_for(pair.left_config.dpd_delay + pair.left_config.dpd_timeout);
  CHECK(is_empty(pair.left()));
  CHECK(is_empty(pair.right()));
}

//   B: its ISAKMP SA's lifetime is over: Delete of that alone -->   A: another phase 1 -->
TEST_CASE("children outlive the ISAKMP SA that an IKEv1 peer deletes alone", "[sim][v1]") {
  for (const V1Mode mode : kV1Modes) {
    INFO(name_of(mode));
    V1Crossing pair(mode);
    REQUIRE(ready_until_right_ends_it(pair));
    const auto before = pair.left().usable(1);
    REQUIRE(before.size() == 1);
    pair.carry();
    REQUIRE(pair.world.run_until([&] { return pair.left().count<IkeRekeyed>() == 1; }, 30s));
    const auto after = pair.left().usable(1);
    CHECK(std::ranges::any_of(
        after, [&](const auto& child) { return child.inbound == before.front().inbound; }));
    pair.world.run_for(20s);
    for (const Node* node : {&pair.left(), &pair.right()}) {
      CHECK(node->count<IkeRekeyed>() == 1);
      CHECK(node->count<IkeDown>() == 0);
      CHECK(node->count<ChildDown>() == 0);
      // The peer may have said a Delete of it before, which was lost: made anew, by both.
      CHECK(node->count<ipsec::core::ChildRekeyed>() > 0);
      CHECK(node->established(1) == 1);
    }
    CHECK(pair.packets_lost() == 0);
  }
}

//   B: restarts without memory   A: another phase 1 -->   A: R-U-THERE on the one before --> nobody
TEST_CASE("what a restarted IKEv1 peer has forgotten is made anew as soon as that is known",
          "[sim][v1]") {
  for (const V1Mode mode : kV1Modes) {
    INFO(name_of(mode));
    V1Crossing pair(mode);
    pair.right_config.start = Start::respond;
    REQUIRE(ready(pair));
    const auto before = pair.left().usable(1);
    pair.world.restart(Pair::kRight);
    pair.right().kernel.flush();
    pair.world.configure(Pair::kRight, pair.right_config);
    pair.order(Pair::kLeft, Order::reauthenticate);
    pair.world.run_for(1s);
    REQUIRE(pair.left().count<IkeRekeyed>() == 1);
    REQUIRE(pair.left().usable(1).front().inbound == before.front().inbound);
    CHECK_FALSE(pair.packet_passes());
    pair.world.run_for(pair.left_config.dpd_timeout + 3s);
    CHECK(pair.packet_passes());
    CHECK(pair.in_the_end() == Pair::Problems{});
    CHECK(pair.left().count<IkeDown>() == 0);
  }
}

//   A: rekeys a child --> nobody   A: another phase 1
TEST_CASE("a child whose rekey is given up for another phase 1 is rekeyed under that",
          "[sim][v1]") {
  for (const V1Mode mode : kV1Modes) {
    INFO(name_of(mode));
    V1Crossing pair(mode);
    pair.right_config.start = Start::respond;
    REQUIRE(ready(pair));
    pair.world.swallows = [](std::size_t, ipsec::ByteView bytes) {
      return ipsec::wire::parse_header(bytes)->exchange == ipsec::wire::ExchangeType::quick_mode;
    };
    pair.order(Pair::kLeft, Order::rekey_children);
    pair.world.run_for(100ms);
    pair.order(Pair::kLeft, Order::reauthenticate);
    REQUIRE(pair.world.run_until([&] { return pair.left().count<IkeRekeyed>() == 1; }, 2s));
    pair.world.run_for(5s);
    REQUIRE(pair.left().count<ipsec::core::ChildRekeyed>() == 0);
    pair.world.swallows = {};
    pair.world.run_for(10s);
    CHECK(pair.left().count<ipsec::core::ChildRekeyed>() == 1);
    CHECK(pair.in_the_end() == Pair::Problems{});
  }
}

//   B: Delete of the ISAKMP SA, which overtakes the offer of a child -->   A: another phase 1 -->
TEST_CASE("no child is made under an ISAKMP SA that an IKEv1 peer has deleted", "[sim][v1]") {
  for (const V1Mode mode : kV1Modes) {
    INFO(name_of(mode));
    V1Crossing pair(mode);
    REQUIRE(ready_until_right_ends_it(pair));
    pair.world.run_for(Time{58s} - pair.world.now());
    pair.world.hold = true;
    pair.order(Pair::kRight, Order::rekey_children);
    pair.world.run_for(3s);
    REQUIRE(pair.world.held.size() >= 2);
    pair.world.deliver(pair.world.held.size() - 1);  // the Delete
    // The half is there, and its answer not yet sent, when the other phase 1 is up.
    const auto kernel_takes = [&pair](Duration time) {
      pair.world.faults.answer_min = pair.world.faults.answer_max = time;
    };
    kernel_takes(500ms);
    pair.world.deliver(0);
    pair.world.run_for(100ms);
    kernel_takes(5s);
    pair.world.run_for(500ms);
    kernel_takes({});
    pair.world.hold = false;
    pair.world.deliver_all();
    REQUIRE(pair.world.run_until([&] { return pair.left().count<IkeRekeyed>() == 1; }, 4s));
    pair.world.run_for(40s);
    CHECK(pair.in_the_end() == Pair::Problems{});
  }
}
