// The tokens that prove to a peer that we have lost an IKE SA (RFC 6290 5.1).
//
// Token = MAC(secret, SPI-I | SPI-R): nothing is kept for an SA, so a daemon that comes back
// without its SAs can still say the token of each. The secret has to outlive the daemon.
#pragma once

#include <memory>

#include "ike/base/bytes.h"
#include "ike/base/secret.h"
#include "ike/crypto/key_derivation.h"
#include "ike/crypto/provider.h"

namespace ipsec::core {

inline constexpr std::size_t kCrashSecretBytes = 32;

class CrashTokens {
 public:
  // Without a secret there are no tokens.
  CrashTokens(const crypto::Provider& crypto, const Secret& secret);

  // Empty where there is none.
  [[nodiscard]] Bytes make(const crypto::SpiPair& spis) const;

 private:
  std::unique_ptr<crypto::Prf> mac_;
};

}  // namespace ipsec::core
