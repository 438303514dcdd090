// Stateless cookies against floods of IKE_SA_INIT (RFC 7296 2.6).
//
// Cookie = version | MAC(secret, Ni | address and port of the initiator | SPIi). The secret changes
// at intervals; the one before is still accepted.
#pragma once

#include <cstdint>
#include <memory>

#include "ike/base/bytes.h"
#include "ike/base/endpoint.h"
#include "ike/base/random.h"
#include "ike/base/secret.h"
#include "ike/base/strong_id.h"
#include "ike/base/time.h"
#include "ike/crypto/provider.h"

namespace ipsec::core {

class Cookies {
 public:
  // Draws a new secret when limits::kCookieSecretAge has passed since the last. To be called before
  // each use: a cookie is good for that age at least and twice that age at most.
  void refresh(const crypto::Provider& crypto, RandomSource& random, Time now);
  // Empty before the first refresh.
  [[nodiscard]] Bytes make(const Endpoint& initiator, IkeSpi spi, ByteView nonce) const;
  [[nodiscard]] bool check(ByteView cookie, const Endpoint& initiator, IkeSpi spi,
                           ByteView nonce) const;

 private:
  struct Generation {
    std::uint8_t version = 0;
    std::unique_ptr<crypto::Prf> mac;  // null before the first refresh
  };
  [[nodiscard]] Bytes mac(const Generation& generation, const Endpoint& initiator, IkeSpi spi,
                          ByteView nonce) const;

  Generation current_;
  Generation previous_;
  Time refreshed_at_{};
};

}  // namespace ipsec::core
