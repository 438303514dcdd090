// Sees every secret that an engine makes go by, and can say afterwards which of them are still
// somewhere in the engine's memory.
//
// What is kept of a secret is its first 16 bytes, under a mask: else the witness's own memory would
// be what it finds. Secrets are: what a PRF gives (SKEYSEED, and the first block of each key
// stream, which begins with SK_d or a child's first key), and the keys of envelopes, of bare CBC
// and of kernel SAs.
//
// It can also overhear what an engine is about to say in IKEv1.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "ike/crypto/provider.h"

namespace ipsec::sim {

class Secrets {
 public:
  void note(ByteView secret);
  [[nodiscard]] std::size_t seen() const { return seen_.size(); }
  // How many of them are in memory that the engine holds. Sanitizers bring their own allocator: in
  // their builds this is always none, and `can_look` says so.
  [[nodiscard]] std::size_t alive() const;
  [[nodiscard]] static bool can_look();

 private:
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen_;
};

// What bare CBC has encrypted: a test that loses messages by what they say looks them up here.
class Overheard {
 public:
  bool listening = false;
  void note(ByteView plaintext, ByteView ciphertext);
  [[nodiscard]] std::optional<ByteView> plaintext_of(ByteView ciphertext) const;

 private:
  std::deque<std::pair<Bytes, Bytes>> said_;  // the last few
};

class Witness final : public crypto::Provider {
 public:
  explicit Witness(const crypto::Provider& inner)
      : inner_(inner),
        secrets_(std::make_shared<Secrets>()),
        overheard_(std::make_shared<Overheard>()) {}

  [[nodiscard]] Bytes digest(HashId hash, std::initializer_list<ByteView> parts) const override {
    return inner_.digest(hash, parts);
  }
  [[nodiscard]] std::unique_ptr<crypto::Prf> prf(PrfId id, ByteView key) const override;
  [[nodiscard]] std::unique_ptr<crypto::Envelope> envelope(const EncryptionRow& encryption,
                                                           ByteView encryption_key,
                                                           IntegrityId integrity,
                                                           ByteView integrity_key) const override;
  [[nodiscard]] std::unique_ptr<crypto::Cbc> cbc(const EncryptionRow& encryption,
                                                 ByteView key) const override;
  [[nodiscard]] Result<std::unique_ptr<crypto::KeyExchange>> generate(GroupId group) const override;
  [[nodiscard]] Result<std::unique_ptr<crypto::KeyExchange>> import_private(
      GroupId group, const Secret& private_value) const override;

  [[nodiscard]] Secrets& secrets() const { return *secrets_; }
  [[nodiscard]] Overheard& overheard() const { return *overheard_; }
  // Private values that exist.
  [[nodiscard]] std::size_t key_exchanges() const {
    return static_cast<std::size_t>(alive_.use_count() - 1);
  }

 private:
  const crypto::Provider& inner_;
  std::shared_ptr<Secrets> secrets_;
  std::shared_ptr<Overheard> overheard_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

// Bytes that engines have allocated and not given back; 0 where it cannot be told.
[[nodiscard]] std::size_t engine_bytes();

}  // namespace ipsec::sim
