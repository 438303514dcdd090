// The table of fields against the tables that reach into the objects.
#include <string>
#include <string_view>

#include <catch2/catch.hpp>

#include "ike/gateway/access.h"
#include "ike/gateway/schema/fields.h"

using ipsec::FieldValue;
using ipsec::Kind;
using ipsec::ObjectId;
using namespace std::string_view_literals;
namespace gateway = ipsec::gateway;

namespace {

// A value that is not the default, for every field there is.
FieldValue sample(Kind kind, const ipsec::Field& field) {
  const auto is = [&](std::string_view name) { return field.name == name; };
  if (field.shape == ipsec::Shape::flag) {
    return {gateway::default_of(kind, field.name) == FieldValue{"true"} ? "false" : "true"};
  }
  if (field.shape == ipsec::Shape::number) return {"77"};
  if (field.refers) return {ObjectId{*field.refers, 0xabcdef}.to_string()};
  if (is("cidrs") || is("cidr") || is("local_cidrs") || is("peer_cidrs")) return {"10.7.0.0/16"};
  if (is("rules")) return {"10.0.1.0/24=10.9.0.0/16,2001:db8::/32", "10.0.2.0/24=10.9.0.0/16"};
  if (field.name.ends_with("address")) return {"192.0.2.7"};
  if (is("ike.encryption") || is("ipsec.encryption")) return {"aes256gcm16", "aes128"};
  if (is("ike.integrity") || is("ipsec.integrity")) return {"sha512", "md5"};
  if (is("ike.dh")) return {"x25519", "modp2048"};
  if (is("ipsec.pfs")) return {"x25519", "none"};
  if (field.name.ends_with("_id")) return {"vpn.example.com"};
  if (is("start")) return {"traffic"};
  if (is("route_mode") || is("line_route_mode")) return {"bgp"};
  if (is("on_down")) return {"blackhole"};
  if (is("route_table")) return {"vrf:red,netns=blue,via=192.0.2.1,rule"};
  if (is("profile")) return {"modern"};
  if (is("ike.version")) return {"1"};
  if (is("ike.mode")) return {"aggressive"};
  if (is("ipsec.protocol")) return {"ah"};
  return {"some text"};
}

}  // namespace

TEST_CASE("every field is kept, given back as it was said, and forgotten again", "[gateway]") {
  for (const Kind kind : ipsec::kKinds) {
    for (const auto& field : ipsec::fields_of(kind)) {
      CAPTURE(ipsec::name_of(kind), field.name);
      auto object = gateway::make_object(kind);
      const auto blank = object;
      const auto value = sample(kind, field);
      CHECK(value != gateway::default_of(kind, field.name));
      REQUIRE(gateway::set_field(object, field.name, value).has_value());
      CHECK(gateway::get_field(object, field.name) == value);
      CHECK_FALSE(object == blank);
      for (const auto& other : ipsec::fields_of(kind)) {
        if (other.name == field.name) continue;
        CHECK(gateway::get_field(object, other.name) == gateway::get_field(blank, other.name));
      }
      REQUIRE(gateway::set_field(object, field.name, {}).has_value());
      CHECK(object == blank);
    }
  }
}

TEST_CASE("a field that takes one value takes no second", "[gateway]") {
  for (const Kind kind : ipsec::kKinds) {
    for (const auto& field : ipsec::fields_of(kind)) {
      if (field.many) continue;
      CAPTURE(ipsec::name_of(kind), field.name);
      auto object = gateway::make_object(kind);
      auto value = sample(kind, field);
      value.push_back(value.front());
      CHECK_FALSE(gateway::set_field(object, field.name, value).has_value());
      CHECK(object == gateway::make_object(kind));
    }
  }
}

TEST_CASE("the defaults are those that were ruled", "[gateway]") {
  const auto is = [](std::string_view field, FieldValue value) {
    CAPTURE(field);
    CHECK(gateway::default_of(Kind::tunnel, field) == value);
  };
  is("start", {"auto"});
  is("enabled", {"true"});
  is("route_mode", {"auto"});
  is("on_down", {"withdraw"});
  is("announce", {"true"});
  is("route_metric", {"100"});
  is("profile", {"auto"});
  is("ike.version", {"2"});
  is("ike.mode", {"main"});
  is("ike.lifetime_s", {"86400"});
  is("ike.encryption", {});
  is("ipsec.protocol", {"esp"});
  is("ipsec.lifetime_s", {"86400"});
  is("ipsec.lifetime_kb", {"0"});
  is("ipsec.replay_window", {"1024"});
  is("ipsec.copy_dscp", {"true"});
  is("ipsec.copy_ecn", {"true"});
  is("ipsec.output_mark", {"0"});
  is("interface", {});
  is("dpd.delay_s", {"8"});
  is("dpd.timeout_s", {"13"});
  is("psk", {});
}

TEST_CASE("algorithms may be named as the platforms name them", "[gateway]") {
  const auto [field, said, kept] = GENERATE(table<std::string, std::string, std::string>({
      {"ike.encryption", "AES-128", "aes128"},
      {"ike.encryption", "3DES", "3des"},
      {"ike.encryption", "aes128-gcm16", "aes128gcm16"},
      {"ike.integrity", "SHA2-256", "sha256"},
      {"ike.integrity", "SHA1", "sha1"},
      {"ike.integrity", "MD5", "md5"},
      {"ike.dh", "14", "modp2048"},
      {"ike.dh", "group2", "modp1024"},
      {"ike.dh", "Group24", "modp2048s256"},
      {"ipsec.pfs", "Disable", "none"},
      {"ipsec.pfs", "5", "modp1536"},
  }));
  CAPTURE(field, said);
  auto object = gateway::make_object(Kind::tunnel);
  REQUIRE(gateway::set_field(object, field, {said}).has_value());
  CHECK(gateway::get_field(object, field) == FieldValue{kept});
}

TEST_CASE("a value of the wrong form is named with what was wanted", "[gateway]") {
  const auto [kind, field, value, why] =
      GENERATE(table<std::string, std::string, std::string, std::string>({
          {"vpc", "cidrs", "10.0.0.1/16", "host bits"},
          {"vpc", "cidrs", "10.0.0.0/33", "prefix"},
          {"peer", "address", "192.0.2.256", "no IPv4 or IPv6 address"},
          {"peer", "vendor", "a\nb", "control characters"},
          {"peer", "vendor", "Z\xfcrich", "not valid UTF-8"},
          {"gateway", "bandwidth_mbps", "-5", "no whole number from 0 to 4294967295"},
          {"gateway", "bandwidth_mbps", "5 ", "no whole number"},
          {"gateway", "vpc", "prod", "no object's id"},
          {"tunnel", "start", "Auto", "none of auto, traffic, respond"},
          {"tunnel", "enabled", "yes", "none of true, false"},
          {"tunnel", "rules", "10.0.1.0/24", "no rule of the form LOCAL=PEER,PEER..."},
          {"tunnel", "rules", "10.0.1.0/24=", "not an address"},
          {"tunnel", "ike.dh", "3", "none of the groups x25519 (31), "},
          {"tunnel", "ike.encryption", "blowfish", "none of the ciphers "},
          {"tunnel", "ike.integrity", "sha224", "none of the hashes "},
          {"tunnel", "ike.local_id", "a b", "no identity"},
          {"tunnel", "ipsec.pfs", "3", "and not `none`"},
          {"tunnel", "ipsec.lifetime_kb", "18446744073709551616", "no whole number"},
      }));
  CAPTURE(field, value);
  auto object = gateway::make_object(*ipsec::parse_kind(kind));
  const auto result = gateway::set_field(object, field, {value});
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().value == value);
  CHECK_THAT(result.error().why, Catch::Contains(why));
}

TEST_CASE("an id has one spelling", "[gateway]") {
  const ObjectId id{Kind::tunnel, 0x1f};
  CHECK(id.to_string() == "tun-000000000000001f");
  CHECK(ObjectId::parse(id.to_string()) == id);
  const auto text = GENERATE("tun-1f", "tun-000000000000001F", "tun-00000000000000001f", "gw-",
                             "tun-000000000000001g", "xyz-000000000000001f", "", "tun");
  CHECK_FALSE(ObjectId::parse(text).has_value());
}

TEST_CASE("the word that was probably meant", "[gateway]") {
  CHECK(ipsec::nearest_field(Kind::tunnel, "peer_cidr") == "peer_cidrs"sv);
  CHECK(ipsec::nearest_field(Kind::tunnel, "ike.verison") == "ike.version"sv);
  CHECK(ipsec::nearest_field(Kind::vpc, "nmae") == "name"sv);
  CHECK(ipsec::nearest_field(Kind::tunnel, "colour") == std::nullopt);
  CHECK(ipsec::nearest_field(Kind::tunnel, "") == std::nullopt);
  CHECK(ipsec::nearest_field(Kind::tunnel, std::string(100000, 'a')) == std::nullopt);
}
