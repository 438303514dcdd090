// The protection of the SK payload (RFC 7296 3.14) over OpenSSL: encrypt-then-MAC with CBC or
// counter mode, or an AEAD.
#pragma once

#include <memory>

#include "ike/base/bytes.h"
#include "ike/crypto/openssl_library.h"
#include "ike/crypto/provider.h"

namespace ipsec::crypto::openssl {

// Null where the algorithms do not go together or a key has the wrong size.
[[nodiscard]] std::unique_ptr<Envelope> make_envelope(std::shared_ptr<const Library> library,
                                                      const EncryptionRow& encryption,
                                                      ByteView encryption_key,
                                                      IntegrityId integrity,
                                                      ByteView integrity_key);

}  // namespace ipsec::crypto::openssl
