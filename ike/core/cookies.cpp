#include "ike/core/cookies.h"

#include <utility>

#include "ike/base/limits.h"
#include "ike/base/writer.h"

namespace ipsec::core {
namespace {

constexpr PrfId kMac = PrfId::hmac_sha2_256;
constexpr std::size_t kSecretBytes = 32;

}  // namespace

void Cookies::refresh(const crypto::Provider& crypto, RandomSource& random, Time now) {
  const bool is_first = current_.mac == nullptr;
  const Duration age = now - refreshed_at_;
  if (!is_first && age < limits::kCookieSecretAge) return;

  Secret secret(kSecretBytes);
  random.fill(secret.writable());
  const auto version = static_cast<std::uint8_t>(current_.version + 1);
  previous_ = std::exchange(current_, {version, crypto.prf(kMac, secret.view())});
  // It was not drawn for so long that even its last cookies are too old by now.
  if (age >= 2 * limits::kCookieSecretAge) previous_ = {};
  refreshed_at_ = now;
}

Bytes Cookies::make(const Endpoint& initiator, IkeSpi spi, ByteView nonce) const {
  return mac(current_, initiator, spi, nonce);
}

bool Cookies::check(ByteView cookie, const Endpoint& initiator, IkeSpi spi, ByteView nonce) const {
  if (cookie.empty()) return false;
  for (const Generation* generation : {&current_, &previous_}) {
    if (generation->mac == nullptr || generation->version != cookie.front()) continue;
    return equal_constant_time(mac(*generation, initiator, spi, nonce), cookie);
  }
  return false;
}

Bytes Cookies::mac(const Generation& generation, const Endpoint& initiator, IkeSpi spi,
                   ByteView nonce) const {
  if (generation.mac == nullptr) return {};
  // The sizes first: a nonce must not be able to continue as an address.
  Writer covered;
  covered.u64(nonce.size());
  covered.bytes(nonce);
  covered.u64(initiator.address.bytes().size());
  covered.bytes(initiator.address.bytes());
  covered.u16(initiator.port);
  covered.u64(spi.value);
  const Secret tag = generation.mac->compute({covered.view()});
  if (tag.empty()) return {};
  const Bytes version{generation.version};
  return concat({version, tag.view()});
}

}  // namespace ipsec::core
