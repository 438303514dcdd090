// Goal: the window of one (RFC 7296 2.1 to 2.3): what is repeated is answered with the same bytes,
// what is outside is dropped, and nothing of it moves the SA.
// Method: requests are kept as they were on the wire and handed over again, whole or altered.
#include <catch2/catch.hpp>

#include "tests/sim/crossing.h"

using namespace std::chrono_literals;
using ipsec::core::Order;
using ipsec::sim::Crossing;
using ipsec::sim::Held;
using ipsec::sim::Kind;
using ipsec::sim::Pair;

namespace {

// Byte 23 is the last of the message id (RFC 7296 3.1).
constexpr std::size_t kIdByte = 23;

void hand_over(Crossing& pair, const Held& datagram) {
  pair.world.held.push_back(datagram);
  pair.world.deliver(pair.world.held.size() - 1);
}

}  // namespace

//   A: request -->   <-- answer (lost)   A: the same request -->   <-- the same answer
TEST_CASE("a repeated request is answered byte for byte", "[sim]") {
  for (const Order what : {Order::rekey_children, Order::rekey_ike, Order::probe}) {
    Crossing pair;
    REQUIRE(pair.ready());
    pair.order(Pair::kLeft, what);
    REQUIRE(pair.world.held.size() == 1);
    const Held request = pair.world.held.front();
    REQUIRE(pair.pass(Pair::kLeft, Kind::request));
    REQUIRE(pair.waiting(Pair::kRight, Kind::answer) == 1);
    const Held answer = pair.world.held.front();
    hand_over(pair, request);
    REQUIRE(pair.waiting(Pair::kRight, Kind::answer) == 2);
    CHECK(pair.world.held.back().bytes == answer.bytes);
    CHECK(pair.in_the_end() == Pair::Problems{});
  }
}

//   A: request n -->  <-- answer   A: request n+1 -->  <-- answer   request n once more -->
//   (nothing)
TEST_CASE("a request before the last is not answered", "[sim]") {
  Crossing pair;
  REQUIRE(pair.ready());
  pair.order(Pair::kLeft, Order::probe);
  const Held first = pair.world.held.front();
  for (int round = 0; round < 2; ++round) {
    REQUIRE(pair.pass(Pair::kLeft, Kind::request));
    REQUIRE(pair.pass(Pair::kRight, Kind::answer));
    pair.order(Pair::kLeft, Order::probe);
  }
  pair.world.held.clear();
  hand_over(pair, first);
  CHECK(pair.world.held.empty());
  CHECK(pair.in_the_end() == Pair::Problems{});
}

//   A: a request with an id too high, or too low --> (nothing)
TEST_CASE("a forged message id gets no answer and moves nothing", "[sim]") {
  for (const int step : {-3, 1, 2, 100}) {
    Crossing pair;
    REQUIRE(pair.ready());
    pair.order(Pair::kLeft, Order::probe);
    Held forged = pair.world.held.front();
    forged.bytes[kIdByte] = static_cast<std::uint8_t>(forged.bytes[kIdByte] + step);
    hand_over(pair, forged);
    CHECK(pair.waiting(Pair::kRight, Kind::answer) == 0);
    CHECK(pair.in_the_end() == Pair::Problems{});
    CHECK(pair.left().count<ipsec::core::IkeDown>() == 0);
  }
}

//   <-- an answer nobody waits for, and an answer that comes twice
TEST_CASE("answers out of turn are dropped", "[sim]") {
  Crossing pair;
  REQUIRE(pair.ready());
  pair.order(Pair::kLeft, Order::rekey_children);
  REQUIRE(pair.pass(Pair::kLeft, Kind::request));
  const Held answer = pair.world.held.front();
  REQUIRE(pair.pass(Pair::kRight, Kind::answer));
  hand_over(pair, answer);
  hand_over(pair, answer);
  CHECK(pair.in_the_end() == Pair::Problems{});
  CHECK(pair.left().count<ipsec::core::ChildRekeyed>() == 1);
}

//   A: request with one byte flipped --> (nothing); the true one -->  <-- answer
TEST_CASE("an altered request gets no answer", "[sim]") {
  Crossing pair;
  REQUIRE(pair.ready());
  pair.order(Pair::kLeft, Order::rekey_children);
  Held altered = pair.world.held.front();
  altered.bytes.back() ^= 1;
  hand_over(pair, altered);
  CHECK(pair.waiting(Pair::kRight, Kind::answer) == 0);
  CHECK(pair.in_the_end() == Pair::Problems{});
  CHECK(pair.left().count<ipsec::core::ChildRekeyed>() == 1);
}

//   A: rekey, in two pieces -->   [B's kernel is slow]   the first piece again -->   <-- answer
//   A: the next rekey, its second piece first -->
//
// RFC 7383 2.6: pieces belong together by their message id.
TEST_CASE("a piece of one request is not taken for a piece of the next", "[sim]") {
  for (const std::size_t a : {Pair::kLeft, Pair::kRight}) {
    Crossing pair;
    pair.left_config.fragment_bytes = pair.right_config.fragment_bytes = 576;
    REQUIRE(pair.ready());
    pair.order(a, Order::rekey_children);
    REQUIRE(pair.waiting(a, Kind::request) == 2);
    const Held first = pair.world.held.front();
    pair.world.faults.answer_min = pair.world.faults.answer_max = 100ms;
    REQUIRE(pair.pass(a, Kind::request));
    REQUIRE(pair.pass(a, Kind::request));
    hand_over(pair, first);
    pair.world.faults.answer_min = pair.world.faults.answer_max = 0ms;
    pair.world.run_for(900ms);
    while (!pair.world.held.empty()) pair.world.deliver(0);
    pair.order(a, Order::rekey_children);
    REQUIRE(pair.waiting(a, Kind::request) == 2);
    pair.world.deliver(1);
    CHECK(pair.waiting(Crossing::other(a), Kind::answer) == 0);
    CHECK(pair.in_the_end() == Pair::Problems{});
    CHECK(pair.world.node(a).count<ipsec::core::ChildRekeyed>() == 2);
  }
}

//   every datagram twice, late and out of order
TEST_CASE("duplicates and reordering change nothing", "[sim]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Pair pair(seed);
    pair.world.faults.duplicate_one_in = 1;
    pair.world.faults.delay_max = 300ms;
    pair.configure();
    REQUIRE(pair.up_within(8s));
    for (int round = 0; round < 4; ++round) {
      pair.world.order(round % 2 == 0 ? Pair::kLeft : Pair::kRight, 1,
                       round < 2 ? Order::rekey_children : Order::rekey_ike);
      pair.world.run_for(400ms);
    }
    pair.world.run_for(60s);
    INFO("seed " << seed);
    CHECK(pair.at_rest() == Pair::Problems{});
  }
}
