#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "ike/base/limits.h"
#include "route/exec/codec.h"
#include "route/exec/json.h"
#include "route/exec/words.h"

namespace ipsec::route::exec {
namespace {

using Json = nlohmann::json;
using Kind = Trouble::Kind;

// What is wrong first.
class Fault {
 public:
  void say(std::string what) {
    if (what_.empty()) what_ = std::move(what);
  }
  [[nodiscard]] bool found() const { return !what_.empty(); }
  [[nodiscard]] Trouble trouble() const {
    return {Kind::driver, "its answer makes no sense: " + what_};
  }

 private:
  std::string what_;
};

// One object. A member that nobody asked for is a fault: it may be a misspelt one.
class Members {
 public:
  Members(const Json& from, std::string where, Fault& fault)
      : from_(from), where_(std::move(where)), fault_(fault) {
    if (!from_.is_object()) fault_.say(fmt::format("{} must be an object", where_));
  }

  [[nodiscard]] const Json* may(const char* name) {
    known_.emplace_back(name);
    if (!from_.is_object()) return nullptr;
    const auto found = from_.find(name);
    return found == from_.end() ? nullptr : &*found;
  }
  [[nodiscard]] const Json* must(const char* name) {
    const Json* const found = may(name);
    if (found == nullptr) fault_.say(fmt::format("{} lacks '{}'", where_, name));
    return found;
  }

  bool flag(const char* name) {
    const Json* const value = must(name);
    const auto* const flag = value == nullptr ? nullptr : value->get_ptr<const bool*>();
    if (value != nullptr && flag == nullptr) wrong(name, "must be true or false");
    return flag != nullptr && *flag;
  }
  std::uint32_t number(const char* name, const Json* value) {
    if (value == nullptr) return 0;
    const auto* const number = value->get_ptr<const std::uint64_t*>();
    if (number == nullptr || *number > UINT32_MAX) {
      wrong(name, "must be a whole number from 0 to 4294967295");
      return 0;
    }
    return static_cast<std::uint32_t>(*number);
  }
  std::string text(const char* name, const Json* value) {
    if (value == nullptr) return {};
    const auto* const text = value->get_ptr<const std::string*>();
    if (text == nullptr) wrong(name, "must be a string");
    return text == nullptr ? std::string() : *text;
  }
  // Nothing where there is none, or more than `most`.
  const Json::array_t* list(const char* name, const Json* value, std::size_t most) {
    if (value == nullptr) return nullptr;
    const auto* const list = value->get_ptr<const Json::array_t*>();
    if (list == nullptr) wrong(name, "must be an array");
    if (list == nullptr || list->size() <= most) return list;
    wrong(name, fmt::format("may have {} elements", most));
    return nullptr;
  }

  void wrong(const char* name, std::string_view what) {
    fault_.say(fmt::format("{}.{} {}", where_, name, what));
  }
  void finish() {
    if (!from_.is_object() || fault_.found()) return;
    for (const auto& [name, value] : from_.items()) {
      if (std::ranges::find(known_, name) != known_.end()) continue;
      fault_.say(fmt::format("{} has '{}', which is none of {}", where_, first_line(name),
                             fmt::join(known_, ", ")));
    }
  }
  [[nodiscard]] const std::string& where() const { return where_; }

 private:
  const Json& from_;
  std::string where_;
  Fault& fault_;
  std::vector<std::string_view> known_;
};

// A program may say these of a table or a route; `driver` is what we say of a program.
struct Word {
  std::string_view word;
  Kind kind;
};
constexpr std::array<Word, 5> kKinds{{{"conflict", Kind::conflict},
                                      {"no_table", Kind::no_table},
                                      {"unreachable", Kind::unreachable},
                                      {"forbidden", Kind::forbidden},
                                      {"other", Kind::other}}};

Trouble read_trouble(Members& on) {
  Trouble out{Kind::other, first_line(on.text("why", on.must("why")))};
  const std::string word = on.text("kind", on.must("kind"));
  const auto* const kind = std::ranges::find(kKinds, word, &Word::word);
  if (kind == kKinds.end()) {
    on.wrong("kind", "must be one of conflict, no_table, unreachable, forbidden, other");
  } else {
    out.kind = kind->kind;
  }
  if (out.why.empty()) on.wrong("why", "must say something");
  return out;
}

Cidr read_destination(Members& on) {
  const std::string text = on.text("destination", on.must("destination"));
  const auto destination = Cidr::parse(text);
  if (!destination) on.wrong("destination", "must be a range like \"10.0.2.0/24\"");
  return destination.value_or(Cidr());
}

Hop read_hop(const Json& from, std::string where, Fault& fault) {
  Members on(from, std::move(where), fault);
  Hop hop;
  if (const Json* const via = on.may("via"); via != nullptr) {
    hop.via = Address::parse(on.text("via", via));
    if (!hop.via) on.wrong("via", "must be an address");
  }
  hop.device = first_line(on.text("device", on.may("device")));
  if (!hop.via && hop.device.empty()) {
    fault.say(fmt::format("{} needs 'via' or 'device'", on.where()));
  }
  on.finish();
  return hop;
}

std::vector<Hop> read_hops(Members& on, const Json* value, Fault& fault) {
  std::vector<Hop> hops;
  const auto* const list = on.list("next_hops", value, limits::kProgramHops);
  for (std::size_t i = 0; list != nullptr && i < list->size() && !fault.found(); ++i) {
    hops.push_back(read_hop((*list)[i], fmt::format("{}.next_hops[{}]", on.where(), i), fault));
  }
  return hops;
}

// Of another's route only the place matters; ours must be whole, since it is held against what is
// wanted.
Seen read_route(const Json& from, std::size_t index, Fault& fault) {
  Members on(from, fmt::format("routes[{}]", index), fault);
  Seen seen;
  seen.ours = on.flag("ours");
  const auto need = [&](const char* name) { return seen.ours ? on.must(name) : on.may(name); };
  seen.route.key.destination = read_destination(on);
  seen.route.key.metric = on.number("metric", need("metric"));
  const Json* const told = need("type");
  const std::string type = told == nullptr ? "unicast" : on.text("type", told);
  const bool unicast = type == "unicast";
  if (!unicast && type != "blackhole") on.wrong("type", "must be unicast or blackhole");
  const Json* const hops = seen.ours && unicast ? on.must("next_hops") : on.may("next_hops");
  seen.route.hops = read_hops(on, hops, fault);
  if (seen.ours && unicast && seen.route.hops.empty()) on.wrong("next_hops", "must not be empty");
  if (!unicast && !seen.route.hops.empty()) on.wrong("next_hops", "must be empty in a blackhole");
  seen.route.mtu = on.number("mtu", on.may("mtu"));
  seen.route.advmss = on.number("advmss", on.may("advmss"));
  seen.label = first_line(on.text("label", on.may("label")));
  on.finish();
  return seen;
}

// Each change in turn, as the results must name them.
std::vector<Key> keys_of(const Changes& changes) {
  std::vector<Key> out;
  for (const auto* routes : {&changes.add, &changes.replace, &changes.remove}) {
    for (const Route& route : *routes) out.push_back(route.key);
  }
  return out;
}

Outcome read_outcome(const Json& from, std::size_t index, const Key& asked, Fault& fault) {
  Members on(from, fmt::format("results[{}]", index), fault);
  const Cidr destination = read_destination(on);
  const std::uint32_t metric = on.number("metric", on.must("metric"));
  if (destination != asked.destination || metric != asked.metric) {
    fault.say(fmt::format("{} is about {} with metric {}, where {} with metric {} was asked for",
                          on.where(), destination.to_string(), metric,
                          asked.destination.to_string(), asked.metric));
  }
  Outcome out;
  if (!on.flag("ok")) out = std::unexpected(read_trouble(on));
  on.finish();
  return out;
}

// The answer's one member beside `version`; the program's trouble where that stands in its place.
std::expected<Json, Trouble> read_answer(std::string_view answer, const char* wanted) {
  Fault fault;
  auto json = parse_json(answer);
  if (!json) {
    fault.say(std::move(json.error()));
    return std::unexpected(fault.trouble());
  }
  Members on(*json, "it", fault);
  const Json* const version = on.must("version");
  if (version != nullptr && *version != Json(kVersion)) {
    on.wrong("version", fmt::format("must be {}", kVersion));
  }
  if (const Json* const trouble = on.may("trouble"); trouble != nullptr) {
    on.finish();
    Members of_it(*trouble, "it.trouble", fault);
    Trouble said = read_trouble(of_it);
    of_it.finish();
    return std::unexpected(fault.found() ? fault.trouble() : std::move(said));
  }
  const Json* const found = on.must(wanted);
  on.finish();
  if (fault.found()) return std::unexpected(fault.trouble());
  if (!found->is_array()) on.wrong(wanted, "must be an array");
  if (fault.found()) return std::unexpected(fault.trouble());
  return std::move((*json)[wanted]);
}

}  // namespace

std::expected<Listing, Trouble> read_listing(std::string_view answer) {
  const auto routes = read_answer(answer, "routes");
  if (!routes) return std::unexpected(routes.error());
  Fault fault;
  if (routes->size() > limits::kProgramRoutes) {
    fault.say(fmt::format("it has more than {} routes", limits::kProgramRoutes));
  }
  Listing out;
  std::set<Key> places;
  for (std::size_t i = 0; i < routes->size() && !fault.found(); ++i) {
    const Seen& seen = out.routes.emplace_back(read_route((*routes)[i], i, fault));
    const Key& key = seen.route.key;
    if (!places.insert(key).second) {
      fault.say(fmt::format("{} with metric {} stands in it twice", key.destination.to_string(),
                            key.metric));
    }
  }
  if (fault.found()) return std::unexpected(fault.trouble());
  return out;
}

std::expected<Outcomes, Trouble> read_outcomes(std::string_view answer, const Changes& changes) {
  const auto results = read_answer(answer, "results");
  if (!results) return std::unexpected(results.error());
  const std::vector<Key> asked = keys_of(changes);
  Fault fault;
  if (results->size() != asked.size()) {
    fault.say(fmt::format("it has {} results for {} changes", results->size(), asked.size()));
  }
  Outcomes out;
  for (std::size_t i = 0; i < asked.size() && !fault.found(); ++i) {
    out.push_back(read_outcome((*results)[i], i, asked[i], fault));
  }
  if (fault.found()) return std::unexpected(fault.trouble());
  return out;
}

}  // namespace ipsec::route::exec
