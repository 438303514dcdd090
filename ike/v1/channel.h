// Messages of IKEv1 in clear and encrypted: padding, and the IVs that hang together (RFC 2409 5 and
// appendix B).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "ike/base/bytes.h"
#include "ike/crypto/key_derivation_v1.h"
#include "ike/wire/v1/message.h"

namespace ipsec::v1 {

struct Keys {
  crypto::v1::Secrets secrets;
  std::unique_ptr<crypto::Cbc> cipher;

  [[nodiscard]] static Result<Keys> make(const crypto::Provider& crypto,
                                         const crypto::IkeAlgorithms& algorithms,
                                         crypto::v1::Secrets secrets);
};

[[nodiscard]] wire::v1::Header header_of(const crypto::SpiPair& cookies,
                                         wire::ExchangeType exchange, MessageId id = {});

// Of an exchange of phase 2 that we begin (RFC 2408 3.1): never zero, which is phase 1's.
[[nodiscard]] MessageId new_message_id(IkeSpi drawn);

// An error in clear, which is anyone's word: the peer may take it for a hint.
//   HDR, N(error)
[[nodiscard]] std::optional<Bytes> write_refusal(const crypto::SpiPair& cookies, MessageId id,
                                                 wire::v1::NotifyType error);

// As they go out; nothing where a payload cannot be said.
[[nodiscard]] std::optional<Bytes> seal(const Keys& keys, crypto::v1::IvChain& iv,
                                        const wire::v1::Header& header,
                                        std::span<const wire::v1::Payload> payloads);

// A decrypted body with its payloads. Whether it is authentic is for a hash in it to show; only
// then may the chain of IVs go on, by `passed`.
struct Opened {
  Bytes chain;
  wire::v1::PlacedPayloads payloads;
  ByteView ciphertext;  // in the datagram
};
[[nodiscard]] std::optional<Opened> open(const Keys& keys, const crypto::v1::IvChain& iv,
                                         ByteView datagram, const wire::v1::SealedBody& body);

// Of a message that we have written: what hashes cover of its one payload, or its first.
[[nodiscard]] Bytes body_of(const wire::v1::Payload& payload);

// The only payload of that type, or null; a second one makes it null too, since neither can be
// meant.
template <typename T>
[[nodiscard]] const T* find(std::span<const wire::v1::Placed> payloads);
template <typename T>
[[nodiscard]] const wire::v1::Placed* find_placed(std::span<const wire::v1::Placed> payloads);

template <typename T>
const wire::v1::Placed* find_placed(std::span<const wire::v1::Placed> payloads) {
  const wire::v1::Placed* found = nullptr;
  for (const wire::v1::Placed& placed : payloads) {
    if (!std::holds_alternative<T>(placed.payload)) continue;
    if (found != nullptr) return nullptr;
    found = &placed;
  }
  return found;
}

template <typename T>
const T* find(std::span<const wire::v1::Placed> payloads) {
  const wire::v1::Placed* placed = find_placed<T>(payloads);
  return placed == nullptr ? nullptr : &std::get<T>(placed->payload);
}

}  // namespace ipsec::v1
