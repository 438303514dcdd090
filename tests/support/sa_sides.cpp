#include "tests/support/sa_sides.h"

#include <stdexcept>
#include <utility>

namespace ipsec::core {
namespace {

Secret counting_key(std::size_t size, std::uint8_t first) {
  Secret key(size);
  for (std::uint8_t& byte : key.writable()) byte = first++;
  return key;
}

Protection made(const crypto::Provider& crypto, const crypto::IkeAlgorithms& algorithms,
                wire::Role role, RandomSource& random) {
  auto protection = Protection::make(crypto, algorithms, fixed_keys(algorithms), role, random);
  if (!protection) throw std::runtime_error(describe(protection.error()));
  return *std::move(protection);
}

}  // namespace

crypto::IkeKeys fixed_keys(const crypto::IkeAlgorithms& algorithms) {
  const EncryptionRow& cipher = *algorithms.encryption;
  const std::size_t encryption = std::size_t{cipher.key_bytes} + cipher.salt_bytes;
  const IntegrityRow* const mac = algorithms.integrity;
  const std::size_t integrity = mac == nullptr ? 0 : mac->key_bytes;
  crypto::IkeKeys keys;
  keys.sk_ei = counting_key(encryption, 1);
  keys.sk_er = counting_key(encryption, 101);
  keys.sk_ai = counting_key(integrity, 51);
  keys.sk_ar = counting_key(integrity, 151);
  return keys;
}

crypto::IkeAlgorithms algorithms_named(std::string_view encryption, std::string_view integrity) {
  return {find_encryption(encryption), find_integrity(integrity), nullptr, nullptr};
}

SaSides::SaSides(const crypto::Provider& crypto, const crypto::IkeAlgorithms& algorithms)
    : initiator_(made(crypto, algorithms, wire::Role::initiator, random_)),
      responder_(made(crypto, algorithms, wire::Role::responder, random_)) {}

}  // namespace ipsec::core
