#include "ike/core/nat.h"

#include <algorithm>
#include <optional>

#include "ike/base/writer.h"

namespace ipsec::core {
namespace {

// True where notifies of that type are there and none has this hash.
bool none_fits(std::span<const wire::Payload> payloads, wire::NotifyType type, ByteView hash) {
  bool there = false;
  for (const wire::Payload& payload : payloads) {
    const auto* const notify = std::get_if<wire::NotifyPayload>(&payload);
    if (notify == nullptr || notify->type != type) continue;
    if (equal(notify->data, hash)) return false;
    there = true;
  }
  return there;
}

wire::NotifyPayload notify(wire::NotifyType type, Bytes hash) {
  return {wire::ProtocolId::none, {}, type, std::move(hash)};
}

}  // namespace

Bytes nat_hash(const crypto::Provider& crypto, IkeSpi initiator, IkeSpi responder,
               const Endpoint& endpoint) {
  Writer writer;
  writer.u64(initiator.value);
  writer.u64(responder.value);
  writer.bytes(endpoint.address.bytes());
  writer.u16(endpoint.port);
  return crypto.digest(HashId::sha1, {writer.view()});
}

std::vector<wire::NotifyPayload> nat_notifies(const crypto::Provider& crypto, IkeSpi initiator,
                                              IkeSpi responder, const Endpoint& local,
                                              const Endpoint& remote, ForceEncapsulation force) {
  // No message comes from port 0 of the unspecified address, so this fits nowhere.
  const Endpoint source =
      force == ForceEncapsulation::yes ? Endpoint{Address::any(local.address.family()), 0} : local;
  return {notify(wire::NotifyType::nat_detection_source_ip,
                 nat_hash(crypto, initiator, responder, source)),
          notify(wire::NotifyType::nat_detection_destination_ip,
                 nat_hash(crypto, initiator, responder, remote))};
}

NatState detect_nat(const crypto::Provider& crypto, IkeSpi initiator, IkeSpi responder,
                    const Endpoint& local, const Endpoint& remote,
                    std::span<const wire::Payload> payloads) {
  return {.local = none_fits(payloads, wire::NotifyType::nat_detection_destination_ip,
                             nat_hash(crypto, initiator, responder, local)),
          .remote = none_fits(payloads, wire::NotifyType::nat_detection_source_ip,
                              nat_hash(crypto, initiator, responder, remote))};
}

}  // namespace ipsec::core
