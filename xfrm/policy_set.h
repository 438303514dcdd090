// From the specs that the engine speaks of to the single policies that the kernel holds; pure.
#pragma once

#include <cstdint>
#include <vector>

#include "xfrm/model.h"
#include "xfrm/records.h"

namespace ipsec::xfrm {

// Every pair of a local and a remote selector of one family and protocol, as exact prefixes and
// masked ports, for each direction: in, forward, out, each in the order of its keys and none twice.
// Source and destination of `in` and `forward` are turned round. ICMP's type and code (RFC 7296
// 3.13.1 puts them into the port) are one thing, which both selectors speak of and the kernel keeps
// as source and destination port whichever way the packet goes.
[[nodiscard]] std::vector<PolicyRecord> policies_of(const PolicySpec& spec);
[[nodiscard]] std::vector<PolicyRecord> policies_of(const TrapSpec& spec);

// How many there would be at most: a child with too many is refused before anything is built.
[[nodiscard]] std::size_t count_policies(const std::vector<TrafficSelector>& local,
                                         const std::vector<TrafficSelector>& remote);

// Smaller wins in the kernel. The more specific selector comes first: the longer prefixes (their
// lengths added up), then a named protocol, then the ports with more bits; a child's policy stands
// just above a trap with the same selector. So what matches fewer packets than another always comes
// before it.
enum class Layer : std::uint8_t { child, trap };
[[nodiscard]] std::uint32_t priority_of(const Selector& selector, Layer layer);

// All of ours lie between these: room above and below for what a person sets by hand.
inline constexpr std::uint32_t kFirstPriority = 0x10000;
inline constexpr std::uint32_t kLastPriority = 0x2ffff;

// Fewest value/mask pairs that match exactly the ports of the range. OPAQUE is port 0: that is what
// the kernel sees where it cannot see a port.
struct MaskedPort {
  std::uint16_t value = 0;
  std::uint16_t mask = 0;
  auto operator<=>(const MaskedPort&) const = default;
};
[[nodiscard]] std::vector<MaskedPort> cover(const PortRange& range);

}  // namespace ipsec::xfrm
