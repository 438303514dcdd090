#include "xfrm/policy_set.h"

#include <algorithm>
#include <bit>
#include <tuple>

namespace ipsec::xfrm {
namespace {

// IP protocols whose "ports" are not ports (RFC 4301 4.4.1.1).
constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kIcmpV6 = 58;
constexpr std::uint8_t kMobility = 135;

// What both policies and traps say of a tunnel.
struct Tunnel {
  Reqid reqid;
  Address local;
  Address remote;
  Protocol protocol = Protocol::esp;
  ChildSpi spi;
  Attachment attachment;
  Layer layer = Layer::child;
};

struct MaskedPorts {
  MaskedPort local;
  MaskedPort remote;
};

// The protocol that packets of both selectors have.
std::optional<std::uint8_t> common_protocol(const TrafficSelector& a, const TrafficSelector& b) {
  if (a.protocol == 0) return b.protocol;
  if (b.protocol == 0 || a.protocol == b.protocol) return a.protocol;
  return std::nullopt;
}

// Ports say nothing where the protocol is any (RFC 7296 3.13.1).
PortRange ports_of(const TrafficSelector& selector) {
  return selector.protocol == 0 ? PortRange{} : selector.ports;
}

bool has_type_for_port(std::uint8_t protocol) {
  return protocol == kIcmp || protocol == kIcmpV6 || protocol == kMobility;
}

// The kernel has a type or code of eight bits in a port of sixteen.
MaskedPort widen(std::uint16_t value, std::uint16_t mask) {
  return {value, mask == 0 ? std::uint16_t{0} : static_cast<std::uint16_t>(mask | 0xff00)};
}

// Type and code as one range; both selectors must allow them. "local" is the type and "remote" the
// code, whichever way the packet goes.
std::vector<MaskedPorts> types_and_codes(std::uint8_t protocol, const PortRange& a,
                                         const PortRange& b) {
  std::vector<MaskedPorts> result;
  auto range = a.intersection(b);
  if (!range) return result;
  if (range->is_opaque()) return {{MaskedPort{0, 0xffff}, MaskedPort{0, 0xffff}}};
  // RFC 4301 4.4.1.1: the mobility header has a type only.
  if (protocol == kMobility) {
    range->first &= 0xff00;
    range->last |= 0x00ff;
  }
  for (const MaskedPort& both : cover(*range)) {
    result.push_back(
        {widen(both.value >> 8, both.mask >> 8), widen(both.value & 0xff, both.mask & 0xff)});
  }
  return result;
}

std::vector<MaskedPorts> masked_ports(std::uint8_t protocol, const TrafficSelector& local,
                                      const TrafficSelector& remote) {
  const PortRange local_range = ports_of(local);
  const PortRange remote_range = ports_of(remote);
  if (has_type_for_port(protocol)) return types_and_codes(protocol, local_range, remote_range);
  std::vector<MaskedPorts> result;
  const auto remote_ports = cover(remote_range);
  for (const MaskedPort& local_port : cover(local_range)) {
    for (const MaskedPort& remote_port : remote_ports) {
      result.push_back({local_port, remote_port});
    }
  }
  return result;
}

// Out, from local to remote.
void add_selectors(std::vector<Selector>& selectors, const TrafficSelector& local,
                   const TrafficSelector& remote) {
  const auto protocol = common_protocol(local, remote);
  if (!protocol || local.addresses.family() != remote.addresses.family()) return;
  const auto ports = masked_ports(*protocol, local, remote);
  const auto destinations = cover(remote.addresses);
  for (const Cidr& source : cover(local.addresses)) {
    for (const Cidr& destination : destinations) {
      for (const MaskedPorts& pair : ports) {
        selectors.push_back({.source = source,
                             .destination = destination,
                             .protocol = *protocol,
                             .source_port = pair.local.value,
                             .source_port_mask = pair.local.mask,
                             .destination_port = pair.remote.value,
                             .destination_port_mask = pair.remote.mask});
      }
    }
  }
}

Selector turned_round(const Selector& out) {
  Selector in = out;
  std::swap(in.source, in.destination);
  if (has_type_for_port(out.protocol)) return in;
  std::swap(in.source_port, in.destination_port);
  std::swap(in.source_port_mask, in.destination_port_mask);
  return in;
}

Template template_of(const Tunnel& tunnel, PolicyDirection direction) {
  if (direction == PolicyDirection::out) {
    return {tunnel.reqid, tunnel.local, tunnel.remote, tunnel.protocol, tunnel.spi};
  }
  // From wherever the peer is, on whichever of its SAs.
  return {tunnel.reqid, Address::any(tunnel.local.family()), tunnel.local, tunnel.protocol,
          ChildSpi{}};
}

PolicyRecord policy_of(const Tunnel& tunnel, PolicyDirection direction, const Selector& out) {
  PolicyRecord policy;
  policy.key = {.direction = direction,
                .selector = direction == PolicyDirection::out ? out : turned_round(out),
                .interface_id = tunnel.attachment.interface_id,
                .mark = tunnel.attachment.mark.value_or(Mark{0, 0})};
  policy.priority = priority_of(policy.key.selector, tunnel.layer);
  policy.blocks = direction == PolicyDirection::out && tunnel.remote.is_any();
  policy.protection = template_of(tunnel, direction);
  return policy;
}

std::vector<PolicyRecord> policies_of(const Tunnel& tunnel,
                                      const std::vector<TrafficSelector>& local,
                                      const std::vector<TrafficSelector>& remote) {
  std::vector<Selector> selectors;
  for (const TrafficSelector& ours : local) {
    for (const TrafficSelector& theirs : remote) add_selectors(selectors, ours, theirs);
  }
  // Selectors may overlap, and the kernel has one place for each.
  std::ranges::sort(selectors);
  const auto repeated = std::ranges::unique(selectors);
  selectors.erase(repeated.begin(), repeated.end());

  std::vector<PolicyRecord> policies;
  policies.reserve(3 * selectors.size());
  // Out comes last: what it sends is answered.
  for (const auto direction :
       {PolicyDirection::in, PolicyDirection::forward, PolicyDirection::out}) {
    for (const Selector& selector : selectors) {
      policies.push_back(policy_of(tunnel, direction, selector));
    }
  }
  return policies;
}

std::size_t count_selectors(const TrafficSelector& local, const TrafficSelector& remote) {
  const auto protocol = common_protocol(local, remote);
  if (!protocol || local.addresses.family() != remote.addresses.family()) return 0;
  return cover(local.addresses).size() * cover(remote.addresses).size() *
         masked_ports(*protocol, local, remote).size();
}

}  // namespace

std::vector<PolicyRecord> policies_of(const PolicySpec& spec) {
  const Tunnel tunnel{.reqid = spec.reqid,
                      .local = spec.local,
                      .remote = spec.remote,
                      .protocol = spec.protocol,
                      .spi = spec.spi,
                      .attachment = spec.attachment,
                      .layer = Layer::child};
  return policies_of(tunnel, spec.local_selectors, spec.remote_selectors);
}

std::vector<PolicyRecord> policies_of(const TrapSpec& spec) {
  const Tunnel tunnel{.reqid = spec.reqid,
                      .local = spec.local,
                      .remote = spec.remote,
                      .protocol = spec.protocol,
                      .spi = {},
                      .attachment = spec.attachment,
                      .layer = Layer::trap};
  return policies_of(tunnel, spec.local_selectors, spec.remote_selectors);
}

std::size_t count_policies(const std::vector<TrafficSelector>& local,
                           const std::vector<TrafficSelector>& remote) {
  std::size_t count = 0;
  for (const TrafficSelector& ours : local) {
    for (const TrafficSelector& theirs : remote) count += 3 * count_selectors(ours, theirs);
  }
  return count;
}

std::uint32_t priority_of(const Selector& selector, Layer layer) {
  const auto prefix_bits = static_cast<std::uint32_t>(selector.source.prefix_length() +
                                                      selector.destination.prefix_length());
  const auto port_bits = static_cast<std::uint32_t>(std::popcount(selector.source_port_mask) +
                                                    std::popcount(selector.destination_port_mask));
  const std::uint32_t free_prefix_bits = 256 - prefix_bits;
  const std::uint32_t any_protocol = selector.protocol == 0 ? 1 : 0;
  const std::uint32_t free_port_bits = 32 - port_bits;
  const std::uint32_t trap = layer == Layer::trap ? 1 : 0;
  return kFirstPriority + (free_prefix_bits << 8 | any_protocol << 7 | free_port_bits << 1 | trap);
}

std::vector<MaskedPort> cover(const PortRange& range) {
  if (range.is_opaque()) return {{0, 0xffff}};
  std::vector<MaskedPort> result;
  std::uint32_t first = range.first;
  const std::uint32_t end = std::uint32_t{range.last} + 1;
  while (first < end) {
    // The largest aligned block that begins here and ends within the range.
    std::uint32_t size = first == 0 ? 0x10000 : first & -first;
    while (first + size > end) size /= 2;
    result.push_back(
        {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(0x10000 - size)});
    first += size;
  }
  return result;
}

}  // namespace ipsec::xfrm
