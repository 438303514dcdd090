#include "route/tables.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include <fmt/format.h>

namespace ipsec::route {
namespace {

bool is_lasting(const Trouble& trouble) { return trouble.kind == Trouble::Kind::conflict; }

Standing standing_of(const Trouble& trouble) {
  return {is_lasting(trouble) ? State::conflict : State::failed, trouble.why, {}};
}

std::string in_words(const Seen& seen) {
  if (seen.label.empty()) return to_string(seen.route);
  return fmt::format("{} ({})", to_string(seen.route), seen.label);
}

// The first `most` of them: what is left is found by the next look.
template <typename T>
void cut(std::vector<T>& all, std::size_t& left) {
  if (all.size() > left) all.resize(left);
  left -= all.size();
}
bool cut_to(Changes& changes, std::size_t most) {
  const std::size_t before = changes.size();
  cut(changes.add, most);
  cut(changes.replace, most);
  cut(changes.remove, most);
  cut(changes.add_rules, most);
  cut(changes.remove_rules, most);
  return changes.size() < before;
}

std::size_t most_at_once(const Driver& driver) {
  const std::size_t most = driver.capabilities().changes_at_once;
  return most == 0 ? Tables::kChangesPerTurn : std::min(most, Tables::kChangesPerTurn);
}

}  // namespace

// --- what is wanted ----------------------------------------------------------------------------

void Tables::want(TunnelId owner, const std::string& group, const Claims& claims) {
  std::set<std::pair<Table, Key>> fresh;
  for (const auto& [table, all] : claims) {
    for (const Claim& claim : all) {
      if (!fresh.emplace(table, claim.route.key).second) continue;  // said twice
      set_claim(table, owner, group, claim);
    }
  }
  auto& owned = owned_[owner];
  for (const auto& [table, key] : owned) {
    if (!fresh.contains({table, key})) drop_claim(table, owner, key);
  }
  owned = std::move(fresh);
  if (owned.empty()) owned_.erase(owner);
}

void Tables::set_claim(const Table& table, TunnelId owner, const std::string& group,
                       const Claim& claim) {
  Entry& it = entry(table);
  Place& place = it.places[claim.route.key];
  const auto mine = std::ranges::find(place.claims, owner, &Owned::owner);
  if (mine == place.claims.end()) {
    place.claims.push_back({owner, group, claim});
  } else if (mine->claim == claim && mine->group == group) {
    return;
  } else {
    *mine = {owner, group, claim};
  }
  it.dirty.insert(claim.route.key);
  it.look_at = std::min(it.look_at, parts_.now() + kSweepEvery);
  to_run_.insert(table);
}

void Tables::drop_claim(const Table& table, TunnelId owner, const Key& key) {
  Entry& it = entry(table);
  const auto place = it.places.find(key);
  if (place == it.places.end()) return;
  std::erase_if(place->second.claims, [&](const Owned& owned) { return owned.owner == owner; });
  // Who was behind it may come first now.
  for (const Owned& owned : place->second.claims) parts_.changed(owned.owner);
  it.dirty.insert(key);
  to_run_.insert(table);
}

void Tables::configure(const std::map<Table, std::set<Rule>>& tables) {
  const auto set_rules = [this](Entry& it, const std::set<Rule>& rules) {
    if (it.rules == rules) return;
    it.rules = rules;
    it.rules_dirty = true;
    to_run_.insert(it.table);
  };
  for (auto& [table, it] : entries_) {
    it.kept = tables.contains(table);
    if (!it.kept) set_rules(it, {});
  }
  for (const auto& [table, rules] : tables) {
    Entry& it = entry(table);
    it.kept = true;
    set_rules(it, rules);
  }
}

void Tables::clean(const Table& table) { entry(table).owed = true; }

std::set<Table> Tables::tables() const {
  const auto names = std::views::keys(entries_);
  return {names.begin(), names.end()};
}

Tables::Entry& Tables::entry(const Table& table) {
  const auto [found, is_new] = entries_.try_emplace(table);
  if (is_new) {
    found->second.table = table;
    to_run_.insert(table);
    ++generation_;
  }
  return found->second;
}

// --- time --------------------------------------------------------------------------------------

void Tables::flush() {
  // What answers make dirty meanwhile is for the next turn: next_deadline() says that it is due.
  for (const Table& table : std::exchange(to_run_, {})) {
    if (const auto found = entries_.find(table); found != entries_.end()) run(found->second);
  }
  drop_unused();
}

void Tables::drifted(const Table& table) {
  const auto found = entries_.find(table);
  if (found == entries_.end()) return;
  Entry& it = found->second;
  it.look_at =
      std::min(it.look_at, std::max(parts_.now() + kDriftDelay, it.looked_at + kLookInterval));
}

void Tables::look_at_all() {
  for (const auto& [table, it] : entries_) drifted(table);
}

Time Tables::next_deadline() const {
  if (!to_run_.empty()) return Time{};
  Time out = kNever;
  for (const auto& [table, it] : entries_) {
    if (!it.busy) out = std::min(out, it.look_at);
  }
  return out;
}

void Tables::tick() {
  const Time now = parts_.now();
  for (auto& [table, it] : entries_) {
    if (it.look_at > now || it.busy) continue;
    it.look = true;
    to_run_.insert(table);
  }
  flush();
}

bool Tables::at_rest() const {
  return to_run_.empty() && std::ranges::none_of(entries_, [](const auto& it) {
           return it.second.busy || it.second.look || !it.second.dirty.empty();
         });
}

// --- carrying it out ---------------------------------------------------------------------------

void Tables::run(Entry& it) {
  Driver* driver = parts_.driver_of(it.table);
  if (driver == nullptr) {
    fail_all(it, {Trouble::Kind::driver,
                  fmt::format("there is no route program '{}'; name it in [routes.programs] of "
                              "ipsecd.toml",
                              it.table.driver)});
    return;
  }
  if (it.busy) return;
  if (it.look) return begin_look(it, *driver);
  if (it.dirty.empty() && !it.rules_dirty) return;
  Changes changes = changes_of_dirty(it, most_at_once(*driver));
  if (!it.dirty.empty()) to_run_.insert(it.table);
  if (!changes.empty()) begin_apply(it, *driver, std::move(changes));
}

void Tables::begin_look(Entry& it, Driver& driver) {
  it.look = false;
  it.busy = true;
  it.looked_at = parts_.now();
  it.look_at = kNever;
  std::set<Cidr> destinations;
  for (const auto& [key, place] : it.places) destinations.insert(key.destination);
  driver.list(it.table, destinations,
              [this, table = it.table](std::expected<Listing, Trouble> listing) {
                looked(table, std::move(listing));
              });
}

void Tables::looked(const Table& table, std::expected<Listing, Trouble> listing) {
  const auto found = entries_.find(table);
  if (found == entries_.end()) return;
  Entry& it = found->second;
  it.busy = false;
  if (!listing) return fail_all(it, listing.error());
  Driver* driver = parts_.driver_of(table);
  if (driver == nullptr) return;
  it.trouble.clear();
  it.dirty.clear();
  it.rules_dirty = false;
  Plan todo = plan(wanted_of(it, *listing), *listing);
  it.owed = !todo.changes.remove.empty();
  const Repair repair = take_over(it, *listing, todo);
  if (repair.added + repair.removed > 0) parts_.repaired(repair);
  if (cut_to(todo.changes, most_at_once(*driver))) {
    it.look = true;
    to_run_.insert(table);
  } else if (!it.places.empty() || !it.rules.empty()) {
    it.look_at = parts_.now() + kSweepEvery;
  }
  if (todo.changes.empty()) {
    it.failures = 0;
    return;
  }
  begin_apply(it, *driver, std::move(todo.changes));
}

// What is retained is wanted as it stands there.
Wanted Tables::wanted_of(const Entry& it, const Listing& listing) {
  Wanted out{{}, it.rules};
  std::set<Key> retained;
  for (const auto& [key, place] : it.places) {
    Effective effect = effective(place);
    if (effect.route) out.routes.emplace(key, *std::move(effect.route));
    if (effect.retained) retained.insert(key);
  }
  for (const Seen& seen : listing.routes) {
    const Key& key = seen.route.key;
    if (seen.ours && retained.contains(key)) out.routes.try_emplace(key, seen.route);
  }
  return out;
}

// In the words in which it is wanted, where it is that: a listing says more of a hop.
std::optional<Route> Tables::known_as(const Place& place, const Route* stands) {
  if (stands == nullptr) return std::nullopt;
  Effective effect = effective(place);
  if (effect.route && is_as_wanted(*effect.route, *stands)) return std::move(effect.route);
  return *stands;
}

// The listing is what is known from here on; what was expected otherwise is somebody's doing.
Tables::Repair Tables::take_over(Entry& it, const Listing& listing, const Plan& todo) {
  Repair repair{it.table};
  std::map<Key, Route> ours;
  for (const Seen& seen : listing.routes) {
    if (seen.ours) ours.try_emplace(seen.route.key, seen.route);
  }
  for (const auto& [key, route] : ours) {
    const auto place = it.places.find(key);
    const bool expected = place != it.places.end() && place->second.installed;
    if (it.known && !expected) ++repair.removed;
  }
  for (auto& [key, place] : it.places) {
    const auto stands = ours.find(key);
    const bool gone = stands == ours.end() ||
                      (place.installed && !is_as_wanted(*place.installed, stands->second));
    if (it.known && place.installed && gone) ++repair.added;
    place.installed = known_as(place, stands == ours.end() ? nullptr : &stands->second);
    if (const auto conflict = todo.conflicts.find(key); conflict != todo.conflicts.end()) {
      settle(place, {State::conflict, in_words(conflict->second) + " has the place", {}});
    } else if (const auto before = todo.shadowed.find(key); before != todo.shadowed.end()) {
      settle(place, {State::shadowed, in_words(before->second) + " is taken first", {}});
    } else if (todo.as_wanted.contains(key)) {
      settle(place, {State::ok, "", {}});
    }
  }
  it.installed_rules = {listing.rules.begin(), listing.rules.end()};
  it.known = true;
  return repair;
}

Changes Tables::changes_of_dirty(Entry& it, std::size_t most) {
  Changes out;
  while (!it.dirty.empty() && out.size() < most) {
    const Key key = *it.dirty.begin();
    it.dirty.erase(it.dirty.begin());
    const auto place = it.places.find(key);
    if (place == it.places.end()) continue;
    const auto& installed = place->second.installed;
    const Effective effect = effective(place->second);
    if (effect.retained || effect.route == installed) {
      if (place->second.claims.empty() && !installed) it.places.erase(place);
      continue;
    }
    if (!effect.route) {
      out.remove.push_back(*installed);
    } else {
      (installed ? out.replace : out.add).push_back(*effect.route);
    }
  }
  if (!std::exchange(it.rules_dirty, false)) return out;
  for (const Rule& rule : it.rules) {
    if (!it.installed_rules.contains(rule)) out.add_rules.push_back(rule);
  }
  for (const Rule& rule : it.installed_rules) {
    if (!it.rules.contains(rule)) out.remove_rules.push_back(rule);
  }
  return out;
}

void Tables::begin_apply(Entry& it, Driver& driver, Changes changes) {
  it.busy = true;
  // The driver has its own reference until it answers.
  const auto shared = std::make_shared<const Changes>(std::move(changes));
  driver.apply(it.table, *shared, [this, table = it.table, shared](const Outcomes& outcomes) {
    applied(table, *shared, outcomes);
  });
}

void Tables::applied(const Table& table, const Changes& changes, const Outcomes& outcomes) {
  const auto found = entries_.find(table);
  if (found == entries_.end()) return;
  Entry& it = found->second;
  it.busy = false;
  to_run_.insert(table);
  if (outcomes.size() != changes.size()) {
    return fail_all(it, {Trouble::Kind::driver, "what came of the changes was not said"});
  }
  const bool failed = std::ranges::any_of(
      outcomes, [](const Outcome& outcome) { return !outcome && !is_lasting(outcome.error()); });
  auto outcome = outcomes.begin();
  for (const Route& route : changes.add) was_put(it, route, *outcome++);
  for (const Route& route : changes.replace) was_put(it, route, *outcome++);
  for (const Route& route : changes.remove) was_removed(it, route, *outcome++);
  for (const Rule& rule : changes.add_rules) {
    if (*outcome++) it.installed_rules.insert(rule);
  }
  for (const Rule& rule : changes.remove_rules) {
    if (*outcome++) it.installed_rules.erase(rule);
  }
  if (failed) return retry_later(it);
  it.failures = 0;
  // What was left behind has no place of its own: only another look says that it is gone.
  if (it.owed) it.look = true;
}

void Tables::was_put(Entry& it, const Route& route, const Outcome& outcome) {
  const auto found = it.places.find(route.key);
  if (found == it.places.end()) {
    // Nobody wants it any more.
    if (outcome) it.places[route.key].installed = route;
    it.dirty.insert(route.key);
    return;
  }
  Place& place = found->second;
  if (outcome) {
    place.installed = route;
    const bool shadowed = place.standing.state == State::shadowed;
    if (!shadowed) settle(place, {State::ok, "", {}});
  } else {
    settle(place, ipsec::route::standing_of(outcome.error()));
  }
  if (outcome && effective(place).route != place.installed) it.dirty.insert(route.key);
}

void Tables::was_removed(Entry& it, const Route& route, const Outcome& outcome) {
  const auto found = it.places.find(route.key);
  if (found == it.places.end() || !outcome) return;
  found->second.installed.reset();
  it.dirty.insert(route.key);
}

void Tables::settle(Place& place, Standing standing) {
  if (place.standing == standing) return;
  place.standing = std::move(standing);
  for (const Owned& owned : place.claims) parts_.changed(owned.owner);
}

void Tables::fail_all(Entry& it, const Trouble& trouble) {
  it.trouble = trouble.why;
  using Kind = Trouble::Kind;
  if (trouble.kind == Kind::no_table || trouble.kind == Kind::no_namespace) it.owed = false;
  for (auto& [key, place] : it.places) settle(place, {State::failed, trouble.why, {}});
  retry_later(it);
}

// A pass from the beginning: what a failure has left behind is not known.
void Tables::retry_later(Entry& it) {
  const auto delay = std::min(std::chrono::seconds(kFirstRetry) * (1 << std::min(it.failures, 5)),
                              std::chrono::seconds(kSweepEvery));
  ++it.failures;
  it.look_at = std::min(it.look_at, parts_.now() + delay);
}

void Tables::drop_unused() {
  for (auto it = entries_.begin(); it != entries_.end();) {
    const Entry& entry = it->second;
    const bool used = entry.kept || !entry.places.empty() || !entry.rules.empty() ||
                      !entry.installed_rules.empty() || entry.busy || entry.look ||
                      (!entry.known && entry.failures == 0) || entry.owed || !entry.dirty.empty();
    if (used) {
      ++it;
      continue;
    }
    if (Driver* driver = parts_.driver_of(entry.table)) driver->forget(entry.table);
    to_run_.erase(entry.table);
    it = entries_.erase(it);
    ++generation_;
  }
}

// --- places ------------------------------------------------------------------------------------

Tables::Effective Tables::effective(const Place& place) {
  Effective out;
  const Owned* leader = nullptr;
  for (const Owned& owned : place.claims) {
    const Claim& claim = owned.claim;
    if (claim.retain) {
      out.retained = true;
    } else if (claim.route.is_blackhole()) {
      if (!out.route) out.route = claim.route;
    } else if (leader == nullptr) {
      leader = &owned;
      out.route = claim.route;
    } else if (!leader->group.empty() && leader->group == owned.group) {
      auto& hops = out.route->hops;
      hops.insert(hops.end(), claim.route.hops.begin(), claim.route.hops.end());
      // 0 is the device's own, which is the largest.
      const auto less = [](std::uint32_t a, std::uint32_t b) {
        return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b);
      };
      out.route->mtu = less(out.route->mtu, claim.route.mtu);
      out.route->advmss = less(out.route->advmss, claim.route.advmss);
    }
  }
  if (!out.route) return out;
  out.retained = false;
  std::ranges::sort(out.route->hops);
  const auto twice = std::ranges::unique(out.route->hops);
  out.route->hops.erase(twice.begin(), twice.end());
  return out;
}

Standing Tables::standing_of(const Place& place, const Owned& owned) {
  const auto leads = [](const Owned& it) {
    return !it.claim.retain && !it.claim.route.is_blackhole();
  };
  const auto leader = std::ranges::find_if(place.claims, leads);
  const bool contested = leads(owned) && leader->claim.route.hops != owned.claim.route.hops &&
                         (leader->group.empty() || leader->group != owned.group);
  if (contested) return {State::contested, "another tunnel's route has the place", leader->owner};
  return place.standing;
}

Tables::Tally Tables::tally(TunnelId owner) const {
  Tally out;
  const auto owned = owned_.find(owner);
  if (owned == owned_.end()) return out;
  for (const auto& [table, key] : owned->second) {
    const auto entry = entries_.find(table);
    if (entry == entries_.end()) continue;
    const auto place = entry->second.places.find(key);
    if (place == entry->second.places.end()) continue;
    const auto mine = std::ranges::find(place->second.claims, owner, &Owned::owner);
    if (mine == place->second.claims.end()) continue;
    if (mine->claim.retain && !place->second.installed) continue;
    ++out.want;
    const Standing standing = standing_of(place->second, *mine);
    if (standing.state == State::ok) ++out.ok;
    if (standing.why.empty() || !out.trouble.empty()) continue;
    out.trouble = fmt::format("{} in table {}: {}", key.destination.to_string(), to_string(table),
                              standing.why);
  }
  return out;
}

Standing Tables::standing(TunnelId owner, const Table& table, const Key& key) const {
  const auto it = entries_.find(table);
  if (it == entries_.end()) return {};
  const auto place = it->second.places.find(key);
  if (place == it->second.places.end()) return {};
  const auto& claims = place->second.claims;
  const auto mine = std::ranges::find(claims, owner, &Owned::owner);
  return mine == claims.end() ? Standing{} : standing_of(place->second, *mine);
}

std::optional<Route> Tables::route_at(const Table& table, const Key& key) const {
  const auto it = entries_.find(table);
  if (it == entries_.end()) return std::nullopt;
  const auto place = it->second.places.find(key);
  if (place == it->second.places.end()) return std::nullopt;
  if (place->second.installed) return place->second.installed;
  return effective(place->second).route;
}

void Tables::driver_changed(const std::string& name) {
  for (auto& [table, it] : entries_) {
    if (table.driver != name) continue;
    it.busy = false;
    it.look = true;
    to_run_.insert(table);
  }
}

void Tables::each(const Visitor& visit) const {
  for (const auto& [table, it] : entries_) {
    for (const auto& [key, place] : it.places) {
      for (const Owned& owned : place.claims) {
        visit(table, owned.owner, owned.claim, standing_of(place, owned));
      }
    }
  }
}

std::map<Table, std::string> Tables::troubles() const {
  std::map<Table, std::string> out;
  for (const auto& [table, it] : entries_) {
    if (!it.trouble.empty()) out.emplace(table, it.trouble);
  }
  return out;
}

}  // namespace ipsec::route
