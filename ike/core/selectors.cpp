#include "ike/core/selectors.h"

#include <algorithm>

#include <fmt/format.h>

#include "ike/base/limits.h"

namespace ipsec::core {
namespace {

// A plain tunnel has at most 20 ranges an end; a peer's 255 would flood a log line.
constexpr std::size_t kSelectorsShown = 20;

bool contained_in_any(const TrafficSelector& selector, const Selectors& others) {
  return std::ranges::any_of(others,
                             [&](const TrafficSelector& o) { return o.contains(selector); });
}

void add_unless_contained(Selectors& selectors, const TrafficSelector& added) {
  if (contained_in_any(added, selectors)) return;
  std::erase_if(selectors, [&](const TrafficSelector& s) { return added.contains(s); });
  selectors.push_back(added);
}

// Protocol and ports of `inner` lie in `outer`, whatever the addresses.
bool covers_upper_layer(const TrafficSelector& outer, const TrafficSelector& inner) {
  return (outer.protocol == 0 || outer.protocol == inner.protocol) &&
         outer.ports.contains(inner.ports);
}

// The furthest address that the outer selectors reach without a gap from `from` on; nothing where
// none of them holds it.
std::optional<Address> reach(std::span<const TrafficSelector> outer, const TrafficSelector& inner,
                             const Address& from) {
  std::optional<Address> furthest;
  for (const TrafficSelector& selector : outer) {
    if (!covers_upper_layer(selector, inner) || !selector.addresses.contains(from)) continue;
    if (!furthest || *furthest < selector.addresses.last()) furthest = selector.addresses.last();
  }
  return furthest;
}

bool covers_one(std::span<const TrafficSelector> outer, const TrafficSelector& inner) {
  // Each round passes the end of at least one more outer selector, so it ends.
  std::optional<Address> from = inner.addresses.first();
  while (from) {
    const auto furthest = reach(outer, inner, *from);
    if (!furthest) return false;
    if (*furthest >= inner.addresses.last()) return true;
    from = furthest->next();
  }
  return false;
}

// One end of `pair` lies whole in each child that is counted; of those, the other ends must cover
// the pair's together.
bool covered_along(const SelectorPair& pair, std::span<const SelectorPair> present,
                   Selectors SelectorPair::* whole, Selectors SelectorPair::* together) {
  Selectors gathered;
  for (const SelectorPair& child : present) {
    if (!covers(child.*whole, pair.*whole)) continue;
    gathered.insert(gathered.end(), (child.*together).begin(), (child.*together).end());
  }
  return covers(gathered, pair.*together);
}

}  // namespace

Selectors intersect(std::span<const TrafficSelector> offered,
                    std::span<const TrafficSelector> allowed) {
  Selectors common;
  for (const TrafficSelector& offer : offered) {
    for (const TrafficSelector& allow : allowed) {
      const auto both = offer.intersection(allow);
      if (!both) continue;
      add_unless_contained(common, *both);
      if (common.size() == limits::kSelectors) return common;
    }
  }
  return common;
}

std::optional<SelectorPair> narrow(const SelectorPair& offered, const SelectorPair& allowed) {
  SelectorPair common{intersect(offered.local, allowed.local),
                      intersect(offered.remote, allowed.remote)};
  if (common.local.empty() || common.remote.empty()) return std::nullopt;
  return common;
}

bool covers(std::span<const TrafficSelector> outer, std::span<const TrafficSelector> inner) {
  return std::ranges::all_of(inner,
                             [&](const TrafficSelector& one) { return covers_one(outer, one); });
}

bool covers(const SelectorPair& outer, const SelectorPair& inner) {
  return covers(outer.local, inner.local) && covers(outer.remote, inner.remote);
}

std::vector<SelectorPair> missing_pairs(const SelectorPair& wanted,
                                        std::span<const SelectorPair> present) {
  std::vector<SelectorPair> missing;
  for (const TrafficSelector& local : wanted.local) {
    for (const TrafficSelector& remote : wanted.remote) {
      SelectorPair pair{{local}, {remote}};
      if (covered_along(pair, present, &SelectorPair::local, &SelectorPair::remote)) continue;
      if (covered_along(pair, present, &SelectorPair::remote, &SelectorPair::local)) continue;
      missing.push_back(std::move(pair));
    }
  }
  return missing;
}

std::string describe(std::span<const TrafficSelector> selectors) {
  std::string text;
  for (const TrafficSelector& selector :
       selectors.first(std::min(selectors.size(), kSelectorsShown))) {
    text += text.empty() ? selector.to_string() : ", " + selector.to_string();
  }
  if (selectors.empty()) return "nothing";
  if (selectors.size() > kSelectorsShown) {
    text += fmt::format(" and {} more", selectors.size() - kSelectorsShown);
  }
  return text;
}

std::string describe(const SelectorPair& pair) {
  return fmt::format("{} === {}", describe(pair.local), describe(pair.remote));
}

}  // namespace ipsec::core
