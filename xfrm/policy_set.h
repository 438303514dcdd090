// From the specs that the engine speaks of to the single policies that the kernel holds; pure.
#pragma once

#include <cstdint>
#include <vector>

#include "xfrm/model.h"
#include "xfrm/records.h"

namespace ipsec::xfrm {

// Every pair of a local and a remote selector of one family, as exact prefixes and masked ports,
// for each direction. Source and destination of `in` and `forward` are turned round.
[[nodiscard]] std::vector<PolicyRecord> policies_of(const PolicySpec& spec);
[[nodiscard]] std::vector<PolicyRecord> policies_of(const TrapSpec& spec);

// How many there would be: a child with too many is refused before anything is built.
[[nodiscard]] std::size_t count_policies(const std::vector<TrafficSelector>& local,
                                         const std::vector<TrafficSelector>& remote);

// Smaller wins in the kernel. The more specific selector comes first: longer prefixes, then a named
// protocol, then named ports; a child's policy stands just above a trap with the same selector.
[[nodiscard]] std::uint32_t priority_of(const Selector& selector, bool is_trap);

// Fewest value/mask pairs that match exactly the ports of the range.
struct MaskedPort {
  std::uint16_t value = 0;
  std::uint16_t mask = 0;
  auto operator<=>(const MaskedPort&) const = default;
};
[[nodiscard]] std::vector<MaskedPort> cover(const PortRange& range);

}  // namespace ipsec::xfrm
