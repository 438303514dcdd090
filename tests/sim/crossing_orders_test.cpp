// Goal: whatever two sides begin at once ends in one IKE SA and one child, in every order in which
// the messages can arrive, whichever of the nonces is the lowest, and without losing a packet.
// Method: the network is held, and a walk goes through the orders to the last message (see Orders).
// Where both sides open IKE SAs again at once there are too many, and a fixed number of orders is
// drawn by a seed; the names of the tests say which.
//
//   left                     right
//    | -- rekey A -->   <-- rekey B -- |    both on their way, then any order of these,
//    | -- answer B -->  <-- answer A -- |   of their answers,
//    | -- delete -->    <-- delete --   |   and of what follows from them
#include <algorithm>
#include <set>
#include <span>

#include <catch2/catch.hpp>

#include "tests/sim/crossing.h"
#include "tests/support/effort.h"

using namespace std::chrono_literals;
using ipsec::core::Order;
using ipsec::sim::Crossing;
using ipsec::sim::kEveryWinner;
using ipsec::sim::Lowest;
using ipsec::sim::Orders;
using ipsec::sim::Pair;

namespace {

enum class Begun { child_rekey, ike_rekey, child_delete, ike_delete, reauthentication, probe };

void begin(Crossing& pair, std::size_t side, Begun what) {
  switch (what) {
    case Begun::child_rekey:
      return pair.order(side, Order::rekey_children);
    case Begun::ike_rekey:
      return pair.order(side, Order::rekey_ike);
    case Begun::child_delete:
      return pair.expire(side, true);
    case Begun::ike_delete:
      // A changed configuration closes what there is and begins anew.
      return pair.world.configure(side, side == Pair::kLeft ? pair.left_config : pair.right_config);
    case Begun::reauthentication:
      return pair.order(side, Order::reauthenticate);
    case Begun::probe:
      return pair.order(side, Order::probe);
  }
}

// Only these tear down before they build.
bool may_lose(Begun what) { return what == Begun::child_delete || what == Begun::ike_delete; }

// Who opens an IKE SA again once it is gone.
enum class Openers : std::uint8_t { left, both };

struct Crossed {
  Begun left;
  Begun right;
  // Whether an IKE rekey brings an exchange more, with its token: with it some walks have no end.
  bool tokens = true;
};

// One order; what it left wrong.
Pair::Problems run(Orders& orders, Lowest lowest, const Crossed& begun, Openers openers) {
  Crossing pair;
  if (!begun.tokens) pair.world.forget_crash_secrets();
  if (openers == Openers::left) pair.right_config.start = ipsec::core::Start::respond;
  if (!pair.ready()) return {"did not come up"};
  pair.lowest_nonce(lowest);
  auto flows = pair.start_flows();
  begin(pair, Pair::kLeft, begun.left);
  begin(pair, Pair::kRight, begun.right);
  if (!orders.deliver(pair.world)) return {};
  pair.release();
  pair.world.run_for(8s);
  pair.stop(flows);
  auto problems = pair.in_the_end();
  if (flows.lost() > 0 && !may_lose(begun.left) && !may_lose(begun.right)) {
    problems.emplace_back("packets were lost");
  }
  if (!problems.empty()) UNSCOPED_INFO(pair.world.trace());
  return problems;
}

void walk(Orders orders, Lowest lowest, const Crossed& begun, Openers openers) {
  while (orders.next()) {
    const auto problems = run(orders, lowest, begun, openers);
    INFO(name_of(lowest) << ", order " << orders.describe());
    REQUIRE(problems == Pair::Problems{});
  }
  CHECK(orders.complete());
}

// Far above the most there are: 1,634.

void drawn_orders(const Crossed& begun, Openers openers = Openers::both,
                  std::span<const Lowest> winners = kEveryWinner) {
  for (const Lowest lowest : winners) {
    const auto seed = static_cast<std::uint64_t>(lowest) + 1;
    walk(Orders::drawn(Orders::kDrawn, seed), lowest, begun, openers);
  }
}

// The release's walk is the whole one. With sanitizers it takes minutes, and is there to find what
// they find: some orders of each kind are drawn.
void every_order(const Crossed& begun, Openers openers,
                 std::span<const Lowest> winners = kEveryWinner) {
  if constexpr (ipsec::test::kSanitized) return drawn_orders(begun, openers, winners);
  for (const Lowest lowest : winners) walk(Orders::every(), lowest, begun, openers);
}

// Of exchanges of two kinds nobody compares the nonces.
constexpr std::array kOneWinner{Lowest::left_request};

std::multiset<std::string> seen(Orders::Alike alike, const Crossed& begun) {
  std::multiset<std::string> all;
  auto orders = Orders::every(alike);
  while (orders.next()) {
    Crossing pair;
    REQUIRE(pair.ready());
    begin(pair, Pair::kLeft, begun.left);
    begin(pair, Pair::kRight, begun.right);
    if (orders.deliver(pair.world)) all.insert(orders.as_seen());
  }
  CHECK(orders.complete());
  return all;
}

}  // namespace

// What every walk below stands on.
TEST_CASE("of orders that no side can tell apart one is taken, and none is left out", "[sim]") {
  for (const Crossed& begun : {Crossed{Begun::child_rekey, Begun::child_rekey},
                               Crossed{Begun::ike_rekey, Begun::child_delete}}) {
    const auto once = seen(Orders::Alike::once, begun);
    const auto each = seen(Orders::Alike::each, begun);
    const std::set<std::string> all(each.begin(), each.end());
    CHECK(each.size() > 2 * once.size());
    CHECK(std::ranges::equal(once, all));
  }
}

TEST_CASE("child rekey x child rekey in every order", "[sim][orders]") {
  every_order({Begun::child_rekey, Begun::child_rekey}, Openers::both);
}

TEST_CASE("IKE rekey x IKE rekey in every order", "[sim][orders]") {
  every_order({Begun::ike_rekey, Begun::ike_rekey}, Openers::both);
}

TEST_CASE("child rekey x IKE rekey in every order", "[sim][orders]") {
  every_order({Begun::child_rekey, Begun::ike_rekey}, Openers::both);
  every_order({Begun::ike_rekey, Begun::child_rekey}, Openers::both);
}

TEST_CASE("child delete x the rest but IKE delete in every order", "[sim][orders]") {
  every_order({Begun::child_delete, Begun::child_delete}, Openers::both);
  for (const Begun other : {Begun::child_rekey, Begun::ike_rekey}) {
    every_order({other, Begun::child_delete}, Openers::both);
    every_order({Begun::child_delete, other}, Openers::both);
  }
}

TEST_CASE("IKE delete x everything, where one side opens again, in every order", "[sim][orders]") {
  every_order({Begun::ike_delete, Begun::ike_delete}, Openers::left);
  for (const Begun other : {Begun::child_rekey, Begun::ike_rekey, Begun::child_delete}) {
    every_order({other, Begun::ike_delete}, Openers::left);
    every_order({Begun::ike_delete, other}, Openers::left);
  }
}

TEST_CASE("IKE delete x everything, where both open again, in drawn orders", "[sim][orders]") {
  drawn_orders({Begun::ike_delete, Begun::ike_delete});
  for (const Begun other : {Begun::child_rekey, Begun::ike_rekey, Begun::child_delete}) {
    drawn_orders({other, Begun::ike_delete});
    drawn_orders({Begun::ike_delete, other});
  }
}

TEST_CASE("reauthentication x rekeys and probes in every order", "[sim][orders]") {
  for (const Begun other : {Begun::child_rekey, Begun::ike_rekey, Begun::probe}) {
    const bool tokens = other != Begun::ike_rekey;
    every_order({Begun::reauthentication, other, tokens}, Openers::left, kOneWinner);
    every_order({other, Begun::reauthentication, tokens}, Openers::left, kOneWinner);
  }
}

TEST_CASE("reauthentication x everything in drawn orders", "[sim][orders]") {
  drawn_orders({Begun::reauthentication, Begun::reauthentication});
  for (const Begun other :
       {Begun::child_rekey, Begun::ike_rekey, Begun::child_delete, Begun::ike_delete}) {
    drawn_orders({Begun::reauthentication, other});
    drawn_orders({other, Begun::reauthentication});
  }
}

TEST_CASE("liveness check x rekeys and deletes in every order", "[sim][orders]") {
  for (const Begun other : {Begun::child_rekey, Begun::ike_rekey, Begun::child_delete}) {
    every_order({Begun::probe, other}, Openers::both);
    every_order({other, Begun::probe}, Openers::both);
  }
  every_order({Begun::probe, Begun::probe}, Openers::both);
  every_order({Begun::probe, Begun::ike_delete}, Openers::left);
}
