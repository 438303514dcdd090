// A cipher under one key, working in place: what envelopes and bare CBC are made of.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "ike/base/bytes.h"
#include "ike/base/secret.h"
#include "ike/crypto/openssl_handles.h"

namespace ipsec::crypto::openssl {

using Nonce = std::array<std::uint8_t, 16>;

enum class Direction : std::uint8_t { open = 0, seal = 1 };  // EVP_CipherInit's own numbers

// A cipher keyed at its first use in each direction and then only given new IVs. An IKE SA uses an
// envelope one way, so the other direction's key schedule is usually never made.
class KeyedCipher {
 public:
  KeyedCipher(const EVP_CIPHER* cipher, Secret key) : cipher_(cipher), key_(std::move(key)) {}

  // The cipher at the start of a message; null where OpenSSL fails.
  [[nodiscard]] EVP_CIPHER_CTX* start(Direction direction, const Nonce& nonce) const;

 private:
  const EVP_CIPHER* cipher_;
  Secret key_;
  mutable CipherState sealing_;
  mutable CipherState opening_;
};

[[nodiscard]] bool update(EVP_CIPHER_CTX* state, MutableBytes in_place);
[[nodiscard]] bool finish(EVP_CIPHER_CTX* state);

}  // namespace ipsec::crypto::openssl
