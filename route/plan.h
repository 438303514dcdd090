// From what a table is to hold and what it holds to what is to be done. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "route/model.h"

namespace ipsec::route {

struct Wanted {
  std::map<Key, Route> routes;
  std::set<Rule> rules;
};

// A route as a table's owner tells it.
struct Seen {
  Route route;
  bool ours = false;
  // Of another one, for people: "proto static", "proto bird, type unreachable".
  std::string label;
  bool operator==(const Seen&) const = default;
};

// All routes of ours in a table, and of others' at least those to destinations that were asked for.
struct Listing {
  std::vector<Seen> routes;
  std::vector<Rule> rules;  // of ours alone
};

struct Changes {
  std::vector<Route> add;      // nothing is there
  std::vector<Route> replace;  // ours is there and says something else; no packet meets a hole
  std::vector<Route> remove;   // ours, as it was seen
  std::vector<Rule> add_rules;
  std::vector<Rule> remove_rules;

  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] std::size_t size() const {
    return add.size() + replace.size() + remove.size() + add_rules.size() + remove_rules.size();
  }
};

struct Plan {
  Changes changes;
  std::set<Key> as_wanted;        // nothing to do
  std::map<Key, Seen> conflicts;  // another one's has the place; it is never touched
  // Ours is, or will be, there; another one's is taken before it, by a smaller metric, or may be,
  // where it stands in the same place.
  std::map<Key, Seen> shadowed;
};

// Whether what stands there is what is wanted: of a hop whose device is not said any will do.
[[nodiscard]] bool is_as_wanted(const Route& wanted, const Route& seen);

[[nodiscard]] Plan plan(const Wanted& wanted, const Listing& listing);

}  // namespace ipsec::route
