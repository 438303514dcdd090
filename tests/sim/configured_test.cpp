// Configurations as a person writes them, translated, between two engines: what was named is what
// is used, and both ends understand a mirror image.
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/daemon/translate.h"
#include "ike/gateway/draft.h"
#include "tests/sim/pair.h"
#include "tests/support/counting_random.h"

using ipsec::Kind;
using ipsec::Reqid;
using ipsec::TunnelId;
using ipsec::gateway::Fields;
using ipsec::sim::Pair;
using namespace std::chrono_literals;
namespace core = ipsec::core;
namespace gateway = ipsec::gateway;

namespace {

struct Side {
  const char* vpc;
  const char* address;
  const char* peer;
};
constexpr Side kLeft{"10.1.0.0/16", "192.0.2.1", "203.0.113.2"};
constexpr Side kRight{"10.2.0.0/16", "203.0.113.2", "192.0.2.1"};

core::TunnelConfig configured(const Side& side, const Side& other, const Fields& policy,
                              std::uint32_t reqid) {
  core::CountingRandom random;
  const gateway::Inventory empty;
  const gateway::Settings settings;
  gateway::Draft draft(empty, settings, {std::string(gateway::kDefaultAccount), {}, random});
  draft.create(Kind::vpc, "v", {{"cidrs", {side.vpc}}});
  draft.create(Kind::subnet, "s", {{"vpc", {"v"}}, {"cidr", {side.vpc}}});
  draft.create(Kind::gateway, "g",
               {{"vpc", {"v"}}, {"subnet", {"s"}}, {"public_address", {side.address}}});
  draft.create(Kind::peer, "p", {{"address", {side.peer}}});
  Fields fields{{"gateway", {"g"}},
                {"peer", {"p"}},
                {"local_cidrs", {side.vpc}},
                {"peer_cidrs", {other.vpc}},
                {"psk", {"the-same-on-both"}}};
  fields.insert(fields.end(), policy.begin(), policy.end());
  draft.create(Kind::tunnel, "t", fields);
  auto plan = std::move(draft).finish();
  if (!plan) FAIL(describe(plan.error().front()));
  const auto& tunnel = *plan->inventory.all<gateway::Tunnel>().front();
  const auto meaning = gateway::meaning_of(plan->inventory, tunnel);
  REQUIRE(meaning.has_value());
  return ipsec::daemon::translate(*meaning, tunnel.meta.name, {TunnelId{1}, Reqid{reqid}});
}

struct Used {
  std::string ike;
  std::string child;
};

Used used_between(const Fields& left, const Fields& right) {
  Pair pair;
  pair.left_config = configured(kLeft, kRight, left, 1);
  pair.right_config = configured(kRight, kLeft, right, 2);
  pair.configure();
  REQUIRE(pair.up_within(5s));
  pair.world.run_for(30s);
  CHECK(pair.at_rest() == Pair::Problems{});
  CHECK(pair.packet_passes());
  const auto tunnel = pair.left().tunnel(1);
  REQUIRE(tunnel.ike.size() == 1);
  REQUIRE(tunnel.ike.front().children.size() == 1);
  return {core::describe(tunnel.ike.front().algorithms.value()),
          core::describe(tunnel.ike.front().children.front().algorithms)};
}

}  // namespace

TEST_CASE("two gateways that name nothing take the strongest of all", "[sim][configured]") {
  const Used used = used_between({}, {});
  CHECK(used.ike == "aes256gcm16-prfsha512-x25519");
  CHECK_THAT(used.child, Catch::StartsWith("aes256gcm16"));
}

TEST_CASE("what one side names is what is used", "[sim][configured]") {
  const auto [fields, expected] = GENERATE(table<Fields, Used>({
      // The platforms' common default.
      {{{"ike.encryption", {"aes128"}},
        {"ike.integrity", {"sha1"}},
        {"ike.dh", {"2"}},
        {"ipsec.encryption", {"aes128"}},
        {"ipsec.integrity", {"sha1"}}},
       {"aes128-sha1-modp1024", "aes128-sha1"}},
      {{{"ike.dh", {"14"}}, {"ipsec.pfs", {"none"}}},
       {"aes256gcm16-prfsha512-modp2048", "aes256gcm16"}},
      {{{"ike.integrity", {"sha256"}}, {"ike.encryption", {"aes256"}}},
       {"aes256-sha256-x25519", "aes256gcm16"}},
      {{{"ike.encryption", {"aes128gcm16", "aes256"}}, {"ipsec.encryption", {"chacha20poly1305"}}},
       {"aes128gcm16-prfsha512-x25519", "chacha20poly1305"}},
      {{{"ike.encryption", {"aes192", "aes256gcm16"}}}, {"aes192-sha512-x25519", "aes256gcm16"}},
  }));
  CAPTURE(fields);
  // Both name it, so neither side's own preference decides.
  const Used both = used_between(fields, fields);
  CHECK_THAT(both.ike, Catch::Equals(expected.ike));
  CHECK_THAT(both.child, Catch::StartsWith(expected.child));
}

TEST_CASE("a peer on the platforms' defaults is met by one that names nothing",
          "[sim][configured]") {
  const Fields old{
      {"ike.encryption", {"aes128"}},   {"ike.integrity", {"sha1"}},   {"ike.dh", {"2"}},
      {"ipsec.encryption", {"aes128"}}, {"ipsec.integrity", {"sha1"}}, {"ipsec.pfs", {"2"}}};
  CHECK(used_between({}, old).ike == "aes128-sha1-modp1024");
  CHECK(used_between(old, {}).ike == "aes128-sha1-modp1024");
}

TEST_CASE("AH carries integrity alone", "[sim][configured]") {
  const Fields ah{{"ipsec.protocol", {"ah"}}, {"ipsec.integrity", {"sha256"}}};
  const Used used = used_between(ah, ah);
  CHECK_THAT(used.child, Catch::Contains("sha256") && !Catch::Contains("aes"));
}

TEST_CASE("a tunnel with a device takes everything that is sent there", "[configured]") {
  gateway::Meaning meaning;
  const auto cidr = [](const char* text) { return ipsec::Cidr::parse(text).value(); };
  meaning.rules = {{cidr("10.1.1.0/24"), {cidr("10.2.0.0/24")}},
                   {cidr("10.1.3.0/24"), {cidr("10.2.3.0/24")}}};
  meaning.interface = "vpn0";
  meaning.ipsec.copy_dscp = false;
  meaning.ipsec.copy_ecn = false;
  meaning.ipsec.output_mark = 7;
  CHECK(ipsec::daemon::reqids_of(meaning) == 1);
  const auto tunnel = ipsec::daemon::translate(meaning, "t", {TunnelId{1}, Reqid{5}});
  REQUIRE(tunnel.children.size() == 1);
  CHECK(core::describe(tunnel.children[0].selectors) == "0.0.0.0/0 === 0.0.0.0/0");
  CHECK(tunnel.kernel.interface == "vpn0");
  CHECK_FALSE(tunnel.kernel.copy_dscp);
  CHECK_FALSE(tunnel.kernel.copy_ecn);
  CHECK(tunnel.kernel.output_mark == ipsec::xfrm::Mark{7});
  meaning.rules.push_back({cidr("2001:db8:1::/64"), {cidr("2001:db8:2::/64")}});
  const auto both = ipsec::daemon::translate(meaning, "t", {TunnelId{1}, Reqid{5}});
  CHECK(core::describe(both.children[0].selectors) == "0.0.0.0/0, ::/0 === 0.0.0.0/0, ::/0");
}

TEST_CASE("IKEv1 and its mode are what was named", "[configured]") {
  const auto plain = configured(kLeft, kRight, {}, 7);
  CHECK(plain.version == core::IkeVersion::v2);
  CHECK_FALSE(plain.aggressive);
  const auto main_mode = configured(kLeft, kRight, {{"ike.version", {"1"}}}, 7);
  CHECK(main_mode.version == core::IkeVersion::v1);
  CHECK_FALSE(main_mode.aggressive);
  const Fields aggressive{{"ike.version", {"1"}}, {"ike.mode", {"aggressive"}}};
  const auto offers_one = configured(kLeft, kRight, aggressive, 7);
  CHECK(offers_one.aggressive);
  // One group a try: that first which most peers have.
  CHECK(offers_one.offers.front().groups.front() == ipsec::find_group("modp2048"));
  CHECK(main_mode.offers.front().groups.front() == ipsec::find_group("x25519"));
}

TEST_CASE("rules with the same peer ranges share a child", "[configured]") {
  const auto tunnel = configured(
      kLeft, kRight,
      {{"ipsec.lifetime_kb", {"4096"}}, {"ipsec.replay_window", {"64"}}, {"start", {"respond"}}},
      7);
  REQUIRE(tunnel.children.size() == 1);
  CHECK(tunnel.children.front().reqid == Reqid{7});
  CHECK(tunnel.children.front().lifetime_bytes == 4096U * 1024U);
  CHECK(tunnel.children.front().replay_window_packets == 64);
  CHECK(tunnel.start == core::Start::respond);
  CHECK(configured(kLeft, kRight, {{"enabled", {"false"}}}, 7).start == core::Start::down);

  gateway::Meaning meaning;
  const auto cidr = [](const char* text) { return ipsec::Cidr::parse(text).value(); };
  meaning.rules = {{cidr("10.1.1.0/24"), {cidr("10.2.0.0/24")}},
                   {cidr("10.1.2.0/24"), {cidr("10.2.0.0/24")}},
                   {cidr("10.1.3.0/24"), {cidr("10.2.3.0/24")}}};
  CHECK(ipsec::daemon::reqids_of(meaning) == 2);
  const auto two = ipsec::daemon::translate(meaning, "t", {TunnelId{1}, Reqid{5}});
  REQUIRE(two.children.size() == 2);
  CHECK(core::describe(two.children[0].selectors) == "10.1.1.0/24, 10.1.2.0/24 === 10.2.0.0/24");
  CHECK(two.children[1].reqid == Reqid{6});
}
