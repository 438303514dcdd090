// What a route program answers, to its readers. The first byte says which question it answers; L is
// a listing, all else the three changes of asked().
//
// What is read is said in our own words, and read as the same: no member is lost, and none comes
// from nowhere. A listing has each place once and ours whole; a change is only done if the answer
// says "true" for it; a refusal is one harmless line.
#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "ike/base/limits.h"
#include "route/exec/codec.h"
#include "route/exec/words.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace ipsec;
using namespace ipsec::route;
using fuzz::require;
using Json = nlohmann::json;

Route a_route(std::string_view destination) {
  return {{*Cidr::parse(destination), 100}, {{Address::parse("10.0.1.1"), ""}}, 0, 0};
}

Changes asked() {
  Changes changes;
  changes.add.push_back(a_route("10.0.2.0/24"));
  changes.replace.push_back(a_route("10.0.3.0/24"));
  changes.remove.push_back(a_route("fd00:4::/48"));
  return changes;
}

Json place(const Key& key) {
  return {{"destination", key.destination.to_string()}, {"metric", key.metric}};
}

std::string said(const Listing& listing) {
  Json routes = Json::array();
  for (const Seen& seen : listing.routes) {
    const Route& route = seen.route;
    Json one = place(route.key);
    one["ours"] = seen.ours;
    // Another's that has no hops is whatever it is.
    if (seen.ours) one["type"] = route.is_blackhole() ? "blackhole" : "unicast";
    one["next_hops"] = Json::array();
    for (const Hop& hop : route.hops) {
      Json told = Json::object();
      if (hop.via) told["via"] = hop.via->to_string();
      if (!hop.device.empty()) told["device"] = hop.device;
      one["next_hops"].push_back(told);
    }
    one["mtu"] = route.mtu;
    one["advmss"] = route.advmss;
    if (!seen.label.empty()) one["label"] = seen.label;
    routes.push_back(one);
  }
  return Json{{"version", 1}, {"routes", routes}}.dump();
}

void harmless(const Trouble& trouble, std::string_view family) {
  require(!trouble.why.empty(), "trouble has a reason");
  require(trouble.why.size() < 1'000, "a reason is short");
  // All that a reason may quote is in it as first_line() gives it, so it is one itself.
  for (const char c : trouble.why) {
    require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "a reason is one line");
  }
  require(Json::accept(Json(trouble.why).dump()), "a reason is UTF-8");
  require(trouble.kind != Trouble::Kind::no_namespace, "a program cannot speak of namespaces");
  require(trouble.kind != Trouble::Kind::driver || trouble.why.starts_with(family),
          "only we say of a program that it makes no sense");
}

constexpr std::string_view kSenseless = "its answer makes no sense: ";

void check(const Listing& listing) {
  require(listing.routes.size() <= limits::kProgramRoutes, "a listing is bounded");
  require(listing.rules.empty(), "a program has no rules");
  std::set<Key> places;
  for (const Seen& seen : listing.routes) {
    require(places.insert(seen.route.key).second, "a place stands there once");
    require(seen.route.hops.size() <= limits::kProgramHops, "hops are bounded");
    for (const Hop& hop : seen.route.hops) {
      require(hop.via || !hop.device.empty(), "a hop leads somewhere");
      require(exec::first_line(hop.device) == hop.device, "a device is harmless");
    }
    require(exec::first_line(seen.label) == seen.label, "a label is harmless");
  }
  const auto again = exec::read_listing(said(listing));
  require(again.has_value(), "what was read can be said");
  require(again->routes == listing.routes, "it is read as it was said");
}

// Each at most as often as the answer has the words for it: a success needs its own "true".
void check(const Outcomes& outcomes, std::string_view answer) {
  require(outcomes.size() == 3, "each change has its outcome");
  const auto done =
      std::ranges::count_if(outcomes, [](const Outcome& it) { return it.has_value(); });
  std::ptrdiff_t trues = 0;
  for (auto at = answer.find("true"); at != std::string_view::npos;
       at = answer.find("true", at + 1)) {
    ++trues;
  }
  require(done <= trues, "a change is done where the answer says so");
  Json results = Json::array();
  const Changes changes = asked();
  const Key keys[] = {changes.add[0].key, changes.replace[0].key, changes.remove[0].key};
  static constexpr const char* kWords[] = {"conflict",  "no_table", "",     "unreachable",
                                           "forbidden", "",         "other"};
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    Json one = place(keys[i]);
    one["ok"] = outcomes[i].has_value();
    if (!outcomes[i]) {
      require(outcomes[i].error().kind != Trouble::Kind::driver, "a program does not judge itself");
      harmless(outcomes[i].error(), kSenseless);
      one["kind"] = kWords[static_cast<std::size_t>(outcomes[i].error().kind)];
      one["why"] = outcomes[i].error().why;
    }
    results.push_back(one);
  }
  const auto again =
      exec::read_outcomes(Json{{"version", 1}, {"results", results}}.dump(), changes);
  require(again.has_value() && *again == outcomes, "it is read as it was said");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view answer(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 'L') {
    const auto listing = exec::read_listing(answer);
    listing ? check(*listing) : harmless(listing.error(), kSenseless);
  } else {
    const auto outcomes = exec::read_outcomes(answer, asked());
    outcomes ? check(*outcomes, answer) : harmless(outcomes.error(), kSenseless);
  }
  require(exec::first_line(exec::first_line(answer)) == exec::first_line(answer),
          "a line that is clean stays as it is");
  return 0;
}
