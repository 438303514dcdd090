#include <algorithm>
#include <string>

#include <catch2/catch.hpp>

#include "ike/daemon/views.h"
#include "tests/unit/gateway/site.h"

using ipsec::Kind;
using ipsec::daemon::matches;
using ipsec::daemon::Secrets;
using ipsec::daemon::view_of;
using ipsec::gateway::Site;

namespace {

ipsec::control::ObjectView view(const Site& site, Kind kind, const char* name,
                                Secrets secrets = Secrets::left_out) {
  return view_of(site.inventory, *site.inventory.find(site.id(kind, name)), secrets);
}

ipsec::FieldValue field(const ipsec::control::ObjectView& object, std::string_view name) {
  const auto found =
      std::ranges::find(object.fields, name, &ipsec::control::Fields::value_type::first);
  return found == object.fields.end() ? ipsec::FieldValue{"absent"} : found->second;
}

std::string derived(const ipsec::control::ObjectView& object, std::string_view name) {
  for (const auto& [key, value] : object.derived) {
    if (key == name) return value;
  }
  return "absent";
}

}  // namespace

TEST_CASE("references are shown by name, and what is counted beside them", "[views]") {
  const Site site;
  const auto tunnel = view(site, Kind::tunnel, "hq");
  CHECK(field(tunnel, "gateway") == ipsec::FieldValue{"gw"});
  CHECK(field(tunnel, "peer") == ipsec::FieldValue{"office"});
  CHECK(derived(tunnel, "gateway_id") == site.id(Kind::gateway, "gw").to_string());
  CHECK(derived(tunnel, "gateway_address") == "198.51.100.1");
  CHECK(derived(tunnel, "peer_address") == "203.0.113.9");
  CHECK(derived(tunnel, "protocol") == "IKE/IPsec");
  CHECK(derived(view(site, Kind::gateway, "gw"), "tunnels") == "1");
  CHECK(derived(view(site, Kind::peer, "office"), "tunnels") == "1");
  CHECK(derived(view(site, Kind::vpc, "prod"), "subnets") == "3");
}

TEST_CASE("a key is shown only to who asks for it", "[views]") {
  const Site site;
  CHECK(field(view(site, Kind::tunnel, "hq"), "psk") == ipsec::FieldValue{"absent"});
  CHECK(field(view(site, Kind::tunnel, "hq", Secrets::shown), "psk") ==
        ipsec::FieldValue{"correct-horse-battery"});
}

TEST_CASE("a search finds words anywhere, in whatever case, and never in a key", "[views]") {
  const Site site;
  const auto tunnel = view(site, Kind::tunnel, "hq", Secrets::shown);
  CHECK(matches(tunnel, ""));
  CHECK(matches(tunnel, "HQ"));
  CHECK(matches(tunnel, "192.168.2"));
  CHECK(matches(tunnel, "office 203.0"));
  CHECK(matches(tunnel, "tun-"));
  CHECK_FALSE(matches(tunnel, "office elsewhere"));
  CHECK_FALSE(matches(tunnel, "horse"));
}
