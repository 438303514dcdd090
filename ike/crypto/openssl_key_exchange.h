// Diffie-Hellman over OpenSSL, with the peer's value checked as RFC 6989 asks.
#pragma once

#include <expected>
#include <memory>

#include "ike/base/secret.h"
#include "ike/crypto/openssl_library.h"
#include "ike/crypto/provider.h"

namespace ipsec::crypto::openssl {

[[nodiscard]] std::expected<std::unique_ptr<KeyExchange>, Misuse> generate_exchange(
    std::shared_ptr<const Library> library, const Group& group);

// With a private value from elsewhere: known answers need one. Big-endian, except for X25519, whose
// private value is the string of RFC 7748.
[[nodiscard]] std::expected<std::unique_ptr<KeyExchange>, Misuse> import_exchange(
    std::shared_ptr<const Library> library, const Group& group, const Secret& private_value);

}  // namespace ipsec::crypto::openssl
