// Known answers for the registry's algorithms, asked of a provider before it is trusted.
#pragma once

#include <expected>

#include "ike/base/error.h"
#include "ike/crypto/provider.h"

namespace ipsec::crypto {

// Names the first algorithm that gave a wrong answer. Takes about 10 ms over OpenSSL, since it is
// run at every start; modp6144 and modp8192 would cost three times that and are left out: they
// differ from modp4096 by their primes alone.
[[nodiscard]] std::expected<void, Misuse> self_test(const Provider& provider);

}  // namespace ipsec::crypto
