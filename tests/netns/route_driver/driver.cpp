#include "tests/netns/route_driver/driver.h"

#include <chrono>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "route/plan.h"
#include "tests/netns/route_driver/conformance.h"
#include "tests/netns/route_driver/wanted.h"

namespace ipsec::driver {
namespace {

using route::Trouble;

route::Table table_of(const std::string& text) {
  const auto target = route::parse_target(text);
  if (!target) throw WrongLine(target.error());
  return target->table;
}

std::string kind_name(Trouble::Kind kind) {
  switch (kind) {
    case Trouble::Kind::conflict:
      return "conflict";
    case Trouble::Kind::no_table:
      return "no_table";
    case Trouble::Kind::no_namespace:
      return "no_namespace";
    case Trouble::Kind::unreachable:
      return "unreachable";
    case Trouble::Kind::forbidden:
      return "forbidden";
    case Trouble::Kind::driver:
      return "driver";
    case Trouble::Kind::other:
      break;
  }
  return "other";
}

std::string refused(const Trouble& trouble) {
  return fmt::format("refused {}: {}", kind_name(trouble.kind), trouble.why);
}

std::set<Cidr> destinations_of(const route::Wanted& wanted) {
  std::set<Cidr> out;
  for (const auto& [key, route] : wanted.routes) out.insert(key.destination);
  return out;
}

std::vector<std::string> words_in(const std::string& text) {
  std::vector<std::string> out;
  for (const std::string& word : split(text, ' ')) {
    if (!word.empty()) out.push_back(word);
  }
  return out;
}

// The first word, and what is behind it.
std::pair<std::string, std::string> halves(const std::string& text) {
  const auto space = text.find(' ');
  if (space == std::string::npos) return {text, ""};
  return {text.substr(0, space), text.substr(space + 1)};
}

}  // namespace

RouteDriver::RouteDriver() : kernel_(reactor_, opener_) {
  kernel_.on_drift([this](const route::Table& table) { told_.push_back(to_string(table)); });
  kernel_.on_ways_changed([this] { told_.emplace_back("ways"); });
}

std::string RouteDriver::obey(const std::string& line) {
  const auto [name, rest] = halves(line);
  try {
    return command(name, rest);
  } catch (const WrongLine& wrong) {
    return fmt::format("wrong {}", wrong.what());
  }
}

std::string RouteDriver::command(const std::string& name, const std::string& rest) {
  const auto words = words_in(rest);
  if (name == "want") return want(rest);
  if (name == "list" && !words.empty()) return list(words);
  if (name == "pass" && words.size() == 1) return pass(table_of(words[0]));
  if (name == "lookup" && words.size() == 1) return lookup(words[0]);
  if (name == "event" && words.size() == 1) return event(number_of(words[0]));
  if (name == "events" && words.size() == 1) return events_within(number_of(words[0]));
  if (name == "ignored") return fmt::format("ok {}", kernel_.ignored());
  if (name == "forget" && words.size() == 1) {
    kernel_.forget(table_of(words[0]));
    return "ok";
  }
  if (name == "conformance" && (words.size() == 1 || words.size() == 2)) {
    const auto wrong =
        run_conformance(reactor_, opener_, words.size() == 2 ? words[1] : "", words[0]);
    return wrong.empty() ? "ok" : "refused " + wrong;
  }
  throw WrongLine("no such command: " + name);
}

std::string RouteDriver::want(const std::string& rest) {
  const auto [table, items] = halves(rest);
  wanted_[table_of(table)] = wanted_of(items);
  return "ok";
}

// What the reconciler does: list, plan, apply.
std::string RouteDriver::pass(const route::Table& table) {
  const route::Wanted& wanted = wanted_[table];
  std::optional<std::string> trouble;
  route::Plan plan;
  kernel_.list(table, destinations_of(wanted), [&](const auto& listing) {
    if (!listing) trouble = refused(listing.error());
    if (listing) plan = route::plan(wanted, *listing);
  });
  if (trouble) return *trouble;
  const route::Changes& changes = plan.changes;
  kernel_.apply(table, changes, [&](const route::Outcomes& outcomes) {
    for (const route::Outcome& outcome : outcomes) {
      if (!outcome && !trouble) trouble = refused(outcome.error());
    }
  });
  if (trouble) return *trouble;
  std::string out = fmt::format("ok added={} replaced={} removed={}", changes.add.size(),
                                changes.replace.size(), changes.remove.size());
  if (!changes.add_rules.empty()) out += fmt::format(" rules+{}", changes.add_rules.size());
  if (!changes.remove_rules.empty()) out += fmt::format(" rules-{}", changes.remove_rules.size());
  for (const auto& [key, seen] : plan.conflicts) {
    out += fmt::format(" conflict=[{}; {}]", to_string(seen.route), seen.label);
  }
  for (const auto& [key, seen] : plan.shadowed) {
    out += fmt::format(" shadowed=[{}; {}]", to_string(seen.route), seen.label);
  }
  return out;
}

std::string RouteDriver::list(Words words) {
  std::set<Cidr> destinations;
  for (const std::string& word : words.subspan(1)) {
    const auto cidr = Cidr::parse(word);
    if (!cidr) throw WrongLine("no range: " + word);
    destinations.insert(*cidr);
  }
  std::string out;
  kernel_.list(table_of(words[0]), destinations, [&](const auto& listing) {
    if (!listing) {
      out = refused(listing.error());
      return;
    }
    std::vector<std::string> items;
    for (const route::Seen& seen : listing->routes) {
      items.push_back(to_string(seen.route) + (seen.ours ? "" : " (" + seen.label + ")"));
    }
    for (const route::Rule& rule : listing->rules) items.push_back("rule " + rule.from.to_string());
    out = items.empty() ? "ok" : fmt::format("ok {}", fmt::join(items, "; "));
  });
  return out;
}

std::string RouteDriver::lookup(const std::string& peer) {
  const auto way = kernel_.lookup(address_of(peer));
  if (!way) return refused(way.error());
  return fmt::format("ok {}dev {} mtu {}",
                     way->hop.via ? "via " + way->hop.via->to_string() + " " : "", way->hop.device,
                     way->mtu);
}

std::string RouteDriver::event(std::uint64_t milliseconds) {
  const Time end = reactor_.now() + std::chrono::milliseconds(milliseconds);
  while (told_.empty()) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(std::max(end - reactor_.now(), Duration{}));
    const bool turned = reactor_.turn(&kernel_, left);
    if (!turned && reactor_.now() >= end) return "ok none";
  }
  std::string out = "ok " + told_.front();
  told_.erase(told_.begin());
  return out;
}

std::string RouteDriver::events_within(std::uint64_t milliseconds) {
  const Time end = reactor_.now() + std::chrono::milliseconds(milliseconds);
  std::size_t turns = 0;
  while (reactor_.now() < end) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - reactor_.now());
    if (reactor_.turn(&kernel_, left)) ++turns;
  }
  const std::string out = fmt::format("ok {} {}", told_.size(), turns);
  told_.clear();
  return out;
}

}  // namespace ipsec::driver
