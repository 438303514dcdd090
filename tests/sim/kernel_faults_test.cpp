// Goal: a kernel that refuses any call, for want of memory (ENOBUFS), because something is taken
// (EEXIST) or not there (ESRCH), delays a tunnel and leaves nothing wrong behind.
// Method: the first, second ... call of a kind is refused on either side, in each exchange that
// makes it; then both kernels must mirror each other again.
#include <algorithm>
#include <array>
#include <cerrno>

#include <catch2/catch.hpp>

#include "tests/sim/pair.h"

using namespace std::chrono_literals;
using ipsec::core::Order;
using ipsec::sim::Kernel;
using ipsec::sim::Pair;

namespace {

constexpr std::array kErrors{ENOBUFS, EEXIST, ESRCH};
constexpr std::array kExchanges{Order::rekey_children, Order::rekey_ike, Order::reauthenticate};

void put_left_behind_nat(Pair& pair) {
  pair.left().nat_address = ipsec::Address::parse("198.51.100.7");
  pair.right_config.remote = ipsec::Address::any(ipsec::Family::v4);
}

}  // namespace

TEST_CASE("a kernel that refuses an installation in an exchange", "[sim]") {
  for (const std::size_t who : {Pair::kLeft, Pair::kRight}) {
    for (const int error : kErrors) {
      for (const Order what : kExchanges) {
        for (int nth = 1; nth <= 3; ++nth) {
          Pair pair;
          pair.world.node(who).kernel.error_number = error;
          pair.configure();
          REQUIRE(pair.up_within(2s));
          pair.world.run_for(40s);
          pair.world.node(who).kernel.fail_install = nth;
          pair.world.order(Pair::kLeft, 1, what);
          pair.world.run_for(60s);
          pair.world.node(who).kernel.fail_install = 0;
          INFO("installation " << nth << " of " << who << ", error " << error);
          CHECK(pair.at_rest() == Pair::Problems{});
        }
      }
    }
  }
}

TEST_CASE("a kernel that refuses a new tunnel its SPI or its SAs", "[sim]") {
  for (const std::size_t who : {Pair::kLeft, Pair::kRight}) {
    for (const int error : kErrors) {
      for (int Kernel::* const call : {&Kernel::fail_allocate, &Kernel::fail_install}) {
        Pair pair;
        auto& kernel = pair.world.node(who).kernel;
        kernel.error_number = error;
        kernel.*call = 1;
        pair.configure();
        INFO("refused by " << who << ", error " << error);
        CHECK(pair.up_within(20s));
        pair.world.run_for(60s);
        CHECK(kernel.*call == 0);
        CHECK(pair.at_rest() == Pair::Problems{});
      }
    }
  }
}

// What stays is found at the next look at the tables; meanwhile it harms nobody.
TEST_CASE("a kernel that does not remove what it is told to", "[sim]") {
  for (const std::size_t who : {Pair::kLeft, Pair::kRight}) {
    for (const int error : kErrors) {
      for (const Order what : kExchanges) {
        for (int nth = 1; nth <= 5; ++nth) {
          Pair pair;
          pair.world.node(who).kernel.error_number = error;
          pair.configure();
          REQUIRE(pair.up_within(2s));
          pair.world.run_for(40s);
          auto flows = pair.start_flows();
          pair.world.node(who).kernel.fail_remove = nth;
          pair.world.order(Pair::kLeft, 1, what);
          pair.world.run_for(60s);
          pair.stop(flows);
          INFO("removal " << nth << " by " << who << ", error " << error);
          CHECK(flows.lost() == 0);
          CHECK(pair.at_rest() == Pair::Problems{});
        }
      }
    }
  }
}

TEST_CASE("a tunnel goes down on a kernel that does not remove what it is told to", "[sim]") {
  for (int nth = 1; nth <= 3; ++nth) {
    Pair pair;
    pair.right_config.start = ipsec::core::Start::respond;
    pair.configure();
    REQUIRE(pair.up_within(2s));
    pair.world.run_for(20s);
    pair.left().kernel.fail_remove = pair.right().kernel.fail_remove = nth;
    pair.world.order(Pair::kLeft, 1, Order::down);
    pair.world.run_for(20s);
    INFO(nth);
    CHECK(pair.left().kernel.fail_remove == 0);
    CHECK(pair.left().kernel.empty());
    CHECK(pair.right().kernel.empty());
    pair.world.order(Pair::kLeft, 1, Order::up);
    CHECK(pair.up_within(2s));
  }
}

//   left's mapping changes; right's kernel will not move one half
TEST_CASE("an SA that the kernel cannot move is made anew at once", "[sim]") {
  for (const int error : kErrors) {
    for (int nth = 1; nth <= 2; ++nth) {  // the inbound half, the outbound half
      Pair pair;
      put_left_behind_nat(pair);
      pair.configure();
      REQUIRE(pair.up_within(2s));
      pair.world.run_for(40s);
      const auto before = pair.right().usable(1).front();
      pair.right().kernel.error_number = error;
      pair.right().kernel.fail_move = nth;
      pair.left().nat_port_shift = 20000;
      pair.world.order(Pair::kLeft, 1, Order::probe);
      REQUIRE(pair.world.run_until([&] { return pair.right().kernel.fail_move == 0; }, 1s));
      const auto anew = [&] {
        const auto children = pair.right().usable(1);
        return pair.packet_passes() && !children.empty() &&
               children.front().inbound != before.inbound;
      };
      INFO("half " << nth << ", error " << error);
      CHECK(pair.world.run_until(anew, 3s));
      CHECK(pair.right().count<ipsec::core::IkeDown>() == 0);
      pair.world.run_for(30s);
      CHECK(pair.at_rest() == Pair::Problems{});
    }
  }
}

TEST_CASE("an SA that the kernel cannot move in the middle of a rekey", "[sim]") {
  for (const std::size_t asks : {Pair::kLeft, Pair::kRight}) {
    for (int nth = 1; nth <= 4; ++nth) {
      for (const auto after : {0ms, 1ms, 2ms, 3ms, 5ms}) {
        Pair pair;
        put_left_behind_nat(pair);
        pair.world.faults.answer_min = pair.world.faults.answer_max = 1ms;
        pair.configure();
        REQUIRE(pair.up_within(2s));
        pair.world.run_for(40s);
        pair.right().kernel.fail_move = nth;
        pair.world.order(asks, 1, Order::rekey_children);
        pair.world.run_for(after);
        pair.left().nat_port_shift += 1000;
        pair.world.run_for(60s);
        pair.right().kernel.fail_move = 0;
        INFO("move " << nth << ", mapping changed " << after.count() << " ms after the order");
        CHECK(pair.at_rest() == Pair::Problems{});
      }
    }
  }
}
