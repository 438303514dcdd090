// IKEv1 keys, hashes and IVs with pre-shared keys (RFC 2409 5, 5.5, 5.7, appendix B) over any
// Provider.
//
// A PrfRow is here what the negotiated hash is in the RFC: HMAC of it makes keys, the hash itself
// makes IVs (RFC 2409 4; no other PRF was ever registered). Public values and the shared secret are
// as long as the group's, leading zeros and all; `_b` is a payload without its generic header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "ike/base/bytes.h"
#include "ike/base/error.h"
#include "ike/base/secret.h"
#include "ike/base/strong_id.h"
#include "ike/crypto/key_derivation.h"
#include "ike/crypto/provider.h"

namespace ipsec::crypto::v1 {

// --- Phase 1 ---

// The same in main and aggressive mode.
struct Exchange {
  ByteView initiator_public;  // g^xi
  ByteView responder_public;  // g^xr
  SpiPair cookies;            // CKY-I, CKY-R
};

struct Secrets {
  Secret skeyid;    // proves who the two sides are: HASH_I, HASH_R
  Secret skeyid_d;  // the keys of phase 2
  Secret skeyid_a;  // authenticates the messages behind phase 1: HASH(1) to HASH(3)
  Secret skeyid_e;  // encrypts them
};

// SKEYID = prf(pre-shared-key, Ni_b | Nr_b)
[[nodiscard]] Result<Secret> derive_skeyid(const Provider& provider, const PrfRow& prf,
                                           ByteView pre_shared_key, const NoncePair& nonces);

// SKEYID, and from it and g^xy the chain SKEYID_d, SKEYID_a, SKEYID_e.
[[nodiscard]] Result<Secrets> derive_secrets(const Provider& provider, const PrfRow& prf,
                                             ByteView pre_shared_key, const NoncePair& nonces,
                                             ByteView shared, const SpiPair& cookies);

// Appendix B: SKEYID_e cut to the cipher's size, or where it is too short
// K1 | K2 | ... with K1 = prf(SKEYID_e, 0), K2 = prf(SKEYID_e, K1), ...
// Fails with PeerViolation where that is a weak key: the RFC does not say clearly which bytes would
// come instead, so two sides that go on would seldom agree; the next exchange has other ones.
[[nodiscard]] Result<Secret> derive_message_key(const Provider& provider, const PrfRow& prf,
                                                ByteView skeyid_e, const EncryptionRow& encryption);

// HASH_I = prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b)
[[nodiscard]] Result<Secret> initiator_hash(const Provider& provider, const PrfRow& prf,
                                            ByteView skeyid, const Exchange& exchange,
                                            ByteView initiator_sa, ByteView initiator_id);
// HASH_R = prf(SKEYID, g^xr | g^xi | CKY-R | CKY-I | SAi_b | IDir_b): the initiator's SA here too.
[[nodiscard]] Result<Secret> responder_hash(const Provider& provider, const PrfRow& prf,
                                            ByteView skeyid, const Exchange& exchange,
                                            ByteView initiator_sa, ByteView responder_id);

// --- Behind phase 1 ---

// HASH(1) of quick mode (5.5), and the HASH of an informational exchange (5.7):
// prf(SKEYID_a, M-ID | rest). `rest` is all that follows the HASH payload, with the payloads'
// headers and without the padding.
[[nodiscard]] Result<Secret> hash_1(const Provider& provider, const PrfRow& prf, ByteView skeyid_a,
                                    MessageId message, ByteView rest);
// HASH(2) = prf(SKEYID_a, M-ID | Ni_b | rest)
[[nodiscard]] Result<Secret> hash_2(const Provider& provider, const PrfRow& prf, ByteView skeyid_a,
                                    MessageId message, ByteView initiator_nonce, ByteView rest);
// HASH(3) = prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b)
[[nodiscard]] Result<Secret> hash_3(const Provider& provider, const PrfRow& prf, ByteView skeyid_a,
                                    MessageId message, const NoncePair& nonces);

enum class Protocol : std::uint8_t { ah = 2, esp = 3 };  // RFC 2407 4.4.1

// What one child is made of: of AH the integrity algorithm alone, of an AEAD the cipher alone.
struct ChildAlgorithms {
  const EncryptionRow* encryption = nullptr;
  const IntegrityRow* integrity = nullptr;
};

struct DirectionKeys {
  Secret encryption;  // with the salt behind the key
  Secret integrity;
};

// 5.5: KEYMAT = K1 | K2 | ... with
// K1 = prf(SKEYID_d,      [g(qm)^xy |] protocol | SPI | Ni_b | Nr_b)
// K2 = prf(SKEYID_d, K1 | [g(qm)^xy |] protocol | SPI | Ni_b | Nr_b), ...
// cut into the encryption key and the integrity key, in this order. `shared` is empty without PFS;
// the SPI is that of the direction, which its receiver chose. PeerViolation for a weak key.
[[nodiscard]] Result<DirectionKeys> derive_direction_keys(const Provider& provider,
                                                          const PrfRow& prf, ByteView skeyid_d,
                                                          ByteView shared, Protocol protocol,
                                                          ChildSpi spi, const NoncePair& nonces,
                                                          const ChildAlgorithms& algorithms);

// The SPIs by who chose them, that is by who receives under them.
struct ChildSpiPair {
  ChildSpi initiator;
  ChildSpi responder;
};

// Both directions, in the shape of IKEv2's: the initiator's keys are those he sends under, and so
// come from the SPI that the responder chose.
[[nodiscard]] Result<ChildKeys> derive_child_keys(const Provider& provider, const PrfRow& prf,
                                                  ByteView skeyid_d, ByteView shared,
                                                  Protocol protocol, const ChildSpiPair& spis,
                                                  const NoncePair& nonces,
                                                  const ChildAlgorithms& algorithms);

// --- IVs (appendix B) ---

// The first encrypted message of phase 1: the beginning of hash(g^xi | g^xr).
[[nodiscard]] Result<Bytes> phase1_iv(const Provider& provider, const PrfRow& prf,
                                      const Exchange& exchange, std::size_t block_size);
// The first message of a later exchange: the beginning of hash(last block | M-ID). The last block
// is that of phase 1; where nothing was encrypted there (an aggressive mode that ended in clear) it
// is phase1_iv.
[[nodiscard]] Result<Bytes> exchange_iv(const Provider& provider, const PrfRow& prf,
                                        ByteView last_phase1_block, MessageId message,
                                        std::size_t block_size);

// The IV of the next message of one exchange: the last block of ciphertext of the one before,
// whichever side sent it. A message counts once it was sent, or received and found authentic:
// neither what is sent again nor what a stranger made may move the chain.
class IvChain {
 public:
  explicit IvChain(Bytes first) : iv_(std::move(first)) {}

  [[nodiscard]] ByteView next() const { return iv_; }
  // What is shorter than a block was no message and changes nothing.
  void passed(ByteView ciphertext);

 private:
  Bytes iv_;
};

}  // namespace ipsec::crypto::v1
