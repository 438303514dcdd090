// Authentication of an IKE SA behind one seam: PSK now, signatures (RFC 7427) later.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "ike/base/bytes.h"
#include "ike/base/identity.h"
#include "ike/base/secret.h"
#include "ike/crypto/key_derivation_v1.h"
#include "ike/crypto/provider.h"
#include "ike/wire/payloads.h"

namespace ipsec::core {

// What is signed (RFC 7296 2.15): the first message the signer sent, as it was on the wire, the
// other side's nonce, and the MACed identity payload of the signer.
struct AuthContext {
  PrfId prf{};
  ByteView sk_p;                       // SK_pi or SK_pr, the signer's
  ByteView first_message;              // of the signer
  ByteView peer_nonce;                 // of the other side
  const Identity* identity = nullptr;  // of the signer
};

class Credential {
 public:
  virtual ~Credential() = default;
  // Of another key it is another number. As secret as the key.
  [[nodiscard]] virtual std::uint64_t fingerprint() const = 0;
  [[nodiscard]] virtual wire::AuthPayload sign(const crypto::Provider& crypto,
                                               const AuthContext& context) const = 0;
  // Constant time in the key.
  [[nodiscard]] virtual bool verify(const crypto::Provider& crypto, const AuthContext& context,
                                    const wire::AuthPayload& received) const = 0;
  // IKEv1 derives its keys from it (RFC 2409 5.4): the wrong one opens no message and fits no hash.
  [[nodiscard]] virtual Result<crypto::v1::Secrets> derive_v1(
      const crypto::Provider& crypto, const PrfRow& prf, const crypto::NoncePair& nonces,
      ByteView shared, const crypto::SpiPair& cookies) const = 0;
};

// AUTH = prf(prf(secret, "Key Pad for IKEv2"), octets) (RFC 7296 2.15). The inner value is kept per
// PRF, so that a handshake computes it once; one credential therefore stays with one provider. An
// empty secret authenticates nobody.
[[nodiscard]] std::unique_ptr<Credential> make_shared_key_credential(Secret secret);

}  // namespace ipsec::core
