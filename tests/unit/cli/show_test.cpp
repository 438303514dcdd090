// Goal: what a person sees of an object: the columns that lists promise (M112, M123, M128), a
// tunnel in five parts with every field in it (M130), notes and warnings. Method: views by hand.
#include <stdlib.h>
#include <time.h>

#include <catch2/catch.hpp>

#include "cli/output.h"
#include "cli/text_width.h"
#include "ike/gateway/schema/fields.h"

namespace ipsec::cli {
namespace {

constexpr control::Moment kThen{std::chrono::seconds(1764000000)};

control::ObjectView a_tunnel() {
  control::ObjectView it;
  it.kind = Kind::tunnel;
  it.id = "tun-0123456789abcdef";
  it.name = "hq";
  it.created = kThen;
  for (const Field& field : fields_of(Kind::tunnel)) {
    if (field.shape != Shape::secret) it.fields.emplace_back(field.name, FieldValue{});
  }
  const auto set = [&](std::string_view name, FieldValue value) {
    for (auto& [field, old] : it.fields) {
      if (field == name) old = value;
    }
  };
  set("gateway", {"gw"});
  set("peer", {"office"});
  set("local_cidrs", {"10.0.1.0/24"});
  set("peer_cidrs", {"192.168.2.0/24", "192.168.3.0/24"});
  set("ike.version", {"2"});
  set("ike.dh", {"modp2048", "modp2048s256", "x25519"});
  set("ipsec.protocol", {"esp"});
  set("ipsec.pfs", {"none"});
  set("ike.lifetime_s", {"86400"});
  it.derived = {{"gateway_address", "203.0.113.1"},
                {"peer_address", "203.0.113.2"},
                {"protocol", "IKE/IPsec"}};
  it.status.emplace();
  it.status->resource = "Running";
  it.status->connection = "connecting";
  it.status->traffic = "none";
  it.status->phase1 = "connecting";
  it.status->phase2 = "down";
  it.status->pairs = 2;
  it.status->tries = 4;
  return it;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string head_of(Kind kind) {
  control::ObjectView it;
  it.kind = kind;
  const std::string out = text(control::ObjectsReply{kind, {it}}, false, {});
  return out.substr(0, out.find('\n'));
}

}  // namespace

TEST_CASE("lists have the columns that are promised") {
  ::setenv("TZ", "UTC", 1);  // NOLINT(concurrency-mt-unsafe): one thread
  ::tzset();
  CHECK(head_of(Kind::gateway) == "NAME  ID  VPC  SUBNET  PUBLIC IP  TUNNELS  CREATED  STATUS");
  CHECK(head_of(Kind::peer) == "NAME  ID  PUBLIC IP  REGION  TUNNELS  CREATED");
  CHECK(text(control::ObjectsReply{Kind::tunnel, {a_tunnel()}}, false, {}) ==
        "NAME  ID                    GATEWAY           PEER                  CREATED              "
        "STATUS   CONNECTION          TRAFFIC\n"
        "hq    tun-0123456789abcdef  gw (203.0.113.1)  office (203.0.113.2)  2025-11-24 16:00:00  "
        "Running  connecting (try 4)  none\n");
  CHECK(csv(sheet_of({Kind::gateway, {}}, false)) ==
        "name,id,vpc,subnet,public_address,tunnels,created,expires,billing,status,remarks\r\n");
  CHECK(csv(sheet_of({Kind::tunnel, {}}, false)) ==
        "name,id,gateway,gateway_address,peer,peer_address,created,resource,connection,traffic,"
        "remarks\r\n");
  CHECK(text(control::ObjectsReply{Kind::peer, {}}, false, {}) == "no peers\n");
}

TEST_CASE("a tunnel is shown in five parts") {
  const std::string shown = show_tunnel(a_tunnel(), {});
  std::size_t at = 0;
  for (const char* part : {"\nBasic\n", "\nCIDRs\n", "\nIKE\n", "\nIPsec\n", "\nMonitoring\n"}) {
    INFO(part);
    at = shown.find(part, at);
    REQUIRE(at != std::string::npos);
  }
  CHECK(has(shown, "Protocol type         IKE/IPsec"));
  CHECK(has(shown, "Gateway               gw (203.0.113.1)"));
  CHECK(has(shown, "modp2048 (group 14: dynamic VPN not supported)"));
  CHECK(has(shown, "modp2048s256 (group 24: group VPN not supported), x25519"));
  CHECK(has(shown, "PFS                   none"));
  CHECK(has(shown, "Pre-shared key        (not shown; see --show-secrets)"));
  CHECK(has(shown, "0 of 2 CIDR pairs"));
}

TEST_CASE("the key is there when it was asked for") {
  control::ObjectView tunnel = a_tunnel();
  tunnel.fields.emplace_back("psk", FieldValue{"a key"});
  CHECK(has(show_tunnel(tunnel, {}), "Pre-shared key        a key"));
}

TEST_CASE("no field is left out, not even one that came later") {
  control::ObjectView tunnel = a_tunnel();
  tunnel.fields.emplace_back("invented.later_s", FieldValue{"here"});
  int number = 100;
  for (auto& [name, value] : tunnel.fields) {
    if (name == "ike.version" || name == "ipsec.protocol" || name == "rules") continue;
    value = {std::to_string(number++)};
  }
  // IKE's mode is said of version 1 alone.
  for (auto& [name, value] : tunnel.fields) {
    if (name == "ike.version") value = {"1"};
  }
  const std::string shown = show_tunnel(tunnel, {});
  for (const auto& [name, value] : tunnel.fields) {
    INFO(name);
    if (!value.empty() && name != "ipsec.protocol") CHECK(has(shown, value.front()));
  }
  CHECK(has(shown, "Invented later s      100") == false);
  CHECK(has(shown, "Invented later s"));
}

TEST_CASE("rules stand a line each") {
  control::ObjectView tunnel = a_tunnel();
  for (auto& [name, value] : tunnel.fields) {
    if (name == "rules") value = {"10.0.1.0/24=10.1.0.0/16,10.2.0.0/16", "10.0.2.0/24=10.1.0.0/16"};
  }
  const std::string shown = show_tunnel(tunnel, {});
  CHECK(has(shown, "10.0.1.0/24           -> 10.1.0.0/16,10.2.0.0/16"));
  CHECK(has(shown, "10.0.2.0/24           -> 10.1.0.0/16"));
}

TEST_CASE("a failure is told from both sides, and weak algorithms are a warning") {
  control::TunnelStatusView status = *a_tunnel().status;
  status.weak = {"sha1", "modp1024"};
  status.last_failure = control::FailureView{
      kThen,  "1", "no-proposal-chosen",     "aes256",
      "3des", "",  "no algorithm in common", "the IKE parameters of both ends"};
  const std::string shown = show_status(status, {});
  CHECK(has(shown, "Warning               weak, and in use: sha1, modp1024"));
  CHECK(has(shown, "we said             aes256"));
  CHECK(has(shown, "peer said           3des"));
  CHECK(has(shown, "to check            the IKE parameters of both ends"));
  CHECK(has(show_status(status, {80, true}), "\x1b[33mweak, and in use"));
}

TEST_CASE("the path between the gateways is told in numbers") {
  control::TunnelStatusView status = *a_tunnel().status;
  status.ike.emplace();
  status.ike->requests = 1;
  CHECK(has(show_status(status, {}), "path                0 of 1 request sent again"));
  status.ike->requests = 40;
  status.ike->resent = 3;
  status.ike->round_trip_us = 12'340;
  CHECK(has(show_status(status, {}),
            "path                12.3 ms there and back, 3 of 40 requests sent again"));
}

TEST_CASE("where a NAT is stands in words") {
  auto status = *a_tunnel().status;
  status.ike.emplace();
  CHECK_FALSE(has(show_status(status, {}), "NAT"));
  const auto shown = [&](std::string_view nat) {
    status.ike->nat = nat;
    return show_status(status, {});
  };
  CHECK(has(shown("none"), "  NAT                 none"));
  CHECK(has(shown("here"), "  NAT                 at our end"));
  CHECK(has(shown("there"), "  NAT                 at the peer's end"));
  CHECK(has(shown("both"), "  NAT                 at both ends"));
}

TEST_CASE("what peers say of themselves is spelled out") {
  control::TunnelStatusView status = *a_tunnel().status;
  status.ike.emplace();
  status.ike->peer_vendor = "\x1b]0;owned\x07";
  CHECK(has(show_status(status, {80, true}), "\\x1b]0;owned\\x07"));
}

}  // namespace ipsec::cli
