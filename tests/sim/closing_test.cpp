// Goal: an association that ends in the middle of something leaves nothing in the kernel, and a
// packet that asks for the tunnel meanwhile is not forgotten.
// Method: the network is held, a few messages are handed over, and then one side or both close.
#include <array>
#include <string_view>
#include <utility>

#include <catch2/catch.hpp>

#include "tests/sim/crossing.h"

using namespace std::chrono_literals;
using ipsec::core::KernelAcquired;
using ipsec::core::Order;
using ipsec::core::Start;
using ipsec::sim::Crossing;
using ipsec::sim::Node;
using ipsec::sim::Pair;

namespace {

// Who does it: the left side, the right side, or both.
enum class Who : std::uint8_t { left, right, both };
constexpr std::array kAnyone{Who::left, Who::right, Who::both};

template <typename What>
void each(Who who, What&& what) {
  if (who != Who::right) what(Pair::kLeft);
  if (who != Who::left) what(Pair::kRight);
}

void ask(Pair& pair) {
  pair.world.feed(Pair::kLeft, KernelAcquired{pair.left_config.children.front().reqid});
}

// False where there is nothing more to hand over.
bool deliver(Pair& pair, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (pair.world.held.empty()) return false;
    pair.world.deliver(0);
  }
  return true;
}

// The longest exchange here, both of them at once.
constexpr std::size_t kMessages = 10;

// Both wait for traffic, and the left side had some.
void bring_up_by_traffic(Pair& pair) {
  pair.left_config.start = pair.right_config.start = Start::on_traffic;
  pair.configure();
  ask(pair);
  REQUIRE(pair.up_within(10s));
  pair.world.run_for(60s);
}

}  // namespace

TEST_CASE("what is closed in the middle of something leaves the kernel empty", "[sim]") {
  for (const auto order : {Order::rekey_children, Order::rekey_ike}) {
    for (const Who rekeys : kAnyone) {
      for (const Who closes : kAnyone) {
        for (std::size_t after = 0; after < kMessages; ++after) {
          Crossing pair;
          REQUIRE(pair.ready());
          each(rekeys, [&](std::size_t side) { pair.order(side, order); });
          if (!deliver(pair, after)) break;
          each(closes, [&](std::size_t side) { pair.order(side, Order::down); });
          pair.release();
          pair.world.run_for(60s);
          INFO("order " << static_cast<int>(order) << " by " << static_cast<int>(rekeys)
                        << ", closed by " << static_cast<int>(closes) << " after " << after);
          for (const std::size_t side : {Pair::kLeft, Pair::kRight}) {
            const Node& node = pair.world.node(side);
            INFO("side " << side);
            CHECK(node.kernel.sas().empty());
            CHECK(node.kernel.policies() == 0);
          }
        }
      }
    }
  }
}

//   both: changed   --> deletes, answers <--   and a packet at any moment of it
TEST_CASE("a packet that asks while a tunnel closes brings it up again", "[sim]") {
  for (const Who changes : kAnyone) {
    for (std::size_t after = 0; after < kMessages; ++after) {
      Crossing pair;
      bring_up_by_traffic(pair);
      pair.world.hold = true;
      each(changes, [&](std::size_t side) {
        auto& config = side == Pair::kLeft ? pair.left_config : pair.right_config;
        config.children.front().replay_window_packets *= 2;
        pair.world.configure(side, config);
      });
      if (!deliver(pair, after)) break;
      if (!pair.left().kernel.sas().empty()) continue;
      ask(pair);
      pair.release();
      INFO("changed by " << static_cast<int>(changes) << ", asked after " << after);
      CHECK(pair.up_within(30s));
    }
  }
}

TEST_CASE("what a packet asked of a tunnel that is up does not bring it back", "[sim]") {
  Pair pair;
  bring_up_by_traffic(pair);
  ask(pair);
  pair.world.order(Pair::kRight, 1, Order::down);
  pair.world.run_for(60s);
  CHECK(pair.left().established(1) == 0);
  CHECK(pair.left().count<ipsec::core::TryFailed>() == 0);
  pair.world.order(Pair::kRight, 1, Order::reauthenticate);  // no longer held down
  ask(pair);
  CHECK(pair.up_within(10s));
}
