// IKEv2 key derivation (RFC 7296 2.13, 2.14, 2.17, 2.18) over any Provider.
#pragma once

#include <cstddef>

#include "ike/base/bytes.h"
#include "ike/base/error.h"
#include "ike/base/secret.h"
#include "ike/base/strong_id.h"
#include "ike/crypto/provider.h"

namespace ipsec::crypto {

// prf+ (2.13): T1 | T2 | ..., at most 255 blocks.
[[nodiscard]] Result<Secret> prf_plus(const Prf& keyed, ByteView seed, std::size_t size);

struct IkeAlgorithms {
  const EncryptionRow* encryption = nullptr;
  const IntegrityRow* integrity = nullptr;  // null with an AEAD
  const PrfRow* prf = nullptr;
  const GroupRow* group = nullptr;
  bool operator==(const IkeAlgorithms&) const = default;
};

// SK_d, SK_ai | SK_ar, SK_ei | SK_er, SK_pi | SK_pr in the order of 2.14.
struct IkeKeys {
  Secret sk_d;
  Secret sk_ai, sk_ar;
  Secret sk_ei, sk_er;
  Secret sk_pi, sk_pr;
};

struct NoncePair {
  ByteView initiator;
  ByteView responder;
};

struct SpiPair {
  IkeSpi initiator;
  IkeSpi responder;
};

// SKEYSEED = prf(Ni | Nr, g^ir).
[[nodiscard]] Result<IkeKeys> derive_ike_keys(const Provider& provider,
                                              const IkeAlgorithms& algorithms, ByteView shared,
                                              const NoncePair& nonces, const SpiPair& spis);

// 2.18: SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr), with the old SA's PRF; the keys that
// follow with the new one's.
[[nodiscard]] Result<IkeKeys> derive_rekeyed_ike_keys(const Provider& provider, PrfId old_prf,
                                                      ByteView old_sk_d,
                                                      const IkeAlgorithms& algorithms,
                                                      ByteView shared, const NoncePair& nonces,
                                                      const SpiPair& spis);

struct ChildKeys {
  Secret initiator_encryption, initiator_integrity;
  Secret responder_encryption, responder_integrity;
};

// 2.17: KEYMAT = prf+(SK_d, [g^ir (new)] | Ni | Nr); per direction encryption then integrity, the
// initiator's direction first. `shared` is empty without PFS.
[[nodiscard]] Result<ChildKeys> derive_child_keys(const Provider& provider, PrfId prf,
                                                  ByteView sk_d, ByteView shared,
                                                  const NoncePair& nonces,
                                                  std::size_t encryption_key_size,
                                                  std::size_t integrity_key_size);

}  // namespace ipsec::crypto
