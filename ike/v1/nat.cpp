#include "ike/v1/nat.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "ike/base/writer.h"
#include "ike/core/vendor.h"

namespace ipsec::v1 {
namespace {

using wire::v1::NatDiscoveryPayload;
using wire::v1::Payload;
using wire::v1::Placed;
using wire::v1::VendorIdPayload;

enum class Says : std::uint8_t { nat_rfc, nat_draft, dead_peer_detection };

struct Known {
  std::string_view hex;
  Says says{};
};
constexpr std::array kKnown{
    Known{"4a131c81070358455c5728f20e95452f", Says::nat_rfc},              // MD5 of "RFC 3947"
    Known{"7d9419a65310ca6f2c179d9215529d56", Says::nat_draft},            // ...-nat-t-ike-03
    Known{"90cb80913ebb696e086381b5ec427b1f", Says::nat_draft},            // ...-02 and a line feed
    Known{"cd60464335df21f87cfdb2fc68b6a448", Says::nat_draft},            // ...-02
    Known{"afcad71368a1f1c96b8696fc77570100", Says::dead_peer_detection},  // RFC 3706 5.1, 1.0
};

const Known* known(const VendorIdPayload& id) {
  const std::string hex = to_hex(id.data);
  const auto found = std::ranges::find(kKnown, hex, &Known::hex);
  return found == kKnown.end() ? nullptr : &*found;
}

// RFC 3947 3.2: by the hash that phase 1 negotiated.
Bytes hash_of(const Turn& turn, const Sa& sa, const Phase1& phase1, const Endpoint& endpoint) {
  Writer writer;
  writer.u64(sa.spis().initiator.value);
  writer.u64(sa.spis().responder.value);
  writer.bytes(endpoint.address.bytes());
  writer.u16(endpoint.port);
  return turn.crypto.digest(phase1.choice.algorithms.prf->hash, {writer.view()});
}

}  // namespace

void append_vendor_ids(std::vector<Payload>& payloads) {
  for (const Known& one : kKnown) payloads.emplace_back(VendorIdPayload{*from_hex(one.hex)});
}

Abilities abilities_of(std::span<const Placed> payloads) {
  Abilities abilities;
  for (const Placed& placed : payloads) {
    const auto* id = std::get_if<VendorIdPayload>(&placed.payload);
    const Known* one = id != nullptr ? known(*id) : nullptr;
    if (one == nullptr) continue;
    switch (one->says) {
      case Says::nat_rfc:
        abilities.nat = NatWords::rfc;
        break;
      case Says::nat_draft:
        if (abilities.nat == NatWords::none) abilities.nat = NatWords::draft;
        break;
      case Says::dead_peer_detection:
        abilities.dead_peer_detection = true;
        break;
    }
  }
  return abilities;
}

std::string describe_vendors(std::span<const Placed> payloads) {
  std::vector<ByteView> ids;
  for (const Placed& placed : payloads) {
    const auto* id = std::get_if<VendorIdPayload>(&placed.payload);
    if (id != nullptr && known(*id) == nullptr) ids.emplace_back(id->data);
  }
  return core::describe_vendors(ids);
}

void append_nat_hashes(const Turn& turn, const Sa& sa, const Phase1& phase1,
                       core::ForceEncapsulation force, std::vector<Payload>& payloads) {
  if (phase1.peer.nat == NatWords::none) return;
  const bool draft = phase1.peer.nat == NatWords::draft;
  // No message comes from port 0 of the unspecified address, so this fits nowhere.
  const Endpoint ours = force == core::ForceEncapsulation::yes
                            ? Endpoint{Address::any(sa.local.address.family()), 0}
                            : sa.local;
  payloads.emplace_back(NatDiscoveryPayload{draft, hash_of(turn, sa, phase1, sa.remote)});
  payloads.emplace_back(NatDiscoveryPayload{draft, hash_of(turn, sa, phase1, ours)});
}

core::NatState detect_nat(const Turn& turn, const Sa& sa, const Phase1& phase1,
                          const Endpoint& local, const Endpoint& remote,
                          std::span<const Placed> payloads) {
  core::NatState nat;
  bool first = true;
  bool remote_fits = false;
  const Bytes of_local = hash_of(turn, sa, phase1, local);
  const Bytes of_remote = hash_of(turn, sa, phase1, remote);
  for (const Placed& placed : payloads) {
    const auto* hash = std::get_if<NatDiscoveryPayload>(&placed.payload);
    if (hash == nullptr) continue;
    if (first) nat.local = !equal(hash->hash, of_local);
    // A peer with several addresses sends a hash of each.
    if (!first && equal(hash->hash, of_remote)) remote_fits = true;
    first = false;
  }
  nat.remote = !first && !remote_fits;
  return nat;
}

}  // namespace ipsec::v1
