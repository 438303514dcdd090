// Goal: who is behind a NAT, and nobody else, keeps its mapping alive: one byte 0xff from port 4500
// to where the SA's messages go, every 20 s, for as long as the tunnel lives (RFC 3948 2.3, 4).
#include <catch2/catch.hpp>

#include "ike/base/limits.h"
#include "tests/sim/pair.h"

using namespace std::chrono_literals;
using ipsec::Bytes;
using ipsec::Endpoint;
using ipsec::kNattPort;
using ipsec::core::Order;
using ipsec::limits::kNatKeepalive;
using ipsec::sim::Node;
using ipsec::sim::Pair;

namespace {

void put_left_behind_nat(Pair& pair) {
  pair.left().nat_address = ipsec::Address::parse("198.51.100.7");
  pair.right_config.remote = ipsec::Address::any(ipsec::Family::v4);
}

void put_right_behind_nat(Pair& pair) {
  pair.right().nat_address = ipsec::Address::parse("198.51.100.9");
  pair.right().nat_port_shift = 0;
  pair.left_config.remote = *pair.right().nat_address;
  pair.left_config.remote_identity = pair.right_config.local_identity;
  pair.right_config.start = ipsec::core::Start::respond;
}

}  // namespace

TEST_CASE("who is behind a NAT sends keepalives, and nobody else", "[sim]") {
  for (const std::size_t behind : {Pair::kLeft, Pair::kRight}) {
    Pair pair;
    behind == Pair::kLeft ? put_left_behind_nat(pair) : put_right_behind_nat(pair);
    pair.configure();
    REQUIRE(pair.up_within(2s));
    const auto up_at = pair.world.now();
    pair.world.run_for(10 * kNatKeepalive + 1s);
    const Node& node = pair.world.node(behind);
    CHECK(pair.world.node(1 - behind).keepalives.empty());
    REQUIRE(node.keepalives.size() == 10);
    const auto ike = node.tunnel(1).ike.front();
    auto before = up_at;
    for (const auto& sent : node.keepalives) {
      CHECK(sent.bytes == Bytes{0xff});
      CHECK(sent.local == Endpoint{node.address, kNattPort});
      CHECK(sent.remote == ike.remote);
      CHECK(sent.at - before <= kNatKeepalive);
      before = sent.at;
    }
    CHECK(ike.remote.port == kNattPort);
    CHECK(pair.at_rest() == Pair::Problems{});
  }
}

TEST_CASE("without a NAT there are no keepalives", "[sim]") {
  Pair pair;
  pair.configure();
  REQUIRE(pair.up_within(2s));
  pair.world.run_for(10 * kNatKeepalive);
  CHECK(pair.left().keepalives.empty());
  CHECK(pair.right().keepalives.empty());
}

// RFC 3948 4 counts from the last packet: a mapping must never be left alone for longer, whatever
// becomes of the SA that keeps it.
TEST_CASE("keepalives go on over rekeys and reauthentication, one stream of them", "[sim]") {
  for (const Order what : {Order::rekey_children, Order::rekey_ike, Order::reauthenticate}) {
    Pair pair;
    put_left_behind_nat(pair);
    pair.configure();
    REQUIRE(pair.up_within(2s));
    for (int round = 0; round < 6; ++round) {
      pair.world.run_for(33s);
      pair.world.order(Pair::kLeft, 1, what);
    }
    pair.world.run_for(61s);
    const auto& sent = pair.left().keepalives;
    INFO(static_cast<int>(what));
    REQUIRE(sent.size() >= 7);
    for (std::size_t i = 1; i < sent.size(); ++i) {
      // A new SA begins to count when it is made, and the messages that made it went out then.
      CHECK(sent[i].at - sent[i - 1].at <= 2 * kNatKeepalive);
      CHECK(sent[i].at - sent[i - 1].at >= kNatKeepalive - 1s);
    }
    CHECK(pair.right().keepalives.empty());
    CHECK(pair.at_rest() == Pair::Problems{});
  }
}

TEST_CASE("keepalives end with the tunnel", "[sim]") {
  Pair pair;
  put_left_behind_nat(pair);
  pair.configure();
  REQUIRE(pair.up_within(2s));
  pair.world.run_for(25s);
  pair.world.order(Pair::kLeft, 1, Order::down);
  pair.world.run_for(5s);
  pair.left().keepalives.clear();
  pair.world.run_for(120s);
  CHECK(pair.left().keepalives.empty());
}
