#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "ike/gateway/check.h"

namespace ipsec::gateway {
namespace {

using Cause = Refusal::Cause;

class Refuser {
 public:
  Refuser(const CheckContext& context, const Meta& meta)
      : refusals_(context.refusals), kind_(meta.id.kind), name_(meta.name) {}

  void operator()(Cause cause, std::string_view field, std::string value, std::string why,
                  std::string advice) const {
    refusals_.push_back({cause, kind_, name_, std::string(field), std::move(value), std::move(why),
                         std::move(advice)});
  }

 private:
  Refusals& refusals_;
  Kind kind_;
  const std::string& name_;
};

// --- each kind ---------------------------------------------------------------------------------

void check_vpc(const CheckContext& context, const Vpc& vpc) {
  const Refuser refuse(context, vpc.meta);
  for (std::size_t i = 0; i < vpc.cidrs.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!vpc.cidrs[i].overlaps(vpc.cidrs[j])) continue;
      refuse(Cause::conflict, "cidrs", vpc.cidrs[i].to_string(),
             fmt::format("overlaps {} of the same VPC", vpc.cidrs[j].to_string()),
             "give each range once");
    }
  }
}

// What may be run is said by who may write the daemon's settings, not by who may configure tunnels.
void check_program(const CheckContext& context, const Refuser& refuse, const std::string& name) {
  const auto& programs = context.settings.routes.programs;
  if (programs.contains(name)) return;
  std::string known;
  for (const auto& [each, path] : programs) known += (known.empty() ? "" : ", ") + each;
  refuse(Cause::invalid, "route_table", name, "is no route program of ipsecd.toml",
         known.empty() ? "give a table of the kernel, or name the program in [routes.programs]"
                       : "choose one of " + known + ", or name another in [routes.programs]");
}

void check_subnet(const CheckContext& context, const Subnet& subnet) {
  const Refuser refuse(context, subnet.meta);
  const auto* vpc = context.inventory.get<Vpc>(subnet.vpc);
  if (vpc == nullptr) return;
  const auto holds = [&](const Cidr& range) { return range.contains(subnet.cidr); };
  if (std::ranges::none_of(vpc->cidrs, holds)) {
    refuse(Cause::conflict, "cidr", subnet.cidr.to_string(),
           fmt::format("lies in no range of vpc '{}'", vpc->meta.name),
           "choose a range inside the VPC's, or add one to the VPC");
  }
  if (subnet.route_table && !subnet.route_table->table.is_kernel()) {
    check_program(context, refuse, subnet.route_table->table.driver);
  }
  for (const Subnet* other : context.inventory.users_of<Subnet>(subnet.vpc)) {
    if (other->meta.id == subnet.meta.id || !other->cidr.overlaps(subnet.cidr)) continue;
    refuse(Cause::conflict, "cidr", subnet.cidr.to_string(),
           fmt::format("overlaps {} of subnet '{}'", other->cidr.to_string(), other->meta.name),
           "choose a range that no other subnet of the VPC has");
  }
}

// M29.
constexpr std::array<std::uint32_t, 5> kBandwidthsMbps{5, 10, 20, 50, 100};

void check_gateway(const CheckContext& context, const Gateway& gateway) {
  const Refuser refuse(context, gateway.meta);
  const auto* subnet = context.inventory.get<Subnet>(gateway.subnet);
  if (subnet != nullptr && subnet->vpc != gateway.vpc) {
    refuse(Cause::conflict, "subnet", subnet->meta.name, "belongs to another VPC",
           "choose a subnet of the gateway's own VPC");
  }
  if (gateway.bandwidth_mbps &&
      std::ranges::find(kBandwidthsMbps, *gateway.bandwidth_mbps) == kBandwidthsMbps.end()) {
    refuse(Cause::invalid, "bandwidth_mbps", fmt::to_string(*gateway.bandwidth_mbps),
           "no bandwidth there is", "choose 5, 10, 20, 50 or 100");
  }
  for (const auto& [field, address] : {std::pair{"public_address", gateway.public_address},
                                       std::pair{"local_address", gateway.local_address}}) {
    if (!address || (!address->is_any() && !address->is_multicast())) continue;
    refuse(Cause::invalid, field, address->to_string(), "no address of one host",
           "give the address that this machine has, or that the NAT before it shows");
  }
  if (gateway.local_address && gateway.public_address &&
      gateway.local_address->family() != gateway.public_address->family()) {
    refuse(Cause::invalid, "local_address", gateway.local_address->to_string(),
           fmt::format("not of the family of the public address {}",
                       gateway.public_address->to_string()),
           "a NAT joins addresses of one family");
  }
}

void check_peer(const CheckContext& context, const Peer& peer) {
  const Refuser refuse(context, peer.meta);
  if (auto why = why_no_peer_address(peer.address)) {
    refuse(Cause::invalid, "address", peer.address.to_string(), *std::move(why),
           "give the peer's public address, or 0.0.0.0 for a peer whose address changes");
  }
}

void check_tunnel(const CheckContext& context, const Tunnel& tunnel) {
  const Refuser refuse(context, tunnel.meta);
  const auto* gateway = context.inventory.get<Gateway>(tunnel.gateway);
  const auto* peer = context.inventory.get<Peer>(tunnel.peer);
  if (gateway == nullptr || peer == nullptr) return;
  // M5, M48: two tunnels between the same two would be one to the wire.
  for (const Tunnel* other : context.inventory.users_of<Tunnel>(tunnel.peer)) {
    if (other->meta.id == tunnel.meta.id || other->gateway != tunnel.gateway) continue;
    refuse(Cause::conflict, "peer", peer->meta.name,
           fmt::format("tunnel '{}' joins it with gateway '{}' already", other->meta.name,
                       gateway->meta.name),
           "add the ranges to that tunnel, or make a peer of its own");
  }
  check_ranges(context, tunnel);
  check_policies(context, tunnel);
}

bool lies_in(const Address& address, std::string_view range) {
  return Cidr::parse(range).value().contains(address);
}

bool host_bits_are(const Address& address, int network_bits, bool set) {
  return address.with_host_bits(network_bits, set) == address;
}

}  // namespace

void check(const CheckContext& context, const Object& object) {
  if (const auto* vpc = std::get_if<Vpc>(&object)) check_vpc(context, *vpc);
  if (const auto* subnet = std::get_if<Subnet>(&object)) check_subnet(context, *subnet);
  if (const auto* gateway = std::get_if<Gateway>(&object)) check_gateway(context, *gateway);
  if (const auto* peer = std::get_if<Peer>(&object)) check_peer(context, *peer);
  if (const auto* tunnel = std::get_if<Tunnel>(&object)) check_tunnel(context, *tunnel);
}

std::optional<std::string> why_no_peer_address(const Address& address) {
  if (address.is_any()) return std::nullopt;
  if (address.is_loopback()) return "a loopback address";
  if (address.is_multicast()) return "a multicast address";
  if (address.family() == Family::v6) {
    return lies_in(address, "fe80::/10") ? std::optional("a link-local address") : std::nullopt;
  }
  if (lies_in(address, "169.254.0.0/16")) return "a link-local address";
  if (lies_in(address, "240.0.0.0/4")) return "a reserved address";
  const std::uint8_t first = address.bytes()[0];
  if (first == 0) return "an address of network 0";
  // The classes are long gone from routing, and the platforms go on refusing by them.
  const int network_bits = first < 128 ? 8 : first < 192 ? 16 : 24;
  if (host_bits_are(address, network_bits, false)) {
    return fmt::format("the address of the class network /{} itself", network_bits);
  }
  if (host_bits_are(address, network_bits, true)) {
    return fmt::format("the broadcast address of the class network /{}", network_bits);
  }
  return std::nullopt;
}

}  // namespace ipsec::gateway
