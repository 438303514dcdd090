// Private keys of a group: drawn, or made from a given private value.
#pragma once

#include <expected>

#include "ike/base/bytes.h"
#include "ike/crypto/openssl_library.h"

namespace ipsec::crypto::openssl {

[[nodiscard]] std::expected<Key, Misuse> generate_key(OSSL_LIB_CTX* library, const Group& group);

[[nodiscard]] std::expected<Key, Misuse> import_key(OSSL_LIB_CTX* library, const Group& group,
                                                    ByteView private_value);

}  // namespace ipsec::crypto::openssl
