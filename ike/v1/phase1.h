// Phase 1: main mode and aggressive mode with pre-shared keys (RFC 2409 5.4), both roles.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "ike/v1/sa.h"

namespace ipsec::v1 {

// --- As initiator ---

// The first step of a try.
void begin(Turn& turn, Sa& sa);
void key_ready(Turn& turn, Sa& sa, core::JobResult result);
void secret_ready(Turn& turn, Sa& sa, core::JobResult result);
// A message while we wait for one.
void answer_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram);
// Sends again what is due, and gives up when it has been sent often enough.
void tick_opening(Turn& turn, Sa& sa);
// The try came to nothing.
void fail_opening(Turn& turn, Sa& sa, core::Failure failure);

// --- As responder ---

// Aggressive mode costs a Diffie-Hellman before the sender has shown that he receives (RFC 2409
// 5.4): asked once it is known which tunnel it would be for, and told of where it may not be.
using MayAgree = std::function<bool(TunnelId)>;
// Null where no SA came of it.
[[nodiscard]] std::unique_ptr<Sa> answer_first(Turn& turn, const core::Datagram& datagram,
                                               const MayAgree& may_agree);
// No tunnel of IKEv1 is for its address.
void refuse_stranger(Turn& turn, const core::Datagram& datagram);
void agreed(Turn& turn, Sa& sa, core::JobResult result);
void request_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram);
// The peer's last message of phase 1 came once more.
void repeat_answer(Turn& turn, const Said& said, const core::Datagram& datagram);
// Of one that is over: the peer has not had what we said last.
void phase1_repeated(Turn& turn, const Established& up, const core::Datagram& datagram);
void expire_half_open(Turn& turn, Sa& sa, Time expires_at);

// --- In both roles ---

[[nodiscard]] inline core::Failure opening_failure(core::Cause cause, std::string ours,
                                                   std::string theirs, std::string detail = {}) {
  return {core::Stage::v1_opening, cause, std::move(ours), std::move(theirs), std::move(detail)};
}
[[nodiscard]] inline core::Failure auth_failure(core::Cause cause, std::string ours,
                                                std::string theirs, std::string detail = {}) {
  return {core::Stage::v1_proof, cause, std::move(ours), std::move(theirs), std::move(detail)};
}
[[nodiscard]] inline wire::ExchangeType exchange_of(const Phase1& phase1) {
  return phase1.aggressive ? wire::ExchangeType::aggressive
                           : wire::ExchangeType::identity_protection;
}

// HASH_I, or HASH_R.
[[nodiscard]] Result<Secret> hash_of(const Turn& turn, const Sa& sa, const Phase1& phase1,
                                     const Keys& keys, wire::Role whose);
// Whether the peer's is right, in constant time.
[[nodiscard]] bool peer_hash_fits(const Turn& turn, const Sa& sa, const Phase1& phase1,
                                  const Keys& keys, ByteView received);

[[nodiscard]] Result<Keys> derive_keys(const Turn& turn, const Sa& sa, const Phase1& phase1,
                                       const core::Credential& credential, ByteView shared);
[[nodiscard]] Result<crypto::v1::IvChain> first_iv(const Turn& turn, const Sa& sa,
                                                   const Phase1& phase1, const Keys& keys);
// RFC 3947 4: with a NAT between, what follows goes over port 4500.
void float_ports(Sa& sa);
// Sends in clear.
[[nodiscard]] std::optional<Bytes> send_clear(Turn& turn, const Sa& sa, const Phase1& phase1,
                                              std::span<const wire::v1::Payload> payloads);
// Phase 1 is over, and with it the state that knew of it: `phase1` is not in there any more.
void establish(Turn& turn, Sa& sa, const Phase1& phase1, Keys keys, Bytes last_block, Said said);

}  // namespace ipsec::v1
