// Goal: a key lives in the engine's memory as long as its SA and no longer, and what a tunnel costs
// does not grow with its age.
// Method: a witness knows every key that went by (see witness.h), and looks for each of them in all
// memory that the engines hold.
#include <catch2/catch.hpp>

#include "tests/sim/pair.h"

using namespace std::chrono_literals;
using ipsec::core::Order;
using ipsec::sim::engine_bytes;
using ipsec::sim::Pair;
using ipsec::sim::Secrets;

namespace {

// What is made of the pre-shared key lives with the configuration, which the test holds too.
constexpr std::size_t kOfPsk = 1;
// Of an SA, SK_d, SK_ei and SK_er: each is the same for both sides. And what left's token begins
// with, which right keeps (RFC 6290). The kernels have the children's keys.
constexpr std::size_t kOfSa = 4;

std::size_t keys_in_memory(Pair& pair) {
  // Both engines share the heap: what either has seen may be in either.
  return pair.left().crypto.secrets().alive();
}

void forget_tunnel(Pair& pair) {
  for (const std::size_t side : {Pair::kLeft, Pair::kRight}) {
    pair.world.feed(side, ipsec::core::RemoveTunnel{ipsec::TunnelId{1}});
  }
  pair.world.run_for(40s);
  pair.left_config.credential.reset();
  pair.right_config.credential.reset();
}

}  // namespace

TEST_CASE("keys are in memory while they are needed, and gone after", "[secrets]") {
  REQUIRE(Secrets::can_look());
  Pair pair;
  pair.right_config.start = ipsec::core::Start::respond;
  pair.world.hold = true;
  pair.configure();
  pair.world.run_for(0s);
  pair.world.deliver(0);  // IKE_SA_INIT
  pair.world.deliver(0);  // its answer: the keys of IKE_AUTH wait with it
  CHECK(keys_in_memory(pair) > kOfPsk + 1);
  pair.world.hold = false;
  pair.world.deliver_all();
  REQUIRE(pair.up_within(2s));
  pair.world.run_for(40s);
  CHECK(keys_in_memory(pair) == kOfPsk + kOfSa);
  for (const Order what : {Order::rekey_children, Order::rekey_ike, Order::reauthenticate}) {
    for (const std::size_t side : {Pair::kLeft, Pair::kRight}) {
      const auto seen = pair.left().crypto.secrets().seen();
      pair.world.order(side, 1, what);
      pair.world.run_for(60s);
      INFO(static_cast<int>(what) << " by " << side);
      CHECK(pair.left().crypto.secrets().seen() > seen);
      CHECK(keys_in_memory(pair) == kOfPsk + kOfSa);
      CHECK(pair.left().crypto.key_exchanges() == 0);
      CHECK(pair.right().crypto.key_exchanges() == 0);
    }
  }
  CHECK(pair.at_rest() == Pair::Problems{});
  pair.world.order(Pair::kLeft, 1, Order::down);
  pair.world.run_for(40s);
  CHECK(keys_in_memory(pair) == kOfPsk);
  forget_tunnel(pair);
  CHECK(keys_in_memory(pair) == 0);
  CHECK(pair.right().crypto.secrets().alive() == 0);
}

TEST_CASE("what comes to nothing leaves no key behind", "[secrets]") {
  REQUIRE(Secrets::can_look());
  Pair pair;
  pair.right_config.credential =
      ipsec::core::make_shared_key_credential(ipsec::Secret::copy_of(std::string_view("other")));
  pair.configure();
  pair.world.run_for(120s);
  REQUIRE(pair.left().crypto.secrets().seen() > 10);
  forget_tunnel(pair);
  CHECK(keys_in_memory(pair) == 0);
  CHECK(pair.right().crypto.secrets().alive() == 0);
  CHECK(pair.left().crypto.key_exchanges() == 0);
}

TEST_CASE("a tunnel needs as much memory after a thousand rekeys as after ten", "[secrets]") {
  Pair pair;
  pair.world.tracing = false;
  pair.configure();
  REQUIRE(pair.up_within(2s));
  const auto live_through = [&](int rekeys) {
    for (int i = 0; i < rekeys; ++i) {
      const Order what = i % 3 == 0 ? Order::rekey_ike : Order::rekey_children;
      pair.world.order(i % 2 == 0 ? Pair::kLeft : Pair::kRight, 1, what);
      pair.world.run_for(10s);
      pair.left().events.clear();
      pair.right().events.clear();
    }
    pair.world.run_for(60s);
    return engine_bytes();
  };
  const auto young = live_through(12);
  const auto old = live_through(1002);
  CHECK(young > 0);
  CHECK(old <= young + 1000);
  CHECK(pair.at_rest() == Pair::Problems{});
}
