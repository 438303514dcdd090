// Found by the fuzz target `engine`: what a change of a tunnel does to a try under way.
#include <catch2/catch.hpp>

#include "tests/support/bare_peer.h"
#include "tests/support/fake_crypto.h"
#include "tests/support/host.h"

namespace {

using ipsec::Time;
using ipsec::TunnelId;
using ipsec::core::Connection;
using ipsec::core::Order;
using ipsec::test::Host;

ipsec::core::TunnelConfig make_config() {
  return ipsec::test::tunnel_between(1, "192.0.2.1", "203.0.113.2", "10.1.0.0/16", "10.2.0.0/16");
}

ipsec::core::TunnelConfig peer_config() {
  return ipsec::test::tunnel_between(1, "203.0.113.2", "192.0.2.1", "10.2.0.0/16", "10.1.0.0/16");
}

ipsec::core::SetTunnel set(ipsec::core::TunnelConfig config) {
  return {std::make_shared<const ipsec::core::TunnelConfig>(std::move(config))};
}

}  // namespace

TEST_CASE("a tunnel changed during a try goes on under the new configuration", "[regress]") {
  const ipsec::crypto::FakeProvider crypto(1);
  Host host(crypto, 1);
  host.feed(set(make_config()), Time{});
  auto moved = make_config();
  moved.remote = ipsec::Address::parse("203.0.113.9").value();
  host.sent.clear();
  host.feed(set(moved), Time{});
  REQUIRE(host.sent.size() == 1);
  CHECK(host.sent.front().remote.address == moved.remote);
  CHECK(host.engine().snapshot().sas == 1);
}

TEST_CASE("a removed tunnel that comes back while it closes is tried again", "[regress]") {
  const ipsec::crypto::FakeProvider crypto(1);
  Host host(crypto, 1);
  host.feed(set(make_config()), Time{});
  ipsec::test::BarePeer peer(crypto, peer_config(), 2);
  REQUIRE(peer.shake_hands(host, Time{}));
  host.feed(ipsec::core::RemoveTunnel{TunnelId{1}}, Time{});
  SECTION("by configuration") {
    host.feed(set(make_config()), Time{});
    for (int s = 1; s <= 30; ++s) CHECK(host.settle(Time{} + std::chrono::seconds(s)));
    CHECK(host.tunnel(1).connection == Connection::connecting);
  }
  SECTION("not by an order") {
    host.feed(ipsec::core::Command{TunnelId{1}, Order::up}, Time{});
    for (int s = 1; s <= 30; ++s) CHECK(host.settle(Time{} + std::chrono::seconds(s)));
    CHECK(host.engine().snapshot().tunnels.empty());
  }
}
