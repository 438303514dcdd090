// What a tunnel is to the peer and to the kernel, everything resolved: two tunnels with equal
// meanings behave alike on the wire, so a change that leaves it as it was disturbs no packet.
#pragma once

#include <optional>
#include <vector>

#include "ike/gateway/inventory.h"

namespace ipsec::gateway {

struct Meaning {
  Address local;   // where IKE and ESP leave from
  Address remote;  // any: it only responds
  Identity local_id;
  std::optional<Identity> peer_id;  // none: whoever knows the key
  Psk psk;
  std::vector<Rule> rules;
  std::string interface;
  bool enabled = true;
  Start start = Start::automatic;
  Profile profile = Profile::automatic;
  IkePolicy ike;
  IpsecPolicy ipsec;
  Dpd dpd;
  bool force_encapsulation = false;
  std::uint32_t fragment_bytes = 0;
  bool operator==(const Meaning&) const = default;
};

// Nothing while its gateway has no address yet (M14).
[[nodiscard]] std::optional<Meaning> meaning_of(const Inventory& inventory, const Tunnel& tunnel);

}  // namespace ipsec::gateway
