// Goal: exchanges cross what happens around them: the other side's start, a restart, a kernel that
// refuses, a NAT that changes its mapping.
#include <catch2/catch.hpp>

#include "tests/sim/crossing.h"

using namespace std::chrono_literals;
using ipsec::core::Order;
using ipsec::core::Start;
using ipsec::sim::Crossing;
using ipsec::sim::kEveryWinner;
using ipsec::sim::Kind;
using ipsec::sim::Lowest;
using ipsec::sim::Orders;
using ipsec::sim::Pair;

//   A: IKE_SA_INIT -->   <-- IKE_SA_INIT :B    any order of these, of their answers and IKE_AUTH
TEST_CASE("both sides start at once in every order", "[sim][orders]") {
  for (const Lowest lowest : kEveryWinner) {
    auto orders = Orders::every(Orders::Alike::once, 1'000);
    while (orders.next()) {
      Crossing pair;
      pair.lowest_nonce(lowest);
      pair.world.hold = true;
      pair.configure();
      pair.world.run_for(0ms);
      if (!orders.deliver(pair.world)) continue;
      INFO(name_of(lowest) << ", order " << orders.describe());
      REQUIRE(pair.in_the_end() == Pair::Problems{});
    }
    CHECK(orders.complete());
  }
}

//   A: (a packet) IKE_SA_INIT -->   <-- IKE_SA_INIT :B, started
TEST_CASE("a packet brings a waiting tunnel up, alone or while the peer starts", "[sim]") {
  for (const bool both : {false, true}) {
    Pair pair;
    pair.left_config.start = Start::on_traffic;
    pair.right_config.start = both ? Start::automatic : Start::respond;
    pair.world.configure(Pair::kLeft, pair.left_config);
    pair.world.run_for(5s);
    CHECK(pair.left().engine->snapshot().sas == 0);
    pair.world.configure(Pair::kRight, pair.right_config);
    pair.world.feed(Pair::kLeft,
                    ipsec::core::KernelAcquired{pair.left_config.children.front().reqid});
    REQUIRE(pair.up_within(5s));
    pair.world.run_for(60s);
    CHECK(pair.at_rest() == Pair::Problems{});
  }
}

//   A: exchange, n messages of it   B restarts without memory
TEST_CASE("a restart in the middle of each exchange", "[sim]") {
  for (const std::size_t who : {Pair::kLeft, Pair::kRight}) {
    for (const Order what : {Order::rekey_children, Order::rekey_ike, Order::reauthenticate}) {
      for (int messages = 0; messages < 5; ++messages) {
        Crossing pair;
        REQUIRE(pair.ready());
        pair.order(Pair::kLeft, what);
        for (int i = 0; i < messages && !pair.world.held.empty(); ++i) pair.world.deliver(0);
        pair.world.restart(who);
        pair.world.node(who).kernel.flush();
        pair.world.configure(who, who == Pair::kLeft ? pair.left_config : pair.right_config);
        INFO("restart of " << who << " after " << messages << " messages");
        CHECK(pair.in_the_end() == Pair::Problems{});
      }
    }
  }
}

//   A (behind a NAT): rekey -->  [mapping changes]  <-- answer to the old mapping, lost;  rekey -->
TEST_CASE("a NAT mapping changes in the middle of a rekey", "[sim]") {
  for (const std::size_t asks : {Pair::kLeft, Pair::kRight}) {
    for (const Order what : {Order::rekey_children, Order::rekey_ike}) {
      for (const auto after : {0ms, 1ms, 2ms, 3ms, 5ms}) {
        Pair pair;
        pair.left().nat_address = ipsec::Address::parse("198.51.100.7");
        pair.right_config.remote = ipsec::Address::any(ipsec::Family::v4);
        pair.world.faults.answer_min = pair.world.faults.answer_max = 1ms;
        pair.configure();
        REQUIRE(pair.up_within(2s));
        pair.world.run_for(40s);
        pair.world.order(asks, 1, what);
        pair.world.run_for(after);
        pair.left().nat_port_shift += 1000;
        pair.world.run_for(60s);
        INFO("mapping changed " << after.count() << " ms after the order");
        CHECK(pair.at_rest() == Pair::Problems{});
      }
    }
  }
}
