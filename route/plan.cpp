#include "route/plan.h"

#include <algorithm>

namespace ipsec::route {
namespace {

struct Place {
  std::vector<const Seen*> ours;
  const Seen* foreign = nullptr;
};

std::map<Key, Place> places_of(const Listing& listing) {
  std::map<Key, Place> out;
  for (const Seen& seen : listing.routes) {
    Place& place = out[seen.route.key];
    if (seen.ours) {
      place.ours.push_back(&seen);
    } else if (place.foreign == nullptr) {
      place.foreign = &seen;
    }
  }
  return out;
}

// Another one's with a smaller metric, or that has come to stand beside ours.
const Seen* shadow_of(const Key& key, const std::map<Key, Place>& places) {
  for (auto it = places.lower_bound({key.destination, 0});
       it != places.end() && it->first.destination == key.destination && it->first <= key; ++it) {
    if (it->second.foreign != nullptr) return it->second.foreign;
  }
  return nullptr;
}

// Of several of ours in a place the one that is wanted stays, and no other.
void keep_or_mend(Plan& plan, const Route& wanted, const Place& place) {
  const auto& ours = place.ours;
  auto kept =
      std::ranges::find_if(ours, [&](const Seen* it) { return is_as_wanted(wanted, it->route); });
  if (kept != ours.end()) {
    plan.as_wanted.insert(wanted.key);
  } else if (place.foreign != nullptr) {
    // To replace ours would be to replace what stands first there, which may be theirs.
    plan.conflicts.emplace(wanted.key, *place.foreign);
  } else {
    plan.changes.replace.push_back(wanted);
    kept = ours.begin();
  }
  for (auto it = ours.begin(); it != ours.end(); ++it) {
    if (it != kept) plan.changes.remove.push_back((*it)->route);
  }
}

template <typename Rules>
bool has(const Rules& rules, const Rule& rule) {
  return std::ranges::find(rules, rule) != rules.end();
}

}  // namespace

bool is_as_wanted(const Route& wanted, const Route& seen) {
  const auto fits = [](const Hop& want, const Hop& have) {
    return want.via == have.via && (want.device.empty() || want.device == have.device);
  };
  return wanted.key == seen.key && wanted.mtu == seen.mtu && wanted.advmss == seen.advmss &&
         std::ranges::equal(wanted.hops, seen.hops, fits);
}

Plan plan(const Wanted& wanted, const Listing& listing) {
  Plan out;
  const std::map<Key, Place> places = places_of(listing);
  for (const auto& [key, route] : wanted.routes) {
    const auto found = places.find(key);
    if (found == places.end()) {
      out.changes.add.push_back(route);
    } else if (!found->second.ours.empty()) {
      keep_or_mend(out, route, found->second);
    } else {
      out.conflicts.emplace(key, *found->second.foreign);
    }
    if (out.conflicts.contains(key)) continue;
    if (const Seen* before = shadow_of(key, places)) out.shadowed.emplace(key, *before);
  }
  for (const auto& [key, place] : places) {
    if (wanted.routes.contains(key)) continue;
    for (const Seen* seen : place.ours) out.changes.remove.push_back(seen->route);
  }
  for (const Rule& rule : wanted.rules) {
    if (!has(listing.rules, rule)) out.changes.add_rules.push_back(rule);
  }
  for (const Rule& rule : listing.rules) {
    if (!wanted.rules.contains(rule)) out.changes.remove_rules.push_back(rule);
  }
  return out;
}

}  // namespace ipsec::route
