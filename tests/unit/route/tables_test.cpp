// Goal: whatever tunnels want, in whatever order, and whatever drivers and other hands do, the
// tables end as the wishes say, others' routes stay, and nothing is touched that is right.
// Method: a driver whose tables are maps, a clock in the test's hand.
#include "route/tables.h"

#include <chrono>
#include <random>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "tests/support/effort.h"
#include "tests/unit/route/table_driver.h"

namespace ipsec::route {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Table kBlue{.driver = "kernel", .name = "101", .netns = "", .vrf = ""};
const Table kRed{.driver = "kernel", .name = "102", .netns = "", .vrf = ""};
constexpr TunnelId kOne{1};
constexpr TunnelId kTwo{2};

Cidr cidr(std::string_view text) { return Cidr::parse(text).value(); }
Hop hop(std::string_view via) { return {Address::parse(via), "eth0"}; }

Route to(std::string_view destination, std::string_view via = "10.0.0.1") {
  return {{cidr(destination), 100}, {hop(via)}, 1400, 0};
}
Route blackhole(std::string_view destination) { return {{cidr(destination), 100}, {}, 0, 0}; }
Claim claim(Route route) { return {std::move(route), false}; }
Claim retained(std::string_view destination) { return {to(destination), true}; }

struct Site {
  TableDriver driver;
  Time now{};
  std::vector<TunnelId> changed;
  std::vector<Tables::Repair> repairs;
  bool has_driver = true;
  Tables tables{{[this](const Table&) -> Driver* { return has_driver ? &driver : nullptr; },
                 [this](TunnelId id) { changed.push_back(id); },
                 [this](const Tables::Repair& repair) { repairs.push_back(repair); },
                 [this] { return now; }}};

  void want(TunnelId owner, const Tables::Claims& claims, const std::string& group = "") {
    tables.want(owner, group, claims);
    settle();
  }
  // All that is due now.
  void settle() {
    tables.flush();
    for (int i = 0; i < 50 && tables.next_deadline() <= now; ++i) tables.tick();
    REQUIRE(tables.next_deadline() > now);
  }
  void pass(std::chrono::milliseconds time) {
    now += time;
    settle();
  }
  [[nodiscard]] std::vector<std::string> content(const Table& table) {
    std::vector<std::string> out;
    for (const Seen& seen : driver.tables[table].routes) {
      out.push_back((seen.ours ? "" : "foreign ") + to_string(seen.route));
    }
    std::ranges::sort(out);
    return out;
  }
  [[nodiscard]] State state(TunnelId owner, std::string_view destination) const {
    std::optional<State> out;
    tables.each([&](const Table&, TunnelId id, const Claim& it, const Standing& standing) {
      if (id == owner && it.route.key.destination == cidr(destination)) out = standing.state;
    });
    return out.value();
  }
};

using Lines = std::vector<std::string>;

TEST_CASE("what is wanted is put at once, and goes when it is not") {
  Site site;
  site.want(kOne, {{kBlue, {claim(to("10.1.0.0/24")), claim(to("10.2.0.0/24"))}}, {kRed, {}}});
  CHECK(site.content(kBlue) == Lines{"10.1.0.0/24 via 10.0.0.1 dev eth0 metric 100 mtu 1400",
                                     "10.2.0.0/24 via 10.0.0.1 dev eth0 metric 100 mtu 1400"});
  CHECK(site.tables.tally(kOne).ok == 2);
  CHECK(site.state(kOne, "10.1.0.0/24") == State::ok);
  CHECK(site.changed == std::vector{kOne, kOne});
  site.want(kOne, {{kBlue, {claim(to("10.2.0.0/24"))}}});
  CHECK(site.content(kBlue).size() == 1);
  site.want(kOne, {});
  CHECK(site.content(kBlue).empty());
  CHECK(site.driver.forgotten.contains(kBlue));
  CHECK(site.tables.at_rest());
}

TEST_CASE("what is wanted as before is not touched, and only the difference is delivered") {
  Site site;
  site.want(kOne, {{kBlue, {claim(to("10.1.0.0/24")), claim(to("10.2.0.0/24"))}}});
  const auto changes = site.driver.changes;
  const auto applies = site.driver.applies;
  site.want(kOne, {{kBlue, {claim(to("10.1.0.0/24")), claim(to("10.2.0.0/24"))}}});
  CHECK(site.driver.applies == applies);
  site.want(kOne, {{kBlue, {claim(to("10.1.0.0/24")), claim(to("10.3.0.0/24"))}}});
  CHECK(site.driver.changes == changes + 2);
  site.want(kOne, {{kBlue, {claim(to("10.1.0.0/24", "10.0.0.9")), claim(to("10.3.0.0/24"))}}});
  CHECK(site.driver.changes == changes + 3);
  CHECK(site.content(kBlue).front() == "10.1.0.0/24 via 10.0.0.9 dev eth0 metric 100 mtu 1400");
}

TEST_CASE("another one's route is a conflict, is never touched, and gives way by itself") {
  Site site;
  auto& table = site.driver.tables[kBlue].routes;
  const Seen foreign{to("10.1.0.0/24", "10.0.0.77"), false, "proto static"};
  table.push_back(foreign);
  site.want(kOne, {{kBlue, {claim(to("10.1.0.0/24")), claim(to("10.2.0.0/24"))}}});
  CHECK(site.state(kOne, "10.1.0.0/24") == State::conflict);
  CHECK(site.state(kOne, "10.2.0.0/24") == State::ok);
  const auto tally = site.tables.tally(kOne);
  CHECK((tally.ok == 1 && tally.want == 2));
  CHECK(tally.trouble ==
        "10.1.0.0/24 in table 101: 10.1.0.0/24 via 10.0.0.77 dev eth0 metric 100 mtu 1400 (proto "
        "static) has the place");
  CHECK(std::ranges::count(table, foreign) == 1);
  std::erase(table, foreign);
  site.tables.drifted(kBlue);
  site.pass(milliseconds(300));
  CHECK(site.state(kOne, "10.1.0.0/24") == State::ok);
  CHECK(site.repairs.empty());
}

TEST_CASE("another one's route of a smaller metric is said to be taken first") {
  Site site;
  Route nearer = to("10.1.0.0/24", "10.0.0.77");
  nearer.key.metric = 50;
  site.driver.tables[kBlue].routes.push_back({nearer, false, "proto static"});
  site.want(kOne, {{kBlue, {claim(to("10.1.0.0/24"))}}});
  CHECK(site.content(kBlue).size() == 2);
  site.pass(seconds(31));
  CHECK(site.state(kOne, "10.1.0.0/24") == State::shadowed);
}

TEST_CASE("drift is put right when it is told, and by a sweep when it is not") {
  Site site;
  site.want(kOne, {{kBlue, {claim(to("10.1.0.0/24"))}}});
  const Seen theirs{to("10.9.0.0/24", "10.0.0.77"), false, "proto static"};
  const bool told = GENERATE(true, false);
  site.driver.tables[kBlue].routes = {theirs, {to("10.8.0.0/24"), true, ""}};
  if (told) site.tables.drifted(kBlue);
  site.pass(told ? milliseconds(300) : milliseconds(30000));
  CHECK(site.content(kBlue) ==
        Lines{"10.1.0.0/24 via 10.0.0.1 dev eth0 metric 100 mtu 1400",
              "foreign 10.9.0.0/24 via 10.0.0.77 dev eth0 metric 100 mtu 1400"});
  REQUIRE(site.repairs.size() == 1);
  CHECK((site.repairs[0].added == 1 && site.repairs[0].removed == 1));
}

TEST_CASE("a storm of drift is one look") {
  Site site;
  site.want(kOne, {{kBlue, {claim(to("10.1.0.0/24"))}}});
  const int before = site.driver.lists;
  for (int i = 0; i < 1000; ++i) {
    site.tables.drifted(kBlue);
    site.pass(milliseconds(1));
  }
  CHECK(site.driver.lists - before <= 5);
}

TEST_CASE("a route that cannot be put is tried again, ever more seldom, and comes by itself") {
  Site site;
  site.driver.put_fails.emplace(cidr("10.1.0.0/24"),
                                Trouble{Trouble::Kind::unreachable, "no way to 10.0.0.1"});
  site.want(kOne, {{kBlue, {claim(to("10.1.0.0/24")), claim(to("10.2.0.0/24"))}}});
  CHECK(site.state(kOne, "10.1.0.0/24") == State::failed);
  CHECK(site.state(kOne, "10.2.0.0/24") == State::ok);
  const int before = site.driver.applies;
  for (int i = 0; i < 600; ++i) site.pass(milliseconds(100));
  const int tries = site.driver.applies - before;
  CHECK((tries >= 5 && tries <= 7));  // after 1, 3, 7, 15, 31 and 61 s
  site.driver.put_fails.clear();
  site.pass(seconds(30));
  CHECK(site.state(kOne, "10.1.0.0/24") == State::ok);
  CHECK(site.tables.tally(kOne).trouble.empty());
  site.driver.put_fails.emplace(cidr("10.3.0.0/24"),
                                Trouble{Trouble::Kind::unreachable, "no way to 10.0.0.1"});
  site.want(kTwo, {{kBlue, {claim(to("10.3.0.0/24"))}}});
  site.driver.put_fails.clear();
  site.pass(seconds(1));
  CHECK(site.state(kTwo, "10.3.0.0/24") == State::ok);
}

TEST_CASE("a table that cannot be looked through says so for all that is wanted there") {
  Site site;
  site.driver.list_fails = Trouble{Trouble::Kind::no_namespace, "netns blue is not there"};
  site.want(kOne, {{kBlue, {claim(to("10.1.0.0/24"))}}});
  CHECK(site.tables.tally(kOne).trouble == "10.1.0.0/24 in table 101: netns blue is not there");
  CHECK(site.tables.troubles().at(kBlue) == "netns blue is not there");
  site.driver.list_fails.reset();
  site.pass(seconds(1));
  CHECK(site.tables.tally(kOne).ok == 1);
  CHECK(site.tables.troubles().empty());
}

TEST_CASE("a driver that is not there is named with what to do") {
  Site site;
  site.has_driver = false;
  const Table rest{.driver = "rest", .name = "rtb", .netns = "", .vrf = ""};
  site.want(kOne, {{rest, {claim(to("10.1.0.0/24"))}}});
  CHECK(site.tables.tally(kOne).trouble ==
        "10.1.0.0/24 in table rest:rtb: there is no route program 'rest'; name it in "
        "[routes.programs] of ipsecd.toml");
  site.has_driver = true;
  site.pass(seconds(1));
  CHECK(site.tables.tally(kOne).ok == 1);
}

TEST_CASE("wishes that cross a slow answer are carried out after it") {
  Site site;
  site.driver.at_once = false;
  site.tables.want(kOne, "", {{kBlue, {claim(to("10.1.0.0/24"))}}});
  site.tables.flush();
  site.tables.want(kOne, "", {{kBlue, {claim(to("10.2.0.0/24"))}}});
  site.tables.flush();
  site.driver.answer();
  REQUIRE(site.driver.is_asked());
  site.tables.want(kOne, "", {{kBlue, {claim(to("10.3.0.0/24"))}}});
  site.tables.flush();
  site.driver.answer();
  site.settle();
  while (site.driver.is_asked()) {
    site.driver.answer();
    site.settle();
  }
  CHECK(site.content(kBlue) == Lines{"10.3.0.0/24 via 10.0.0.1 dev eth0 metric 100 mtu 1400"});
  CHECK(site.tables.tally(kOne).ok == 1);
}

TEST_CASE("a place is its first comer's, and the next one's when that goes") {
  Site site;
  site.want(kOne, {{kBlue, {claim(to("10.1.0.0/24"))}}});
  site.want(kTwo, {{kBlue, {claim(to("10.1.0.0/24", "10.0.0.2"))}}});
  CHECK(site.state(kOne, "10.1.0.0/24") == State::ok);
  CHECK(site.state(kTwo, "10.1.0.0/24") == State::contested);
  site.want(kOne, {});
  CHECK(site.content(kBlue) == Lines{"10.1.0.0/24 via 10.0.0.2 dev eth0 metric 100 mtu 1400"});
  CHECK(site.state(kTwo, "10.1.0.0/24") == State::ok);
}

TEST_CASE("tunnels that lead the same way share a place, and those of a group its load") {
  Site site;
  const bool grouped = GENERATE(true, false);
  const std::string via = grouped ? "10.0.0.2" : "10.0.0.1";
  const std::string group = grouped ? "pair" : "";
  Route other = to("10.1.0.0/24", via);
  other.mtu = 1300;
  site.want(kOne, {{kBlue, {claim(to("10.1.0.0/24"))}}}, group);
  site.want(kTwo, {{kBlue, {claim(other)}}}, group);
  CHECK(site.state(kTwo, "10.1.0.0/24") == State::ok);
  if (grouped) {
    CHECK(site.content(kBlue) == Lines{"10.1.0.0/24 nexthop via 10.0.0.1 dev eth0 nexthop via "
                                       "10.0.0.2 dev eth0 metric 100 mtu 1300"});
  }
  site.want(kOne, {}, group);
  CHECK(site.content(kBlue) == Lines{"10.1.0.0/24 via " + via + " dev eth0 metric 100 mtu 1300"});
}

TEST_CASE("a tunnel that is up goes before a blackhole of another") {
  Site site;
  site.want(kOne, {{kBlue, {claim(blackhole("10.1.0.0/24"))}}});
  CHECK(site.content(kBlue) == Lines{"blackhole 10.1.0.0/24 metric 100"});
  site.want(kTwo, {{kBlue, {claim(to("10.1.0.0/24"))}}});
  CHECK(site.content(kBlue) == Lines{"10.1.0.0/24 via 10.0.0.1 dev eth0 metric 100 mtu 1400"});
  site.want(kTwo, {});
  CHECK(site.content(kBlue) == Lines{"blackhole 10.1.0.0/24 metric 100"});
}

TEST_CASE("what a daemon before this one left is retained until its tunnel is known") {
  Site site;
  site.driver.tables[kBlue].routes = {
      {to("10.1.0.0/24"), true, ""}, {to("10.2.0.0/24"), true, ""}, {to("10.3.0.0/24"), true, ""}};
  site.want(kOne,
            {{kBlue, {retained("10.1.0.0/24"), retained("10.2.0.0/24"), retained("10.4.0.0/24")}}});
  CHECK(site.content(kBlue).size() == 2);  // 10.3 is nobody's
  CHECK(site.driver.changes == 1);
  CHECK(site.repairs.empty());
  const auto tally = site.tables.tally(kOne);
  CHECK((tally.want == 2 && tally.ok == 2));
  site.want(kOne, {{kBlue, {claim(to("10.1.0.0/24"))}}});
  CHECK(site.driver.changes == 2);
  CHECK(site.content(kBlue) == Lines{"10.1.0.0/24 via 10.0.0.1 dev eth0 metric 100 mtu 1400"});
}

TEST_CASE("rules follow what is wanted") {
  Site site;
  site.tables.configure({{kBlue, {{cidr("192.168.1.0/24")}}}});
  site.settle();
  CHECK(site.driver.tables[kBlue].rules == std::set<Rule>{{cidr("192.168.1.0/24")}});
  site.driver.tables[kBlue].rules.clear();
  site.tables.drifted(kBlue);
  site.pass(milliseconds(300));
  CHECK(site.driver.tables[kBlue].rules.size() == 1);
  site.tables.configure({});
  site.settle();
  CHECK(site.driver.tables[kBlue].rules.empty());
  CHECK(site.driver.forgotten.contains(kBlue));
}

TEST_CASE("a table that is configured is known before anything is wanted there") {
  Site site;
  site.tables.configure({{kBlue, {}}});
  site.settle();
  const int lists = site.driver.lists;
  CHECK(lists == 1);
  site.pass(seconds(300));
  CHECK(site.driver.lists == lists);  // nothing can be wrong where nothing is wanted
  site.want(kOne, {{kBlue, {claim(to("10.1.0.0/24"))}}});
  CHECK(site.content(kBlue).size() == 1);
  CHECK(site.driver.lists == lists);
  site.driver.tables[kBlue].routes.clear();
  site.pass(seconds(31));
  CHECK(site.content(kBlue).size() == 1);
  site.want(kOne, {});
  CHECK_FALSE(site.driver.forgotten.contains(kBlue));
  site.tables.configure({});
  site.settle();
  CHECK(site.driver.forgotten.contains(kBlue));
}

TEST_CASE("a table of nobody is cleaned and forgotten") {
  Site site;
  site.driver.tables[kBlue].routes = {{to("10.1.0.0/24"), true, ""},
                                      {to("10.2.0.0/24", "10.0.0.7"), false, ""}};
  site.tables.clean(kBlue);
  site.settle();
  CHECK(site.content(kBlue).size() == 1);
  CHECK(site.driver.forgotten.contains(kBlue));
}

TEST_CASE("a table of nobody is tried until it is clean") {
  Site site;
  site.driver.tables[kBlue].routes = {{to("10.1.0.0/24"), true, ""}};
  site.driver.list_fails = {Trouble::Kind::driver, "no answer"};
  site.tables.clean(kBlue);
  site.settle();
  CHECK(site.tables.tables() == std::set{kBlue});
  site.driver.list_fails.reset();
  site.driver.remove_fails = {Trouble::Kind::driver, "no answer"};
  site.pass(seconds(2));
  CHECK(site.content(kBlue).size() == 1);
  CHECK(site.tables.tables() == std::set{kBlue});
  const auto before = site.tables.generation();
  site.driver.remove_fails.reset();
  site.pass(seconds(60));
  CHECK(site.content(kBlue).empty());
  CHECK(site.tables.tables().empty());
  CHECK(site.tables.generation() != before);
}

TEST_CASE("nothing is left in a table that is not there") {
  Site site;
  site.driver.list_fails = {Trouble::Kind::no_namespace, "it is not there"};
  site.tables.clean(kBlue);
  site.settle();
  CHECK(site.tables.tables().empty());
}

TEST_CASE("many changes come in parts that a driver can take") {
  Site site;
  site.driver.most = GENERATE(std::size_t{0}, std::size_t{test::kSanitized ? 70 : 7});
  std::vector<Claim> claims;
  for (std::uint32_t i = 0; i < 2200; ++i) {
    claims.push_back(claim(to(fmt::format("10.{}.{}.0/24", 1 + i / 250, i % 250))));
  }
  site.tables.want(kOne, "", {{kBlue, claims}});
  for (int i = 0; i < 2200 && site.tables.tally(kOne).ok < 2200; ++i) site.tables.tick();
  CHECK(site.tables.tally(kOne).ok == 2200);
  CHECK(site.driver.changes == 2200);
}

// Random wishes, hands and failures; when they end everything is as the wishes say.
TEST_CASE("whatever happens, in the end the tables are as it is wanted") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    Site site;
    site.driver.at_once = below(2) == 0;
    site.driver.most = below(2) * 3;
    const Seen theirs{to("10.0.0.0/24", "10.0.0.99"), false, ""};
    site.driver.tables[kBlue].routes.push_back(theirs);
    std::map<TunnelId, Tables::Claims> wanted;
    for (int step = 0; step < 60; ++step) {
      const TunnelId owner{1 + below(3)};
      switch (below(6)) {
        case 0:
        case 1: {
          Tables::Claims claims;
          for (unsigned i = 0; i < below(6); ++i) {
            const auto range = fmt::format("10.{}.0.0/24", below(6));
            claims[below(2) == 0 ? kBlue : kRed].push_back(
                claim(below(4) == 0 ? blackhole(range) : to(range)));
          }
          site.tables.want(owner, "", claims);
          wanted[owner] = claims;
          break;
        }
        case 2: {
          auto& routes = site.driver.tables[kBlue].routes;
          if (routes.size() > 1 && routes.back() != theirs) routes.pop_back();
          if (below(2) == 0) site.tables.drifted(kBlue);
          break;
        }
        case 3:
          if (site.driver.is_asked()) site.driver.answer();
          break;
        case 4:
          site.driver.put_fails.clear();
          if (below(2) == 0) {
            site.driver.put_fails.emplace(cidr(fmt::format("10.{}.0.0/24", below(6))), Trouble{});
          }
          break;
        default:
          site.now += milliseconds(below(2000));
      }
      site.tables.flush();
      if (below(3) == 0) site.tables.tick();
    }
    site.driver.put_fails.clear();
    site.driver.at_once = true;
    while (site.driver.is_asked()) site.driver.answer();
    for (int i = 0; i < 70; ++i) {
      site.now += seconds(1);
      site.settle();
    }
    std::map<Table, std::set<Key>> keys;
    for (const auto& [owner, claims] : wanted) {
      for (const auto& [table, all] : claims) {
        for (const Claim& it : all) keys[table].insert(it.route.key);
      }
    }
    keys[kBlue].insert(theirs.route.key);
    for (const Table& table : {kBlue, kRed}) {
      std::set<Key> found;
      for (const Seen& seen : site.driver.tables[table].routes) found.insert(seen.route.key);
      CHECK(found == keys[table]);
    }
    CHECK(std::ranges::count(site.driver.tables[kBlue].routes, theirs) == 1);
  }
}

}  // namespace
}  // namespace ipsec::route
