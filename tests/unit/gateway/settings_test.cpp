// The table of settings against the struct, and ipsecd.toml with what is said of a broken one.
#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "ike/gateway/schema/settings.h"
#include "ike/gateway/toml/settings.h"

using ipsec::FieldValue;
using ipsec::Setting;
namespace gateway = ipsec::gateway;
namespace toml = ipsec::gateway::toml;

namespace {

using Lines = std::vector<std::string>;

Lines complaints(std::string_view text) {
  const auto read = toml::read_settings(text);
  Lines out;
  if (read) return out;
  for (const auto& it : read.error()) out.push_back(toml::describe(it, "f"));
  return out;
}

// As a value of TOML: a number and a flag bare, text quoted.
std::string quoted(const Setting& setting, const FieldValue& value) {
  const bool bare = setting.shape == ipsec::Shape::number || setting.shape == ipsec::Shape::flag;
  std::string out;
  for (const std::string& text : value) {
    out += (out.empty() ? "" : ", ") + (bare ? text : '"' + text + '"');
  }
  return setting.many ? '[' + out + ']' : out;
}

// Not the default, for every setting there is.
FieldValue sample(const Setting& setting) {
  static const std::map<std::string_view, FieldValue> all{
      {"public_pool", {"198.51.100.1", "2001:db8::1"}},
      {"control.group", {"admins"}},
      {"control.readers", {"adm"}},
      {"accounts", {"branch"}},
      {"listen.addresses", {"198.51.100.1", "::1"}},
      {"log.to", {"/var/log/ipsecd.log"}},
      {"log.level", {"debug"}},
      {"log.tunnels", {"warning"}},
      {"routes.bgp_table", {"main,via=192.0.2.1"}},
      {"routes.programs", {"/usr/lib/ipsecd/rest"}},
      {"kernel.offload", {"eth0", "eth1"}},
  };
  if (setting.shape == ipsec::Shape::flag) return {setting.fallback == "true" ? "false" : "true"};
  if (setting.shape == ipsec::Shape::number) return {"77"};
  return all.at(setting.name);
}

}  // namespace

TEST_CASE("every setting is kept, given back as it was said, and disturbs no other", "[gateway]") {
  const gateway::DaemonSettings blank;
  for (const Setting& setting : ipsec::all_settings()) {
    CAPTURE(setting.name);
    gateway::DaemonSettings settings;
    const auto value = sample(setting);
    const std::string key = setting.keyed ? "someone" : "";
    REQUIRE(gateway::set_setting(settings, setting.name, key, value).has_value());
    const auto given = setting.keyed ? FieldValue{"someone=" + value.front()} : value;
    CHECK(gateway::get_setting(settings, setting.name) == given);
    CHECK_FALSE(settings == blank);
    for (const Setting& other : ipsec::all_settings()) {
      if (other.name == setting.name) continue;
      CHECK(gateway::get_setting(settings, other.name) == gateway::get_setting(blank, other.name));
    }
  }
}

TEST_CASE("the defaults in the table are those of the struct", "[gateway]") {
  const gateway::DaemonSettings blank;
  for (const Setting& setting : ipsec::all_settings()) {
    CAPTURE(setting.name);
    const auto value = gateway::get_setting(blank, setting.name);
    CHECK(setting.fallback == (setting.keyed ? "{}" : quoted(setting, value)));
  }
}

TEST_CASE("every setting is read from a file, by dots or below its table", "[gateway][toml]") {
  gateway::DaemonSettings all;
  std::string dotted;
  std::string tables;
  std::string table;
  for (const Setting& setting : ipsec::all_settings()) {
    const auto value = sample(setting);
    const std::string key = setting.keyed ? "someone" : "";
    REQUIRE(gateway::set_setting(all, setting.name, key, value).has_value());
    const std::string name = std::string(setting.name) + (setting.keyed ? ".someone" : "");
    dotted += fmt::format("{} = {}\n", name, quoted(setting, value));
    const auto dot = name.rfind('.');
    const std::string in = dot == std::string::npos ? "" : name.substr(0, dot);
    if (in != table) tables += fmt::format("\n[{}]\n", in);
    table = in;
    // A key without a dot has the whole name: npos + 1 is 0.
    tables += fmt::format("{} = {}\n", name.substr(dot + 1), quoted(setting, value));
  }
  const auto by_dots = toml::read_settings(dotted);
  REQUIRE(by_dots.has_value());
  CHECK(*by_dots == all);
  CAPTURE(tables);
  const auto by_tables = toml::read_settings(tables);
  REQUIRE(by_tables.has_value());
  CHECK(*by_tables == all);
  CHECK(toml::read_settings("") == gateway::DaemonSettings{});
}

TEST_CASE("what does not read as a setting is shown in its line", "[gateway][toml]") {
  CHECK(complaints("[limits]\ntunnels_per_gatway = 100\n") ==
        Lines{"f:2:1: no setting 'limits.tunnels_per_gatway'; is 'limits.tunnels_per_gateway' "
              "meant?\n  tunnels_per_gatway = 100\n  ^"});
  CHECK(complaints("[limit]\nrules_per_tunnel = 1\n") ==
        Lines{"f:1:2: no setting 'limit'; is 'limits' meant?\n  [limit]\n   ^"});
  CHECK(complaints("colour = 1\n") ==
        Lines{"f:1:1: no setting 'colour'; see ipsecd.toml(5)\n  colour = 1\n  ^"});
  CHECK(complaints("wide_lifetimes = 1\n") ==
        Lines{"f:1:18: wide_lifetimes takes true or false, without quotes\n"
              "  wide_lifetimes = 1\n                   ^"});
  CHECK(complaints("limits.rules_per_tunnel = \"10\"\n") ==
        Lines{"f:1:27: limits.rules_per_tunnel takes a whole number, without quotes\n"
              "  limits.rules_per_tunnel = \"10\"\n                            ^"});
  CHECK(complaints("log.to = 1\n").front().starts_with("f:1:10: log.to takes text in quotes\n"));
  CHECK(complaints("log.to = ['stderr']\n")
            .front()
            .starts_with("f:1:10: log.to takes one value, not a list\n"));
  CHECK(complaints("limits = 20\n")
            .front()
            .starts_with("f:1:1: write [limits] above its settings, each in its line\n"));
  CHECK(complaints("[log]\ntunnels = 'debug'\n")
            .front()
            .starts_with("f:2:1: write [log.tunnels] and below it NAME = \""));
  CHECK(complaints("[[tunnel]]\nname = 'hq'\n")
            .front()
            .starts_with("f:1:3: a tunnel is no setting of the daemon; declare it in a file of"));
}

TEST_CASE("a value that a setting does not take is named, with what it takes", "[gateway][toml]") {
  struct Case {
    std::string_view line;
    std::string_view said;
  };
  const auto it = GENERATE(
      Case{"limits.rules_per_tunnel = 0",
           "27: limits.rules_per_tunnel: '0': takes a number from 1 to 1000000"},
      Case{"limits.rules_per_tunnel = 1000001",
           "27: limits.rules_per_tunnel: '1000001': takes a number from 1 to 1000000"},
      Case{"limits.rules_per_tunnel = -1", "27: limits.rules_per_tunnel: '-1': no whole number"},
      Case{"workers.threads = 257", "19: workers.threads: '257': takes a number from 0"},
      Case{"log.level = 'loud'", "13: log.level: 'loud': none of error, warning, info, debug"},
      Case{"log.to = 'here.log'", "10: log.to: 'here.log': takes stderr, journal, or a file"},
      Case{"log.to = '/var/log/'", "10: log.to: '/var/log/': takes stderr, journal, or a file"},
      Case{"log.tunnels.hq = 'loud'", "18: log.tunnels.hq: 'loud': none of error"},
      Case{"log.tunnels.'h q' = 'info'", "13: log.tunnels.h q: 'h q': is no name of a tunnel"},
      Case{"public_pool = ['198.51.100.1', 'x']", "32: public_pool: 'x': "},
      Case{"public_pool = ['198.51.100.1', '0.0.0.0']",
           "32: public_pool: '0.0.0.0': is no address of a gateway"},
      Case{"public_pool = ['224.0.0.1']", "16: public_pool: '224.0.0.1': is no address of a gat"},
      Case{"public_pool = ['198.51.100.1', '198.51.100.1']",
           "32: public_pool: '198.51.100.1': stands there twice"},
      Case{"listen.addresses = ['ff02::1']", "21: listen.addresses: 'ff02::1': is a group"},
      Case{"kernel.offload = ['eth0/1']", "19: kernel.offload: 'eth0/1': is no name of a network"},
      Case{"kernel.offload = ['a234567890123456']",
           "19: kernel.offload: 'a234567890123456': is no name of a network"},
      Case{"control.group = 'a b'", "17: control.group: 'a b': is no name of a user or group"},
      Case{"accounts.alice = 'a b'", "18: accounts.alice: 'a b': is no account: has white space"},
      Case{"accounts.'a b' = 'office'", "10: accounts.a b: 'a b': is no name of a user"});
  CAPTURE(it.line);
  const auto said = complaints(it.line);
  REQUIRE(said.size() == 1);
  CHECK_THAT(said.front(), Catch::StartsWith("f:1:" + std::string(it.said)));
}

TEST_CASE("all complaints about settings come at once, in the order of the lines",
          "[gateway][toml]") {
  const auto said = complaints("wide_lifetimes = 'yes'\n[log]\nlevel = 'loud'\n[limits]\nx = 1\n");
  REQUIRE(said.size() == 3);
  CHECK(said[0].starts_with("f:1:18: "));
  CHECK(said[1].starts_with("f:3:9: "));
  CHECK(said[2].starts_with("f:5:1: "));
  const auto broken = complaints("wide_lifetimes = tru\n");
  REQUIRE(broken.size() == 1);
  CHECK_THAT(broken.front(), Catch::StartsWith("f:1:") && Catch::Contains("\n  wide_lifetimes = "));
}
