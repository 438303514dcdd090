// Goal: the plan brings what is wanted, takes away all else of ours, touches nothing of another
// one's, and is empty when it has been done. Method: each case by itself; then random tables, the
// plan carried out by a naive kernel that is an ordered list.
#include "route/plan.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/random.h"

namespace ipsec::route {
namespace {

using test::Random;

const Hop kFirst{*Address::parse("10.0.1.1"), "eth0"};
const Hop kSecond{*Address::parse("10.0.1.2"), "eth0"};

Route route(std::string_view destination, std::uint32_t metric = 100, std::vector<Hop> hops = {}) {
  return {{*Cidr::parse(destination), metric}, std::move(hops), 0, 0};
}
Route by(const Hop& hop, std::uint32_t metric = 100) { return route("10.8.0.0/16", metric, {hop}); }

Wanted wanted(const std::vector<Route>& routes) {
  Wanted out;
  for (const Route& it : routes) out.routes.emplace(it.key, it);
  return out;
}
Seen ours(Route route) { return {std::move(route), true, ""}; }
Seen foreign(Route route) { return {std::move(route), false, "proto static"}; }

}  // namespace

TEST_CASE("what is not there is added, what is there stays") {
  const Plan first = plan(wanted({by(kFirst)}), {});
  CHECK(first.changes.add == std::vector{by(kFirst)});
  CHECK(first.changes.size() == 1);
  CHECK(first.as_wanted.empty());
  const Plan second = plan(wanted({by(kFirst)}), {{ours(by(kFirst))}, {}});
  CHECK(second.changes.empty());
  CHECK(second.as_wanted == std::set{by(kFirst).key});
}

TEST_CASE("what says something else is replaced, in whatever it differs") {
  Route with_mtu = by(kFirst);
  with_mtu.mtu = 1438;
  Route with_mss = by(kFirst);
  with_mss.advmss = 1398;
  for (const Route& want : {by(kSecond), route("10.8.0.0/16"), with_mtu, with_mss,
                            route("10.8.0.0/16", 100, {kFirst, kSecond})}) {
    const Plan made = plan(wanted({want}), {{ours(by(kFirst))}, {}});
    CHECK(made.changes.replace == std::vector{want});
    CHECK(made.changes.size() == 1);
  }
}

TEST_CASE("a hop without a device is as wanted by any device") {
  Route want = by({kFirst.via, ""});
  CHECK(plan(wanted({want}), {{ours(by(kFirst))}, {}}).changes.empty());
  CHECK(is_as_wanted(want, by(kFirst)));
  CHECK(!is_as_wanted(by(kFirst), want));
  CHECK(!is_as_wanted(want, by(kSecond)));
  CHECK(!is_as_wanted(want, route("10.8.0.0/16", 100, {kFirst, kSecond})));
  CHECK(!is_as_wanted(want, by(kFirst, 101)));
  want.mtu = 1400;
  CHECK(!is_as_wanted(want, by(kFirst)));
}

TEST_CASE("what is not wanted goes, another one's does not") {
  const Plan made = plan({}, {{ours(by(kFirst)), foreign(by(kFirst, 50))}, {}});
  CHECK(made.changes.remove == std::vector{by(kFirst)});
  CHECK(made.changes.size() == 1);
  CHECK(made.conflicts.empty());
}

TEST_CASE("a place that another one has is a conflict") {
  const Plan made = plan(wanted({by(kFirst)}), {{foreign(by(kSecond))}, {}});
  CHECK(made.changes.empty());
  REQUIRE(made.conflicts.size() == 1);
  CHECK(made.conflicts.begin()->second == foreign(by(kSecond)));
  // Though it says the same: it is not ours to take away.
  CHECK(plan(wanted({by(kFirst)}), {{foreign(by(kFirst))}, {}}).conflicts.size() == 1);
}

TEST_CASE("another one's before ours is told") {
  const Listing listing{{foreign(by(kSecond, 50)), foreign(by(kSecond, 200))}, {}};
  const Plan made = plan(wanted({by(kFirst)}), listing);
  CHECK(made.changes.add.size() == 1);
  REQUIRE(made.shadowed.size() == 1);
  CHECK(made.shadowed.begin()->second.route.key.metric == 50);
  // Behind ours, or of another range, it is nobody's concern.
  CHECK(plan(wanted({by(kFirst)}), {{foreign(by(kSecond, 200))}, {}}).shadowed.empty());
  CHECK(plan(wanted({by(kFirst)}), {{foreign(route("10.8.0.0/17", 1))}, {}}).shadowed.empty());
}

TEST_CASE("ours beside another one's in one place") {
  const Listing listing{{ours(by(kFirst)), foreign(by(kSecond))}, {}};
  SECTION("as wanted: it stays, and what may go before it is told") {
    const Plan made = plan(wanted({by(kFirst)}), listing);
    CHECK(made.changes.empty());
    CHECK(made.as_wanted.size() == 1);
    CHECK(made.shadowed.size() == 1);
  }
  SECTION("not as wanted: to replace it might hit theirs") {
    const Plan made = plan(wanted({route("10.8.0.0/16")}), listing);
    CHECK(made.changes.remove == std::vector{by(kFirst)});
    CHECK(made.changes.size() == 1);
    CHECK(made.conflicts.size() == 1);
    CHECK(made.shadowed.empty());
  }
}

TEST_CASE("several of ours in one place become one") {
  const Listing listing{{ours(by(kFirst)), ours(by(kSecond))}, {}};
  const Plan kept = plan(wanted({by(kSecond)}), listing);
  CHECK(kept.changes.remove == std::vector{by(kFirst)});
  CHECK(kept.changes.size() == 1);
  const Plan mended = plan(wanted({route("10.8.0.0/16")}), listing);
  CHECK(mended.changes.replace.size() == 1);
  CHECK(mended.changes.remove == std::vector{by(kSecond)});
}

TEST_CASE("rules come and go") {
  const Rule first{*Cidr::parse("10.0.1.0/24")};
  const Rule second{*Cidr::parse("2001:db8::/48")};
  const Plan made = plan({{}, {first}}, {{}, {second}});
  CHECK(made.changes.add_rules == std::vector{first});
  CHECK(made.changes.remove_rules == std::vector{second});
  CHECK(plan({{}, {first}}, {{}, {first}}).changes.empty());
}

// --- against a naive kernel ---

namespace {

// In its order, which decides what a replacement hits: the first in the place, whosever it is.
class NaiveKernel {
 public:
  std::vector<Seen> table;

  [[nodiscard]] bool add(const Route& route) {
    if (first_at(route.key) != table.end()) return false;
    table.push_back(ours(filled(route)));
    return true;
  }
  [[nodiscard]] bool replace(const Route& route) {
    const auto it = first_at(route.key);
    if (it == table.end() || !it->ours) return false;
    it->route = filled(route);
    return true;
  }
  [[nodiscard]] bool remove(const Route& route) {
    const auto it = std::ranges::find(table, ours(route));
    if (it == table.end()) return false;
    table.erase(it);
    return true;
  }
  [[nodiscard]] std::vector<Seen> of_others() const {
    std::vector<Seen> out;
    std::ranges::copy_if(table, std::back_inserter(out), [](const Seen& it) { return !it.ours; });
    return out;
  }
  // It knows the devices.
  static Route filled(Route route) {
    for (Hop& hop : route.hops) hop.device = "eth0";
    return route;
  }

 private:
  std::vector<Seen>::iterator first_at(const Key& key) {
    return std::ranges::find(table, key, [](const Seen& it) { return it.route.key; });
  }
};

Route random_route(Random& random) {
  constexpr std::array kDestinations{"10.8.0.0/16", "10.8.0.0/17", "0.0.0.0/0", "2001:db8::/48"};
  Route out = route(kDestinations[random.below(kDestinations.size())],
                    static_cast<std::uint32_t>(1 + random.below(3)));
  for (const Hop& hop : {kFirst, kSecond}) {
    if (random.one_in(2)) out.hops.push_back({hop.via, random.one_in(2) ? "eth0" : ""});
  }
  if (random.one_in(3)) out.mtu = 1400;
  return out;
}

NaiveKernel random_kernel(Random& random) {
  NaiveKernel out;
  for (std::size_t left = random.below(12); left > 0; --left) {
    Seen seen{NaiveKernel::filled(random_route(random)), random.one_in(2), ""};
    if (!seen.ours) seen.label = "proto static";
    // A kernel does not hold the very same twice.
    if (std::ranges::find(out.table, seen) == out.table.end()) out.table.push_back(seen);
  }
  return out;
}

bool carry_out(NaiveKernel& kernel, const Changes& changes) {
  const auto all = [](const auto& routes, auto&& change) {
    return std::ranges::all_of(routes, change);
  };
  return all(changes.add, [&](const Route& it) { return kernel.add(it); }) &&
         all(changes.replace, [&](const Route& it) { return kernel.replace(it); }) &&
         all(changes.remove, [&](const Route& it) { return kernel.remove(it); });
}

}  // namespace

TEST_CASE("random tables are put right by one plan, and the next is empty") {
  Random random(20'251);
  for (int round = 0; round < 20'000; ++round) {
    NaiveKernel kernel = random_kernel(random);
    Wanted want;
    for (std::size_t left = random.below(8); left > 0; --left) {
      const Route it = random_route(random);
      want.routes.emplace(it.key, it);
    }
    const auto others = kernel.of_others();
    const Plan made = plan(want, {kernel.table, {}});
    REQUIRE(carry_out(kernel, made.changes));
    REQUIRE(kernel.of_others() == others);

    std::set<Key> standing;
    for (const Seen& it : kernel.table) {
      if (!it.ours) continue;
      REQUIRE(standing.insert(it.route.key).second);
      const auto found = want.routes.find(it.route.key);
      REQUIRE(found != want.routes.end());
      REQUIRE(is_as_wanted(found->second, it.route));
    }
    for (const auto& [key, route] : want.routes) {
      REQUIRE(standing.contains(key) != made.conflicts.contains(key));
      const bool before = std::ranges::any_of(others, [&](const Seen& it) {
        return it.route.key.destination == key.destination && it.route.key.metric <= key.metric;
      });
      REQUIRE((made.shadowed.contains(key) || made.conflicts.contains(key)) == before);
    }
    const Plan next = plan(want, {kernel.table, {}});
    REQUIRE(next.changes.empty());
    REQUIRE(next.as_wanted == standing);
    REQUIRE(next.conflicts.size() == made.conflicts.size());
  }
}

}  // namespace ipsec::route
