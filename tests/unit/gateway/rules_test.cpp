// Each rule of the acceptance list that a configuration can break, and the line that says so.
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/gateway/check.h"
#include "tests/unit/gateway/site.h"

using ipsec::Kind;
using ipsec::gateway::Draft;
using ipsec::gateway::Fields;
using ipsec::gateway::Site;
using ipsec::gateway::tunnel_fields;

namespace {

using Lines = std::vector<std::string>;
const Lines kTaken{};

}  // namespace

TEST_CASE("a tunnel with all defaults needs a gateway, a peer, ranges and a key", "[gateway]") {
  Site site;
  const auto* tunnel = site.inventory.get<ipsec::gateway::Tunnel>(site.id(Kind::tunnel, "hq"));
  REQUIRE(tunnel != nullptr);
  CHECK(tunnel->ike.version == ipsec::gateway::IkeVersion::v2);
  REQUIRE(site.remove(Kind::tunnel, "hq") == kTaken);
  const auto left_out = GENERATE("gateway", "peer", "psk", "local_cidrs", "peer_cidrs");
  const auto lines = site.create(Kind::tunnel, "second", tunnel_fields({{left_out, {}}}));
  CAPTURE(left_out);
  REQUIRE(lines.size() >= 1);
  CHECK_THAT(lines.front(),
             Catch::StartsWith(std::string("tunnel 'second': ") + left_out + ": missing; "));
}

TEST_CASE("addresses that no peer can have are refused", "[gateway]") {
  const auto [address, why] = GENERATE(table<std::string, std::string>({
      {"255.255.255.255", "a reserved address"},
      {"224.0.0.1", "a multicast address"},
      {"239.255.255.250", "a multicast address"},
      {"127.0.0.1", "a loopback address"},
      {"127.255.0.1", "a loopback address"},
      {"1.0.0.0", "the address of the class network /8 itself"},
      {"126.255.255.255", "the broadcast address of the class network /8"},
      {"128.0.0.0", "the address of the class network /16 itself"},
      {"191.9.255.255", "the broadcast address of the class network /16"},
      {"192.0.2.0", "the address of the class network /24 itself"},
      {"223.1.2.255", "the broadcast address of the class network /24"},
      {"169.254.7.7", "a link-local address"},
      {"0.0.0.1", "an address of network 0"},
      {"::1", "a loopback address"},
      {"ff02::1", "a multicast address"},
      {"fe80::1", "a link-local address"},
  }));
  Site site;
  CHECK(site.create(Kind::peer, "p", {{"address", {address}}}) ==
        Lines{"peer 'p': address '" + address + "': " + why +
              "; give the peer's public address, or 0.0.0.0 for a peer whose address changes"});
}

TEST_CASE("addresses beside those are taken", "[gateway]") {
  const auto* const address =
      GENERATE("0.0.0.0", "::", "1.0.0.1", "126.255.255.254", "128.0.0.1", "128.0.255.0",
               "192.0.2.1", "192.0.2.254", "169.253.0.1", "202.108.22.5", "2001:db8::1");
  Site site;
  CHECK(site.create(Kind::peer, "p", {{"address", {address}}}) == kTaken);
}

TEST_CASE("ranges of a tunnel keep the rules", "[gateway]") {
  Site site;
  const auto refused = [&](const Fields& otherwise, const std::string& line) {
    CHECK(site.set(Kind::tunnel, "hq", tunnel_fields(otherwise)) == Lines{line});
  };
  // M40
  refused({{"local_cidrs", {"10.0.3.0/24"}}},
          "tunnel 'hq': local_cidrs '10.0.3.0/24': lies in no subnet of vpc 'prod'; choose the "
          "range of a subnet, or create the subnet first");
  // M41
  refused({{"local_cidrs", {"10.0.1.0/24", "10.0.1.128/25"}}},
          "tunnel 'hq': local_cidrs '10.0.1.128/25': overlaps local range 10.0.1.0/24; give each "
          "local range once");
  refused({{"peer_cidrs", {"192.168.0.0/16", "192.168.2.0/24"}}},
          "tunnel 'hq': peer_cidrs '192.168.2.0/24': overlaps peer range 192.168.0.0/16; give each "
          "peer range once");
  refused({{"peer_cidrs", {"192.168.2.0/24", "192.168.2.0/24"}}},
          "tunnel 'hq': peer_cidrs '192.168.2.0/24': overlaps peer range 192.168.2.0/24; give each "
          "peer range once");
  refused({{"peer_cidrs", {"10.0.1.7"}}},
          "tunnel 'hq': peer_cidrs '10.0.1.7/32': overlaps local range 10.0.1.0/24; a range lies "
          "on one side or the other");
  // M44
  refused({{"peer_cidrs", {"10.0.77.0/24"}}},
          "tunnel 'hq': peer_cidrs '10.0.77.0/24': overlaps 10.0.0.0/16 of vpc 'prod'; choose a "
          "range outside the VPC's");
  // M42, M43
  const Fields rules{{"local_cidrs", {}}, {"peer_cidrs", {}}};
  const auto with = [&](const ipsec::FieldValue& said) {
    Fields fields{{"local_cidrs", {}}, {"peer_cidrs", {}}, {"rules", said}};
    return site.set(Kind::tunnel, "hq", fields);
  };
  CHECK(with({"10.0.1.0/25=192.168.2.0/24", "10.0.1.0/24=192.168.3.0/24"}) ==
        Lines{"tunnel 'hq': rules '10.0.1.0/25': overlaps local range 10.0.1.0/24; give each local "
              "range once"});
  CHECK(with({"10.0.1.0/24=192.168.2.0/24,192.168.2.128/25"}) ==
        Lines{"tunnel 'hq': rules '192.168.2.128/25': overlaps peer range 192.168.2.0/24; give "
              "each peer range once"});
  // M45
  CHECK(with({"10.0.1.0/24=192.168.2.0/24", "10.0.2.0/24=192.168.2.0/24"}) == kTaken);
}

TEST_CASE("a gateway shares neither subnet nor route table with who uses it", "[gateway]") {
  Site site;
  REQUIRE(site.set(Kind::subnet, "edge", {{"route_table", {"101"}}}) == kTaken);
  REQUIRE(site.set(Kind::subnet, "db", {{"route_table", {"101"}}}) == kTaken);
  CHECK(
      site.set(Kind::subnet, "web", {{"route_table", {"kernel:101,via=10.0.9.1"}}}) ==
      Lines{"tunnel 'hq': local_cidrs '10.0.1.0/24': its subnet 'web' has the route table '101' "
            "of subnet 'edge', where gateway 'gw' is; give the gateway a subnet and a route table "
            "of its own"});
  REQUIRE(site.set(Kind::subnet, "web", {{"route_table", {"102"}}}) == kTaken);
  CHECK(site.set(Kind::tunnel, "hq", {{"local_cidrs", {"10.0.9.0/24"}}}) ==
        Lines{"tunnel 'hq': local_cidrs '10.0.9.0/24': lies in subnet 'edge', where gateway 'gw' "
              "itself is; give the gateway a subnet and a route table of its own"});
  // Without route tables nobody's routes are ours: a word, and no more.
  REQUIRE(site.set(Kind::subnet, "edge", {{"route_table", {}}}) == kTaken);
  CHECK(site.set(Kind::tunnel, "hq", {{"local_cidrs", {"10.0.9.0/24"}}}) == kTaken);
  CHECK(
      site.plan.warnings ==
      Lines{"tunnel 'hq': local range 10.0.9.0/24 is in the gateway's own subnet 'edge': give its "
            "hosts their routes by hand, or put the gateway in another subnet"});
}

TEST_CASE("a gateway and a peer are joined by one tunnel", "[gateway]") {
  Site site;
  const Fields elsewhere =
      tunnel_fields({{"local_cidrs", {"10.0.2.0/24"}}, {"peer_cidrs", {"192.168.9.0/24"}}});
  CHECK(
      site.create(Kind::tunnel, "two", elsewhere) ==
      Lines{"tunnel 'two': peer 'office': tunnel 'hq' joins it with gateway 'gw' already; add the "
            "ranges to that tunnel, or make a peer of its own"});
  // By another gateway it may be reached, and by this one another peer.
  REQUIRE(site.create(
              Kind::gateway, "gw2",
              {{"vpc", {"prod"}}, {"subnet", {"edge"}}, {"public_address", {"198.51.100.2"}}}) ==
          kTaken);
  Fields by_another = elsewhere;
  for (auto& [name, value] : by_another) {
    if (name == "gateway") value = {"gw2"};
  }
  CHECK(site.create(Kind::tunnel, "two", by_another) == kTaken);
  CHECK(site.set(Kind::tunnel, "two", {{"gateway", {"gw"}}}).size() == 1);
}

TEST_CASE("two tunnels of a VPC do not share a pair of ranges, unless in one group", "[gateway]") {
  Site site;
  REQUIRE(site.create(Kind::peer, "branch", {{"address", {"203.0.113.10"}}}) == kTaken);
  const auto other = [&](const Fields& otherwise) {
    Fields fields = tunnel_fields(otherwise);
    for (auto& field : fields) {
      if (field.first == "peer") field.second = {"branch"};
    }
    return site.create(Kind::tunnel, "two", fields);
  };
  CHECK(other({}) ==
        Lines{"tunnel 'two': peer_cidrs '10.0.1.0/24=192.168.2.0/24': tunnel 'hq' has "
              "10.0.1.0/24=192.168.2.0/24; choose other ranges, or put both tunnels into one "
              "redundancy group"});
  CHECK(other({{"local_cidrs", {"10.0.1.128/25"}}, {"peer_cidrs", {"192.168.0.0/16"}}}) ==
        Lines{"tunnel 'two': peer_cidrs '10.0.1.128/25=192.168.0.0/16': tunnel 'hq' has "
              "10.0.1.0/24=192.168.2.0/24; choose other ranges, or put both tunnels into one "
              "redundancy group"});
  CHECK(other({{"group", {"ha"}}}).size() == 1);
  CHECK(site.set(Kind::tunnel, "hq", {{"group", {"ha"}}}) == kTaken);
  CHECK(other({{"group", {"ha"}}}) == kTaken);
  CHECK(site.set(Kind::tunnel, "two", {{"group", {}}}).size() == 1);
}

TEST_CASE("two tunnels do not share a device", "[gateway]") {
  Site site;
  REQUIRE(site.create(Kind::peer, "branch", {{"address", {"203.0.113.10"}}}) == kTaken);
  CHECK(site.set(Kind::tunnel, "hq", {{"interface", {"vpn-hq"}}}) == kTaken);
  Fields fields = tunnel_fields({{"peer_cidrs", {"192.168.9.0/24"}}, {"interface", {"vpn-hq"}}});
  for (auto& field : fields) {
    if (field.first == "peer") field.second = {"branch"};
  }
  CHECK(site.create(Kind::tunnel, "two", fields) ==
        Lines{"tunnel 'two': interface 'vpn-hq': already the device of tunnel 'hq'; every tunnel "
              "has a device of its own, or none"});
  CHECK(site.set(Kind::tunnel, "hq", {{"interface", {}}}) == kTaken);
  CHECK(site.create(Kind::tunnel, "two", fields) == kTaken);
}

TEST_CASE("limits are named with their value, and raised by a setting", "[gateway]") {
  Site site;
  site.settings.limits.tunnels_per_gateway = 1;
  REQUIRE(site.create(Kind::peer, "branch", {{"address", {"203.0.113.10"}}}) == kTaken);
  const Fields second = tunnel_fields({{"peer", {"branch"}}, {"peer_cidrs", {"192.168.3.0/24"}}});
  CHECK(site.create(Kind::tunnel, "two", second) ==
        Lines{"tunnel 'two': gateway: would make 2 tunnels on gateway 'gw', 1 are allowed; raise "
              "limits.tunnels_per_gateway, or use another"});
  site.settings.limits.tunnels_per_gateway = 2;
  CHECK(site.create(Kind::tunnel, "two", second) == kTaken);
  // A limit that was lowered since takes nothing away, and forbids no change of what there is.
  site.settings.limits.tunnels_per_gateway = 1;
  CHECK(site.set(Kind::tunnel, "two", {{"remarks", {"x"}}}) == kTaken);

  site.settings.limits.peers_per_region = 2;
  CHECK(site.create(Kind::peer, "third", {{"address", {"203.0.113.11"}}}) ==
        Lines{"peer 'third': region: would make 3 peers in region 'default', 2 are allowed; raise "
              "limits.peers_per_region, or use another"});
  CHECK(site.create(Kind::peer, "third", {{"address", {"203.0.113.11"}}, {"region", {"south"}}}) ==
        kTaken);

  ipsec::FieldValue many;
  for (int i = 0; i <= 20; ++i) many.push_back("172.16." + std::to_string(i) + ".0/24");
  CHECK(
      site.set(Kind::tunnel, "hq", {{"peer_cidrs", many}}) ==
      Lines{"tunnel 'hq': peer_cidrs: 21 peer ranges, 20 are allowed; join some of them, or raise "
            "limits.peer_cidrs_per_tunnel"});
  many.pop_back();
  CHECK(site.set(Kind::tunnel, "hq", {{"peer_cidrs", many}}) == kTaken);
}

TEST_CASE("every limit of the platforms holds by default, to the one", "[gateway]") {
  Site site;
  const auto ends = [](const Lines& lines, const std::string& what, const std::string& setting) {
    CAPTURE(lines);
    CHECK(lines.size() == 1);
    CHECK((!lines.empty() && lines.front().find(what) != std::string::npos));
    CHECK((!lines.empty() && lines.front().find("limits." + setting) != std::string::npos));
  };
  // gw is the first of ten.
  const auto gateway = [&](int i) {
    return site.create(Kind::gateway, "gw-" + std::to_string(i),
                       {{"vpc", {"prod"}},
                        {"subnet", {"edge"}},
                        {"public_address", {"198.51.100." + std::to_string(i)}}});
  };
  for (int i = 2; i <= 10; ++i) REQUIRE(gateway(i) == kTaken);
  ends(gateway(11), "11 gateways in vpc 'prod', 10 are allowed", "gateways_per_vpc");
  // hq is the first of twenty to office, and one gateway has one tunnel to it.
  site.settings.limits.gateways_per_vpc = 100;
  const auto tunnel = [&](const std::string& from, const std::string& to, int i) {
    Fields fields = tunnel_fields({{"peer_cidrs", {"172.16." + std::to_string(i) + ".0/24"}}});
    for (auto& [name, value] : fields) {
      if (name == "gateway") value = {from};
      if (name == "peer") value = {to};
    }
    return site.create(Kind::tunnel, "t-" + std::to_string(i), fields);
  };
  for (int i = 11; i <= 21; ++i) REQUIRE(gateway(i) == kTaken);
  for (int i = 2; i <= 20; ++i) {
    REQUIRE(tunnel("gw-" + std::to_string(i), "office", i) == kTaken);
  }
  ends(tunnel("gw-21", "office", 21), "21 tunnels to peer 'office', 20 are allowed",
       "tunnels_per_peer");
  // office is the first of twenty peers, and gw has hq.
  const auto peer = [&](int i) {
    return site.create(Kind::peer, "p-" + std::to_string(i),
                       {{"address", {"203.0.113." + std::to_string(100 + i)}}});
  };
  for (int i = 2; i <= 20; ++i) {
    REQUIRE(peer(i) == kTaken);
    REQUIRE(tunnel("gw", "p-" + std::to_string(i), 100 + i) == kTaken);
  }
  ends(peer(21), "21 peers in region 'default', 20 are allowed", "peers_per_region");
  site.settings.limits.peers_per_region = 100;
  REQUIRE(peer(21) == kTaken);
  ends(tunnel("gw", "p-21", 121), "21 tunnels on gateway 'gw', 20 are allowed",
       "tunnels_per_gateway");
}

TEST_CASE("ten rules of fifty ranges, and no more", "[gateway]") {
  Site site;
  const auto rule = [](int i, int ranges) {
    std::string out = "10.0.1." + std::to_string(i) + "/32=";
    for (int j = 0; j < ranges; ++j) {
      out += (j == 0 ? "" : ",") + ("172.16." + std::to_string(j)) + ".0/24";
    }
    return out;
  };
  const auto set = [&](int rules, int ranges) {
    ipsec::FieldValue said;
    for (int i = 0; i < rules; ++i) said.push_back(rule(i, ranges));
    return site.set(Kind::tunnel, "hq", {{"local_cidrs", {}}, {"peer_cidrs", {}}, {"rules", said}});
  };
  CHECK(set(10, 50) == kTaken);
  CHECK(set(11, 1) == Lines{"tunnel 'hq': rules: 11 rules, 10 are allowed; join some of them, or "
                            "raise limits.rules_per_tunnel"});
  CHECK(set(1, 51) == Lines{"tunnel 'hq': rules '10.0.1.0/32': 51 peer ranges in one rule, 50 are "
                            "allowed; join some of them, or raise limits.peer_cidrs_per_rule"});
}

TEST_CASE("a name that JSON and TOML could not carry is refused", "[gateway]") {
  Site site;
  const auto lines =
      site.change([&](Draft& draft) { draft.rename(site.id(Kind::tunnel, "hq"), "Z\xfcrich"); });
  REQUIRE(lines.size() == 1);
  CHECK_THAT(lines.front(), Catch::Contains("not valid UTF-8; a name has"));
}

TEST_CASE("keys of the wrong form are refused and never shown", "[gateway]") {
  Site site;
  const auto [key, why] = GENERATE(table<std::string, std::string>({
      {"what?", "has a '?' in it"},
      {"two words", "has white space or a control character in it"},
      {"tab\there", "has white space or a control character in it"},
      {std::string(129, 'x'), "longer than 128 characters"},
      {"\xff\xfe", "not valid UTF-8"},
      {"\xc0\xaf", "not valid UTF-8"},
      {"\xed\xa0\x80", "not valid UTF-8"},
  }));
  const auto lines = site.set(Kind::tunnel, "hq", {{"psk", {key}}});
  CHECK(lines == Lines{"tunnel 'hq': psk: " + why +
                       "; a key has 1 to 128 characters, none of them blank or '?'"});
}

TEST_CASE("keys of any script are taken, short ones with a warning", "[gateway]") {
  Site site;
  std::string long_key;
  for (int i = 0; i < 128; ++i) long_key += "\xe5\xaf\x86";  // three bytes, one character
  CHECK(site.set(Kind::tunnel, "hq", {{"psk", {long_key}}}) == kTaken);
  CHECK(site.plan.warnings.empty());
  CHECK(site.set(Kind::tunnel, "hq", {{"psk", {"123456"}}}) == kTaken);
  CHECK(site.plan.warnings ==
        Lines{"tunnel 'hq': psk is shorter than 8 characters and easily guessed"});
}

TEST_CASE("aggressive mode is taken with a warning, and only of those who ask for IKEv1",
          "[gateway]") {
  Site site;
  CHECK(site.set(Kind::tunnel, "hq", {{"ike.version", {"1"}}}) == kTaken);
  CHECK(site.plan.warnings.empty());
  CHECK(site.set(Kind::tunnel, "hq",
                 {{"ike.version", {"1"}},
                  {"ike.mode", {"aggressive"}},
                  {"ike.encryption", {"aes128", "3des"}},
                  {"ike.integrity", {"sha256", "md5"}},
                  {"ike.dh", {"14"}}}) == kTaken);
  REQUIRE(!site.plan.warnings.empty());
  CHECK(site.plan.warnings.back().starts_with(
      "tunnel 'hq': aggressive mode sends both identities in clear"));
}

TEST_CASE("policies that cannot work are refused", "[gateway]") {
  Site site;
  const auto [fields, line] = GENERATE(table<Fields, std::string>({
      {{{"ipsec.protocol", {"ah"}}, {"ipsec.encryption", {"aes128"}}},
       "ipsec.encryption 'aes128': AH does not encrypt; leave it out, or set ipsec.protocol to "
       "esp"},
      {{{"ipsec.protocol", {"ah"}}, {"force_encapsulation", {"true"}}},
       "force_encapsulation 'true': AH cannot go in UDP; leave it out, or set ipsec.protocol to "
       "esp"},
      {{{"ike.lifetime_s", {"3599"}}}, "ike.lifetime_s '3599': out of range; choose 3600 to 86400"},
      {{{"ipsec.lifetime_s", {"86401"}}},
       "ipsec.lifetime_s '86401': out of range; choose 3600 to 86400"},
      {{{"interface", {"lo"}}},
       "interface 'lo': no name for a device of its own; choose up to 15 letters, digits and '-', "
       "such as 'vpn-office'"},
      {{{"interface", {"a/b"}}},
       "interface 'a/b': no name for a device of its own; choose up to 15 letters, digits and '-', "
       "such as 'vpn-office'"},
      {{{"interface", {"sixteen-letters-"}}},
       "interface 'sixteen-letters-': no name for a device of its own; choose up to 15 letters, "
       "digits and '-', such as 'vpn-office'"},
      {{{"ipsec.lifetime_kb", {"2559"}}},
       "ipsec.lifetime_kb '2559': less than 2560; 0 turns the limit by volume off"},
      {{{"ipsec.replay_window", {"31"}}},
       "ipsec.replay_window '31': out of range; choose 32 to 4096"},
      {{{"ike.version", {"1"}}, {"ike.encryption", {"aes128gcm16"}}},
       "ike.encryption 'aes128gcm16': IKEv1 has no number for it here; choose another, or set "
       "ike.version to 2"},
      {{{"ike.version", {"1"}}, {"ike.encryption", {"aes128ctr"}}},
       "ike.encryption 'aes128ctr': IKEv1 has no number for it here; choose another, or set "
       "ike.version to 2"},
      {{{"ike.version", {"1"}}, {"ipsec.encryption", {"chacha20poly1305"}}},
       "ipsec.encryption 'chacha20poly1305': IKEv1 has no number for it here; choose another, or "
       "set ike.version to 2"},
      {{{"ike.mode", {"aggressive"}}},
       "ike.mode 'aggressive': IKEv2 has no modes; leave it out, or set ike.version to 1"},
      {{{"ike.encryption", {"null"}}},
       "ike.encryption 'null': no cipher for an IKE SA; name it for ipsec.encryption only"},
      {{{"ike.dh", {"14", "modp2048"}}},
       "ike.dh 'modp2048': named twice; name each once, best "
       "first"},
      {{{"ipsec.encryption", {"aes128gcm16"}}, {"ipsec.integrity", {"sha256"}}},
       "ipsec.integrity 'sha256': 'aes128gcm16' protects integrity itself; leave it out, or name a "
       "cipher that needs it"},
      {{{"line_route_mode", {"bgp"}}, {"route_mode", {"static"}}},
       "route_mode 'static': does not go with BGP on the private line; set route_mode to bgp, or "
       "line_route_mode to static"},
      {{{"route_mode", {"bgp"}}, {"on_down", {"blackhole"}}},
       "on_down 'blackhole': does not go with route_mode bgp, which withdraws; set on_down to "
       "withdraw, or route_mode to auto"},
      {{{"route_metric", {"0"}}},
       "route_metric '0': is what the kernel takes for none; choose a number from 1 on; a smaller "
       "one is taken first"},
      {{{"dpd.delay_s", {"0"}}}, "dpd.delay_s '0': out of range; choose 1 to 3600"},
  }));
  CHECK(site.set(Kind::tunnel, "hq", fields) == Lines{"tunnel 'hq': " + line});
}

TEST_CASE("a lifetime outside the platforms' range wants a setting", "[gateway]") {
  Site site;
  site.settings.lifetimes = ipsec::gateway::kWideLifetimes;
  CHECK(site.set(Kind::tunnel, "hq", {{"ike.lifetime_s", {"60"}}}) == kTaken);
  CHECK(site.set(Kind::tunnel, "hq", {{"ike.lifetime_s", {"604801"}}}).size() == 1);
}

TEST_CASE("AH does not go behind a NAT", "[gateway]") {
  Site site;
  REQUIRE(site.set(Kind::tunnel, "hq", {{"ipsec.protocol", {"ah"}}}) == kTaken);
  // The rule is the tunnel's, though it is the gateway that changes.
  CHECK(site.set(Kind::gateway, "gw", {{"local_address", {"192.168.93.46"}}}) ==
        Lines{"tunnel 'hq': ipsec.protocol 'ah': gateway 'gw' is behind a NAT, which AH does not "
              "pass; set it to esp"});
}

TEST_CASE("a peer from anywhere must say who it is", "[gateway]") {
  Site site;
  CHECK(site.set(Kind::peer, "office", {{"address", {"0.0.0.0"}}}) ==
        Lines{"tunnel 'hq': ike.peer_id: missing, and peer 'office' may come from any address; set "
              "it to the identity that is configured at the peer, mostly its private address"});
  CHECK(site.change([&](Draft& it) {
    it.set(site.id(Kind::peer, "office"), {{"address", {"0.0.0.0"}}});
    it.set(site.id(Kind::tunnel, "hq"), {{"ike.peer_id", {"192.168.93.46"}}});
  }) == kTaken);
  CHECK(site.set(Kind::tunnel, "hq", {{"start", {"traffic"}}}).size() == 1);
}

TEST_CASE("gateways, subnets and VPCs fit together", "[gateway]") {
  Site site;
  CHECK(site.create(Kind::subnet, "s", {{"vpc", {"prod"}}, {"cidr", {"10.1.0.0/24"}}}) ==
        Lines{"subnet 's': cidr '10.1.0.0/24': lies in no range of vpc 'prod'; choose a range "
              "inside the VPC's, or add one to the VPC"});
  CHECK(site.create(Kind::subnet, "s", {{"vpc", {"prod"}}, {"cidr", {"10.0.1.128/25"}}}) ==
        Lines{"subnet 's': cidr '10.0.1.128/25': overlaps 10.0.1.0/24 of subnet 'web'; choose a "
              "range that no other subnet of the VPC has"});
  CHECK(site.create(Kind::vpc, "v", {{"cidrs", {"10.0.0.0/8", "10.1.0.0/16"}}}) ==
        Lines{"vpc 'v': cidrs '10.1.0.0/16': overlaps 10.0.0.0/8 of the same VPC; give each range "
              "once"});
  REQUIRE(site.create(Kind::vpc, "lab", {{"cidrs", {"10.8.0.0/16"}}}) == kTaken);
  CHECK(site.create(Kind::gateway, "g", {{"vpc", {"lab"}}, {"subnet", {"edge"}}}) ==
        Lines{"gateway 'g': subnet 'edge': belongs to another VPC; choose a subnet of the "
              "gateway's own VPC"});
  CHECK(
      site.create(Kind::gateway, "g",
                  {{"vpc", {"prod"}}, {"subnet", {"web"}}, {"public_address", {"198.51.100.1"}}}) ==
      Lines{"gateway 'g': public_address '198.51.100.1': already the address of gateway 'gw'; "
            "every gateway has one of its own"});
  CHECK(site.set(Kind::gateway, "gw", {{"bandwidth_mbps", {"15"}}}) ==
        Lines{"gateway 'gw': bandwidth_mbps '15': no bandwidth there is; choose 5, 10, 20, 50 or "
              "100"});
  CHECK(site.set(Kind::gateway, "gw", {{"bandwidth_mbps", {"50"}}}) == kTaken);
  // A range taken from the VPC leaves the subnet outside, and the tunnel without its subnet.
  CHECK(site.set(Kind::vpc, "prod", {{"cidrs", {"10.0.0.0/23"}}}).size() == 2);
  CHECK(site.set(Kind::subnet, "web", {{"cidr", {"10.0.4.0/24"}}}) ==
        Lines{"tunnel 'hq': local_cidrs '10.0.1.0/24': lies in no subnet of vpc 'prod'; choose the "
              "range of a subnet, or create the subnet first"});
}

TEST_CASE("what is in use stays", "[gateway]") {
  Site site;
  CHECK(site.remove(Kind::gateway, "gw") ==
        Lines{"gateway 'gw': in use by tunnel 'hq'; delete what uses it first"});
  CHECK(site.remove(Kind::peer, "office") ==
        Lines{"peer 'office': in use by tunnel 'hq'; delete what uses it first"});
  CHECK(site.remove(Kind::vpc, "prod").size() == 1);
  CHECK(site.remove(Kind::subnet, "web") ==
        Lines{"tunnel 'hq': local_cidrs '10.0.1.0/24': lies in no subnet of vpc 'prod'; choose the "
              "range of a subnet, or create the subnet first"});
  CHECK(site.remove(Kind::tunnel, "hq") == kTaken);
  CHECK(site.remove(Kind::gateway, "gw") == kTaken);
  CHECK(site.remove(Kind::peer, "office") == kTaken);
  // In one change, in any order.
  CHECK(site.change([&](Draft& it) {
    it.remove(site.id(Kind::vpc, "prod"));
    for (const auto* name : {"web", "db", "edge"}) it.remove(site.id(Kind::subnet, name));
  }) == kTaken);
  CHECK(site.inventory.size() == 0);
}
