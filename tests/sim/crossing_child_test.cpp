// Goal: each way a rekey or a deletion of a child can go, taken one by one.
// Method: the network is held and messages are handed over by name, for both roles.
#include <catch2/catch.hpp>

#include "tests/sim/crossing.h"

using namespace std::chrono_literals;
using ipsec::core::ChildDown;
using ipsec::core::ChildRekeyed;
using ipsec::core::Order;
using ipsec::sim::Crossing;
using ipsec::sim::kEveryWinner;
using ipsec::sim::Kind;
using ipsec::sim::Lowest;
using ipsec::sim::Pair;

//   A: rekey -->   <-- answer   delete -->   <-- delete
TEST_CASE("a child is rekeyed by either side", "[sim]") {
  for (const std::size_t a : {Pair::kLeft, Pair::kRight}) {
    const std::size_t b = Pair::kLeft + Pair::kRight - a;
    Crossing pair;
    REQUIRE(pair.ready());
    auto flows = pair.start_flows();
    pair.order(a, Order::rekey_children);
    for (int round = 0; round < 2; ++round) {
      REQUIRE(pair.pass(a, Kind::request));
      pair.world.run_for(50ms);
      REQUIRE(pair.pass(b, Kind::answer));
      pair.world.run_for(50ms);
    }
    CHECK(pair.world.held.empty());
    CHECK(pair.world.node(a).count<ChildRekeyed>() == 1);
    CHECK(pair.world.node(b).count<ChildRekeyed>() == 1);
    pair.stop(flows);
    CHECK(flows.lost() == 0);
    CHECK(pair.in_the_end() == Pair::Problems{});
    CHECK(pair.world.node(a).count<ChildDown>() == 0);
    CHECK(pair.world.node(b).count<ChildDown>() == 0);
  }
}

//   A: rekey (group x) -->   <-- INVALID_KE_PAYLOAD (y)   rekey (y) -->   <-- answer
TEST_CASE("a rekey takes the group the other side asks for", "[sim]") {
  for (const std::size_t a : {Pair::kLeft, Pair::kRight}) {
    for (const Order what : {Order::rekey_children, Order::rekey_ike}) {
      Crossing pair;
      pair.right_prefers_other_groups();
      REQUIRE(pair.ready());
      auto flows = pair.start_flows();
      pair.order(a, what);
      CHECK(pair.in_the_end() == Pair::Problems{});
      pair.stop(flows);
      CHECK(flows.lost() == 0);
      const auto& node = pair.world.node(a);
      CHECK(node.count<ChildRekeyed>() == (what == Order::rekey_children ? 1 : 0));
      CHECK(node.count<ipsec::core::IkeRekeyed>() == (what == Order::rekey_ike ? 1 : 0));
    }
  }
}

//   A: rekey (x) -->  <-- rekey (y) :B    both: INVALID_KE_PAYLOAD, and both again
TEST_CASE("crossing rekeys that both meet INVALID_KE_PAYLOAD", "[sim]") {
  for (const Lowest lowest : kEveryWinner) {
    for (const Order what : {Order::rekey_children, Order::rekey_ike}) {
      Crossing pair;
      pair.right_prefers_other_groups();
      REQUIRE(pair.ready());
      pair.lowest_nonce(lowest);
      auto flows = pair.start_flows();
      pair.order(Pair::kLeft, what);
      pair.order(Pair::kRight, what);
      CHECK(pair.in_the_end() == Pair::Problems{});
      pair.stop(flows);
      CHECK(flows.lost() == 0);
    }
  }
}

//   A: rekey -->   <-- answer   [delete held]   B: soft, then hard expire of the old child
TEST_CASE("what the kernel says of a child that was replaced changes nothing", "[sim]") {
  for (const std::size_t a : {Pair::kLeft, Pair::kRight}) {
    for (const bool hard : {false, true}) {
      const std::size_t b = Crossing::other(a);
      Crossing pair;
      REQUIRE(pair.ready());
      const auto old = pair.world.node(b).usable(1).front();
      pair.order(a, Order::rekey_children);
      REQUIRE(pair.pass(a, Kind::request));
      REQUIRE(pair.pass(b, Kind::answer));
      const ipsec::xfrm::SaKey key{pair.world.node(b).address, old.algorithms.protocol,
                                   old.inbound};
      pair.world.feed(b, ipsec::core::KernelExpired{key, hard});
      CHECK(pair.waiting(b, Kind::request) == 0);
      CHECK(pair.in_the_end() == Pair::Problems{});
      CHECK(pair.world.node(b).count<ChildRekeyed>() == 1);
    }
  }
}

//   A: rekey -->   B has lost the child meanwhile   <-- CHILD_SA_NOT_FOUND   A: create -->
TEST_CASE("a child the peer has lost is made anew", "[sim]") {
  for (const std::size_t a : {Pair::kLeft, Pair::kRight}) {
    const std::size_t b = Crossing::other(a);
    Crossing pair;
    REQUIRE(pair.ready());
    pair.expire(b, true);
    pair.order(a, Order::rekey_children);
    // B's Delete is answered, so B knows the child no more; then A's rekey comes.
    REQUIRE(pair.pass(b, Kind::request));
    REQUIRE(pair.pass(a, Kind::answer));
    REQUIRE(pair.pass(a, Kind::request));
    CHECK(pair.in_the_end() == Pair::Problems{});
  }
}

//   A: rekey -->   <-- answer (held)   <-- delete of the old child (B)   then the answer
TEST_CASE("the responder's Delete overtakes its answer", "[sim]") {
  for (const std::size_t a : {Pair::kLeft, Pair::kRight}) {
    const std::size_t b = Crossing::other(a);
    Crossing pair;
    REQUIRE(pair.ready());
    const auto old = pair.world.node(b).usable(1).front();
    pair.expire(b, true);  // B deletes of its own accord
    pair.order(a, Order::rekey_children);
    REQUIRE(pair.pass(a, Kind::request));
    REQUIRE(pair.pass(b, Kind::request));
    pair.world.run_for(10ms);
    REQUIRE(pair.pass(b, Kind::answer));
    REQUIRE(pair.pass(a, Kind::answer));
    CHECK(pair.in_the_end() == Pair::Problems{});
    CHECK(pair.world.node(b).usable(1).front().inbound != old.inbound);
  }
}

//   A: rekey -->   <-- answer   A: delete --> (lost, for ever)
TEST_CASE("a Delete that nobody answers ends the IKE SA, and all comes back", "[sim]") {
  for (const std::size_t a : {Pair::kLeft, Pair::kRight}) {
    const std::size_t b = Crossing::other(a);
    Crossing pair;
    REQUIRE(pair.ready());
    pair.order(a, Order::rekey_children);
    REQUIRE(pair.pass(a, Kind::request));
    REQUIRE(pair.pass(b, Kind::answer));
    pair.world.held.clear();
    pair.world.run_for(30s);
    pair.world.held.clear();
    CHECK(pair.world.node(a).count<ipsec::core::IkeDown>() == 1);
    // The child was replaced, not lost: its end is no news, that of its heir is.
    CHECK(pair.world.node(a).count<ChildDown>() == 1);
    CHECK(pair.in_the_end() == Pair::Problems{});
  }
}

//   A: delete -->   <-- delete :B    both: empty answers (RFC 7296 1.4.1)
TEST_CASE("both sides delete the child, or one Delete is lost", "[sim]") {
  for (const bool lost : {false, true}) {
    Crossing pair;
    REQUIRE(pair.ready());
    pair.expire(Pair::kLeft, true);
    pair.expire(Pair::kRight, true);
    if (lost) REQUIRE(pair.lose(Pair::kLeft, Kind::request));
    CHECK(pair.in_the_end() == Pair::Problems{});
    CHECK(pair.left().count<ChildDown>() == 1);
    CHECK(pair.right().count<ChildDown>() == 1);
    CHECK(pair.left().count<ipsec::core::IkeDown>() == 0);
  }
}

//   A: child gone, create -->   <-- create :B, for the same ranges
TEST_CASE("both sides create the same child at once", "[sim]") {
  for (const Lowest lowest : kEveryWinner) {
    for (const std::size_t first : {Pair::kLeft, Pair::kRight}) {
      Crossing pair;
      REQUIRE(pair.ready());
      pair.lowest_nonce(lowest);
      pair.expire(Pair::kLeft, true);
      pair.expire(Pair::kRight, true);
      // Both Deletes are served and answered before either new child is asked for.
      REQUIRE(pair.pass(Pair::kLeft, Kind::request));
      REQUIRE(pair.pass(Pair::kRight, Kind::request));
      REQUIRE(pair.pass(Pair::kLeft, Kind::answer));
      REQUIRE(pair.pass(Pair::kRight, Kind::answer));
      CHECK(pair.waiting(Pair::kLeft, Kind::request) == 1);
      CHECK(pair.waiting(Pair::kRight, Kind::request) == 1);
      REQUIRE(pair.pass(first, Kind::request));
      CHECK(pair.in_the_end() == Pair::Problems{});
    }
  }
}

//   A: rekey --> (lost n times)
TEST_CASE("a lost rekey request or answer is only late", "[sim]") {
  for (const std::size_t a : {Pair::kLeft, Pair::kRight}) {
    for (const Order what : {Order::rekey_children, Order::rekey_ike}) {
      for (const Kind lost : {Kind::request, Kind::answer}) {
        Crossing pair;
        REQUIRE(pair.ready());
        auto flows = pair.start_flows();
        pair.order(a, what);
        if (lost == Kind::answer) REQUIRE(pair.pass(a, Kind::request));
        REQUIRE(pair.lose(lost == Kind::request ? a : Crossing::other(a), lost));
        CHECK(pair.in_the_end() == Pair::Problems{});
        pair.stop(flows);
        CHECK(flows.lost() == 0);
        CHECK(pair.left().count<ipsec::core::IkeDown>() == 0);
      }
    }
  }
}
