#include <functional>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "ike/gateway/check.h"

namespace ipsec::gateway {
namespace {

using Cause = Refusal::Cause;

// What a limit counts by: all tunnels with one key belong together.
struct Group {
  std::string key;
  std::string what;  // "tunnels on gateway 'gw'"
};

struct Limit {
  Kind counted;
  std::string_view field;    // of the counted, where it joins the group
  std::string_view setting;  // in [limits]
  std::size_t most;
  std::function<Group(const Inventory&, const Object&)> group_of;
};

template <typename T>
std::string name_in(const Inventory& inventory, const ObjectId& id) {
  const T* object = inventory.get<T>(id);
  return object == nullptr ? id.to_string() : object->meta.name;
}

std::vector<Limit> all_limits(const Limits& limits) {
  return {
      {Kind::tunnel, "gateway", "tunnels_per_gateway", limits.tunnels_per_gateway,
       [](const Inventory& in, const Object& object) {
         const ObjectId& id = std::get<Tunnel>(object).gateway;
         return Group{id.to_string(),
                      fmt::format("tunnels on gateway '{}'", name_in<Gateway>(in, id))};
       }},
      {Kind::tunnel, "peer", "tunnels_per_peer", limits.tunnels_per_peer,
       [](const Inventory& in, const Object& object) {
         const ObjectId& id = std::get<Tunnel>(object).peer;
         return Group{id.to_string(), fmt::format("tunnels to peer '{}'", name_in<Peer>(in, id))};
       }},
      {Kind::gateway, "vpc", "gateways_per_vpc", limits.gateways_per_vpc,
       [](const Inventory& in, const Object& object) {
         const ObjectId& id = std::get<Gateway>(object).vpc;
         return Group{id.to_string(), fmt::format("gateways in vpc '{}'", name_in<Vpc>(in, id))};
       }},
      {Kind::peer, "region", "peers_per_region", limits.peers_per_region,
       [](const Inventory&, const Object& object) {
         const auto& peer = std::get<Peer>(object);
         return Group{peer.meta.account + '/' + peer.region,
                      fmt::format("peers in region '{}'", peer.region)};
       }},
  };
}

std::map<std::string, std::size_t> count(const Inventory& inventory, const Limit& limit) {
  std::map<std::string, std::size_t> out;
  for (const auto& [id, object] : inventory.objects()) {
    if (id.kind == limit.counted) ++out[limit.group_of(inventory, *object).key];
  }
  return out;
}

void check_limit(const CheckContext& context, const Inventory& before, const Limit& limit,
                 const std::set<ObjectId>& touched) {
  const auto now = count(context.inventory, limit);
  auto was = count(before, limit);
  for (const ObjectId& id : touched) {
    const ObjectPointer object = context.inventory.find(id);
    if (id.kind != limit.counted || object == nullptr) continue;
    const Group group = limit.group_of(context.inventory, *object);
    const std::size_t number = now.at(group.key);
    if (number <= limit.most || number <= was[group.key]) continue;
    context.refusals.push_back(
        {Cause::limit, id.kind, meta_of(*object).name, std::string(limit.field), "",
         fmt::format("would make {} {}, {} are allowed", number, group.what, limit.most),
         fmt::format("raise limits.{}, or use another", limit.setting)});
    was[group.key] = number;  // told
  }
}

// M1, M111. Of another account only that the address is taken is anybody's business.
void check_public_addresses(const CheckContext& context, const std::set<ObjectId>& touched) {
  std::map<Address, const Gateway*> owners;
  for (const Gateway* gateway : context.inventory.all<Gateway>()) {
    if (!gateway->public_address) continue;
    const auto [at, is_first] = owners.emplace(*gateway->public_address, gateway);
    const Gateway* other = at->second;
    if (is_first) continue;
    if (!touched.contains(gateway->meta.id)) std::swap(gateway, other);
    if (!touched.contains(gateway->meta.id)) continue;
    const bool ours = gateway->meta.account == other->meta.account;
    context.refusals.push_back(
        {Cause::conflict, Kind::gateway, gateway->meta.name, "public_address",
         gateway->public_address->to_string(),
         ours ? fmt::format("already the address of gateway '{}'", other->meta.name)
              : std::string("already taken"),
         "every gateway has one of its own"});
  }
}

// Devices are the machine's, whichever account a tunnel is of.
void check_interfaces(const CheckContext& context, const std::set<ObjectId>& touched) {
  std::map<std::string_view, const Tunnel*> owners;
  for (const Tunnel* tunnel : context.inventory.all<Tunnel>()) {
    if (tunnel->interface.empty()) continue;
    const auto [at, is_first] = owners.emplace(tunnel->interface, tunnel);
    const Tunnel* other = at->second;
    if (is_first) continue;
    if (!touched.contains(tunnel->meta.id)) std::swap(tunnel, other);
    if (!touched.contains(tunnel->meta.id)) continue;
    const bool ours = tunnel->meta.account == other->meta.account;
    context.refusals.push_back(
        {Cause::conflict, Kind::tunnel, tunnel->meta.name, "interface", tunnel->interface,
         ours ? fmt::format("already the device of tunnel '{}'", other->meta.name)
              : std::string("already taken"),
         "every tunnel has a device of its own, or none"});
  }
}

}  // namespace

void check_limits(const CheckContext& context, const Inventory& before,
                  const std::set<ObjectId>& touched) {
  std::set<Kind> kinds;
  for (const ObjectId& id : touched) kinds.insert(id.kind);
  for (const Limit& limit : all_limits(context.settings.limits)) {
    if (kinds.contains(limit.counted)) check_limit(context, before, limit, touched);
  }
  if (kinds.contains(Kind::gateway)) check_public_addresses(context, touched);
  if (kinds.contains(Kind::tunnel)) check_interfaces(context, touched);
}

}  // namespace ipsec::gateway
