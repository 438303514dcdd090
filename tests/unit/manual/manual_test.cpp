// The manual pages against the tables that they describe: every option, setting and field is there
// under its name with its placeholder and its default, nothing else is, and the examples read.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "ike/daemon/options.h"
#include "ike/gateway/access.h"
#include "ike/gateway/draft.h"
#include "ike/gateway/schema/settings.h"
#include "ike/gateway/toml/document.h"
#include "ike/gateway/toml/settings.h"
#include "tests/support/counting_random.h"

namespace gateway = ipsec::gateway;
namespace toml = ipsec::gateway::toml;

namespace {

std::string read_file(const std::string& name) {
  std::ifstream stream(std::string(IPSEC_SOURCE_DIR) + '/' + name, std::ios::binary);
  REQUIRE(stream.good());
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

// As it is written in a manual page.
std::string escaped(std::string_view text) {
  return replaced(replaced(std::string(text), "-", "\\-"), "\"", "\\(dq");
}
std::string unescaped(std::string text) {
  return replaced(replaced(std::move(text), "\\(dq", "\""), "\\-", "-");
}

// The items of a section or subsection: what stands behind .TP, and the last line of each.
using Items = std::map<std::string, std::string>;
std::map<std::string, Items> sections_of(const std::string& page) {
  std::map<std::string, Items> out;
  std::string section;
  std::string item;
  bool begins = false;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(".SH ") || line.starts_with(".SS ")) {
      section = line.substr(4);
      item.clear();
    } else if (line == ".TP") {
      begins = true;
    } else if (begins) {
      begins = false;
      item = line;
      CHECK(out[section].emplace(item, "").second);
    } else if (!item.empty()) {
      out[section][item] = line;
    }
  }
  return out;
}

std::string heading(std::string_view name, std::string_view placeholder, bool many, bool keyed) {
  const auto value = fmt::format("\\fI{}\\fR", escaped(placeholder));
  return fmt::format("\\fB{}{}\\fR = {}", escaped(name), keyed ? ".\\fINAME" : "",
                     many ? fmt::format("[{}, ...]", value) : value);
}

// Each takes away what it has seen; what is left is described and not there.
void take(Items& items, const std::string& head, const std::string& last, bool exactly = true) {
  CAPTURE(head);
  const auto found = items.find(head);
  REQUIRE(found != items.end());
  if (exactly) {
    CHECK(found->second == last);
  } else {
    CHECK_THAT(found->second, Catch::StartsWith(last));
  }
  items.erase(found);
}

std::vector<std::string> examples_of(const std::string& page) {
  std::vector<std::string> out;
  const std::string_view begin = "\n.RS\n";
  for (auto at = page.find(begin); at != std::string::npos; at = page.find(begin, at + 1)) {
    const auto first = at + begin.size();
    out.push_back(unescaped(page.substr(first, page.find("\n.RE\n", first) - first)));
  }
  return out;
}

}  // namespace

TEST_CASE("ipsecd.toml(5) has every setting with its default, and no other", "[manual]") {
  auto items = sections_of(read_file("docs/man/ipsecd.toml.5"))["SETTINGS"];
  for (const ipsec::Setting& it : ipsec::all_settings()) {
    take(items, heading(it.name, it.placeholder, it.many, it.keyed),
         fmt::format("Default: \\fB{}\\fR{}", escaped(it.fallback),
                     it.at_start ? ", at the start." : "."));
  }
  CHECK(items == Items{});
}

TEST_CASE("ipsecd.toml(5) has every field of every kind, and no other", "[manual]") {
  auto sections = sections_of(read_file("docs/man/ipsecd.toml.5"));
  for (const ipsec::Kind kind : ipsec::kKinds) {
    auto& items = sections[fmt::format("\"[[{}]]\"", name_of(kind))];
    for (const ipsec::Field& it : ipsec::fields_of(kind)) {
      const auto& value = gateway::default_of(kind, it.name);
      const auto head = heading(it.name, it.placeholder, it.many, false);
      if (it.required) {
        take(items, head, "Required.");
      } else if (value.empty()) {
        // What holds then is said in words.
        take(items, head, "Default: ", false);
      } else {
        take(items, head, fmt::format("Default: \\fB{}\\fR.", escaped(value.front())));
      }
    }
    CHECK(items == Items{});
  }
}

TEST_CASE("ipsecd(8) has every option of `ipsecd --help` with its default", "[manual]") {
  auto items = sections_of(read_file("docs/man/ipsecd.8"))["OPTIONS"];
  const std::string usage(ipsec::daemon::usage());
  std::set<std::string> told;
  // [--name VALUE] above, and below a line `--name ...  help (default)`.
  const std::regex option(R"((--[a-z-]+)( ([A-Za-z][A-Za-z|]*))?[\]\n ])");
  const auto synopsis = usage.substr(0, usage.find("\n\n") + 1);
  for (std::sregex_iterator it(synopsis.begin(), synopsis.end(), option), end; it != end; ++it) {
    const std::string name = (*it)[1];
    const std::string placeholder = (*it)[3];
    told.insert(name);
    const std::string head = placeholder.empty()
                                 ? fmt::format(".B {}", escaped(name))
                                 : fmt::format(".BI {} \" {}\"", escaped(name), placeholder);
    std::smatch line;
    const std::regex help("\n  " + name + " [^\n]*\\(([^)]*)\\)\n");
    if (std::regex_search(usage, line, help)) {
      take(items, head, fmt::format("Default: {}.", line.str(1)));
    } else {
      take(items, head, "", false);
    }
  }
  CHECK(items == Items{});
  CHECK(told.size() == 10);
}

TEST_CASE("the examples of ipsecd.toml(5) read and may be applied", "[manual]") {
  const auto examples = examples_of(read_file("docs/man/ipsecd.toml.5"));
  REQUIRE(examples.size() == 2);
  const auto declared = toml::read(examples[0]);
  REQUIRE(declared.has_value());
  const gateway::Inventory empty;
  const gateway::Settings settings;
  ipsec::core::CountingRandom random;
  gateway::Draft draft(empty, settings, {std::string(gateway::kDefaultAccount), {}, random});
  for (const auto& it : *declared) draft.declare(it.kind, it.name, it.fields);
  const auto plan = std::move(draft).finish();
  REQUIRE(plan.has_value());
  CHECK(plan->warnings.empty());
  const auto read = toml::read_settings(examples[1]);
  REQUIRE(read.has_value());
  CHECK(read->gateway.limits.tunnels_per_gateway == 10000);
}

TEST_CASE("the settings that are installed say the defaults, and all of them", "[manual]") {
  const std::string text = read_file("scripts/ipsecd.toml");
  CHECK(toml::read_settings(text) == gateway::DaemonSettings{});
  // The same with what is commented out.
  std::string without;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const bool is_setting = std::regex_search(line, std::regex("^# [a-z_]+ = "));
    without += (is_setting ? line.substr(2) : line) + '\n';
  }
  CHECK(toml::read_settings(without) == gateway::DaemonSettings{});
  for (const ipsec::Setting& setting : ipsec::all_settings()) {
    CAPTURE(setting.name);
    const std::string last(setting.name.substr(setting.name.rfind('.') + 1));
    const std::string wanted = setting.keyed ? fmt::format("\n[{}]\n", setting.name)
                                             : fmt::format("\n{} = {}\n", last, setting.fallback);
    CHECK_THAT(without, Catch::Contains(wanted));
  }
}
