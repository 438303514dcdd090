#include "route/kernel/change_table.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "route/kernel/devices.h"
#include "route/kernel/read_table.h"
#include "route/kernel/refusal.h"

namespace ipsec::route::kernel {
namespace {

// Times that a change is put to the kernel: as it stands, as an addition where what it replaces has
// gone, and without asking for the way to its next hop.
constexpr int kRounds = 3;

struct Asked {
  std::size_t outcome = 0;
  Verb verb{};
  const Route* route = nullptr;
  std::vector<std::uint32_t> devices;
  bool onlink = false;
};

bool is_gone(const Failure& failure) {
  return !failure.of_socket && (failure.error_number == ESRCH || failure.error_number == ENOENT);
}

class Push {
 public:
  Push(Socket& socket, const Owner& owner, const Table& table, std::size_t count,
       std::uint64_t& malformed)
      : socket_(socket),
        owner_(owner),
        table_(table),
        devices_(socket),
        malformed_(malformed),
        outcomes_(count) {}

  void routes(Verb verb, const std::vector<Route>& routes);
  void run_routes();
  void run_rules(Verb verb, const std::vector<Rule>& rules);
  void name_conflicts();
  [[nodiscard]] Outcomes outcomes() { return std::move(outcomes_); }

 private:
  [[nodiscard]] Outcome ready(Asked& asked);
  void settle(Asked asked, const std::optional<Failure>& failure);

  Socket& socket_;
  const Owner& owner_;
  const Table& table_;
  Devices devices_;
  std::uint64_t& malformed_;
  Outcomes outcomes_;
  std::size_t next_ = 0;  // outcome
  std::vector<Asked> open_;
  std::vector<Asked> conflicts_;
};

void Push::routes(Verb verb, const std::vector<Route>& routes) {
  for (const Route& route : routes) {
    Asked asked{next_++, verb, &route, {}, false};
    outcomes_[asked.outcome] = ready(asked);
    if (outcomes_[asked.outcome]) open_.push_back(std::move(asked));
  }
}

// The indexes of its devices, and what the kernel would misunderstand.
Outcome Push::ready(Asked& asked) {
  const Route& route = *asked.route;
  const Family family = route.key.destination.family();
  if (family == Family::v6 && route.key.metric == 0) {
    return std::unexpected(
        Trouble{Trouble::Kind::other,
                "IPv6 has no metric 0, which the kernel takes for 1024: say another"});
  }
  for (const Hop& hop : route.hops) {
    if (family == Family::v6 && hop.via && hop.via->family() == Family::v4) {
      return std::unexpected(
          Trouble{Trouble::Kind::unreachable,
                  fmt::format("an IPv6 route cannot go by {}: give the subnet an IPv6 next hop",
                              hop.via->to_string())});
    }
    asked.devices.push_back(0);
    if (hop.device.empty()) continue;
    const auto& found = devices_.find(hop.device);
    if (found) asked.devices.back() = found->index;
    // What is to go may have gone with its device; then the kernel finds nothing, or an equal one.
    if (found || asked.verb == Verb::remove) continue;
    if (found.error().error_number == ENODEV) {
      return std::unexpected(no_device(hop.device, table_));
    }
    return std::unexpected(trouble_of("look for device " + hop.device, found.error()));
  }
  return {};
}

void Push::settle(Asked asked, const std::optional<Failure>& failure) {
  if (!failure || (asked.verb == Verb::remove && is_gone(*failure))) return;
  const Route& route = *asked.route;
  // Ours has gone meanwhile. To add it hurts nobody who has come in its place.
  if (asked.verb == Verb::replace && is_gone(*failure)) {
    asked.verb = Verb::add;
    open_.push_back(std::move(asked));
    return;
  }
  // Whoever names the device of a next hop has it from a way that this machine uses, which may be
  // one "onlink" itself.
  const bool by_devices = std::ranges::all_of(
      route.hops, [](const Hop& hop) { return hop.via && !hop.device.empty(); });
  if (asked.verb != Verb::remove && is_unreachable(*failure) && !asked.onlink &&
      !route.is_blackhole() && by_devices) {
    asked.onlink = true;
    outcomes_[asked.outcome] = std::unexpected(trouble_of(route, *failure));
    open_.push_back(std::move(asked));
    return;
  }
  if (failure->error_number == EEXIST) {
    conflicts_.push_back(asked);
  }
  outcomes_[asked.outcome] = std::unexpected(trouble_of(route, *failure));
}

void Push::run_rules(Verb verb, const std::vector<Rule>& rules) {
  Batch batch;
  const std::size_t first = std::exchange(next_, next_ + rules.size());
  for (const Rule& rule : rules) write_rule(batch, verb, owner_, rule);
  const auto failures = socket_.run(std::move(batch));
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (!failures[i] || (verb == Verb::remove && is_gone(*failures[i]))) continue;
    outcomes_[first + i] = std::unexpected(trouble_of(rules[i], *failures[i]));
  }
}

void Push::run_routes() {
  for (int round = 0; round < kRounds && !open_.empty(); ++round) {
    Batch batch;
    const std::vector<Asked> asked = std::exchange(open_, {});
    for (const Asked& it : asked) {
      write_route(batch, it.verb, owner_, *it.route, it.devices, it.onlink);
    }
    const auto failures = socket_.run(std::move(batch));
    for (std::size_t i = 0; i < asked.size(); ++i) {
      outcomes_[asked[i].outcome] = {};
      settle(asked[i], failures[i]);
    }
  }
}

// One look at the table, however many there are.
void Push::name_conflicts() {
  if (conflicts_.empty()) return;
  std::set<Cidr> destinations;
  for (const Asked& it : conflicts_) destinations.insert(it.route->key.destination);
  const Listing listing = read_table(socket_, owner_, destinations, malformed_).value_or(Listing{});
  std::map<Key, const Seen*> standing;
  for (const Seen& seen : listing.routes) {
    const auto it = standing.emplace(seen.route.key, &seen).first;
    if (seen.ours) it->second = &seen;
  }
  for (const Asked& it : conflicts_) {
    const auto found = standing.find(it.route->key);
    Outcome& outcome = outcomes_[it.outcome];
    if (found == standing.end()) {
      outcome =
          std::unexpected(Trouble{Trouble::Kind::conflict, "another one's route has the place"});
    } else if (!found->second->ours) {
      outcome = std::unexpected(
          Trouble{Trouble::Kind::conflict,
                  fmt::format("{} ({}) has the place", to_string(found->second->route),
                              found->second->label)});
    } else if (is_as_wanted(*it.route, found->second->route)) {
      outcome = {};
    } else {
      outcome = std::unexpected(
          Trouble{Trouble::Kind::other,
                  fmt::format("ours was there before: {}", to_string(found->second->route))});
    }
  }
}

}  // namespace

Outcomes change_table(Socket& socket, const Owner& owner, const Table& table,
                      const Changes& changes, std::uint64_t& malformed) {
  Push push(socket, owner, table, changes.size(), malformed);
  push.routes(Verb::add, changes.add);
  push.routes(Verb::replace, changes.replace);
  push.routes(Verb::remove, changes.remove);
  push.run_routes();
  // A table is led to when its routes are there.
  push.run_rules(Verb::add, changes.add_rules);
  push.run_rules(Verb::remove, changes.remove_rules);
  push.name_conflicts();
  return push.outcomes();
}

}  // namespace ipsec::route::kernel
