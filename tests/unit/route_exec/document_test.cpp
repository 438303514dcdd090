// docs/route-exec.md is held against the codec: what it says is asked is what is asked, what it
// says may be answered can be read, and its limits are those of the program.
#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "ike/base/limits.h"
#include "route/exec/codec.h"
#include "route/exec/driver.h"
#include "tests/unit/route_exec/surroundings.h"

namespace ipsec::route::exec {
namespace {

using test::route;
using test::table;

std::string document() {
  std::ifstream file(IPSEC_ROUTE_EXEC_DOCUMENT);
  REQUIRE(file.is_open());
  return {std::istreambuf_iterator<char>(file), {}};
}

// In the order of the document: the two questions with their answers, and trouble.
std::vector<std::string> examples() {
  std::vector<std::string> found;
  std::istringstream lines(document());
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) {
      inside = line == "```json";
      if (inside) found.emplace_back();
    } else if (inside) {
      found.back() += line + "\n";
    }
  }
  REQUIRE(found.size() == 5);
  return found;
}

Changes changes_of_the_document() {
  Changes changes = test::three_changes();
  changes.add.front().hops.push_back({Address::parse("10.0.1.2"), ""});
  changes.add.front().mtu = 1438;
  changes.add.front().advmss = 1398;
  return changes;
}

bool same(const std::string& one, const std::string& other) {
  return nlohmann::json::parse(one) == nlohmann::json::parse(other);
}

TEST_CASE("the questions of the document are those that are asked") {
  const auto found = examples();
  CHECK(same(found[0], write_list_request(table("rtb-0a1b"), {*Cidr::parse("10.0.2.0/24"),
                                                              *Cidr::parse("10.0.3.0/24")})));
  CHECK(same(found[2], write_apply_request(table("rtb-0a1b"), changes_of_the_document())));
}

TEST_CASE("the answers of the document are read as it says") {
  const auto found = examples();
  const auto listing = read_listing(found[1]);
  if (!listing) FAIL(listing.error().why);
  Route ours = route("10.0.2.0/24");
  ours.mtu = 1438;
  ours.advmss = 1398;
  Route foreign = route("10.0.3.0/24", 0);
  foreign.hops.clear();
  CHECK(listing->routes ==
        std::vector<Seen>{{ours, true, ""}, {foreign, false, "peering connection pcx-7"}});

  const auto outcomes = read_outcomes(found[3], changes_of_the_document());
  if (!outcomes) FAIL(outcomes.error().why);
  REQUIRE(outcomes->size() == 3);
  CHECK((*outcomes)[0].has_value());
  CHECK((*outcomes)[1].error() ==
        Trouble{Trouble::Kind::conflict,
                "peering connection pcx-7 has 10.0.3.0/24; remove it there first"});
  CHECK((*outcomes)[2].has_value());

  CHECK(read_listing(found[4]).error() ==
        Trouble{Trouble::Kind::no_table, "there is no route table rtb-0a1b in eu-west-1"});
}

TEST_CASE("the document names every member, kind and limit") {
  const std::string text = document();
  const auto says = [&](const std::string& what) {
    INFO(what);
    CHECK(text.contains(what));
  };
  for (const char* name :
       {"version", "operation", "owner",     "table",    "destinations", "destination", "ours",
        "metric",  "type",      "next_hops", "via",      "device",       "mtu",         "advmss",
        "label",   "add",       "replace",   "remove",   "ok",           "kind",        "why",
        "routes",  "results",   "conflict",  "no_table", "unreachable",  "forbidden",   "other"}) {
    says(fmt::format("`{}`", name));
  }
  const ExecSettings settings;
  test::ManualReactor reactor;
  const ExecDriver driver(reactor, settings);
  says(fmt::format("its time, {} s if", settings.timeout.count()));
  says(fmt::format("{} programs at once", settings.concurrency));
  says(fmt::format("{} calls may wait", limits::kProgramCalls));
  says(fmt::format("{} changes in a request", driver.capabilities().changes_at_once));
  says(fmt::format("more than {} bytes to stdout", limits::kProgramAnswerBytes));
  says(fmt::format("{} levels, {} values\n  or {} routes", limits::kProgramJsonDepth,
                   limits::kProgramJsonValues, limits::kProgramRoutes));
  says(fmt::format("1 to {} of them", limits::kProgramHops));
  says(fmt::format("cut to {} bytes", limits::kProgramReasonBytes));
}

}  // namespace
}  // namespace ipsec::route::exec
