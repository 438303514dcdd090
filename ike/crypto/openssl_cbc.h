// Bare cipher block chaining over OpenSSL, for IKEv1.
#pragma once

#include <memory>

#include "ike/base/bytes.h"
#include "ike/crypto/openssl_library.h"
#include "ike/crypto/provider.h"

namespace ipsec::crypto::openssl {

// Null where the row is not CBC or the key has the wrong size.
[[nodiscard]] std::unique_ptr<Cbc> make_cbc(std::shared_ptr<const Library> library,
                                            const EncryptionRow& encryption, ByteView key);

}  // namespace ipsec::crypto::openssl
