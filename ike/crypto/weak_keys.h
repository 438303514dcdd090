// Keys that DES and 3DES must not be used with. IKEv1 asks for the check (RFC 2409 4); a key that
// is drawn honestly is one of them once in 2^52 times.
#pragma once

#include <optional>
#include <string_view>

#include "ike/base/bytes.h"
#include "ike/crypto/registry/registry.h"

namespace ipsec::crypto {

// One of the 4 weak and 12 semi-weak keys of RFC 2409 appendix A, whatever its parity bits: DES
// does not look at them. Under a weak key encrypting twice is decrypting; under a semi-weak one a
// second key decrypts.
[[nodiscard]] bool is_weak_des_key(ByteView key);

// What is wrong with the key, in words; nothing where it may be used. Of 3DES that is K1 = K2 or
// K2 = K3: the two cancel out, and what is left is single DES (RFC 2451 2.3). A weak key among
// three different ones does no harm there. Other ciphers have no weak keys.
[[nodiscard]] std::optional<std::string_view> weakness(const EncryptionRow& encryption,
                                                       ByteView key);

}  // namespace ipsec::crypto
