// NAT detection (RFC 7296 2.23).
#pragma once

#include <span>
#include <vector>

#include "ike/base/bytes.h"
#include "ike/base/endpoint.h"
#include "ike/base/strong_id.h"
#include "ike/crypto/provider.h"
#include "ike/wire/payloads.h"

namespace ipsec::core {

struct NatState {
  bool local = false;   // we are behind one
  bool remote = false;  // the peer is
  [[nodiscard]] bool any() const { return local || remote; }
  bool operator==(const NatState&) const = default;
};

// SHA-1(SPIi | SPIr | address | port).
[[nodiscard]] Bytes nat_hash(const crypto::Provider& crypto, IkeSpi initiator, IkeSpi responder,
                             const Endpoint& endpoint);

// The two notifies for a message from `local` to `remote`. `force` makes the source hash wrong on
// purpose, so that the peer sees a NAT and ESP goes in UDP.
enum class ForceEncapsulation : std::uint8_t { no, yes };
[[nodiscard]] std::vector<wire::NotifyPayload> nat_notifies(const crypto::Provider& crypto,
                                                            IkeSpi initiator, IkeSpi responder,
                                                            const Endpoint& local,
                                                            const Endpoint& remote,
                                                            ForceEncapsulation force);

// What the peer's notifies, in a message that came from `remote` to `local`, say. Several source
// hashes are allowed: one that fits is enough. Without any notify nothing was detected.
[[nodiscard]] NatState detect_nat(const crypto::Provider& crypto, IkeSpi initiator,
                                  IkeSpi responder, const Endpoint& local, const Endpoint& remote,
                                  std::span<const wire::Payload> payloads);

}  // namespace ipsec::core
