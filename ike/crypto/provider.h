// The narrow port behind which all cryptography lives. One implementation is OpenSSL; the simulator
// and the fuzzer put a fast deterministic one here.
//
// NOTE: Threading. A Provider is immutable and may be shared; KeyExchange::derive and
// Provider::generate are the slow calls and run in the worker pool. Prf, Envelope and Cbc objects
// belong to one thread at a time. All of them may outlive the Provider that made them.
// NOTE: Failure. Asking for an algorithm the registry marks as unusable here yields null or Misuse;
// bytes from a peer that are not a valid public value, or do not authenticate, yield an error
// value.
#pragma once

#include <cstddef>
#include <expected>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>

#include "ike/base/bytes.h"
#include "ike/base/error.h"
#include "ike/base/secret.h"
#include "ike/crypto/registry/registry.h"

namespace ipsec::crypto {

// Our half of a Diffie-Hellman exchange.
class KeyExchange {
 public:
  virtual ~KeyExchange() = default;
  [[nodiscard]] virtual GroupId group() const = 0;
  [[nodiscard]] virtual ByteView public_value() const = 0;
  // Leaves the object for the runtime store alone, as Provider::import_private takes it. Empty
  // where the library below fails.
  [[nodiscard]] virtual Secret private_value() const = 0;
  // Checks the peer's value as RFC 6989 asks: 1 < y < p-1 for safe primes, the subgroup for group
  // 24, the curve equation for ECP, a non-zero result for X25519 (RFC 8031).
  [[nodiscard]] virtual Result<Secret> derive(ByteView peer_public) const = 0;
};

// A pseudorandom function under one key; keyed once, computed often.
class Prf {
 public:
  virtual ~Prf() = default;
  [[nodiscard]] virtual std::size_t size() const = 0;
  // Empty where the library below fails (it has no memory), which no honest value is.
  [[nodiscard]] virtual Secret compute(std::initializer_list<ByteView> parts) const = 0;
};

// One direction of the protection of IKEv2 messages (RFC 7296 3.14, RFC 5282): the SK payload's
// body, that is IV | ciphertext of (plaintext | padding | pad length) | ICV. `head` is everything
// of the message before the IV, with its length fields already final.
class Envelope {
 public:
  virtual ~Envelope() = default;
  // Of the body, for that many bytes of plaintext.
  [[nodiscard]] virtual std::size_t sealed_size(std::size_t plaintext_size) const = 0;
  [[nodiscard]] virtual std::size_t iv_size() const = 0;
  // `iv` must never repeat under one key; the caller counts or draws it. Misuse where it has
  // another size than iv_size(), or where no message could hold the result.
  [[nodiscard]] virtual std::expected<Bytes, Misuse> seal(ByteView head, ByteView plaintext,
                                                          ByteView iv) const = 0;
  // Nothing where the ICV or the padding is wrong.
  [[nodiscard]] virtual std::optional<Bytes> open(ByteView head, ByteView body) const = 0;
};

// Cipher block chaining and nothing else: no padding, no MAC. It protects the messages of IKEv1,
// which pads by itself and carries the IV on from message to message (RFC 2409 5 and appendix B).
class Cbc {
 public:
  virtual ~Cbc() = default;
  // Also the size of an IV.
  [[nodiscard]] virtual std::size_t block_size() const = 0;
  // Misuse where the IV is not a block, or the text is not whole blocks, at least one of them, or
  // too long for a message.
  [[nodiscard]] virtual std::expected<Bytes, Misuse> encrypt(ByteView iv,
                                                             ByteView plaintext) const = 0;
  // Nothing for such sizes: the peer chose them. What was changed on the way decrypts to something
  // else and is not noticed here.
  [[nodiscard]] virtual std::optional<Bytes> decrypt(ByteView iv, ByteView ciphertext) const = 0;
};

class Provider {
 public:
  virtual ~Provider() = default;
  // Empty for a hash that is not in the registry, and where the library below fails.
  [[nodiscard]] virtual Bytes digest(HashId hash, std::initializer_list<ByteView> parts) const = 0;
  // Null for a PRF that is not in the registry.
  [[nodiscard]] virtual std::unique_ptr<Prf> prf(PrfId id, ByteView key) const = 0;
  // `encryption_key` is key and salt together; `integrity` is none with an AEAD. Null where the
  // algorithms do not go together or the key sizes are wrong.
  [[nodiscard]] virtual std::unique_ptr<Envelope> envelope(const EncryptionRow& encryption,
                                                           ByteView encryption_key,
                                                           IntegrityId integrity,
                                                           ByteView integrity_key) const = 0;
  // Null for a row that phase 1 of IKEv1 cannot negotiate, which is all but CBC, and where the key
  // size is wrong.
  [[nodiscard]] virtual std::unique_ptr<Cbc> cbc(const EncryptionRow& encryption,
                                                 ByteView key) const = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<KeyExchange>> generate(GroupId group) const = 0;
  // With a private value from elsewhere. Big-endian, except for X25519, whose private value is the
  // string of RFC 7748.
  [[nodiscard]] virtual Result<std::unique_ptr<KeyExchange>> import_private(
      GroupId group, const Secret& private_value) const = 0;
};

}  // namespace ipsec::crypto
