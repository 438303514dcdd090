// Goal: whatever two sides begin at once ends in one IKE SA and one child, in every order in which
// the messages can arrive, whoever has the lowest nonce, and without losing a packet.
// Method: the network is held; a depth-first walk takes each choice of the next message once.
//
//   left                     right
//    | -- rekey A -->   <-- rekey B -- |    both on their way, then any order of these,
//    | -- answer B -->  <-- answer A -- |   of their answers,
//    | -- delete -->    <-- delete --   |   and of what follows from them
#include <catch2/catch.hpp>

#include "tests/sim/crossing.h"

using namespace std::chrono_literals;
using ipsec::core::Order;
using ipsec::sim::Crossing;
using ipsec::sim::Orders;
using ipsec::sim::Pair;

namespace {

// Messages that are walked through; those after them go in order.
constexpr std::size_t kDepth = 9;

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

void walk(Begun left, Begun right, std::size_t limit) {
  for (const std::size_t lowest : {Pair::kLeft, Pair::kRight}) {
    Orders orders(limit);
    while (orders.next()) {
      Crossing pair;
      REQUIRE(pair.ready());
      pair.lowest_nonce(lowest);
      auto flows = pair.start_flows();
      begin(pair, Pair::kLeft, left);
      begin(pair, Pair::kRight, right);
      for (std::size_t i = 0; i < kDepth && !pair.world.held.empty(); ++i) {
        pair.world.deliver(orders.choose(pair.world.held.size()));
        pair.world.run_for(20ms);
      }
      pair.release();
      pair.world.run_for(8s);
      pair.stop(flows);
      INFO((lowest == Pair::kLeft ? "left" : "right")
           << " has the lowest nonce, order " << orders.describe());
      const auto problems = pair.in_the_end();
      if (!problems.empty() || (flows.lost() > 0 && !may_lose(left) && !may_lose(right))) {
        UNSCOPED_INFO(pair.world.trace());
      }
      REQUIRE(problems == Pair::Problems{});
      if (!may_lose(left) && !may_lose(right)) REQUIRE(flows.lost() == 0);
    }
  }
}

}  // namespace

TEST_CASE("child rekey x child rekey in every order", "[sim][orders]") {
  walk(Begun::child_rekey, Begun::child_rekey, 300);
}

TEST_CASE("IKE rekey x IKE rekey in every order", "[sim][orders]") {
  walk(Begun::ike_rekey, Begun::ike_rekey, 300);
}

TEST_CASE("child rekey x IKE rekey in every order", "[sim][orders]") {
  walk(Begun::child_rekey, Begun::ike_rekey, 150);
  walk(Begun::ike_rekey, Begun::child_rekey, 150);
}

TEST_CASE("child rekey x child delete in every order", "[sim][orders]") {
  walk(Begun::child_rekey, Begun::child_delete, 150);
  walk(Begun::child_delete, Begun::child_rekey, 150);
}

TEST_CASE("child delete x child delete in every order", "[sim][orders]") {
  walk(Begun::child_delete, Begun::child_delete, 150);
}

TEST_CASE("child rekey x IKE delete in every order", "[sim][orders]") {
  walk(Begun::child_rekey, Begun::ike_delete, 150);
  walk(Begun::ike_delete, Begun::child_rekey, 150);
}

TEST_CASE("IKE rekey x IKE delete in every order", "[sim][orders]") {
  walk(Begun::ike_rekey, Begun::ike_delete, 150);
  walk(Begun::ike_delete, Begun::ike_rekey, 150);
}

TEST_CASE("IKE rekey x child delete in every order", "[sim][orders]") {
  walk(Begun::ike_rekey, Begun::child_delete, 150);
  walk(Begun::child_delete, Begun::ike_rekey, 150);
}

TEST_CASE("IKE delete x IKE delete in every order", "[sim][orders]") {
  walk(Begun::ike_delete, Begun::ike_delete, 150);
}

TEST_CASE("IKE delete x child delete in every order", "[sim][orders]") {
  walk(Begun::ike_delete, Begun::child_delete, 100);
  walk(Begun::child_delete, Begun::ike_delete, 100);
}

TEST_CASE("reauthentication x everything else in every order", "[sim][orders]") {
  walk(Begun::reauthentication, Begun::reauthentication, 40);
  for (const Begun what : {Begun::child_rekey, Begun::ike_rekey, Begun::probe}) {
    walk(Begun::reauthentication, what, 40);
    walk(what, Begun::reauthentication, 40);
  }
}

TEST_CASE("liveness check x rekeys in every order", "[sim][orders]") {
  walk(Begun::probe, Begun::child_rekey, 100);
  walk(Begun::probe, Begun::ike_rekey, 100);
  walk(Begun::probe, Begun::probe, 50);
}
