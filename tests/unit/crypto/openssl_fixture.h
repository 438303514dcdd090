// The real provider, or a failed test that says why there is none.
#pragma once

#include <memory>
#include <stdexcept>

#include "ike/crypto/openssl_provider.h"

namespace ipsec::testing {

[[nodiscard]] inline std::unique_ptr<crypto::OpensslProvider> openssl_provider() {
  auto provider = crypto::OpensslProvider::create();
  if (!provider) throw std::runtime_error(provider.error().what);
  return std::move(*provider);
}

// Bytes to recognise: 0, 1, 2, ... from `first`.
[[nodiscard]] inline Bytes counting(std::size_t size, std::size_t first = 0) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(first + i);
  return bytes;
}

}  // namespace ipsec::testing
