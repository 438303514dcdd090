// Goal: what a tunnel wants in tables is what the rulings say, for each mode and state (M96 to
// M103). Method: the small site of the gateway's tests, its subnets with tables, a way to the peer
// that is said here.
#include "ike/daemon/routing/claims.h"

#include <catch2/catch.hpp>

#include "ike/crypto/registry/registry.h"
#include "tests/unit/gateway/site.h"

using ipsec::Address;
using ipsec::Cidr;
using ipsec::Kind;
using ipsec::daemon::RangePair;
using ipsec::daemon::RouteRow;
using ipsec::daemon::TunnelState;
namespace core = ipsec::core;
namespace ours = ipsec::daemon;
namespace gateway = ipsec::gateway;
namespace route = ipsec::route;

namespace {

using Lines = std::vector<std::string>;

Cidr cidr(std::string_view text) { return Cidr::parse(text).value(); }
RangePair pair(std::string_view local, std::string_view peer) { return {cidr(local), cidr(peer)}; }
const RangePair kPair = pair("10.0.1.0/24", "192.168.2.0/24");

class Bench {
 public:
  Bench() { set(Kind::subnet, "web", {{"route_table", {"101"}}}); }

  void set(Kind kind, std::string_view name, const gateway::Fields& fields) {
    REQUIRE(site.set(kind, name, fields) == Lines{});
  }
  [[nodiscard]] const gateway::Tunnel& tunnel() const {
    return *site.inventory.get<gateway::Tunnel>(site.id(Kind::tunnel, "hq"));
  }
  [[nodiscard]] std::vector<RouteRow> rows() const {
    return ours::rows_of(site.inventory, site.settings.routes, tunnel(), state,
                         [this](const Address&) { return way; });
  }
  // "web 101: 192.168.2.0/24 via 192.0.2.1 dev eth0 metric 100", "web 101: 192.168.2.0/24 down".
  [[nodiscard]] Lines lines() const {
    Lines out;
    for (const RouteRow& row : rows()) {
      std::string line = row.subnet + " " + (row.table ? route::to_string(*row.table) : "") + ": ";
      if (!row.claim) {
        line += row.key.destination.to_string() + " " + row.state;
      } else {
        line += (row.claim->retain ? "retain " : "") + route::to_string(row.claim->route);
      }
      out.push_back(line);
    }
    return out;
  }

  gateway::Site site;
  TunnelState state{.carried = {kPair},
                    .undecided = {},
                    .waits_for_traffic = false,
                    .remote = Address::parse("203.0.113.9"),
                    .protection = {}};
  std::expected<route::Way, route::Trouble> way =
      route::Way{{Address::parse("192.0.2.1"), "eth0"}, 1500};
};

const std::string kNoTable = "db : 192.168.2.0/24 no table";

TEST_CASE("a pair that is carried is led to the peer, in the table of its subnet alone") {
  Bench bench;
  bench.set(Kind::subnet, "db", {{"route_table", {"102"}}});
  CHECK(bench.lines() == Lines{"web 101: 192.168.2.0/24 via 192.0.2.1 dev eth0 metric 100"});
  bench.set(Kind::tunnel, "hq", {{"local_cidrs", {"10.0.1.0/24", "10.0.2.0/24"}}});
  CHECK(bench.lines() == Lines{"db 102: 192.168.2.0/24 down",
                               "web 101: 192.168.2.0/24 via 192.0.2.1 dev eth0 metric 100"});
  bench.set(Kind::subnet, "db", {{"route_table", {}}});
  CHECK(bench.lines().front() == kNoTable);
  CHECK(bench.rows().front().why == "`ipsecctl subnet set db --route-table TABLE` gives it one");
}

TEST_CASE("two subnets with one table want a route where either is carried") {
  Bench bench;
  bench.set(Kind::subnet, "db", {{"route_table", {"101"}}});
  bench.set(Kind::tunnel, "hq",
            {{"local_cidrs", {"10.0.1.0/24", "10.0.2.0/24"}}, {"on_down", {"blackhole"}}});
  bench.state.carried = {pair("10.0.2.0/24", "192.168.2.0/24")};
  const auto claims = ours::claims_of(bench.rows());
  REQUIRE(claims.size() == 1);
  REQUIRE(claims.begin()->second.size() == 1);
  CHECK_FALSE(claims.begin()->second.front().route.is_blackhole());
}

TEST_CASE("while a tunnel is down its routes go, lead nowhere, or stay, as it is set") {
  Bench bench;
  bench.state.carried.clear();
  CHECK(bench.lines() == Lines{"web 101: 192.168.2.0/24 down"});
  bench.set(Kind::tunnel, "hq", {{"on_down", {"blackhole"}}});
  CHECK(bench.lines() == Lines{"web 101: blackhole 192.168.2.0/24 metric 100"});
  bench.set(Kind::tunnel, "hq", {{"route_mode", {"static"}}, {"route_metric", {"7"}}});
  CHECK(bench.lines() == Lines{"web 101: 192.168.2.0/24 via 192.0.2.1 dev eth0 metric 7"});
  bench.set(Kind::tunnel, "hq", {{"announce", {"false"}}});
  CHECK(bench.lines() == Lines{"web 101: 192.168.2.0/24 withdrawn"});
  bench.state.carried = {kPair};
  CHECK(bench.lines() == Lines{"web 101: 192.168.2.0/24 withdrawn"});
}

TEST_CASE(
    "one that waits for its first packet is led there, and what nobody knows yet is retained") {
  Bench bench;
  bench.state.carried.clear();
  bench.state.undecided = {kPair};
  CHECK(bench.lines() == Lines{"web 101: retain blackhole 192.168.2.0/24 metric 100"});
  bench.state.waits_for_traffic = true;
  CHECK(bench.lines() == Lines{"web 101: 192.168.2.0/24 via 192.0.2.1 dev eth0 metric 100"});
}

TEST_CASE("by BGP a range goes into the one table that is announced from") {
  Bench bench;
  bench.set(Kind::tunnel, "hq",
            {{"route_mode", {"bgp"}}, {"local_cidrs", {"10.0.1.0/24", "10.0.2.0/24"}}});
  CHECK(bench.lines() == Lines{" 10179: 192.168.2.0/24 via 192.0.2.1 dev eth0 metric 100"});
  bench.state.carried.clear();
  CHECK(bench.lines() == Lines{" 10179: 192.168.2.0/24 down"});
}

TEST_CASE("the next hop is the one that the table names") {
  Bench bench;
  const auto with = [&](const char* table) {
    bench.set(Kind::subnet, "web", {{"route_table", {table}}});
    return bench.lines().front();
  };
  CHECK(with("101,via=192.0.2.77") == "web 101: 192.168.2.0/24 via 192.0.2.77 metric 100");
  CHECK(with("101,dev=ipsec0") == "web 101: 192.168.2.0/24 dev ipsec0 metric 100");
  CHECK(with("101,netns=blue") ==
        "web 101 in netns blue: 192.168.2.0/24 via 198.51.100.1 metric 100");
  bench.set(Kind::gateway, "gw", {{"local_address", {"10.0.9.1"}}});
  CHECK(with("101,netns=blue") == "web 101 in netns blue: 192.168.2.0/24 via 10.0.9.1 metric 100");
  CHECK(with("101,via=2001:db8::1") == "web 101: 192.168.2.0/24 failed");
  CHECK(bench.rows().front().why ==
        "2001:db8::1 is no next hop for IPv4; give the subnet's route table another with `via=` or "
        "`dev=`");
}

TEST_CASE("a tunnel with a device of its own is led out of that") {
  Bench bench;
  bench.set(Kind::tunnel, "hq", {{"interface", {"ipsec7"}}});
  CHECK(bench.lines() == Lines{"web 101: 192.168.2.0/24 dev ipsec7 metric 100"});
  bench.set(Kind::subnet, "web", {{"route_table", {"101,netns=blue"}}});
  CHECK(bench.lines() ==
        Lines{"web 101 in netns blue: 192.168.2.0/24 via 198.51.100.1 metric 100"});
}

TEST_CASE("a way to the peer that is not known is said, and the tunnel's other routes stand") {
  Bench bench;
  bench.way = std::unexpected(route::Trouble{route::Trouble::Kind::unreachable, "no route to it"});
  CHECK(bench.lines() == Lines{"web 101: 192.168.2.0/24 failed"});
  CHECK(bench.rows().front().why == "no route to it");
  bench.state.remote.reset();
  CHECK(bench.rows().front().why == "the peer may come from any address, and has not come yet");
}

TEST_CASE("IPv6 inside IPv4 is led out of the device that IPv4 takes") {
  Bench bench;
  REQUIRE(bench.site.set(Kind::vpc, "prod", {{"cidrs", {"10.0.0.0/16", "2001:db8:1::/48"}}}) ==
          Lines{});
  REQUIRE(bench.site.create(
              Kind::subnet, "six",
              {{"vpc", {"prod"}}, {"cidr", {"2001:db8:1:1::/64"}}, {"route_table", {"101"}}}) ==
          Lines{});
  bench.set(Kind::tunnel, "hq",
            {{"local_cidrs", {"2001:db8:1:1::/64"}}, {"peer_cidrs", {"2001:db8:2::/48"}}});
  bench.state.carried = {pair("2001:db8:1:1::/64", "2001:db8:2::/48")};
  CHECK(bench.lines() == Lines{"six 101: 2001:db8:2::/48 dev eth0 metric 100"});
}

TEST_CASE("a route says how much fits into the tunnel") {
  Bench bench;
  const auto* aead = ipsec::find_encryption("aes128gcm16");
  REQUIRE(aead != nullptr);
  bench.state.protection = ours::Protection{.outer = ipsec::Family::v4,
                                            .protocol = ipsec::xfrm::Protocol::esp,
                                            .encryption = aead,
                                            .integrity = nullptr,
                                            .encapsulated = false};
  CHECK(bench.lines() ==
        Lines{"web 101: 192.168.2.0/24 via 192.0.2.1 dev eth0 metric 100 mtu 1446 advmss 1406"});
  bench.state.protection->encapsulated = true;
  CHECK(bench.lines() ==
        Lines{"web 101: 192.168.2.0/24 via 192.0.2.1 dev eth0 metric 100 mtu 1438 advmss 1398"});
  bench.way->mtu = 1400;
  CHECK(bench.rows().front().claim->route.mtu < 1400);
}

TEST_CASE("a child carries what it shares with a pair, in both directions") {
  const std::vector<gateway::Rule> rules{
      {cidr("10.0.1.0/24"), {cidr("192.168.2.0/24"), cidr("192.168.4.0/24")}},
      {cidr("10.0.2.0/24"), {cidr("192.168.2.0/24")}}};
  const auto child = [](std::string_view local, std::string_view remote) {
    return core::SelectorPair{{ipsec::TrafficSelector::of(cidr(local))},
                              {ipsec::TrafficSelector::of(cidr(remote))}};
  };
  CHECK(ours::carried_pairs(rules, {}).empty());
  CHECK(ours::carried_pairs(rules, {child("10.0.1.0/24", "192.168.2.0/24")}) ==
        std::set{pair("10.0.1.0/24", "192.168.2.0/24")});
  CHECK(ours::carried_pairs(rules, {child("10.0.0.0/16", "192.168.2.128/25")}) ==
        std::set{pair("10.0.1.0/24", "192.168.2.0/24"), pair("10.0.2.0/24", "192.168.2.0/24")});
  CHECK(ours::carried_pairs(rules, {child("10.0.7.0/24", "192.168.2.0/24")}).empty());
}

TEST_CASE("tables are those of subnets and of BGP, with rules for the subnets that ask for them") {
  Bench bench;
  const auto tables = [&] {
    return ours::tables_of(bench.site.inventory, bench.site.settings.routes);
  };
  REQUIRE(tables().size() == 1);
  CHECK(tables().begin()->second.empty());
  bench.set(Kind::subnet, "web", {{"route_table", {"101,rule"}}});
  REQUIRE(tables().size() == 1);
  CHECK(tables().begin()->second == std::set<route::Rule>{{cidr("10.0.1.0/24")}});
  bench.set(Kind::tunnel, "hq", {{"route_mode", {"bgp"}}});
  CHECK(tables().size() == 2);
}

}  // namespace
