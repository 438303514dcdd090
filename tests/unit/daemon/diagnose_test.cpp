#include <algorithm>
#include <string>

#include <catch2/catch.hpp>

#include "ike/daemon/diagnose.h"
#include "tests/unit/gateway/site.h"

using ipsec::Address;
using ipsec::ChildSpi;
using ipsec::Cidr;
using ipsec::Family;
using ipsec::Reqid;
using ipsec::control::Finding;
using ipsec::daemon::Device;
using ipsec::daemon::inner_mtu;
using ipsec::daemon::judge;
using ipsec::daemon::KernelSa;
using ipsec::daemon::Protection;
using ipsec::daemon::tcp_mss;
using ipsec::daemon::TunnelFacts;
using ipsec::gateway::Site;
using Grade = ipsec::control::Finding::Grade;
namespace core = ipsec::core;
namespace xfrm = ipsec::xfrm;

namespace {

constexpr ChildSpi kIn{0x1001};
constexpr ChildSpi kOut{0x2002};
constexpr Reqid kReqid{0x49500001};

Address at(const char* text) { return *Address::parse(text); }
Cidr range(const char* text) { return *Cidr::parse(text); }

Device device(const char* name, const char* address) {
  Device out;
  out.name = name;
  out.mtu_bytes = 1500;
  out.addresses = {at(address)};
  return out;
}

KernelSa kernel_sa(xfrm::Direction direction, ChildSpi spi) {
  KernelSa sa;
  sa.direction = direction;
  sa.spi = spi;
  sa.reqid = kReqid;
  sa.protection.encryption = ipsec::find_encryption("aes128gcm16");
  sa.counters.packets = 5;
  return sa;
}

xfrm::PolicyRecord policy(xfrm::PolicyDirection direction, ChildSpi spi) {
  xfrm::PolicyRecord out;
  out.key.direction = direction;
  out.protection.reqid = kReqid;
  out.protection.spi = spi;
  return out;
}

// Tunnel "hq" of the site, up, carrying packets both ways.
TunnelFacts sound() {
  const Site site;
  TunnelFacts facts;
  facts.tunnel = *site.inventory.get<ipsec::gateway::Tunnel>(site.id(ipsec::Kind::tunnel, "hq"));
  facts.gateway = "gw";
  facts.meaning = meaning_of(site.inventory, facts.tunnel);
  facts.view.connection = "connected";
  facts.view.pairs = 1;
  facts.view.pairs_up = 1;

  core::ChildStatus child;
  child.reqid = kReqid;
  child.inbound = kIn;
  child.outbound = kOut;
  child.usable = true;
  core::IkeStatus ike;
  ike.established = true;
  ike.current = true;
  ike.local = {facts.meaning->local, 500};
  ike.remote = {facts.meaning->remote, 500};
  ike.children.push_back(child);
  facts.status.emplace();
  facts.status->connection = core::Connection::connected;
  facts.status->ike.push_back(ike);

  facts.sas = {kernel_sa(xfrm::Direction::in, kIn), kernel_sa(xfrm::Direction::out, kOut)};
  facts.policies = {policy(xfrm::PolicyDirection::out, kOut), policy(xfrm::PolicyDirection::in, {}),
                    policy(xfrm::PolicyDirection::forward, {})};
  facts.devices = {device("wan", "198.51.100.1")};
  facts.routes = {{Cidr{}, at("198.51.100.254"), "wan", 0, false}};
  for (const auto& rule : facts.tunnel.all_rules()) {
    facts.routes.push_back({rule.local, std::nullopt, "lan", 0, false});
  }
  facts.source = at("198.51.100.1");
  return facts;
}

TunnelFacts failed(core::Cause cause, core::Stage stage) {
  TunnelFacts facts = sound();
  facts.view.connection = stage == core::Stage::child ? "phase2-failed" : "phase1-failed";
  facts.view.tries = 3;
  facts.status->ike.clear();
  facts.sas.clear();
  facts.policies.clear();
  facts.status->last_failure =
      core::Failure{stage, cause, "aes256-sha256", "3des-md5\nforged", "detail"};
  return facts;
}

Finding finding(const TunnelFacts& facts, std::string_view what) {
  const auto findings = judge(facts);
  const auto found = std::ranges::find(findings, what, &Finding::what);
  INFO(what);
  REQUIRE(found != findings.end());
  return *found;
}

bool has(const TunnelFacts& facts, std::string_view what) {
  const auto findings = judge(facts);
  return std::ranges::find(findings, what, &Finding::what) != findings.end();
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

Finding child_finding(const TunnelFacts& facts) {
  const auto findings = judge(facts);
  const auto found = std::ranges::find_if(
      findings, [](const Finding& it) { return it.what.starts_with("child "); });
  REQUIRE(found != findings.end());
  return *found;
}

}  // namespace

TEST_CASE("of a sound tunnel nothing is bad", "[diagnose]") {
  for (const Finding& it : judge(sound())) {
    INFO(it.what << ": " << it.found);
    CHECK(it.grade <= Grade::note);
    if (it.grade == Grade::good) CHECK(it.advice.empty());
  }
  CHECK(finding(sound(), "packets").grade == Grade::good);
  CHECK(child_finding(sound()).grade == Grade::good);
}

TEST_CASE("a gateway without an address is told of with the command that gives it one",
          "[diagnose]") {
  auto facts = sound();
  facts.meaning.reset();
  facts.status.reset();
  facts.sas.clear();
  facts.view.connection = "idle";
  facts.view.note = "waits";
  const auto found = finding(facts, "gateway address");
  CHECK(found.grade == Grade::bad);
  CHECK(contains(found.advice, "ipsecctl gateway set gw --public-address"));
}

TEST_CASE("addresses and the way to the peer", "[diagnose]") {
  auto facts = sound();
  CHECK(finding(facts, "local address").grade == Grade::good);
  CHECK(finding(facts, "way to the peer").grade == Grade::good);
  facts.source = at("198.51.100.7");
  CHECK(finding(facts, "way to the peer").grade == Grade::note);
  CHECK(contains(finding(facts, "way to the peer").found, "198.51.100.7"));
  facts.source.reset();
  CHECK(finding(facts, "way to the peer").grade == Grade::bad);
  facts.devices = {device("wan", "198.51.100.2")};
  CHECK(finding(facts, "local address").grade == Grade::bad);
}

TEST_CASE("a NAT that was seen is told of", "[diagnose]") {
  auto facts = sound();
  CHECK(finding(facts, "NAT").grade == Grade::good);
  facts.status->ike[0].nat.remote = true;
  CHECK(contains(finding(facts, "NAT").found, "in front of the peer"));
}

TEST_CASE("a failure is told with both views, in lines of our own", "[diagnose]") {
  const auto facts = failed(core::Cause::no_proposal_chosen, core::Stage::ike_sa_init);
  const auto found = finding(facts, "last failure");
  CHECK(found.grade == Grade::bad);
  CHECK(contains(found.found, "IKE_SA_INIT failed: no-proposal-chosen"));
  CHECK(finding(facts, "ours").found == "aes256-sha256");
  CHECK(finding(facts, "theirs").found == "3des-md5?forged");
  CHECK(finding(facts, "connection").grade == Grade::bad);
  CHECK_FALSE(has(facts, "pre-shared key"));
}

TEST_CASE("a failure that is over is a note", "[diagnose]") {
  auto facts = sound();
  facts.status->last_failure =
      core::Failure{core::Stage::ike_auth, core::Cause::authentication_failed, "", "", ""};
  CHECK(finding(facts, "last failure").grade == Grade::note);
}

TEST_CASE("where authentication fails, identities and what the key looks like are told",
          "[diagnose]") {
  auto facts = failed(core::Cause::authentication_failed, core::Stage::ike_auth);
  CHECK(contains(finding(facts, "identities").found, "198.51.100.1"));
  CHECK(contains(finding(facts, "identities").advice, "203.0.113.9"));
  CHECK(finding(facts, "pre-shared key").found == "21 characters");
  facts.meaning->psk = ipsec::gateway::Psk("0xschl\xc3\xbcssel wort");
  const auto found = finding(facts, "pre-shared key").found;
  CHECK(contains(found, "16 characters"));
  CHECK(contains(found, "beyond ASCII"));
  CHECK(contains(found, "white space"));
  CHECK(contains(found, "hex"));
  for (const Finding& it : judge(facts)) {
    CHECK_FALSE(contains(it.found + it.advice, "ssel"));
  }
}

TEST_CASE("where phase 1 of IKEv1 fails, version and mode are told", "[diagnose]") {
  CHECK_FALSE(has(failed(core::Cause::peer_silent, core::Stage::ike_sa_init), "version and mode"));
  auto facts = failed(core::Cause::peer_silent, core::Stage::v1_opening);
  CHECK(contains(finding(facts, "version and mode").found, "main mode"));
  facts = failed(core::Cause::peer_silent, core::Stage::v1_proof);
  facts.meaning->ike.mode = ipsec::gateway::IkeMode::aggressive;
  CHECK(contains(finding(facts, "version and mode").found, "aggressive mode"));
  CHECK(has(facts, "pre-shared key"));
}

TEST_CASE("a flood of openings is told of while it lasts", "[diagnose]") {
  using namespace std::chrono_literals;
  auto facts = failed(core::Cause::peer_silent, core::Stage::v1_opening);
  CHECK_FALSE(has(facts, "openings"));
  facts.now += 100s;
  facts.openings = {2000, true, 0, ipsec::kNever};
  CHECK(contains(finding(facts, "openings").found, "2000 half-open"));
  CHECK(contains(finding(facts, "openings").found, "cookie"));
  facts.openings = {10, false, 7, facts.now - 29s};
  const auto held_back = finding(facts, "openings");
  CHECK(contains(held_back.found, "7 openings in aggressive mode held back"));
  CHECK(held_back.grade == Grade::warning);
  facts.view.connection = "connected";
  CHECK(finding(facts, "openings").grade == Grade::note);
  facts.now += 1s;
  CHECK_FALSE(has(facts, "openings"));
}

TEST_CASE("the mirror image that the peer must have is told", "[diagnose]") {
  const auto facts = sound();
  const auto rule = facts.tunnel.all_rules().front();
  const auto found = finding(facts, "ranges");
  CHECK(contains(found.found, "local " + rule.local.to_string()));
  CHECK(contains(found.advice, "local " + rule.peers.front().to_string()));
  CHECK(contains(found.advice, "peer " + rule.local.to_string()));
}

TEST_CASE("pairs that the peer left out are told of", "[diagnose]") {
  auto facts = sound();
  facts.view.pairs = 2;
  CHECK(finding(facts, "connection").grade == Grade::warning);
}

TEST_CASE("SAs and policies that are not in the kernel are told of", "[diagnose]") {
  auto facts = sound();
  facts.sas[1].spi = ChildSpi{0x3003};
  CHECK(child_finding(facts).grade == Grade::bad);
  CHECK(contains(child_finding(facts).found, "SA out 0x00002002"));
  CHECK(finding(facts, "packets").grade == Grade::good);

  facts = sound();
  facts.policies.pop_back();
  CHECK(contains(child_finding(facts).found, "policy forward"));

  // What only blocks, as a trap does, carries nothing.
  facts = sound();
  facts.policies[0].blocks = true;
  CHECK(contains(child_finding(facts).found, "policy out"));
}

TEST_CASE("a policy that leads to an SA that is gone is bad", "[diagnose]") {
  auto facts = sound();
  CHECK_FALSE(has(facts, "policy out"));
  facts.policies.push_back(policy(xfrm::PolicyDirection::out, ChildSpi{0x4004}));
  CHECK(finding(facts, "policy out").grade == Grade::bad);
}

TEST_CASE("counters say whose way is missing", "[diagnose]") {
  auto facts = sound();
  facts.sas[0].counters.packets = 0;
  CHECK(finding(facts, "packets").grade == Grade::bad);
  CHECK(contains(finding(facts, "packets").advice, "return route"));
  std::swap(facts.sas[0].counters, facts.sas[1].counters);
  CHECK(finding(facts, "packets").grade == Grade::bad);
  CHECK(contains(finding(facts, "packets").advice, "at this side"));
  facts.sas[0].counters.packets = 0;
  CHECK(finding(facts, "packets").grade == Grade::note);
  // Fresh SAs of a tunnel that has carried packets before say nothing.
  facts.view.counters.in_packets = 3;
  facts.view.counters.out_packets = 3;
  CHECK(finding(facts, "packets").grade == Grade::good);
}

TEST_CASE("packets that were refused are told of", "[diagnose]") {
  auto facts = sound();
  for (const char* what : {"integrity", "replay", "replay window"}) CHECK_FALSE(has(facts, what));
  facts.sas[0].counters.integrity_failed = 1;
  facts.sas[0].counters.replayed = 2;
  facts.sas[0].counters.outside_window = 3;
  CHECK(finding(facts, "integrity").grade == Grade::bad);
  CHECK(finding(facts, "replay").grade == Grade::warning);
  CHECK(finding(facts, "replay window").grade == Grade::warning);
}

TEST_CASE("ranges without a way are told of", "[diagnose]") {
  auto facts = sound();
  const auto rule = facts.tunnel.all_rules().front();
  const std::string local = "local range " + rule.local.to_string();
  const std::string peer = "peer range " + rule.peers.front().to_string();
  CHECK(finding(facts, local).grade == Grade::good);
  CHECK(finding(facts, peer).grade == Grade::good);
  facts.routes.resize(1);
  CHECK(finding(facts, local).grade == Grade::warning);
  facts.routes.clear();
  CHECK(finding(facts, peer).grade == Grade::bad);
  facts.devices[0].addresses.push_back(*rule.peers.front().network().next());
  CHECK(contains(finding(facts, peer).found, "own"));
}

TEST_CASE("a route that is not in its table is told of with what to do", "[diagnose]") {
  TunnelFacts facts = sound();
  CHECK(contains(finding(facts, "routes").advice, "subnet set SUBNET --route-table"));
  const auto route = [](const char* destination, const char* state, const char* why) {
    ipsec::control::RouteView out;
    out.tunnel = "office";
    out.table = "101";
    out.destination = destination;
    out.state = state;
    out.why = why;
    return out;
  };
  facts.delivered = {route("10.2.0.0/24", "ok", ""), route("10.3.0.0/24", "ok", "")};
  CHECK(finding(facts, "routes").grade == Grade::good);
  CHECK(finding(facts, "routes").found == "2 in the subnets' tables");
  facts.delivered[1] = route("10.3.0.0/24", "conflict", "10.3.0.0/24 via 10.0.0.1 has the place");
  const Finding conflict = finding(facts, "route 10.3.0.0/24 in table 101");
  CHECK(conflict.grade == Grade::bad);
  CHECK(conflict.found == "conflict: 10.3.0.0/24 via 10.0.0.1 has the place");
  CHECK(contains(conflict.advice, "ipsecctl tunnel set office --route-metric"));
  CHECK_FALSE(has(facts, "routes"));
  facts.delivered[1] = route("10.3.0.0/24", "down", "");
  CHECK(finding(facts, "routes").found == "1 of 2: the others come with the tunnel");
  facts.delivered[1] = route("10.3.0.0/24", "pending", "");
  CHECK(finding(facts, "routes").grade == Grade::note);
  CHECK(finding(facts, "routes").found == "1 of 2: the others are being put there");
  CHECK_FALSE(has(facts, "route 10.3.0.0/24 in table 101"));
  facts.delivered[1] = route("10.3.0.0/24", "withdrawn", "");
  CHECK(contains(finding(facts, "routes").advice, "tunnel routes announce"));
  facts.delivered.assign(8, route("10.3.0.0/24", "failed", "no such device"));
  CHECK(finding(facts, "routes").found == "3 more are not there");
}

TEST_CASE("weak algorithms are told of", "[diagnose]") {
  auto facts = sound();
  CHECK(finding(facts, "algorithms").grade == Grade::good);
  facts.view.weak = {"3des (IPsec)"};
  CHECK(finding(facts, "algorithms").grade == Grade::warning);
  CHECK(contains(finding(facts, "algorithms").advice, "--profile modern"));
  facts.tunnel.ike.mode = ipsec::gateway::IkeMode::aggressive;
  facts.view.weak = {"aggressive mode (identities in clear)"};
  CHECK(contains(finding(facts, "algorithms").advice, "--ike-version 2, or --ike-mode main"));
}

TEST_CASE("a kernel that does not answer is no reason to say nothing else", "[diagnose]") {
  auto facts = sound();
  facts.sas.clear();
  facts.kernel_error = "listing SAs: no buffer";
  CHECK(finding(facts, "kernel").found == "listing SAs: no buffer");
  CHECK(has(facts, "way to the peer"));
}

// Worked out by hand: 1500 less the outer headers, in whole blocks, less the two bytes of trailer.
TEST_CASE("the room inside is exact to the byte", "[diagnose]") {
  Protection it;
  it.encryption = ipsec::find_encryption("aes128gcm16");
  CHECK(inner_mtu(it, 1500) == 1446);  // 1500-20-8-8-16 = 1448
  it.encapsulated = true;
  CHECK(inner_mtu(it, 1500) == 1438);  // 1440
  it.encapsulated = false;
  it.outer = Family::v6;
  CHECK(inner_mtu(it, 1500) == 1426);  // 1428

  it = {};
  it.encryption = ipsec::find_encryption("aes256");
  it.integrity = ipsec::find_integrity("sha256");
  CHECK(inner_mtu(it, 1500) == 1438);  // 1500-20-8-16-16 = 1440
  it.integrity = ipsec::find_integrity("sha1");
  CHECK(inner_mtu(it, 1500) == 1438);  // 1444, of which 90 blocks of 16
  it.encryption = ipsec::find_encryption("3des");
  CHECK(inner_mtu(it, 1500) == 1446);  // 1500-20-8-8-12 = 1452, of which 181 blocks of 8

  it = {};
  it.protocol = xfrm::Protocol::ah;
  it.integrity = ipsec::find_integrity("sha1");
  CHECK(inner_mtu(it, 1500) == 1456);  // 1500-20-24
  it.integrity = ipsec::find_integrity("sha256");
  CHECK(inner_mtu(it, 1500) == 1452);  // 1500-20-28
  it.outer = Family::v6;
  CHECK(inner_mtu(it, 1500) == 1428);  // 28 padded to 32
  it.outer = Family::v4;
  CHECK_FALSE(inner_mtu(it, 40));

  CHECK(tcp_mss(1446, Family::v4) == 1406);
  CHECK(tcp_mss(1446, Family::v6) == 1386);
  CHECK(tcp_mss(30, Family::v4) == 0);
}

TEST_CASE("the room inside comes with the commands that keep TCP to it", "[diagnose]") {
  auto facts = sound();
  const auto found = finding(facts, "MTU of IPv4 inside");
  CHECK(contains(found.found, "1446 bytes, TCP MSS 1406"));
  CHECK(contains(found.advice, "maxseg size set 1406"));
  CHECK(contains(found.advice, "--set-mss 1406"));
  CHECK_FALSE(has(facts, "MTU of IPv6 inside"));
  // Of several SAs the one that leaves the least room.
  facts.sas[0].protection.encapsulated = true;
  CHECK(contains(finding(facts, "MTU of IPv4 inside").found, "1438 bytes"));
  facts.tunnel.rules = {{range("2001:db8:1::/64"), {range("2001:db8:2::/64")}}};
  facts.devices[0].mtu_bytes = 1280;
  CHECK(finding(facts, "MTU of IPv6 inside").grade == Grade::bad);
}
