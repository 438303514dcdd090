// Of a tunnel's packets: what the kernel holds for them, whether they pass, how long they may be.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ike/daemon/diagnose.h"

namespace ipsec::daemon {

// --- the kernel --------------------------------------------------------------------------------

namespace {

std::string spi_text(ChildSpi spi) { return fmt::format("0x{:08x}", spi.value); }

bool holds(const TunnelFacts& facts, ChildSpi spi, Reqid reqid) {
  return std::ranges::any_of(
      facts.sas, [&](const KernelSa& sa) { return sa.spi == spi && sa.reqid == reqid; });
}

bool has_policy(const TunnelFacts& facts, Reqid reqid, xfrm::PolicyDirection direction) {
  return std::ranges::any_of(facts.policies, [&](const xfrm::PolicyRecord& policy) {
    return policy.protection.reqid == reqid && policy.key.direction == direction && !policy.blocks;
  });
}

// What a child ought to have in the kernel and has not.
std::vector<std::string> lacking(const TunnelFacts& facts, const core::ChildStatus& child) {
  std::vector<std::string> out;
  if (!holds(facts, child.inbound, child.reqid)) out.push_back("SA in " + spi_text(child.inbound));
  if (!holds(facts, child.outbound, child.reqid)) {
    out.push_back("SA out " + spi_text(child.outbound));
  }
  constexpr std::array kDirections{std::pair{xfrm::PolicyDirection::out, "policy out"},
                                   std::pair{xfrm::PolicyDirection::in, "policy in"},
                                   std::pair{xfrm::PolicyDirection::forward, "policy forward"}};
  for (const auto& [direction, name] : kDirections) {
    if (!has_policy(facts, child.reqid, direction)) out.emplace_back(name);
  }
  return out;
}

void judge_child(const TunnelFacts& facts, const core::ChildStatus& child, Findings& out) {
  const std::string what = fmt::format("child {}", describe(child.selectors));
  const auto missing = lacking(facts, child);
  if (missing.empty()) {
    out.good(what, fmt::format("SAs {} in, {} out and their policies are in the kernel",
                               spi_text(child.inbound), spi_text(child.outbound)));
    return;
  }
  out.bad(what, fmt::format("not in the kernel: {}", fmt::join(missing, ", ")),
          fmt::format("another program may have removed them; set them anew: ipsecctl tunnel "
                      "reconnect {}",
                      facts.tunnel.meta.name));
}

// Policies that send packets into an SA of no child: nothing would come out at the peer.
void judge_pins(const TunnelFacts& facts, const core::IkeStatus& ike, Findings& out) {
  for (const xfrm::PolicyRecord& policy : facts.policies) {
    const ChildSpi spi = policy.protection.spi;
    if (policy.key.direction != xfrm::PolicyDirection::out || policy.blocks || !spi) continue;
    const bool known =
        std::ranges::find(ike.children, spi, &core::ChildStatus::outbound) != ike.children.end();
    if (known || holds(facts, spi, policy.protection.reqid)) continue;
    out.bad("policy out",
            fmt::format("{} to {} leads to SA {}, which is not there",
                        policy.key.selector.source.to_string(),
                        policy.key.selector.destination.to_string(), spi_text(spi)),
            fmt::format("ipsecctl tunnel reconnect {}", facts.tunnel.meta.name));
  }
}

}  // namespace

void judge_kernel(const TunnelFacts& facts, Findings& out) {
  if (!facts.kernel_error.empty()) {
    out.warning("kernel", facts.kernel_error, "see what `ipsecctl check` says of the kernel");
    return;
  }
  const core::IkeStatus* ike = current_ike(facts);
  if (ike == nullptr) return;
  for (const core::ChildStatus& child : ike->children) {
    if (child.usable) judge_child(facts, child, out);
  }
  judge_pins(facts, *ike, out);
}

// --- traffic -----------------------------------------------------------------------------------

namespace {

struct Passed {
  std::uint64_t in_packets = 0;
  std::uint64_t out_packets = 0;
};

// Of the SAs there are now; where those are fresh, of all that the tunnel had.
Passed passed(const TunnelFacts& facts) {
  Passed sum;
  for (const KernelSa& sa : facts.sas) {
    (sa.direction == xfrm::Direction::in ? sum.in_packets : sum.out_packets) += sa.counters.packets;
  }
  if (sum.in_packets != 0 || sum.out_packets != 0) return sum;
  return {facts.view.counters.in_packets, facts.view.counters.out_packets};
}

// M105.
void judge_passing(const TunnelFacts& facts, Findings& out) {
  if (facts.view.connection != "connected") return;
  const Passed packets = passed(facts);
  const std::string found = fmt::format("{} in, {} out", packets.in_packets, packets.out_packets);
  if (packets.in_packets != 0 && packets.out_packets != 0) {
    out.good("packets", found);
  } else if (packets.out_packets != 0) {
    out.bad("packets", found + ": ours leave and nothing comes back",
            "at the other side: a return route to the local ranges that leads to the peer gateway, "
            "no firewall or policy that refuses these packets, and a host that answers; on the "
            "way: ESP (IP protocol 50) or UDP 4500 let through in both directions");
  } else if (packets.in_packets != 0) {
    out.bad("packets", found + ": the peer's come in and nothing goes back",
            "at this side: the hosts' route to the peer's ranges must lead to this gateway, their "
            "firewall must let the peer's ranges in, and this machine must forward (see `ipsecctl "
            "check`)");
  } else {
    out.note("packets", "none yet in either direction",
             "ping a host of the peer's ranges from a host of the local ranges");
  }
}

void judge_refused_packets(const TunnelFacts& facts, Findings& out) {
  std::uint64_t integrity_failed = 0;
  std::uint64_t replayed = 0;
  std::uint64_t outside_window = 0;
  for (const KernelSa& sa : facts.sas) {
    integrity_failed += sa.counters.integrity_failed;
    replayed += sa.counters.replayed;
    outside_window += sa.counters.outside_window;
  }
  if (integrity_failed != 0) {
    out.bad("integrity", fmt::format("{} packets came damaged or forged", integrity_failed),
            "where all of them fail, the peer's keys or its truncation of SHA-2 differ (96 bits in "
            "old products): update it or choose another algorithm; where few do, look for a device "
            "on the way that changes packets");
  }
  if (replayed != 0) {
    out.warning("replay", fmt::format("{} packets came twice and were dropped", replayed),
                "look for duplicated packets on the way");
  }
  if (outside_window != 0) {
    out.warning("replay window",
                fmt::format("{} packets came later than the window of {} allows", outside_window,
                            facts.tunnel.ipsec.replay_window),
                fmt::format("ipsecctl tunnel set {} --ipsec-replay-window {}",
                            facts.tunnel.meta.name, 4096));
  }
}

bool is_reached(const TunnelFacts& facts, const Cidr& range) {
  const auto holds_address = [&](const Device& device) {
    return std::ranges::any_of(device.addresses,
                               [&](const Address& it) { return range.contains(it); });
  };
  if (std::ranges::any_of(facts.devices, holds_address)) return true;
  return std::ranges::any_of(facts.routes, [&](const Route& route) {
    const bool whole = range.prefix_length() == 0;
    return !route.rejects && (whole || route.destination.prefix_length() > 0) &&
           route.destination.overlaps(range);
  });
}

void judge_local_range(const TunnelFacts& facts, const Cidr& range, Findings& out) {
  const std::string what = fmt::format("local range {}", range.to_string());
  if (is_reached(facts, range)) {
    out.good(what, "this machine has a way to it");
    return;
  }
  out.warning(what, "this machine has no route to it but the default one, if that",
              fmt::format("ip route add {} via NEXT-HOP, or give this machine an address in it",
                          range.to_string()));
}

// Without any route a packet is dropped before its policy is looked for.
void judge_peer_range(const TunnelFacts& facts, const Cidr& range, Findings& out) {
  const std::string what = fmt::format("peer range {}", range.to_string());
  for (const Device& device : facts.devices) {
    for (const Address& address : device.addresses) {
      if (range.prefix_length() == 0 || !range.contains(address)) continue;
      out.bad(
          what,
          fmt::format("this machine's own {} on {} lies in it", address.to_string(), device.name),
          "two networks may not have the same addresses: change one of them, or the ranges");
      return;
    }
  }
  const Address first = range.network().next().value_or(range.network());
  const Route* route = route_to(facts.routes, range.contains(first) ? first : range.network());
  if (route != nullptr) {
    out.good(what, fmt::format("packets to it are routed on {}", route->device));
    return;
  }
  out.bad(what, "no route on this machine: packets to it are dropped before they are encrypted",
          fmt::format("ip route add {} via NEXT-HOP (the tunnel takes them from there)",
                      range.to_string()));
}

}  // namespace

void judge_traffic(const TunnelFacts& facts, Findings& out) {
  judge_passing(facts, out);
  judge_refused_packets(facts, out);
  std::vector<Cidr> told;
  const auto once = [&told](const Cidr& range) {
    if (std::ranges::find(told, range) != told.end()) return false;
    told.push_back(range);
    return true;
  };
  for (const gateway::Rule& rule : facts.tunnel.all_rules()) {
    if (once(rule.local)) judge_local_range(facts, rule.local, out);
    for (const Cidr& range : rule.peers) {
      if (once(range)) judge_peer_range(facts, range, out);
    }
  }
}

// --- MTU ---------------------------------------------------------------------------------------

namespace {

constexpr std::uint32_t kIpv6Least = 1280;  // RFC 8200 5

const Device* device_to_peer(const TunnelFacts& facts) {
  const core::IkeStatus* ike = current_ike(facts);
  const Address remote = ike == nullptr ? facts.meaning->remote : ike->remote.address;
  if (remote.is_any()) return nullptr;
  const Route* route = route_to(facts.routes, remote);
  return route == nullptr ? nullptr : device_named(facts.devices, route->device);
}

// The least of all SAs; 0 where there is none.
std::uint32_t least_inner(const TunnelFacts& facts, std::uint32_t mtu_bytes) {
  std::uint32_t least = 0;
  for (const KernelSa& sa : facts.sas) {
    const std::uint32_t inner = inner_mtu(sa.protection, mtu_bytes).value_or(0);
    if (least == 0 || inner < least) least = inner;
  }
  return least;
}

std::string clamp_advice(Family family, std::uint32_t mss) {
  return fmt::format(
      "where long TCP transfers hang: nft add rule inet filter forward rt ipsec exists meta "
      "nfproto {0} tcp flags syn tcp option maxseg size set {1}; or {2} -t mangle -A FORWARD -m "
      "policy --pol ipsec --dir out -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss {1}",
      family == Family::v4 ? "ipv4" : "ipv6", mss, family == Family::v4 ? "iptables" : "ip6tables");
}

}  // namespace

void judge_mtu(const TunnelFacts& facts, Findings& out) {
  if (!facts.meaning || facts.sas.empty()) return;
  const Device* device = device_to_peer(facts);
  if (device == nullptr || device->mtu_bytes == 0) return;
  const std::uint32_t inner = least_inner(facts, device->mtu_bytes);
  std::vector<Family> families;
  for (const gateway::Rule& rule : facts.tunnel.all_rules()) {
    const Family family = rule.local.family();
    if (std::ranges::find(families, family) == families.end()) families.push_back(family);
  }
  for (const Family family : families) {
    const std::uint32_t mss = tcp_mss(inner, family);
    const std::string what = family == Family::v4 ? "MTU of IPv4 inside" : "MTU of IPv6 inside";
    const std::string found = fmt::format("{} bytes, TCP MSS {} ({} has {} bytes)", inner, mss,
                                          device->name, device->mtu_bytes);
    if (family == Family::v6 && inner < kIpv6Least) {
      out.bad(
          what, found + ": less than the 1280 bytes that IPv6 must have",
          fmt::format("raise the MTU of {}: ip link set {} mtu 1500", device->name, device->name));
      continue;
    }
    out.note(what, found, clamp_advice(family, mss));
  }
}

}  // namespace ipsec::daemon
