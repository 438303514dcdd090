// Goal: one tunnel between two engines lives its whole life: up, rekeyed, probed, moved, down.
// Method: virtual time over a quiet network; the two kernels must mirror each other at every rest.
#include <catch2/catch.hpp>

#include "tests/sim/pair.h"

using namespace std::chrono_literals;
using ipsec::core::Connection;
using ipsec::core::Order;
using ipsec::sim::Pair;

TEST_CASE("a tunnel comes up and its kernels mirror each other", "[sim]") {
  Pair pair;
  pair.configure();
  REQUIRE(pair.up_within(2s));
  CHECK(pair.at_rest() == Pair::Problems{});
  CHECK(pair.left().tunnel(1).connection == Connection::connected);
  CHECK(pair.right().tunnel(1).connection == Connection::connected);
  CHECK(pair.packet_passes());
}

TEST_CASE("a responder-only side comes up when asked", "[sim]") {
  Pair pair;
  pair.right_config.start = ipsec::core::Start::respond;
  pair.configure();
  REQUIRE(pair.up_within(2s));
  CHECK(pair.at_rest() == Pair::Problems{});
}

TEST_CASE("both sides starting at once end in one of each", "[sim]") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Pair pair(seed);
    pair.world.faults.delay_max = 50ms;
    pair.world.faults.answer_max = 20ms;
    pair.configure();
    INFO("seed " << seed);
    REQUIRE(pair.up_within(5s));
    pair.world.run_for(60s);
    CHECK(pair.at_rest() == Pair::Problems{});
  }
}

TEST_CASE("children and IKE SAs are rekeyed by either side without losing a packet", "[sim]") {
  for (const std::size_t side : {Pair::kLeft, Pair::kRight}) {
    for (const Order what : {Order::rekey_children, Order::rekey_ike}) {
      Pair pair;
      pair.world.faults.delay_min = 5ms;
      pair.world.faults.delay_max = 20ms;
      pair.world.faults.answer_max = 5ms;
      pair.configure();
      REQUIRE(pair.up_within(2s));
      pair.world.run_for(40s);
      auto flows = pair.start_flows();
      for (int round = 0; round < 3; ++round) {
        pair.world.order(side, 1, what);
        pair.world.run_for(10s);
      }
      pair.stop(flows);
      CHECK(flows.lost() == 0);
      CHECK(flows.received() > 5000);
      CHECK(pair.at_rest() == Pair::Problems{});
      const auto& node = pair.world.node(side);
      if (what == Order::rekey_children) {
        CHECK(node.count<ipsec::core::ChildRekeyed>() >= 3);
      } else {
        CHECK(node.count<ipsec::core::IkeRekeyed>() >= 3);
      }
    }
  }
}

TEST_CASE("both sides rekeying at once lose no packet and end in one of each", "[sim]") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Pair pair(seed);
    pair.world.faults.delay_min = 5ms;
    pair.world.faults.delay_max = 30ms;
    pair.world.faults.answer_max = 10ms;
    pair.configure();
    REQUIRE(pair.up_within(2s));
    pair.world.run_for(60s);
    auto flows = pair.start_flows();
    const Order what = seed % 2 == 0 ? Order::rekey_children : Order::rekey_ike;
    pair.world.order(Pair::kLeft, 1, what);
    pair.world.run_for(std::chrono::milliseconds(seed % 7 * 5));
    pair.world.order(Pair::kRight, 1, what);
    pair.world.run_for(60s);
    pair.stop(flows);
    INFO("seed " << seed);
    CHECK(flows.lost() == 0);
    CHECK(pair.at_rest() == Pair::Problems{});
  }
}

TEST_CASE("lifetimes pass and the tunnel stays", "[sim]") {
  Pair pair;
  for (auto* config : {&pair.left_config, &pair.right_config}) {
    config->ike_lifetime = 300s;
    config->children.front().lifetime = 100s;
  }
  pair.configure();
  REQUIRE(pair.up_within(2s));
  pair.world.run_for(1s);  // both began, and one of the two SAs goes
  pair.left().events.clear();
  auto flows = pair.start_flows();
  pair.world.run_for(900s);
  pair.stop(flows);
  CHECK(flows.lost() == 0);
  CHECK(pair.at_rest() == Pair::Problems{});
  CHECK(pair.left().count<ipsec::core::ChildRekeyed>() >= 8);
  CHECK(pair.left().count<ipsec::core::IkeDown>() == 0);
}

TEST_CASE("lifetimes of the two ends may differ", "[sim]") {
  for (const std::size_t shorter : {Pair::kLeft, Pair::kRight}) {
    Pair pair;
    auto& config = shorter == Pair::kLeft ? pair.left_config : pair.right_config;
    config.ike_lifetime = 300s;
    config.children.front().lifetime = 100s;
    pair.configure();
    REQUIRE(pair.up_within(2s));
    pair.world.run_for(1s);
    auto flows = pair.start_flows();
    pair.world.run_for(900s);
    pair.stop(flows);
    CHECK(flows.lost() == 0);
    CHECK(pair.at_rest() == Pair::Problems{});
    CHECK(pair.world.node(shorter).count<ipsec::core::ChildRekeyed>() >= 8);
    CHECK(pair.world.node(shorter).count<ipsec::core::IkeRekeyed>() >= 2);
  }
}

TEST_CASE("a dead peer is found within 21 s and the tunnel comes back", "[sim]") {
  Pair pair;
  pair.configure();
  REQUIRE(pair.up_within(2s));
  pair.world.run_for(30s);
  pair.right().cut = true;
  const auto cut_at = pair.world.now();
  REQUIRE(pair.world.run_until([&] { return pair.left().count<ipsec::core::IkeDown>() > 0; }, 60s));
  CHECK(pair.world.now() - cut_at <= 21s);
  pair.world.run_for(100s);
  pair.right().cut = false;
  CHECK(pair.up_within(15s));
  pair.world.run_for(60s);
  CHECK(pair.at_rest() == Pair::Problems{});
}

TEST_CASE("a peer that restarts without memory is taken back at once", "[sim]") {
  Pair pair;
  pair.configure();
  REQUIRE(pair.up_within(2s));
  pair.world.run_for(30s);
  pair.world.restart(Pair::kRight);
  pair.right().kernel.flush();
  pair.world.configure(Pair::kRight, pair.right_config);
  CHECK(pair.world.run_until([&] { return pair.right().usable(1).size() == 1; }, 5s));
  pair.world.run_for(60s);
  CHECK(pair.at_rest() == Pair::Problems{});
}

TEST_CASE("a passive peer that restarted is found at the first message", "[sim]") {
  Pair pair;
  pair.right_config.start = ipsec::core::Start::respond;
  pair.configure();
  REQUIRE(pair.up_within(2s));
  pair.world.run_for(30s);
  pair.world.restart(Pair::kRight);
  pair.right().kernel.flush();
  pair.world.configure(Pair::kRight, pair.right_config);
  CHECK(pair.world.run_until([&] { return pair.right().usable(1).size() == 1; }, 25s));
  pair.world.run_for(60s);
  CHECK(pair.at_rest() == Pair::Problems{});
}

TEST_CASE("down takes everything away on both sides", "[sim]") {
  Pair pair;
  pair.right_config.start = ipsec::core::Start::respond;
  pair.configure();
  REQUIRE(pair.up_within(2s));
  pair.world.order(Pair::kLeft, 1, Order::down);
  pair.world.run_for(30s);
  CHECK(pair.left().kernel.empty());
  CHECK(pair.right().kernel.empty());
  CHECK(pair.left().engine->snapshot().sas == 0);
  CHECK(pair.right().engine->snapshot().sas == 0);
  pair.world.order(Pair::kLeft, 1, Order::up);
  CHECK(pair.up_within(2s));
}

TEST_CASE("a tunnel that is held down stays so, whatever the peer tries", "[sim]") {
  for (const Order ends : {Order::up, Order::reauthenticate}) {
    Pair pair;
    pair.configure();
    REQUIRE(pair.up_within(2s));
    pair.world.order(Pair::kLeft, 1, Order::down);
    pair.world.run_for(60s);
    CHECK(pair.left().kernel.empty());
    CHECK(pair.left().usable(1).empty());
    CHECK(pair.right().tunnel(1).connection == Connection::phase1_failed);
    // A change does not let it go, and neither does a probe.
    pair.world.order(Pair::kLeft, 1, Order::probe);
    pair.left_config.dpd_delay = 9s;
    pair.world.configure(Pair::kLeft, pair.left_config);
    pair.world.run_for(30s);
    CHECK(pair.left().kernel.empty());
    pair.world.order(Pair::kLeft, 1, ends);
    CHECK(pair.up_within(20s));
    pair.world.run_for(60s);
    CHECK(pair.at_rest() == Pair::Problems{});
  }
}

TEST_CASE("reauthentication makes before it breaks", "[sim]") {
  Pair pair;
  pair.configure();
  REQUIRE(pair.up_within(2s));
  pair.world.run_for(60s);
  auto flows = pair.start_flows();
  pair.world.order(Pair::kLeft, 1, Order::reauthenticate);
  pair.world.run_for(60s);
  pair.stop(flows);
  CHECK(flows.lost() == 0);
  CHECK(pair.at_rest() == Pair::Problems{});
}

TEST_CASE("a peer behind a NAT is followed when its mapping changes", "[sim]") {
  Pair pair;
  pair.left().nat_address = ipsec::Address::parse("198.51.100.7");
  pair.right_config.remote = ipsec::Address::any(ipsec::Family::v4);
  pair.configure();
  REQUIRE(pair.up_within(2s));
  CHECK(pair.right().tunnel(1).ike.front().nat.remote);
  CHECK(pair.left().tunnel(1).ike.front().nat.local);
  pair.left().nat_port_shift = 20000;
  pair.world.run_for(30s);
  CHECK(pair.right().count<ipsec::core::PeerMoved>() == 1);
  CHECK(pair.at_rest() == Pair::Problems{});
  CHECK(pair.packet_passes());
}

// The kernel tells at the next packet; a liveness check would tell some seconds later.
TEST_CASE("a peer behind a NAT is followed as soon as the kernel sees its new mapping", "[sim]") {
  Pair pair;
  pair.left().nat_address = ipsec::Address::parse("198.51.100.7");
  pair.right_config.remote = ipsec::Address::any(ipsec::Family::v4);
  pair.configure();
  REQUIRE(pair.up_within(2s));
  const auto child = pair.right().usable(1).front();
  const auto before = pair.right().tunnel(1).ike.front();
  const ipsec::xfrm::SaKey in{before.local.address, ipsec::xfrm::Protocol::esp, child.inbound};
  const ipsec::xfrm::SaKey out{before.remote.address, ipsec::xfrm::Protocol::esp, child.outbound};
  pair.left().nat_port_shift = 20000;
  const ipsec::Endpoint seen{before.remote.address, 24500};

  pair.world.feed(Pair::kRight, ipsec::core::KernelMapping{out, seen});
  CHECK(pair.right().tunnel(1).ike.front().remote == before.remote);
  pair.world.feed(Pair::kRight, ipsec::core::KernelMapping{in, seen});
  CHECK(pair.right().tunnel(1).ike.front().remote == seen);
  CHECK(pair.right().count<ipsec::core::PeerMoved>() == 1);
  CHECK(pair.packet_passes());
  pair.world.feed(Pair::kRight, ipsec::core::KernelMapping{in, seen});
  CHECK(pair.right().count<ipsec::core::PeerMoved>() == 1);
  pair.world.run_for(30s);
  CHECK(pair.right().count<ipsec::core::PeerMoved>() == 1);
  CHECK(pair.at_rest() == Pair::Problems{});
}

// RFC 7296 2.23: the end behind a NAT keeps to the address it was given; and there is no mapping
// where nothing is encapsulated.
TEST_CASE("what the kernel says of a mapping moves nobody who must stay", "[sim]") {
  const bool behind_nat = GENERATE(true, false);
  Pair pair;
  if (behind_nat) {
    pair.left().nat_address = ipsec::Address::parse("198.51.100.7");
    pair.right_config.remote = ipsec::Address::any(ipsec::Family::v4);
  }
  pair.configure();
  REQUIRE(pair.up_within(2s));
  pair.world.run_for(20s);  // both may have started: one IKE SA stays
  const auto child = pair.left().usable(1).front();
  const auto before = pair.left().tunnel(1).ike.front();
  const ipsec::xfrm::SaKey in{before.local.address, ipsec::xfrm::Protocol::esp, child.inbound};
  pair.world.feed(Pair::kLeft, ipsec::core::KernelMapping{in, {before.remote.address, 24500}});
  CHECK(pair.left().count<ipsec::core::PeerMoved>() == 0);
  CHECK(pair.left().tunnel(1).ike.front().remote == before.remote);
  CHECK(pair.at_rest() == Pair::Problems{});
}

TEST_CASE("a responder behind a NAT answers where the initiator has moved to", "[sim]") {
  Pair pair;
  pair.right().nat_address = ipsec::Address::parse("198.51.100.9");
  pair.right().nat_port_shift = 0;
  pair.left_config.remote = *pair.right().nat_address;
  pair.left_config.remote_identity = pair.right_config.local_identity;
  pair.right_config.start = ipsec::core::Start::respond;
  pair.configure();
  REQUIRE(pair.up_within(2s));
  CHECK(pair.right().tunnel(1).ike.front().nat.local);
  CHECK(pair.at_rest() == Pair::Problems{});
}

TEST_CASE("a peer that takes one pair a child gets as many children", "[sim]") {
  Pair pair;
  const auto range = [](const char* text) {
    return ipsec::TrafficSelector::of(ipsec::Cidr::parse(text).value());
  };
  // The right side narrows each request to what its own rules allow: one pair each.
  pair.left_config.children.front().selectors = {{range("10.1.0.0/17"), range("10.1.128.0/17")},
                                                 {range("10.2.0.0/16")}};
  auto second = pair.right_config.children.front();
  pair.right_config.children.front().selectors = {{range("10.2.0.0/16")}, {range("10.1.0.0/17")}};
  second.selectors = {{range("10.2.0.0/16")}, {range("10.1.128.0/17")}};
  second.reqid = ipsec::Reqid{2};
  pair.right_config.children.push_back(second);
  pair.right_config.start = ipsec::core::Start::respond;
  pair.configure();
  CHECK(pair.world.run_until([&] { return pair.left().usable(1).size() == 2; }, 30s));
  pair.world.run_for(10s);
  CHECK(pair.right().usable(1).size() == 2);
  CHECK(pair.world.mirror_faults(Pair::kLeft, Pair::kRight).empty());
  CHECK(pair.world.complaints().empty());
}

TEST_CASE("an IKE SA without children is a tunnel too", "[sim]") {
  Pair pair;
  pair.left_config.children.clear();
  pair.right_config.children.clear();
  pair.configure();
  pair.world.run_for(40s);
  CHECK(pair.left().tunnel(1).connection == Connection::connected);
  CHECK(pair.right().tunnel(1).connection == Connection::connected);
  CHECK(pair.left().established(1) == 1);
  CHECK(pair.right().established(1) == 1);
  CHECK(pair.left().kernel.empty());
}

TEST_CASE("long messages cross a path with a small MTU in fragments", "[sim]") {
  Pair pair;
  pair.world.faults.mtu = 600;
  for (auto* config : {&pair.left_config, &pair.right_config}) {
    config->fragment_bytes = 576;
    // Enough selectors to make IKE_AUTH longer than one datagram.
    auto& selectors = config->children.front().selectors;
    for (int i = 0; i < 30; ++i) {
      const auto text = "172.16." + std::to_string(i) + ".0/24";
      const auto more = ipsec::TrafficSelector::of(ipsec::Cidr::parse(text).value());
      (config == &pair.left_config ? selectors.local : selectors.remote).push_back(more);
    }
  }
  pair.configure();
  REQUIRE(pair.up_within(20s));
  pair.world.run_for(60s);
  CHECK(pair.left().usable(1).size() == 1);
  CHECK(pair.world.mirror_faults(Pair::kLeft, Pair::kRight).empty());
  CHECK(pair.world.complaints().empty());
}

// RFC 7296 2.11. charon goes to port 4500 for IKE_AUTH even where there is no NAT, for it speaks
// MOBIKE.
TEST_CASE("a refusal goes back the way the request came", "[sim]") {
  Pair pair;
  pair.right_config.start = ipsec::core::Start::respond;
  pair.right_config.credential =
      ipsec::core::make_shared_key_credential(ipsec::Secret::copy_of(std::string_view("other")));
  pair.world.hold = true;
  pair.configure();
  pair.world.run_for(0s);
  pair.world.deliver(0);  // IKE_SA_INIT
  pair.world.deliver(0);  // and its answer
  REQUIRE(pair.world.held.size() == 1);
  auto& request = pair.world.held.front();
  request.source.port = ipsec::kNattPort;
  request.target.port = ipsec::kNattPort;
  pair.world.deliver(0);
  REQUIRE(pair.world.held.size() == 1);
  CHECK(pair.world.held.front().source.port == ipsec::kNattPort);
  CHECK(pair.world.held.front().target.port == ipsec::kNattPort);
}
