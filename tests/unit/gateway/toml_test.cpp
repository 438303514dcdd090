// TOML there and back, and what is said of a broken one.
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/gateway/toml/document.h"
#include "tests/unit/gateway/site.h"

using ipsec::FieldValue;
using ipsec::Kind;
using ipsec::gateway::Draft;
using ipsec::gateway::Site;
namespace toml = ipsec::gateway::toml;

namespace {

using Lines = std::vector<std::string>;

Lines complaints(std::string_view text) {
  const auto read = toml::read(text);
  Lines out;
  if (read) return out;
  for (const auto& it : read.error()) out.push_back(toml::describe(it, "f.toml"));
  return out;
}

constexpr std::string_view kSite = R"([[vpc]]
name = "prod"
cidrs = ["10.0.0.0/16"]

[[subnet]]
name = "db"
vpc = "prod"
cidr = "10.0.2.0/24"

[[subnet]]
name = "edge"
vpc = "prod"
cidr = "10.0.9.0/24"

[[subnet]]
name = "web"
vpc = "prod"
cidr = "10.0.1.0/24"

[[gateway]]
name = "gw"
vpc = "prod"
subnet = "edge"
public_address = "198.51.100.1"

[[peer]]
name = "office"
address = "203.0.113.9"

[[tunnel]]
name = "hq"
gateway = "gw"
peer = "office"
local_cidrs = ["10.0.1.0/24"]
peer_cidrs = ["192.168.2.0/24"]
psk = "correct-horse-battery"
)";

}  // namespace

TEST_CASE("a dump says what is there, and no more", "[gateway][toml]") {
  Site site;
  CHECK(toml::write(site.inventory, "default", toml::Secrets::shown) == kSite);
  CHECK_THAT(toml::write(site.inventory, "default", toml::Secrets::left_out),
             !Catch::Contains("psk") && !Catch::Contains("correct-horse"));
  CHECK(toml::write(site.inventory, "other", toml::Secrets::shown).empty());
}

TEST_CASE("what was dumped is declared again on an empty machine", "[gateway][toml]") {
  Site site;
  REQUIRE(site.set(Kind::tunnel, "hq",
                   {{"remarks", {"say \"hi\" \\ caf\xc3\xa9"}},
                    {"ike.dh", {"14", "x25519"}},
                    {"force_encapsulation", {"true"}},
                    {"local_cidrs", {}},
                    {"peer_cidrs", {}},
                    {"rules", {"10.0.1.0/24=192.168.2.0/24,192.168.3.0/24"}},
                    {"dpd.delay_s", {"9"}}}) == Lines{});
  const auto text = toml::write(site.inventory, "default", toml::Secrets::shown);
  const auto read = toml::read(text);
  REQUIRE(read.has_value());
  Site other;
  other.inventory = {};
  REQUIRE(other.change([&](Draft& it) {
    for (const auto& each : *read) it.declare(each.kind, each.name, each.fields);
  }) == Lines{});
  CHECK(toml::write(other.inventory, "default", toml::Secrets::shown) == text);
  CHECK(other.inventory.size() == site.inventory.size());
}

TEST_CASE("tables, dots and lists are ways to say the same", "[gateway][toml]") {
  const auto* const text = GENERATE(
      "[[tunnel]]\nname = 'a'\nike.version = 2\nike.dh = [14]\nrules = [{ local = '10.0.0.0/8', "
      "peers = ['192.168.0.0/16', '172.16.0.0/12'] }]\n",
      "[[tunnel]]\nname = 'a'\nike = { version = '2', dh = '14' }\nrules = "
      "'10.0.0.0/8=192.168.0.0/16,172.16.0.0/12'\n",
      "[[tunnel]]\nname = 'a'\nrules = ['10.0.0.0/8=192.168.0.0/16,172.16.0.0/12']\n"
      "[tunnel.ike]\nversion = 2\ndh = ['14']\n");
  const auto read = toml::read(text);
  REQUIRE(read.has_value());
  REQUIRE(read->size() == 1);
  auto fields = read->front().fields;
  std::ranges::sort(fields);
  CHECK(fields == ipsec::gateway::Fields{{"ike.dh", {"14"}},
                                         {"ike.version", {"2"}},
                                         {"rules", {"10.0.0.0/8=192.168.0.0/16,172.16.0.0/12"}}});
}

TEST_CASE("what does not read is shown in its line", "[gateway][toml]") {
  CHECK(complaints("[[tunnel]]\nname = \"hq\"\npeer_cidr = [\"10.0.0.0/8\"]\n") ==
        Lines{"f.toml:3:1: tunnel 'hq': no key 'peer_cidr'; is 'peer_cidrs' meant?\n"
              "  peer_cidr = [\"10.0.0.0/8\"]\n"
              "  ^"});
  CHECK(complaints("[[tunel]]\nname = \"hq\"\n") ==
        Lines{"f.toml:1:3: no kind of object 'tunel'; is '[[tunnel]]' meant?\n"
              "  [[tunel]]\n"
              "    ^"});
  CHECK(complaints("[tunnel]\nname = \"hq\"\n") ==
        Lines{"f.toml:1:2: write [[tunnel]], with two brackets, above each\n"
              "  [tunnel]\n"
              "   ^"});
  CHECK(complaints("[[peer]]\naddress = \"192.0.2.1\"\n") ==
        Lines{"f.toml:1:1: this peer has no name; write name = \"...\"\n  [[peer]]\n  ^"});
  CHECK(complaints("[[peer]]\nname = \"a\"\n[[peer]]\nname = \"a\"\n") ==
        Lines{"f.toml:4:8: peer 'a' is declared in line 1 already\n"
              "  name = \"a\"\n"
              "         ^"});
  CHECK(complaints("[[tunnel]]\nname = \"a\"\n\tenabled = \"true\"\n") ==
        Lines{"f.toml:3:12: tunnel 'a': enabled takes true or false, without quotes\n"
              "  \tenabled = \"true\"\n"
              "  \t          ^"});
  CHECK(complaints("[[tunnel]]\nname = \"a\"\ndpd.delay_s = \"8\"\n").size() == 1);
  CHECK(complaints("[[tunnel]]\nname = \"a\"\ngateway = [\"g\"]\n").size() == 1);
  CHECK(complaints("[[tunnel]]\nname = \"a\"\nrules = [{ local = \"10.0.0.0/8\" }]\n").size() == 1);
  CHECK(complaints("[[tunnel]]\nname = \"a\"\nremarks = 1.5\n").size() == 1);
  CHECK(complaints("[[tunnel]]\nname = \"a\"\npsk = 123456\n").size() == 1);
}

TEST_CASE("broken syntax is shown where it breaks", "[gateway][toml]") {
  const auto lines = complaints("[[tunnel]]\nname = \"hq\npeer = \"p\"\n");
  REQUIRE(lines.size() == 1);
  CHECK_THAT(lines.front(), Catch::StartsWith("f.toml:2:") && Catch::Contains("\n  name = \"hq\n"));
}

TEST_CASE("a line that is shown shows no pre-shared key", "[gateway][toml]") {
  const std::string tunnel = "[[tunnel]]\nname = \"hq\"\n";
  const auto line = GENERATE(
      as<std::string>(), "psk = \"battery-99", "psk = battery-99", "psk = 99999999999999999999",
      "  psk=\"battery-99\" \"x\"", "PSK = \"battery-99\"", "pks = \"battery-99\"",
      "pre_shared_key = \"battery-99\"", "secret = 'battery-99'", "psk \"battery-99\"",
      "\"psk\" = [\"battery-99\", 1]", "ike = { version = 2, password = \"battery-99\" }");
  const auto told = complaints(tunnel + line + "\n");
  REQUIRE(told.size() == 1);
  CHECK_THAT(told.front(), Catch::StartsWith("f.toml:3:") && Catch::Contains(" ...\n"));
  CHECK_THAT(told.front(), !Catch::Contains("battery") && !Catch::Contains("99"));
}

TEST_CASE("a line about something else is shown whole", "[gateway][toml]") {
  const auto line = GENERATE(as<std::string>(), "remarks = \"the psk is on paper", "peers = \"p\"",
                             "dpd.dely_s = 9 # keys", "ike = { dh = [14], lifetime = 9 }");
  const auto told = complaints("[[tunnel]]\nname = \"hq\"\n" + line + "\n");
  REQUIRE(told.size() == 1);
  CHECK_THAT(told.front(), Catch::Contains("\n  " + line + "\n"));
}

TEST_CASE("what a draft refuses is shown in its line too", "[gateway][toml]") {
  std::string text(kSite);
  const auto at = text.find("192.168.2.0/24");
  text.replace(at, 14, "10.0.99.0/24");
  const auto read = toml::read(text);
  REQUIRE(read.has_value());
  Site site;
  site.inventory = {};
  Draft draft = site.draft();
  for (const auto& each : *read) draft.declare(each.kind, each.name, each.fields);
  draft.create(Kind::peer, "bad", {{"address", {"127.0.0.1"}}});
  const auto result = std::move(draft).finish();
  REQUIRE_FALSE(result.has_value());
  const auto found = toml::complaints(result.error(), *read, text);
  REQUIRE(found.size() == 2);
  CHECK_THAT(toml::describe(found[0], "f"), Catch::StartsWith("f:1:1: peer 'bad': address"));
  CHECK(toml::describe(found[1], "f") ==
        "f:35:1: tunnel 'hq': peer_cidrs '10.0.99.0/24': overlaps 10.0.0.0/16 of vpc 'prod'; "
        "choose a range outside the VPC's\n"
        "  peer_cidrs = [\"10.0.99.0/24\"]\n"
        "  ^");
}
