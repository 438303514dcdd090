#include "tests/support/route_conformance.h"

#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "route/plan.h"

namespace ipsec::route::conformance {
namespace {

// How long an answer or an event may take to come, and how long none is waited for.
constexpr std::chrono::milliseconds kPatience{10'000};
constexpr std::chrono::milliseconds kQuiet{100};
// turns of the loop, whatever they bring.
constexpr int kTurns = 100'000;
constexpr std::uint32_t kMetric = 100;

Cidr cidr(std::string_view text) { return *Cidr::parse(text); }

Cidr numbered(Family family, std::uint32_t number) {
  if (family == Family::v4)
    return cidr(fmt::format("10.{}.{}.0/24", 64 + number / 256, number % 256));
  return cidr(fmt::format("2001:db8:{:x}::/48", 0x100 + number));
}

std::string text_of(const std::vector<Route>& routes) {
  std::vector<std::string> lines;
  for (const Route& route : routes) lines.push_back(to_string(route));
  return lines.empty() ? "nothing" : fmt::format("{}", fmt::join(lines, "; "));
}

std::string text_of(const Outcome& outcome) {
  return outcome ? "done"
                 : fmt::format("trouble {}: {}", static_cast<int>(outcome.error().kind),
                               outcome.error().why);
}

// A driver and a table of its own, and what went wrong first.
class Stage {
 public:
  explicit Stage(Hands& hands)
      : hands_(hands), driver_(hands.make_driver()), table_(hands.fresh_table()) {}

  [[nodiscard]] Hands& hands() { return hands_; }
  [[nodiscard]] const Table& table() const { return table_; }
  [[nodiscard]] Driver* driver() { return driver_.get(); }
  [[nodiscard]] Capabilities can() const { return driver_->capabilities(); }
  [[nodiscard]] const std::optional<std::string>& wrong() const { return wrong_; }

  void expect(bool holds, const std::string& otherwise) {
    if (!holds && !wrong_) wrong_ = otherwise;
  }

  // Plain: by the first hop.
  [[nodiscard]] Route route(const Cidr& destination, std::uint32_t metric = kMetric) {
    return {{destination, metric}, {hops(destination.family())[0]}, 0, 0};
  }
  [[nodiscard]] const std::vector<Hop>& hops(Family family) {
    auto& known = hops_[family == Family::v4 ? 0 : 1];
    if (known.empty()) known = hands_.hops(family);
    return known;
  }

  // Turns the loop until it is so.
  bool await(const std::function<bool()>& so) {
    for (int turn = 0; turn < kTurns && !so(); ++turn) {
      if (!hands_.turn(driver_.get(), kPatience)) break;
    }
    return so();
  }
  void wait_quietly() {
    for (int turn = 0; turn < kTurns && hands_.turn(driver_.get(), kQuiet); ++turn) continue;
  }

  Listing list(const std::set<Cidr>& destinations = {}) {
    std::vector<std::expected<Listing, Trouble>> answers;
    driver_->list(table_, destinations, [&](auto answer) { answers.push_back(std::move(answer)); });
    if (!await([&] { return !answers.empty(); })) {
      expect(false, "list: no answer");
      return {};
    }
    if (!answers[0]) expect(false, "list: " + answers[0].error().why);
    return answers[0] ? *answers[0] : Listing{};
  }

  Outcomes apply(const Changes& changes) {
    std::vector<Outcomes> answers;
    driver_->apply(table_, changes, [&](auto answer) { answers.push_back(std::move(answer)); });
    if (!await([&] { return !answers.empty(); })) {
      expect(false, "apply: no answer");
      return Outcomes(changes.size());
    }
    expect(answers[0].size() == changes.size(),
           fmt::format("apply: {} outcomes of {} changes", answers[0].size(), changes.size()));
    answers[0].resize(changes.size());
    return answers[0];
  }
  void do_all(const Changes& changes) {
    for (const Outcome& outcome : apply(changes)) expect(outcome.has_value(), text_of(outcome));
  }

  [[nodiscard]] std::vector<Route> ours() {
    std::vector<Route> out;
    for (const Seen& seen : list().routes) {
      if (seen.ours) out.push_back(seen.route);
    }
    std::ranges::sort(out);
    return out;
  }
  // Listed as ours, and nothing else; and the witness sees as many.
  void expect_ours(std::vector<Route> wanted, std::size_t foreign = 0) {
    std::ranges::sort(wanted);
    const auto found = ours();
    expect(found == wanted, fmt::format("expected {}; listed {}", text_of(wanted), text_of(found)));
    const auto lines = hands_.witness(table_);
    expect(lines.size() == wanted.size() + foreign,
           fmt::format("expected {} routes, the witness sees {}: {}", wanted.size() + foreign,
                       lines.size(), fmt::join(lines, "; ")));
  }

  void end_driver() { driver_.reset(); }
  void new_driver() {
    end_driver();
    driver_ = hands_.make_driver();
  }

 private:
  Hands& hands_;
  std::unique_ptr<Driver> driver_;
  Table table_;
  std::array<std::vector<Hop>, 2> hops_;
  std::optional<std::string> wrong_;
};

constexpr std::array kFamilies{Family::v4, Family::v6};

// --- changes ---

Changes adding(std::vector<Route> routes) {
  Changes out;
  out.add = std::move(routes);
  return out;
}

Changes replacing(std::vector<Route> routes) {
  Changes out;
  out.replace = std::move(routes);
  return out;
}

Changes removing(std::vector<Route> routes) {
  Changes out;
  out.remove = std::move(routes);
  return out;
}

// --- what is ours ---

void empty_lists_empty(Stage& stage) {
  stage.expect_ours({});
  stage.expect(stage.apply({}).empty(), "nothing to do has outcomes");
}

void comes_and_goes(Stage& stage) {
  std::vector<Route> wanted;
  for (const auto* text : {"10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32", "0.0.0.0/0",
                           "2001:db8:1::/48", "2001:db8:1:2::/64", "2001:db8:1::7/128", "::/0"}) {
    wanted.push_back(stage.route(cidr(text)));
  }
  stage.do_all(adding(wanted));
  stage.expect_ours(wanted);
  const std::vector<Route> half(wanted.begin(), wanted.begin() + 4);
  stage.do_all(removing(half));
  wanted.erase(wanted.begin(), wanted.begin() + 4);
  stage.expect_ours(wanted);
  stage.do_all(removing(wanted));
  stage.expect_ours({});
}

// One place is a destination and a metric.
void two_metrics_are_two_places(Stage& stage) {
  std::vector<Route> wanted;
  for (const Family family : kFamilies) {
    wanted.push_back(stage.route(numbered(family, 1), 100));
    wanted.push_back(stage.route(numbered(family, 1), 200));
  }
  stage.do_all(adding(wanted));
  stage.expect_ours(wanted);
  stage.do_all(removing({wanted[0], wanted[3]}));
  stage.expect_ours({wanted[1], wanted[2]});
}

void mtu_is_kept(Stage& stage) {
  std::vector<Route> wanted;
  for (const Family family : kFamilies) {
    wanted.push_back(stage.route(numbered(family, 1)));
    wanted.back().mtu = 1438;
    wanted.push_back(stage.route(numbered(family, 2)));
    wanted.back().mtu = 1400;
    wanted.back().advmss = 1340;
  }
  stage.do_all(adding(wanted));
  stage.expect_ours(wanted);
  for (Route& route : wanted) {
    route.mtu = 1300;
    route.advmss = 1240;
  }
  stage.do_all(replacing(wanted));
  stage.expect_ours(wanted);
}

void blackholes(Stage& stage) {
  std::vector<Route> wanted;
  for (const Family family : kFamilies) {
    wanted.push_back({{numbered(family, 1), kMetric}, {}, 0, 0});
  }
  stage.do_all(adding(wanted));
  stage.expect_ours(wanted);
  for (Route& route : wanted) route.hops = {stage.hops(route.key.destination.family())[0]};
  stage.do_all(replacing(wanted));
  stage.expect_ours(wanted);
  for (Route& route : wanted) route.hops.clear();
  stage.do_all(replacing(wanted));
  stage.expect_ours(wanted);
  stage.do_all(removing(wanted));
  stage.expect_ours({});
}

void several_hops(Stage& stage) {
  std::vector<Route> wanted;
  for (const Family family : kFamilies) {
    wanted.push_back({{numbered(family, 1), kMetric}, stage.hops(family), 0, 0});
    stage.expect(wanted.back().hops.size() == 2, "the test has not two hops");
  }
  stage.do_all(adding(wanted));
  stage.expect_ours(wanted);
  for (Route& route : wanted) route.hops.pop_back();
  stage.do_all(replacing(wanted));
  stage.expect_ours(wanted);
  for (Route& route : wanted) route.hops = stage.hops(route.key.destination.family());
  stage.do_all(replacing(wanted));
  stage.expect_ours(wanted);
  stage.do_all(removing(wanted));
  stage.expect_ours({});
}

void the_hop_changes(Stage& stage) {
  std::vector<Route> wanted;
  for (const Family family : kFamilies) {
    wanted.push_back(stage.route(numbered(family, 1)));
    wanted.push_back(stage.route(numbered(family, 2)));
  }
  stage.do_all(adding(wanted));
  for (Route& route : wanted) route.hops = {stage.hops(route.key.destination.family())[1]};
  stage.do_all(replacing(wanted));
  stage.expect_ours(wanted);
}

// The plan after the plan is empty; and what it is made from is what was asked for.
void the_second_plan_is_empty(Stage& stage) {
  Wanted wanted;
  for (const Family family : kFamilies) {
    for (std::uint32_t i = 0; i < 8; ++i) {
      const Route route = stage.route(numbered(family, i), kMetric + i % 2);
      wanted.routes.emplace(route.key, route);
    }
  }
  stage.do_all(plan(wanted, stage.list()).changes);
  const Plan second = plan(wanted, stage.list());
  stage.expect(second.changes.empty(), fmt::format("{} changes are left", second.changes.size()));
  stage.expect(second.as_wanted.size() == wanted.routes.size(), "not all is as wanted");
}

void many_at_once(Stage& stage) {
  const std::size_t count = std::max<std::size_t>(2 * stage.can().changes_at_once + 1, 600);
  std::vector<Route> wanted;
  for (std::uint32_t i = 0; i < count; ++i) {
    wanted.push_back(stage.route(numbered(i % 2 == 0 ? Family::v4 : Family::v6, i)));
  }
  stage.do_all(adding(wanted));
  stage.expect_ours(wanted);
  stage.do_all(removing(wanted));
  stage.expect_ours({});
}

void what_is_gone_may_be_removed(Stage& stage) {
  const std::vector<Route> routes{stage.route(numbered(Family::v4, 1)),
                                  stage.route(numbered(Family::v6, 1))};
  stage.do_all(removing(routes));
  stage.do_all(adding(routes));
  stage.hands().remove(stage.table(), routes[0]);
  stage.expect_ours({routes[1]});
  stage.do_all(removing(routes));
  stage.expect_ours({});
}

// Somebody took it away meanwhile.
void what_is_gone_may_be_replaced(Stage& stage) {
  std::vector<Route> routes{stage.route(numbered(Family::v4, 1)),
                            stage.route(numbered(Family::v6, 1))};
  stage.do_all(adding(routes));
  for (const Route& route : routes) stage.hands().remove(stage.table(), route);
  for (Route& route : routes) route.hops = {stage.hops(route.key.destination.family())[1]};
  stage.do_all(replacing(routes));
  stage.expect_ours(routes);
}

void a_new_driver_finds_it(Stage& stage) {
  const std::vector<Route> routes{stage.route(numbered(Family::v4, 1)),
                                  stage.route(numbered(Family::v6, 1))};
  stage.do_all(adding(routes));
  stage.new_driver();
  stage.expect_ours(routes);
  stage.do_all(removing(routes));
  stage.expect_ours({});
}

// --- what is another one's ---

void foreign_is_never_ours(Stage& stage) {
  std::vector<Route> foreign;
  for (const Family family : kFamilies) foreign.push_back(stage.route(numbered(family, 1)));
  std::vector<Route> wanted;
  for (const Family family : kFamilies) wanted.push_back(stage.route(numbered(family, 2)));
  for (const Route& route : foreign) stage.hands().add_foreign(stage.table(), route);
  stage.do_all(adding(wanted));
  stage.expect_ours(wanted, foreign.size());
  const Listing listing = stage.list({foreign[0].key.destination, foreign[1].key.destination});
  for (const Route& route : foreign) {
    const auto it = std::ranges::find_if(
        listing.routes, [&](const Seen& seen) { return seen.route.key == route.key; });
    const bool there = it != listing.routes.end();
    stage.expect(there, "not listed though asked for: " + to_string(route));
    stage.expect(!there || !it->ours, "taken for ours: " + to_string(route));
    stage.expect(!there || !it->label.empty(), "no word whose it is: " + to_string(route));
  }
}

void the_place_is_taken(Stage& stage) {
  std::vector<Route> routes;
  for (const Family family : kFamilies) routes.push_back(stage.route(numbered(family, 1)));
  for (const Route& route : routes) stage.hands().add_foreign(stage.table(), route);
  const auto before = stage.hands().witness(stage.table());
  for (Route& route : routes) route.hops = {stage.hops(route.key.destination.family())[1]};
  for (const Outcome& outcome : stage.apply(adding(routes))) {
    stage.expect(!outcome && outcome.error().kind == Trouble::Kind::conflict,
                 "expected a conflict: " + text_of(outcome));
    stage.expect(outcome || !outcome.error().why.empty(), "a conflict without a word");
  }
  stage.expect(stage.hands().witness(stage.table()) == before, "another one's route was changed");
  stage.do_all(removing(routes));
  stage.expect(stage.hands().witness(stage.table()) == before, "another one's route was removed");
}

void one_fails_the_others_are_done(Stage& stage) {
  std::vector<Route> routes;
  for (std::uint32_t i = 0; i < 9; ++i) {
    routes.push_back(stage.route(numbered(i % 2 == 0 ? Family::v4 : Family::v6, i)));
  }
  Changes changes = removing({routes[0], routes[1]});
  stage.do_all(adding(changes.remove));
  stage.hands().add_foreign(stage.table(), routes[4]);
  changes.add.assign(routes.begin() + 2, routes.end());
  const Outcomes outcomes = stage.apply(changes);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const bool fails = i == 2;
    stage.expect(outcomes[i].has_value() != fails,
                 fmt::format("outcome {}: {}", i, text_of(outcomes[i])));
  }
  changes.add.erase(changes.add.begin() + 2);
  stage.expect_ours(changes.add, 1);
}

// --- rules, drift, the end ---

void rules_come_and_go(Stage& stage) {
  const std::vector<Rule> rules{{cidr("10.7.0.0/16")}, {cidr("2001:db8:7::/48")}};
  Changes changes;
  changes.add_rules = rules;
  stage.do_all(changes);
  auto found = stage.list().rules;
  std::ranges::sort(found);
  stage.expect(found == rules, fmt::format("{} rules of 2 are listed", found.size()));
  changes.add_rules.clear();
  changes.remove_rules = rules;
  stage.do_all(changes);
  stage.expect(stage.list().rules.empty(), "a rule is left");
  stage.do_all(changes);
}

void drift_is_told(Stage& stage) {
  std::vector<Table> told;
  stage.driver()->on_drift([&](const Table& table) { told.push_back(table); });
  const std::vector<Route> routes{stage.route(numbered(Family::v4, 1)),
                                  stage.route(numbered(Family::v6, 1))};
  stage.expect_ours({});
  stage.do_all(adding(routes));
  stage.wait_quietly();
  stage.expect(told.empty(), "our own changes are told of");
  for (const Route& route : routes) {
    told.clear();
    stage.hands().remove(stage.table(), route);
    stage.expect(stage.await([&] { return !told.empty(); }), "a removed route is not told of");
    for (const Table& table : told) stage.expect(table == stage.table(), "drift of another table");
    stage.wait_quietly();
  }
  told.clear();
  stage.hands().add_foreign(stage.table(), routes[0]);
  stage.expect(stage.await([&] { return !told.empty(); }), "another one's route is not told of");
  stage.wait_quietly();
  told.clear();
  stage.driver()->forget(stage.table());
  stage.hands().remove(stage.table(), routes[0]);
  stage.wait_quietly();
  stage.expect(told.empty(), "a forgotten table is told of");
}

void answers_come_once(Stage& stage) {
  int listed = 0;
  int applied = 0;
  const std::vector<Route> routes{stage.route(numbered(Family::v4, 1))};
  stage.driver()->list(stage.table(), {}, [&](const auto&) { ++listed; });
  stage.driver()->apply(stage.table(), adding(routes), [&](const auto&) { ++applied; });
  stage.driver()->list(stage.table(), {}, [&](const auto&) { ++listed; });
  stage.driver()->apply(stage.table(), removing(routes), [&](const auto&) { ++applied; });
  stage.expect(stage.await([&] { return listed == 2 && applied == 2; }), "answers are missing");
  stage.wait_quietly();
  stage.expect(listed == 2 && applied == 2, "an answer came twice");
  stage.expect_ours({});
}

void no_call_after_the_end(Stage& stage) {
  int called = 0;
  stage.driver()->on_drift([&](const Table&) { ++called; });
  stage.expect_ours({});
  stage.hands().add_foreign(stage.table(), stage.route(numbered(Family::v4, 1)));
  stage.driver()->list(stage.table(), {}, [&](const auto&) { ++called; });
  stage.driver()->apply(stage.table(), adding({stage.route(numbered(Family::v4, 2))}),
                        [&](const auto&) { ++called; });
  stage.end_driver();
  called = 0;
  stage.wait_quietly();
  stage.expect(called == 0, "a call after the driver's end");
}

struct Check {
  std::string_view name;
  void (*body)(Stage&);
  bool (*applies)(const Capabilities&) = [](const Capabilities&) { return true; };
};

constexpr std::array kChecks{
    Check{"an empty table lists empty", empty_lists_empty},
    Check{"routes come and go", comes_and_goes},
    Check{"two metrics are two places", two_metrics_are_two_places},
    Check{"MTU and MSS are kept", mtu_is_kept, [](const Capabilities& can) { return can.mtu; }},
    Check{"blackholes", blackholes, [](const Capabilities& can) { return can.blackhole; }},
    Check{"several hops", several_hops, [](const Capabilities& can) { return can.several_hops; }},
    Check{"the hop changes", the_hop_changes},
    Check{"the second plan is empty", the_second_plan_is_empty},
    Check{"many at once", many_at_once},
    Check{"what is gone may be removed", what_is_gone_may_be_removed},
    Check{"what is gone may be replaced", what_is_gone_may_be_replaced},
    Check{"a new driver finds what the old one left", a_new_driver_finds_it},
    Check{"a foreign route is never ours", foreign_is_never_ours},
    Check{"a foreign route has the place", the_place_is_taken},
    Check{"one fails, the others are done", one_fails_the_others_are_done},
    Check{"rules come and go", rules_come_and_go,
          [](const Capabilities& can) { return can.rules; }},
    Check{"drift is told", drift_is_told, [](const Capabilities& can) { return can.tells_drift; }},
    Check{"answers come once", answers_come_once},
    Check{"no call after the end", no_call_after_the_end},
};

}  // namespace

std::vector<Verdict> run(Hands& hands) {
  std::vector<Verdict> out;
  for (const Check& check : kChecks) {
    Stage stage(hands);
    Verdict verdict{check.name, std::nullopt, !check.applies(stage.can())};
    if (!verdict.skipped) check.body(stage);
    verdict.wrong = stage.wrong();
    out.push_back(std::move(verdict));
  }
  return out;
}

}  // namespace ipsec::route::conformance
