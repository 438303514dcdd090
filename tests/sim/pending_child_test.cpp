// Goal: what comes while the kernel or the worker pool has the word over a child, and children that
// only the peer has made, leave nothing wrong behind.
// Method: the network is held, and answers of kernel and worker pool take a second of virtual time
// where the test is about what comes before them.
#include <algorithm>

#include <catch2/catch.hpp>

#include "tests/sim/crossing.h"

using namespace std::chrono_literals;
using ipsec::ChildSpi;
using ipsec::core::Order;
using ipsec::sim::Crossing;
using ipsec::sim::Kind;
using ipsec::sim::Node;
using ipsec::sim::Pair;

namespace {

void answer_after(Crossing& pair, ipsec::Duration delay) {
  pair.world.faults.answer_min = delay;
  pair.world.faults.answer_max = delay;
}

bool kernel_has(const Node& node, ChildSpi spi) {
  return std::ranges::any_of(node.kernel.sas(),
                             [spi](const auto& entry) { return entry.first.spi == spi; });
}

// What A is about to install, B deletes again.
void delete_what_comes(Crossing& pair, std::size_t a, ipsec::Duration when) {
  const std::size_t b = Crossing::other(a);
  answer_after(pair, 1s);
  REQUIRE(pair.pass(b, Kind::answer));
  pair.world.run_for(when);
  answer_after(pair, 0s);
  const auto children = pair.world.node(b).usable(1);
  REQUIRE(children.size() == 1);
  const ChildSpi gone = children.front().inbound;
  pair.expire(b, true);
  REQUIRE(pair.pass(b, Kind::request));
  pair.world.run_for(2s);
  CHECK_FALSE(kernel_has(pair.world.node(a), gone));
  for (const auto& child : pair.world.node(a).usable(1)) CHECK(child.outbound != gone);
  CHECK(pair.in_the_end() == Pair::Problems{});
}

}  // namespace

//   A: create -->   <-- answer   A: derives, then installs   <-- delete :B
TEST_CASE("the peer deletes a child before we have installed it", "[sim]") {
  for (const std::size_t a : {Pair::kLeft, Pair::kRight}) {
    for (const auto when : {500ms, 1500ms}) {  // while the key is derived; while it is installed
      const std::size_t b = Crossing::other(a);
      Crossing pair;
      (a == Pair::kLeft ? pair.right_config : pair.left_config).start = ipsec::core::Start::respond;
      REQUIRE(pair.ready());
      pair.expire(a, true);
      REQUIRE(pair.pass(a, Kind::request));
      REQUIRE(pair.pass(b, Kind::answer));
      REQUIRE(pair.pass(a, Kind::request));
      INFO("after " << when.count() << " ms");
      delete_what_comes(pair, a, when);
    }
  }
}

//   A: rekey -->   <-- answer   A: derives, then installs   <-- delete of the new one :B
TEST_CASE("the peer deletes a rekeyed child before we have installed it", "[sim]") {
  for (const std::size_t a : {Pair::kLeft, Pair::kRight}) {
    for (const auto when : {500ms, 1500ms}) {
      const std::size_t b = Crossing::other(a);
      Crossing pair;
      REQUIRE(pair.ready());
      pair.order(a, Order::rekey_children);
      REQUIRE(pair.pass(a, Kind::request));
      // B uses the new child already, as a peer may that does not wait.
      auto& node = pair.world.node(b);
      REQUIRE(node.watched.size() == 1);
      pair.world.feed(b, ipsec::core::InboundSeen{node.watched[0].sa, node.watched[0].key});
      INFO("after " << when.count() << " ms");
      delete_what_comes(pair, a, when);
    }
  }
}

//   A: create -->   <-- answer, late   <-- rekey of the new one :B   A: not yet -->   answer
//   arrives
TEST_CASE("the peer rekeys a child whose answer has not reached us", "[sim]") {
  for (const std::size_t a : {Pair::kLeft, Pair::kRight}) {
    const std::size_t b = Crossing::other(a);
    Crossing pair;
    (a == Pair::kLeft ? pair.right_config : pair.left_config).start = ipsec::core::Start::respond;
    REQUIRE(pair.ready());
    pair.expire(a, true);
    REQUIRE(pair.pass(a, Kind::request));
    REQUIRE(pair.pass(b, Kind::answer));
    REQUIRE(pair.pass(a, Kind::request));
    const auto children = pair.world.node(b).usable(1);
    REQUIRE(children.size() == 1);
    pair.order(b, Order::rekey_children);
    REQUIRE(pair.pass(b, Kind::request));
    REQUIRE(pair.pass(a, Kind::answer));
    // Not told that we know no such child, B keeps it.
    REQUIRE(pair.world.node(b).usable(1).size() == 1);
    CHECK(pair.world.node(b).usable(1).front().inbound == children.front().inbound);
    REQUIRE(pair.pass(b, Kind::answer));
    CHECK(pair.world.node(a).usable(1).size() == 1);
    CHECK(pair.in_the_end() == Pair::Problems{});
  }
}

//   A: create -->   <-- answer, late   <-- delete of the new one :B   answer arrives
TEST_CASE("the peer deletes a child whose answer has not reached us", "[sim]") {
  for (const std::size_t a : {Pair::kLeft, Pair::kRight}) {
    const std::size_t b = Crossing::other(a);
    Crossing pair;
    (a == Pair::kLeft ? pair.right_config : pair.left_config).start = ipsec::core::Start::respond;
    REQUIRE(pair.ready());
    pair.expire(a, true);
    REQUIRE(pair.pass(a, Kind::request));
    REQUIRE(pair.pass(b, Kind::answer));
    REQUIRE(pair.pass(a, Kind::request));
    REQUIRE(pair.world.node(b).usable(1).size() == 1);
    const ChildSpi gone = pair.world.node(b).usable(1).front().inbound;
    pair.expire(b, true);
    REQUIRE(pair.pass(b, Kind::request));
    REQUIRE(pair.pass(a, Kind::answer));
    REQUIRE(pair.pass(b, Kind::answer));
    CHECK(pair.world.node(a).usable(1).empty());
    CHECK_FALSE(kernel_has(pair.world.node(a), gone));
    CHECK(pair.in_the_end() == Pair::Problems{});
  }
}

//   A: create -->   <-- answer   A: installs, and hears of it late   <-- create :B
TEST_CASE("of two children made at once the one that stays has the policies", "[sim]") {
  for (const auto lowest : ipsec::sim::kEveryWinner) {
    for (const std::size_t a : {Pair::kLeft, Pair::kRight}) {
      for (const auto late : {0ms, 500ms, 3000ms}) {
        const std::size_t b = Crossing::other(a);
        Crossing pair;
        REQUIRE(pair.ready());
        pair.lowest_nonce(lowest);
        pair.expire(Pair::kLeft, true);
        pair.expire(Pair::kRight, true);
        for (const Kind kind : {Kind::request, Kind::answer}) {
          REQUIRE(pair.pass(Pair::kLeft, kind));
          REQUIRE(pair.pass(Pair::kRight, kind));
        }
        REQUIRE(pair.pass(a, Kind::request));
        answer_after(pair, 100ms);
        REQUIRE(pair.pass(b, Kind::answer));
        answer_after(pair, late);
        pair.world.run_for(150ms);  // the key is derived, and the pair on its way to the kernel
        answer_after(pair, 10ms);
        REQUIRE(pair.pass(b, Kind::request));
        pair.world.run_for(5s);
        answer_after(pair, 0s);
        INFO(name_of(lowest) << ", " << a << " installs, and hears " << late.count()
                             << " ms later");
        CHECK(pair.in_the_end() == Pair::Problems{});
      }
    }
  }
}

//   A: rekey -->  <-- rekey :B    B loses before it has installed; A's NAT mapping changes
TEST_CASE("the peer moves while a child that only it has made waits for its Delete", "[sim]") {
  Crossing pair;
  pair.left().nat_address = ipsec::Address::parse("198.51.100.7");
  pair.right_config.remote = ipsec::Address::any(ipsec::Family::v4);
  REQUIRE(pair.ready());
  pair.lowest_nonce(ipsec::sim::Lowest::right_request);
  pair.order(Pair::kLeft, Order::rekey_children);
  pair.order(Pair::kRight, Order::rekey_children);
  REQUIRE(pair.pass(Pair::kLeft, Kind::request));
  REQUIRE(pair.pass(Pair::kRight, Kind::request));
  REQUIRE(pair.pass(Pair::kLeft, Kind::answer));
  CHECK(pair.right().kernel.larval() == 1);  // conceded: its SPI is all there is
  REQUIRE(pair.pass(Pair::kRight, Kind::answer));
  REQUIRE(pair.lose(Pair::kLeft, Kind::request));
  pair.left().nat_port_shift += 1000;
  pair.world.run_for(4s);
  REQUIRE(pair.pass(Pair::kLeft, Kind::request));
  CHECK(pair.right().count<ipsec::core::PeerMoved>() == 1);
  CHECK(pair.in_the_end() == Pair::Problems{});
}

//   A: create -->   <-- answer, but A's kernel will not have it   delete -->   create -->
TEST_CASE("a child our kernel refuses is deleted at the peer, and made anew", "[sim]") {
  Crossing pair;
  pair.right_config.start = ipsec::core::Start::respond;
  REQUIRE(pair.ready());
  pair.expire(Pair::kLeft, true);
  REQUIRE(pair.pass(Pair::kLeft, Kind::request));
  REQUIRE(pair.pass(Pair::kRight, Kind::answer));
  REQUIRE(pair.pass(Pair::kLeft, Kind::request));
  const ChildSpi half = pair.right().usable(1).front().inbound;
  pair.left().kernel.fail_install = 1;
  REQUIRE(pair.pass(Pair::kRight, Kind::answer));
  CHECK(kernel_has(pair.right(), half));
  REQUIRE(pair.pass(Pair::kLeft, Kind::request));
  CHECK(pair.right().usable(1).empty());
  CHECK(pair.in_the_end() == Pair::Problems{});
  CHECK_FALSE(kernel_has(pair.right(), half));
}

TEST_CASE("a kernel without an SPI to give delays a rekey, and no more", "[sim]") {
  for (const std::size_t who : {Pair::kLeft, Pair::kRight}) {
    Crossing pair;
    REQUIRE(pair.ready());
    auto flows = pair.start_flows();
    pair.world.node(who).kernel.fail_allocate = 1;
    pair.order(Pair::kLeft, Order::rekey_children);
    CHECK(pair.in_the_end() == Pair::Problems{});
    pair.stop(flows);
    CHECK(flows.lost() == 0);
    CHECK(pair.left().count<ipsec::core::ChildRekeyed>() == 1);
    CHECK(pair.world.node(who).count<ipsec::core::ExchangeFailed>() == 1);
  }
}

TEST_CASE("a kernel without an SPI to give delays a new tunnel, and no more", "[sim]") {
  for (const std::size_t who : {Pair::kLeft, Pair::kRight}) {
    Pair pair;
    pair.right_config.start = ipsec::core::Start::respond;
    pair.world.node(who).kernel.fail_allocate = 1;
    pair.configure();
    CHECK(pair.up_within(20s));
    pair.world.run_for(60s);
    CHECK(pair.at_rest() == Pair::Problems{});
  }
}

//   A: rekey -->   A: down, while keys are computed, SPIs allocated, SAs installed on both sides
TEST_CASE("results that come late for an SA that is gone leave nothing behind", "[sim]") {
  for (const Order what : {Order::rekey_children, Order::rekey_ike}) {
    for (int ms = 250; ms < 5000; ms += 500) {
      Pair pair;
      pair.right_config.start = ipsec::core::Start::respond;
      pair.configure();
      REQUIRE(pair.up_within(2s));
      pair.world.run_for(10s);
      pair.world.faults.answer_min = pair.world.faults.answer_max = 1s;
      pair.world.order(Pair::kLeft, 1, what);
      pair.world.run_for(std::chrono::milliseconds(ms));
      auto gone = pair.left_config;
      pair.world.feed(Pair::kLeft, ipsec::core::RemoveTunnel{gone.id});
      pair.world.feed(Pair::kRight, ipsec::core::RemoveTunnel{gone.id});
      pair.world.run_for(60s);
      INFO("after " << ms << " ms");
      CHECK(pair.left().kernel.empty());
      CHECK(pair.right().kernel.empty());
      CHECK(pair.left().engine->snapshot().sas == 0);
      CHECK(pair.right().engine->snapshot().sas == 0);
      CHECK(pair.world.complaints() == Pair::Problems{});
    }
  }
}
