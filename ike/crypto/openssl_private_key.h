// Private keys of a group: drawn, or made from a given private value.
#pragma once

#include <expected>

#include "ike/base/bytes.h"
#include "ike/base/secret.h"
#include "ike/crypto/openssl_library.h"

namespace ipsec::crypto::openssl {

[[nodiscard]] std::expected<Key, Misuse> generate_key(OSSL_LIB_CTX* library, const Group& group);

// As import_key takes it; empty where OpenSSL fails.
[[nodiscard]] Secret export_key(const Group& group, const Key& key);

[[nodiscard]] std::expected<Key, Misuse> import_key(OSSL_LIB_CTX* library, const Group& group,
                                                    ByteView private_value);

}  // namespace ipsec::crypto::openssl
