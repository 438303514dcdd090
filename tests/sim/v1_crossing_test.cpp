// Goal: whatever two ends of IKEv1 begin at once ends in one IKE SA and one child, in every order
// in which the messages can arrive, whichever of the nonces is the lowest, with nothing left over;
// and no packet is lost where no message is.
// Method: that of crossing_orders_test.cpp. Quick modes that cross are walked through whole. With
// another phase 1 under way there are too many orders (of aggressive mode by both ends above
// 20,000), and after a Delete thousands that take minutes: a fixed number is drawn by a seed, and
// the names of the tests say so.
//
//   left                         right
//    | -- quick mode 1 -->  <-- 1 -- |    both on their way, then any order of these and of all
//    | -- 2, 3 -->       <-- 2, 3 -- |    that follows from them
//    | -- Delete -->   <-- Delete -- |    2 s later, of what was replaced; in any order again
#include <array>
#include <span>

#include <catch2/catch.hpp>

#include "tests/sim/v1_crossing.h"
#include "tests/support/effort.h"

using ipsec::core::Order;
using ipsec::sim::BeginV1;
using ipsec::sim::kEveryWinner;
using ipsec::sim::kV1Modes;
using ipsec::sim::Lowest;
using ipsec::sim::Orders;
using ipsec::sim::Pair;
using ipsec::sim::V1Crossing;
using ipsec::sim::V1Mode;
using ipsec::sim::V1Walk;

namespace {

enum class Begun { child_rekey, child_delete, ike_rekey, reauthentication };

void begin(V1Crossing& pair, std::size_t side, Begun what) {
  switch (what) {
    case Begun::child_rekey:
      return pair.order(side, Order::rekey_children);
    case Begun::child_delete:
      return pair.expire(side, true);
    case Begun::ike_rekey:
      return pair.order(side, Order::rekey_ike);
    case Begun::reauthentication:
      return pair.order(side, Order::reauthenticate);
  }
}

struct Crossed {
  Begun left;
  Begun right;
};

BeginV1 both(const Crossed& crossed) {
  return [crossed](V1Crossing& pair) {
    if (!pair.ready()) return false;
    pair.carry();
    begin(pair, Pair::kLeft, crossed.left);
    begin(pair, Pair::kRight, crossed.right);
    return true;
  };
}

bool begin_from_nothing(V1Crossing& pair) {
  pair.world.hold = true;
  pair.configure();
  pair.world.run_for(ipsec::Duration(0));
  return true;
}

void drawn_orders(const V1Walk& walk, const BeginV1& what,
                  std::span<const Lowest> winners = kEveryWinner) {
  for (const Lowest lowest : winners) {
    const auto seed = static_cast<std::uint64_t>(lowest) + 1;
    walk_v1(Orders::drawn(Orders::kDrawn, seed), lowest, walk, what);
  }
}

void every_order(const V1Walk& walk, const BeginV1& what) {
  if constexpr (ipsec::test::kSanitized) return drawn_orders(walk, what);
  for (const Lowest lowest : kEveryWinner) walk_v1(Orders::every(), lowest, walk, what);
}

// Of exchanges of two kinds nobody compares the nonces.
constexpr std::array kOneWinner{Lowest::left_request};

}  // namespace

// What every walk below stands on: which of the nonces is the lowest decides.
TEST_CASE("of two phases 1 of IKEv1 that crossed that with the lowest nonce goes", "[sim][v1]") {
  for (const V1Mode mode : kV1Modes) {
    for (const Lowest lowest : kEveryWinner) {
      INFO(name_of(mode) << ", " << name_of(lowest));
      V1Crossing pair(mode);
      pair.lowest_nonce(lowest);
      REQUIRE(begin_from_nothing(pair));
      REQUIRE(pair.world.held.size() == 2);
      REQUIRE(pair.world.held.front().from == Pair::kLeft);
      const auto begun = ipsec::wire::parse_header(pair.world.held.front().bytes);
      CHECK(pair.in_the_end() == Pair::Problems{});
      const bool left_goes = lowest == Lowest::left_request || lowest == Lowest::answer_to_left;
      REQUIRE(pair.left().tunnel(1).ike.size() == 1);
      CHECK((pair.left().tunnel(1).ike.front().our_spi == begun->initiator_spi) == !left_goes);
    }
  }
}

TEST_CASE("IKEv1 begun by both ends at once in drawn orders", "[sim][v1][orders]") {
  for (const V1Mode mode : kV1Modes) drawn_orders({.mode = mode}, begin_from_nothing);
}

TEST_CASE("IKEv1: child rekey x child rekey in every order", "[sim][v1][orders]") {
  every_order({}, both({Begun::child_rekey, Begun::child_rekey}));
}

// A Delete by the kernel's word is at once, before there is another.
TEST_CASE("IKEv1: child delete x child rekey or delete in drawn orders", "[sim][v1][orders]") {
  const V1Walk walk{.lossless = false};
  drawn_orders(walk, both({Begun::child_delete, Begun::child_delete}));
  drawn_orders(walk, both({Begun::child_rekey, Begun::child_delete}));
  drawn_orders(walk, both({Begun::child_delete, Begun::child_rekey}));
}

TEST_CASE("IKEv1: another phase 1 x the same in drawn orders", "[sim][v1][orders]") {
  drawn_orders({.mode = V1Mode::main}, both({Begun::ike_rekey, Begun::ike_rekey}));
  drawn_orders({.mode = V1Mode::aggressive},
               both({Begun::reauthentication, Begun::reauthentication}));
}

TEST_CASE("IKEv1: another phase 1 x child rekey or delete in drawn orders", "[sim][v1][orders]") {
  for (const V1Mode mode : kV1Modes) {
    for (const Begun other : {Begun::child_rekey, Begun::child_delete}) {
      const V1Walk walk{.mode = mode, .lossless = other == Begun::child_rekey};
      drawn_orders(walk, both({Begun::reauthentication, other}), kOneWinner);
      drawn_orders(walk, both({other, Begun::ike_rekey}), kOneWinner);
    }
  }
}

//   both: another phase 1, and quick mode 1 of a rekey
TEST_CASE("IKEv1: another phase 1 by both while they rekey a child in drawn orders",
          "[sim][v1][orders]") {
  for (const V1Mode mode : kV1Modes) {
    drawn_orders({.mode = mode}, [](V1Crossing& pair) {
      if (!pair.ready()) return false;
      pair.carry();
      for (const Begun what : {Begun::child_rekey, Begun::reauthentication}) {
        begin(pair, Pair::kLeft, what);
        begin(pair, Pair::kRight, what);
      }
      return true;
    });
  }
}
