// Files that declare objects: taken as a whole, and each complaint at its place.
#include <algorithm>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/daemon/declared.h"
#include "ike/gateway/store/store.h"
#include "tests/support/counting_random.h"
#include "tests/support/folder.h"

using ipsec::daemon::plan_of;
using ipsec::daemon::Source;
namespace gateway = ipsec::gateway;

namespace {

constexpr const char* kNetwork = R"([[vpc]]
name = "prod"
cidrs = ["10.0.0.0/16"]

[[subnet]]
name = "edge"
vpc = "prod"
cidr = "10.0.9.0/24"
)";
constexpr const char* kGateway = R"([[gateway]]
name = "gw"
vpc = "prod"
subnet = "edge"
public_address = "198.51.100.1"
)";

// Without its id.
std::string what_of(const gateway::Step& step) {
  const std::string text = describe(step);
  return text.substr(0, text.find(" ("));
}

class Bench {
 public:
  std::vector<std::string> apply(const std::vector<Source>& sources, bool prune = false) {
    auto plan = plan_of(sources, {inventory_, settings_, {"default", {}, random_}, prune});
    std::vector<std::string> lines;
    if (plan) {
      for (const auto& step : plan->steps) lines.push_back(what_of(step));
      inventory_ = std::move(plan->inventory);
    } else {
      for (const auto& problem : plan.error()) lines.push_back(problem.text);
    }
    return lines;
  }

 private:
  gateway::Inventory inventory_;
  gateway::Settings settings_;
  ipsec::core::CountingRandom random_;
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("an object may be declared in a later file than what refers to it", "[declared]") {
  Bench bench;
  CHECK(bench.apply({{"10-gateway.toml", kGateway}, {"20-network.toml", kNetwork}}) ==
        Lines{"create vpc 'prod'", "create subnet 'edge'", "create gateway 'gw'"});
  CHECK(bench.apply({{"10-gateway.toml", kGateway}, {"20-network.toml", kNetwork}}) == Lines{});
}

TEST_CASE("an object is declared once", "[declared]") {
  Bench bench;
  const Lines lines = bench.apply({{"a.toml", kNetwork}, {"b.toml", kNetwork}});
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == "b.toml:1:1: vpc 'prod' is declared in a.toml already; take one of them away");
  CHECK(lines[1] ==
        "b.toml:5:1: subnet 'edge' is declared in a.toml already; take one of them away");
}

TEST_CASE("one wrong file and nothing is taken", "[declared]") {
  Bench bench;
  SECTION("broken syntax") {
    const Lines lines = bench.apply({{"a.toml", kNetwork}, {"b.toml", "[[gateway]\nname = 1\n"}});
    REQUIRE(lines.size() == 1);
    CHECK_THAT(lines[0], Catch::StartsWith("b.toml:1:"));
  }
  SECTION("a rule, told where the object is declared") {
    const Lines lines = bench.apply(
        {{"a.toml", kNetwork},
         {"b.toml", "\n[[gateway]]\nname = \"gw\"\nvpc = \"prod\"\nsubnet = \"egde\"\n"}});
    REQUIRE(lines.size() == 1);
    CHECK_THAT(lines[0], Catch::StartsWith("b.toml:5:"));
    CHECK_THAT(lines[0], Catch::Contains("'edge'"));
  }
  CHECK(bench.apply({{"a.toml", kNetwork}}) == Lines{"create vpc 'prod'", "create subnet 'edge'"});
}

TEST_CASE("pruning takes what no file declares", "[declared]") {
  Bench bench;
  REQUIRE(bench.apply({{"a.toml", kNetwork}, {"b.toml", kGateway}}).size() == 3);
  CHECK(bench.apply({{"a.toml", kNetwork}}) == Lines{});
  CHECK(bench.apply({{"a.toml", kNetwork}}, true) == Lines{"remove gateway 'gw'"});
}

TEST_CASE("the files of a directory come in the order of their names", "[declared]") {
  const ipsec::test::Folder folder;
  folder.write("20-b.toml", "b");
  folder.write("10-a.toml", "a");
  folder.write("10-a.toml.bak", "no");
  const auto sources = ipsec::daemon::read_sources(folder.path());
  REQUIRE(sources.has_value());
  REQUIRE(sources->size() == 2);
  CHECK((*sources)[0].text == "a");
  CHECK((*sources)[1].text == "b");
  const auto none = ipsec::daemon::read_sources(folder / "nowhere");
  REQUIRE(none.has_value());
  CHECK(none->empty());
}

TEST_CASE("a file that cannot be read is an error with its name", "[declared]") {
  const ipsec::test::Folder folder;
  std::filesystem::create_directory(folder / "x.toml");
  const auto sources = ipsec::daemon::read_sources(folder.path());
  REQUIRE_FALSE(sources.has_value());
  CHECK_THAT(sources.error().where, Catch::EndsWith("x.toml"));
}
