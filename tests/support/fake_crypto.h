// A Provider for the simulator and the fuzzers: fast, without OpenSSL, and the same in every run.
// It has the sizes and the refusals of the real one, so what is built on it meets both.
//
// NOTE: It protects nothing. Every function here can be inverted.
// NOTE: Determinism. The seed and the number of keys generated so far decide a key; all other
// results depend on the arguments alone, so providers with different seeds understand each other.
#pragma once

#include <atomic>
#include <cstdint>

#include "ike/crypto/provider.h"

namespace ipsec::crypto {

class FakeProvider final : public Provider {
 public:
  explicit FakeProvider(std::uint64_t seed) : seed_(seed) {}

  [[nodiscard]] Bytes digest(HashId hash, std::initializer_list<ByteView> parts) const override;
  [[nodiscard]] std::unique_ptr<Prf> prf(PrfId id, ByteView key) const override;
  [[nodiscard]] std::unique_ptr<Envelope> envelope(const EncryptionRow& encryption,
                                                   ByteView encryption_key, IntegrityId integrity,
                                                   ByteView integrity_key) const override;
  [[nodiscard]] std::unique_ptr<Cbc> cbc(const EncryptionRow& encryption,
                                         ByteView key) const override;
  [[nodiscard]] Result<std::unique_ptr<KeyExchange>> generate(GroupId group) const override;
  [[nodiscard]] Result<std::unique_ptr<KeyExchange>> import_private(
      GroupId group, const Secret& private_value) const override;

 private:
  std::uint64_t seed_;
  mutable std::atomic<std::uint64_t> generated_ = 0;
};

}  // namespace ipsec::crypto
