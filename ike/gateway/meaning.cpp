#include "ike/gateway/meaning.h"

namespace ipsec::gateway {

std::optional<Meaning> meaning_of(const Inventory& inventory, const Tunnel& tunnel) {
  const auto* gateway = inventory.get<Gateway>(tunnel.gateway);
  const auto* peer = inventory.get<Peer>(tunnel.peer);
  if (gateway == nullptr || peer == nullptr) return std::nullopt;
  const auto local = gateway->local_address ? gateway->local_address : gateway->public_address;
  if (!local) return std::nullopt;

  Meaning meaning;
  meaning.local = *local;
  meaning.remote = peer->address;
  // M62, M63: each side is known by its public address unless it is told otherwise.
  meaning.local_id =
      tunnel.ike.local_id.value_or(Identity::of(gateway->public_address.value_or(*local)));
  meaning.peer_id = tunnel.ike.peer_id;
  if (!meaning.peer_id && !peer->address.is_any()) meaning.peer_id = Identity::of(peer->address);
  meaning.psk = tunnel.psk;
  meaning.rules = tunnel.all_rules();
  meaning.interface = tunnel.interface;
  meaning.enabled = tunnel.enabled;
  meaning.start = tunnel.start;
  meaning.profile = tunnel.profile;
  meaning.ike = tunnel.ike;
  meaning.ipsec = tunnel.ipsec;
  meaning.dpd = tunnel.dpd;
  meaning.force_encapsulation = tunnel.force_encapsulation;
  meaning.fragment_bytes = tunnel.fragment_bytes;
  // They stand above, resolved: saying what was meant anyway changes nothing.
  meaning.ike.local_id.reset();
  meaning.ike.peer_id.reset();
  return meaning;
}

}  // namespace ipsec::gateway
