// Which members of the values that both versions share are kept (archive.h).
#pragma once

#include "ike/core/nat.h"
#include "ike/core/proposal.h"
#include "ike/core/sa/archive.h"
#include "ike/core/sa/making.h"
#include "ike/core/selectors.h"
#include "xfrm/model.h"

namespace ipsec::core {

template <>
struct Layout<Endpoint> {
  static void walk(auto& archive, auto& it) { archive(it.address, it.port); }
};
template <>
struct Layout<Identity> {
  static void walk(auto& archive, auto& it) { archive(it.type, it.data); }
};
template <>
struct Layout<NatState> {
  static void walk(auto& archive, auto& it) { archive(it.local, it.remote); }
};
template <>
struct Layout<TrafficSelector> {
  static void walk(auto& archive, auto& it) {
    Address first = it.addresses.first();  // NOLINT(misc-const-correctness): a Loader sets it
    Address last = it.addresses.last();    // NOLINT(misc-const-correctness)
    archive(first, last, it.protocol, it.ports.first, it.ports.last);
    if constexpr (std::decay_t<decltype(archive)>::kLoads) {
      const auto range = AddressRange::make(first, last);
      archive.expect(range.has_value(), "range");
      if (range) it.addresses = *range;
    }
  }
};
template <>
struct Layout<SelectorPair> {
  static void walk(auto& archive, auto& it) { archive(it.local, it.remote); }
};

// --- Algorithms ---

template <>
struct Layout<crypto::IkeAlgorithms> {
  static void walk(auto& archive, auto& it) {
    archive(it.encryption, it.integrity, it.prf, it.group);
    archive.expect(it.encryption != nullptr && it.prf != nullptr && it.group != nullptr,
                   "algorithms");
  }
};
template <>
struct Layout<IkeOffer> {
  static void walk(auto& archive, auto& it) {
    archive(it.encryption, it.integrity, it.prfs, it.groups);
  }
};
template <>
struct Layout<ChildOffer> {
  static void walk(auto& archive, auto& it) {
    archive(it.protocol, it.encryption, it.integrity, it.groups, it.sequence_numbers);
  }
};
template <>
struct Layout<ChildAlgorithms> {
  static void walk(auto& archive, auto& it) {
    archive(it.protocol, it.encryption, it.integrity, it.group, it.sequence_numbers);
  }
};

// --- The kernel's ---

template <>
struct Layout<xfrm::SaKey> {
  static void walk(auto& archive, auto& it) { archive(it.destination, it.protocol, it.spi); }
};
template <>
struct Layout<xfrm::Mark> {
  static void walk(auto& archive, auto& it) { archive(it.value, it.mask); }
};
template <>
struct Layout<xfrm::Attachment> {
  static void walk(auto& archive, auto& it) { archive(it.interface_id, it.mark); }
};
template <>
struct Layout<xfrm::UdpEncapsulation> {
  static void walk(auto& archive, auto& it) { archive(it.source_port, it.destination_port); }
};
template <>
struct Layout<xfrm::Offload> {
  static void walk(auto& archive, auto& it) { archive(it.device, it.kind); }
};
template <>
struct Layout<xfrm::SaSpec> {
  static void walk(auto& archive, auto& it) {
    archive(it.direction, it.source, it.destination, it.protocol, it.spi, it.reqid, it.encryption,
            it.integrity, it.encryption_key, it.integrity_key, it.extended_sequence_numbers,
            it.replay_window_packets, it.encapsulation, it.soft_limit_bytes, it.hard_limit_bytes,
            it.hard_limit_s, it.attachment, it.output_mark, it.copy_ecn, it.copy_dscp, it.offload);
  }
};

// --- Children ---

template <>
struct Layout<InboundOnly> {
  static void walk(auto& archive, auto& it) { archive(it.outbound); }
};
template <>
struct Layout<Active> {
  static void walk(auto& /*archive*/, auto& /*it*/) {}
};
template <>
struct Layout<Replaced> {
  static void walk(auto& archive, auto& it) { archive(it.outbound_installed, it.delete_at); }
};
template <>
struct Layout<Lingering> {
  static void walk(auto& archive, auto& it) { archive(it.until); }
};
template <>
struct Layout<Unmade> {
  static void walk(auto& archive, auto& it) { archive(it.reserved, it.told, it.delete_at); }
};
template <>
struct Layout<Child> {
  static void walk(auto& archive, auto& it) {
    archive(it.id, it.rule, it.reqid, it.protocol, it.inbound, it.outbound, it.local, it.remote,
            it.encapsulated, it.attachment, it.selectors, it.algorithms, it.phase, it.lowest_nonce,
            it.successor, it.awaited, it.announced, it.lifetime, it.lifetime_bytes, it.rekey_at,
            it.expires_at, it.made_at, it.asked, it.settle_at, it.switch_at);
  }
};
template <>
struct Layout<Nonces> {
  static void walk(auto& archive, auto& it) { archive(it.initiator, it.responder); }
};

}  // namespace ipsec::core
