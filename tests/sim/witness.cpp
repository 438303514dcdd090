#include "tests/sim/witness.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#ifdef IPSEC_TRACKED_HEAP
#include "tests/support/heap.h"
#endif

namespace ipsec::sim {
namespace {

constexpr std::size_t kToken = 16;
constexpr std::uint64_t kMask = 0x5a5a5a5a5a5a5a5a;

std::uint64_t word_at(const std::uint8_t* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

class WitnessedPrf final : public crypto::Prf {
 public:
  WitnessedPrf(std::unique_ptr<crypto::Prf> inner, std::shared_ptr<Secrets> secrets)
      : inner_(std::move(inner)), secrets_(std::move(secrets)) {}

  [[nodiscard]] std::size_t size() const override { return inner_->size(); }
  [[nodiscard]] Secret compute(std::initializer_list<ByteView> parts) const override {
    Secret result = inner_->compute(parts);
    secrets_->note(result.view());
    return result;
  }

 private:
  std::unique_ptr<crypto::Prf> inner_;
  std::shared_ptr<Secrets> secrets_;
};

class WitnessedExchange final : public crypto::KeyExchange {
 public:
  WitnessedExchange(std::unique_ptr<crypto::KeyExchange> inner, std::shared_ptr<int> alive)
      : inner_(std::move(inner)), alive_(std::move(alive)) {}

  [[nodiscard]] GroupId group() const override { return inner_->group(); }
  [[nodiscard]] ByteView public_value() const override { return inner_->public_value(); }
  [[nodiscard]] Secret private_value() const override { return inner_->private_value(); }
  [[nodiscard]] Result<Secret> derive(ByteView peer_public) const override {
    return inner_->derive(peer_public);
  }

 private:
  std::unique_ptr<crypto::KeyExchange> inner_;
  std::shared_ptr<int> alive_;
};

class WitnessedCbc final : public crypto::Cbc {
 public:
  WitnessedCbc(std::unique_ptr<crypto::Cbc> inner, std::shared_ptr<Overheard> overheard)
      : inner_(std::move(inner)), overheard_(std::move(overheard)) {}

  [[nodiscard]] std::size_t block_size() const override { return inner_->block_size(); }
  [[nodiscard]] std::expected<Bytes, Misuse> encrypt(ByteView iv,
                                                     ByteView plaintext) const override {
    auto ciphertext = inner_->encrypt(iv, plaintext);
    if (ciphertext) overheard_->note(plaintext, *ciphertext);
    return ciphertext;
  }
  [[nodiscard]] std::optional<Bytes> decrypt(ByteView iv, ByteView ciphertext) const override {
    return inner_->decrypt(iv, ciphertext);
  }

 private:
  std::unique_ptr<crypto::Cbc> inner_;
  std::shared_ptr<Overheard> overheard_;
};

}  // namespace

// A hash that goes out is what a PRF gave, so it is no memory of the engine's either.
void Overheard::note(ByteView plaintext, ByteView ciphertext) {
  static constexpr std::size_t kKept = 64;  // more than one turn says
  if (!listening) return;
#ifdef IPSEC_TRACKED_HEAP
  const test::heap::Outside outside;
#endif
  said_.emplace_back(to_bytes(ciphertext), to_bytes(plaintext));
  if (said_.size() > kKept) said_.pop_front();
}

std::optional<ByteView> Overheard::plaintext_of(ByteView ciphertext) const {
  const auto found =
      std::ranges::find_if(said_, [&](const auto& it) { return equal(it.first, ciphertext); });
  return found == said_.end() ? std::nullopt : std::optional<ByteView>(found->second);
}

void Secrets::note(ByteView secret) {
  if (secret.size() < kToken) return;
#ifdef IPSEC_TRACKED_HEAP
  const test::heap::Outside outside;
#endif
  seen_.emplace(word_at(secret.data()) ^ kMask, word_at(secret.data() + 8) ^ kMask);
}

bool Secrets::can_look() {
#ifdef IPSEC_TRACKED_HEAP
  return true;
#else
  return false;
#endif
}

std::size_t Secrets::alive() const {
  std::set<std::pair<std::uint64_t, std::uint64_t>> found;
#ifdef IPSEC_TRACKED_HEAP
  std::unordered_multimap<std::uint64_t, std::uint64_t> wanted(seen_.begin(), seen_.end());
  test::heap::each([&](ByteView block) {
    for (std::size_t at = 0; at + kToken <= block.size(); ++at) {
      const auto [low, high] = wanted.equal_range(word_at(block.data() + at) ^ kMask);
      const std::uint64_t second = word_at(block.data() + at + 8) ^ kMask;
      for (auto it = low; it != high; ++it) {
        if (it->second == second) found.insert(*it);
      }
    }
  });
#endif
  return found.size();
}

std::size_t engine_bytes() {
#ifdef IPSEC_TRACKED_HEAP
  return test::heap::live_bytes();
#else
  return 0;
#endif
}

std::unique_ptr<crypto::Prf> Witness::prf(PrfId id, ByteView key) const {
  auto inner = inner_.prf(id, key);
  if (inner == nullptr) return nullptr;
  return std::make_unique<WitnessedPrf>(std::move(inner), secrets_);
}

std::unique_ptr<crypto::Envelope> Witness::envelope(const EncryptionRow& encryption,
                                                    ByteView encryption_key, IntegrityId integrity,
                                                    ByteView integrity_key) const {
  secrets_->note(encryption_key);
  secrets_->note(integrity_key);
  return inner_.envelope(encryption, encryption_key, integrity, integrity_key);
}

std::unique_ptr<crypto::Cbc> Witness::cbc(const EncryptionRow& encryption, ByteView key) const {
  secrets_->note(key);
  auto inner = inner_.cbc(encryption, key);
  if (inner == nullptr) return nullptr;
  return std::make_unique<WitnessedCbc>(std::move(inner), overheard_);
}

Result<std::unique_ptr<crypto::KeyExchange>> Witness::generate(GroupId group) const {
  auto inner = inner_.generate(group);
  if (!inner) return std::unexpected(inner.error());
  return std::make_unique<WitnessedExchange>(*std::move(inner), alive_);
}

Result<std::unique_ptr<crypto::KeyExchange>> Witness::import_private(
    GroupId group, const Secret& private_value) const {
  auto inner = inner_.import_private(group, private_value);
  if (!inner) return std::unexpected(inner.error());
  return std::make_unique<WitnessedExchange>(*std::move(inner), alive_);
}

}  // namespace ipsec::sim
