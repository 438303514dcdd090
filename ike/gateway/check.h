// The rules that span fields and objects. Each function looks at one object in an inventory that
// already holds it, and appends a refusal for every rule that it breaks.
#pragma once

#include <set>

#include "ike/gateway/inventory.h"
#include "ike/gateway/refusal.h"
#include "ike/gateway/settings.h"

namespace ipsec::gateway {

struct CheckContext {
  const Inventory& inventory;
  const Settings& settings;
  Refusals& refusals;
};

void check(const CheckContext& context, const Object& object);

// Rows M30 to M36: what an address of a peer may be.
[[nodiscard]] std::optional<std::string> why_no_peer_address(const Address& address);
// M56, M57.
[[nodiscard]] std::optional<std::string> why_no_psk(std::string_view text);

// M41 to M48 within one tunnel.
void check_ranges(const CheckContext& context, const Tunnel& tunnel);
void check_policies(const CheckContext& context, const Tunnel& tunnel);

// M48, over all tunnels of the VPCs at once: a pair of ranges that two tunnels share. Only what
// concerns one of `touched` is refused; the others have been checked before.
void check_pairs(const CheckContext& context, const std::set<ObjectId>& vpcs,
                 const std::set<ObjectId>& touched);

// M21 to M24, and that no two gateways have one public address, nor two tunnels one device. Only
// what is more than it was in `before` is refused, each limit once: lowering a limit takes nothing
// from anybody.
void check_limits(const CheckContext& context, const Inventory& before,
                  const std::set<ObjectId>& touched);

// What is allowed, and yet worth a word.
[[nodiscard]] std::vector<std::string> warnings_of(const Inventory& inventory,
                                                   const Tunnel& tunnel);

}  // namespace ipsec::gateway
