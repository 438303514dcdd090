// Narrowing of traffic selectors (RFC 7296 2.9).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ike/base/traffic_selector.h"

namespace ipsec::core {

using Selectors = std::vector<TrafficSelector>;

// Both ends of a child, as one side sees them.
struct SelectorPair {
  Selectors local;
  Selectors remote;
  bool operator==(const SelectorPair&) const = default;
};

// Every non-empty intersection of an offered with an allowed selector; what another result contains
// is left out. The order is that of the offer. Empty where nothing is common. It ends at
// limits::kSelectors results, more than which no TS payload can say; less than all that is common
// is a legal narrowing (RFC 7296 2.9).
[[nodiscard]] Selectors intersect(std::span<const TrafficSelector> offered,
                                  std::span<const TrafficSelector> allowed);

// As responder: nothing where one end has no common selector.
[[nodiscard]] std::optional<SelectorPair> narrow(const SelectorPair& offered,
                                                 const SelectorPair& allowed);

// Every address, protocol and port of `inner` is in `outer`. Several outer selectors may share the
// addresses of one inner selector between them; each of those must hold all of its protocol and
// ports. (Ports shared out among selectors are not added up: RFC 4301's ANY is more than all port
// numbers together, and nobody splits a range to offer both parts.)
[[nodiscard]] bool covers(std::span<const TrafficSelector> outer,
                          std::span<const TrafficSelector> inner);
[[nodiscard]] bool covers(const SelectorPair& outer, const SelectorPair& inner);

// The pairs of single selectors of `wanted` that `present` does not cover: what further children
// are needed for when a peer narrows. Children that agree on one end may share out the other.
[[nodiscard]] std::vector<SelectorPair> missing_pairs(const SelectorPair& wanted,
                                                      std::span<const SelectorPair> present);

// The first 20, and how many more there are.
[[nodiscard]] std::string describe(std::span<const TrafficSelector> selectors);
// "10.0.1.0/24 === 10.0.2.0/24, 10.0.3.0/24"
[[nodiscard]] std::string describe(const SelectorPair& pair);

}  // namespace ipsec::core
