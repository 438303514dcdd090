#include "tests/support/fake_crypto.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "ike/base/limits.h"

namespace ipsec::crypto {
namespace {

// The finaliser of splitmix64: every bit of the input changes about half of the output.
std::uint64_t scramble(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// A keyed hash of a stream of bytes, however it is cut into parts.
class Mixer {
 public:
  explicit Mixer(std::uint64_t purpose) : state_(scramble(purpose)) {}

  Mixer& absorb(ByteView bytes) {
    for (const std::uint8_t byte : bytes) {
      word_ = (word_ << 8) | byte;
      if (++count_ % 8 == 0) state_ = scramble(state_ ^ std::exchange(word_, 0));
    }
    return *this;
  }
  Mixer& absorb(std::uint64_t word) {
    state_ = scramble(state_ ^ scramble(word));
    return *this;
  }
  [[nodiscard]] std::uint64_t value() const { return scramble(scramble(state_ ^ word_) ^ count_); }
  void squeeze(MutableBytes out) const { expand(value(), out); }

  static void expand(std::uint64_t from, MutableBytes out) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (i % 8 == 0) from = scramble(from);
      out[i] = static_cast<std::uint8_t>(from >> (8 * (i % 8)));
    }
  }

 private:
  std::uint64_t state_;
  std::uint64_t word_ = 0;
  std::uint64_t count_ = 0;
};

enum Purpose : std::uint64_t {
  hashing = 1,
  computing,
  encrypting,
  tagging,
  drawing,
  sharing,
  chaining,
};

std::size_t digest_size(HashId hash) {
  const auto rows = all_prfs();
  const auto row = std::ranges::find(rows, hash, &PrfRow::hash);
  return row == rows.end() ? 0 : row->output_bytes;
}

// --- Key exchange in the multiplicative group of a prime field of 61 bits ---

constexpr std::uint64_t kPrime = (std::uint64_t{1} << 61) - 1;
constexpr std::uint64_t kGenerator = 37;
constexpr std::size_t kValueBytes = 8;

std::uint64_t multiply(std::uint64_t a, std::uint64_t b) {
  // 2^61 = 1 modulo p: the two halves of the product are added. Built from 32-bit halves, since
  // ISO C++ has no 128-bit integer.
  const std::uint64_t a1 = a >> 32, a0 = a & 0xffffffff, b1 = b >> 32, b0 = b & 0xffffffff;
  const std::uint64_t middle = a1 * b0 + a0 * b1;  // below 2^62
  const std::uint64_t high = a1 * b1;              // times 2^64 = 8
  const std::uint64_t low = a0 * b0;
  std::uint64_t sum = (high << 3) % kPrime;
  sum += middle >> 29;  // 2^32 * 2^29 = 2^61 = 1
  sum += (middle & ((std::uint64_t{1} << 29) - 1)) << 32;
  sum %= kPrime;
  return (sum + low % kPrime) % kPrime;
}

std::uint64_t power(std::uint64_t base, std::uint64_t exponent) {
  std::uint64_t result = 1;
  for (; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = multiply(result, base);
    base = multiply(base, base);
  }
  return result;
}

// As long as the group's: the value first, then bytes that follow from it.
Bytes widen(const GroupRow& row, std::uint64_t value) {
  Bytes wide(row.public_bytes);
  for (std::size_t i = 0; i < kValueBytes; ++i) {
    wide[i] = static_cast<std::uint8_t>(value >> (56 - 8 * i));
  }
  Mixer::expand(value, MutableBytes(wide).subspan(kValueBytes));
  return wide;
}

class FakeKeyExchange final : public KeyExchange {
 public:
  FakeKeyExchange(const GroupRow& row, std::uint64_t exponent)
      : row_(row), exponent_(exponent), public_value_(widen(row, power(kGenerator, exponent))) {}

  [[nodiscard]] GroupId group() const override { return row_.id; }
  [[nodiscard]] ByteView public_value() const override { return public_value_; }
  [[nodiscard]] Secret private_value() const override {
    Secret value(kValueBytes);
    for (std::size_t i = 0; i < kValueBytes; ++i) {
      value.writable()[i] = static_cast<std::uint8_t>(exponent_ >> (56 - 8 * i));
    }
    return value;
  }
  [[nodiscard]] Result<Secret> derive(ByteView peer_public) const override {
    if (peer_public.size() != row_.public_bytes) {
      return fail(PeerViolation{std::string(row_.name) + " public value has a fixed length",
                                std::to_string(peer_public.size()) + " bytes"});
    }
    std::uint64_t y = 0;
    for (const std::uint8_t byte : peer_public.first(kValueBytes)) y = (y << 8) | byte;
    if (y <= 1 || y >= kPrime - 1) {
      return fail(PeerViolation{std::string(row_.name) + " public value is between 1 and p-1",
                                std::to_string(y)});
    }
    // Nothing where the peer's tail is the one its value asks for: the two sides then mix in the
    // same. A changed tail gives another secret, as any change of a real value would.
    const Bytes expected = widen(row_, y);
    Mixer mixer(sharing);
    mixer.absorb(power(y, exponent_));
    if (!equal(expected, peer_public)) mixer.absorb(peer_public);
    Secret shared(row_.shared_bytes);
    mixer.squeeze(shared.writable());
    return shared;
  }

 private:
  const GroupRow& row_;
  std::uint64_t exponent_;
  Bytes public_value_;
};

// --- PRF, envelope and CBC ---

class FakePrf final : public Prf {
 public:
  FakePrf(const PrfRow& row, ByteView key)
      : row_(row),
        keyed_(Mixer(computing)
                   .absorb(std::to_underlying(row.id))
                   .absorb(Mixer(computing).absorb(key).value())) {}

  [[nodiscard]] std::size_t size() const override { return row_.output_bytes; }
  [[nodiscard]] Secret compute(std::initializer_list<ByteView> parts) const override {
    Mixer mixer = keyed_;
    for (const ByteView part : parts) mixer.absorb(part);
    Secret result(size());
    mixer.squeeze(result.writable());
    return result;
  }

 private:
  const PrfRow& row_;
  Mixer keyed_;
};

class FakeEnvelope final : public Envelope {
 public:
  FakeEnvelope(const EncryptionRow& row, std::size_t icv_size, ByteView key, ByteView mac_key)
      : row_(row),
        icv_size_(icv_size),
        key_(Mixer(encrypting).absorb(std::to_underlying(row.id)).absorb(key).value()),
        mac_key_(Mixer(tagging).absorb(key_).absorb(mac_key).value()) {}

  [[nodiscard]] std::size_t sealed_size(std::size_t plaintext_size) const override {
    const std::size_t block = row_.block_bytes;
    return row_.iv_bytes + (plaintext_size + block) / block * block + icv_size_;
  }
  [[nodiscard]] std::size_t iv_size() const override { return row_.iv_bytes; }

  [[nodiscard]] std::expected<Bytes, Misuse> seal(ByteView head, ByteView plaintext,
                                                  ByteView iv) const override {
    if (iv.size() != row_.iv_bytes) return std::unexpected(Misuse{"IV of the wrong size"});
    if (head.size() + plaintext.size() > limits::kMessageBytes) {
      return std::unexpected(Misuse{"too long for a message"});
    }
    Bytes body(sealed_size(plaintext.size()));
    std::ranges::copy(iv, body.begin());
    const MutableBytes text = text_of(body);
    std::ranges::copy(plaintext, text.begin());
    text.back() = static_cast<std::uint8_t>(text.size() - plaintext.size() - 1);
    crypt(iv, text);
    tag(head, body, MutableBytes(body).last(icv_size_));
    return body;
  }

  [[nodiscard]] std::optional<Bytes> open(ByteView head, ByteView body) const override {
    if (body.size() < sealed_size(0) || head.size() + body.size() > limits::kMessageBytes) {
      return std::nullopt;
    }
    Bytes opened = to_bytes(body);
    const MutableBytes text = text_of(opened);
    if (text.size() % row_.block_bytes != 0) return std::nullopt;
    Bytes expected(icv_size_);
    tag(head, body, expected);
    if (!equal(expected, body.last(icv_size_))) return std::nullopt;
    crypt(body.first(row_.iv_bytes), text);
    const std::size_t padding = text.back();
    if (padding + 1 > text.size()) return std::nullopt;
    return to_bytes(text.first(text.size() - padding - 1));
  }

 private:
  [[nodiscard]] MutableBytes text_of(Bytes& body) const {
    return MutableBytes(body).subspan(row_.iv_bytes, body.size() - row_.iv_bytes - icv_size_);
  }
  void crypt(ByteView iv, MutableBytes text) const {
    Bytes stream(text.size());
    Mixer(encrypting).absorb(key_).absorb(iv).squeeze(stream);
    std::ranges::transform(text, stream, text.begin(), [](std::uint8_t a, std::uint8_t b) {
      return static_cast<std::uint8_t>(a ^ b);
    });
  }
  void tag(ByteView head, ByteView body, MutableBytes out) const {
    Mixer(tagging)
        .absorb(mac_key_)
        .absorb(std::uint64_t{head.size()})
        .absorb(head)
        .absorb(body.first(body.size() - icv_size_))
        .squeeze(out);
  }

  const EncryptionRow& row_;
  std::size_t icv_size_;
  std::uint64_t key_;
  std::uint64_t mac_key_;
};

// Each block under a stream made of the block of ciphertext before it: chained as CBC is, so that
// an IV lost or a message skipped shows in the first block and in no other.
class FakeCbc final : public Cbc {
 public:
  FakeCbc(const EncryptionRow& row, ByteView key)
      : row_(row),
        keyed_(Mixer(chaining)
                   .absorb(std::to_underlying(row.id))
                   .absorb(Mixer(chaining).absorb(key).value())) {}

  [[nodiscard]] std::size_t block_size() const override { return row_.block_bytes; }

  [[nodiscard]] std::expected<Bytes, Misuse> encrypt(ByteView iv,
                                                     ByteView plaintext) const override {
    if (!fits(iv, plaintext)) return std::unexpected(Misuse{"IV or text of the wrong size"});
    Bytes text = to_bytes(plaintext);
    ByteView before = iv;
    for (std::size_t at = 0; at < text.size(); at += block_size()) {
      const MutableBytes block = MutableBytes(text).subspan(at, block_size());
      cover(before, block);
      before = block;
    }
    return text;
  }

  [[nodiscard]] std::optional<Bytes> decrypt(ByteView iv, ByteView ciphertext) const override {
    if (!fits(iv, ciphertext)) return std::nullopt;
    Bytes text = to_bytes(ciphertext);
    ByteView before = iv;
    for (std::size_t at = 0; at < text.size(); at += block_size()) {
      cover(before, MutableBytes(text).subspan(at, block_size()));
      before = ciphertext.subspan(at, block_size());
    }
    return text;
  }

 private:
  [[nodiscard]] bool fits(ByteView iv, ByteView text) const {
    return iv.size() == block_size() && !text.empty() && text.size() % block_size() == 0 &&
           text.size() <= limits::kMessageBytes;
  }
  void cover(ByteView before, MutableBytes block) const {
    std::array<std::uint8_t, 16> stream;
    Mixer mixer = keyed_;
    mixer.absorb(before).squeeze(MutableBytes(stream).first(block.size()));
    for (std::size_t i = 0; i < block.size(); ++i) block[i] ^= stream[i];
  }

  const EncryptionRow& row_;
  Mixer keyed_;
};

}  // namespace

Bytes FakeProvider::digest(HashId hash, std::initializer_list<ByteView> parts) const {
  Mixer mixer(hashing);
  mixer.absorb(std::to_underlying(hash));
  for (const ByteView part : parts) mixer.absorb(part);
  Bytes result(digest_size(hash));
  mixer.squeeze(result);
  return result;
}

std::unique_ptr<Prf> FakeProvider::prf(PrfId id, ByteView key) const {
  const PrfRow* const row = find_prf(id);
  return row == nullptr ? nullptr : std::make_unique<FakePrf>(*row, key);
}

std::unique_ptr<Envelope> FakeProvider::envelope(const EncryptionRow& encryption,
                                                 ByteView encryption_key, IntegrityId integrity,
                                                 ByteView integrity_key) const {
  const EncryptionRow* const row = find_encryption(encryption.id, encryption.key_bits);
  if (row == nullptr || !row->usable_for_ike) return nullptr;
  if (encryption_key.size() != std::size_t{row->key_bytes} + row->salt_bytes) return nullptr;
  const IntegrityRow* const mac = find_integrity(integrity);
  const std::size_t mac_key_size = mac == nullptr ? 0 : mac->key_bytes;
  const bool fits = row->is_aead() ? integrity == IntegrityId::none : mac != nullptr;
  if (!fits || integrity_key.size() != mac_key_size) return nullptr;
  return std::make_unique<FakeEnvelope>(*row, row->is_aead() ? row->icv_bytes : mac->icv_bytes,
                                        encryption_key, integrity_key);
}

std::unique_ptr<Cbc> FakeProvider::cbc(const EncryptionRow& encryption, ByteView key) const {
  const EncryptionRow* const row = find_encryption(encryption.id, encryption.key_bits);
  if (row == nullptr || row->v1_phase1 == 0 || key.size() != row->key_bytes) return nullptr;
  return std::make_unique<FakeCbc>(*row, key);
}

Result<std::unique_ptr<KeyExchange>> FakeProvider::generate(GroupId group) const {
  const GroupRow* const row = find_group(group);
  if (row == nullptr) return fail(Misuse{"key exchange with a group not in the registry"});
  const std::uint64_t drawn = Mixer(drawing).absorb(seed_).absorb(generated_.fetch_add(1)).value();
  return std::make_unique<FakeKeyExchange>(*row, 2 + drawn % (kPrime - 4));
}

Result<std::unique_ptr<KeyExchange>> FakeProvider::import_private(
    GroupId group, const Secret& private_value) const {
  const GroupRow* const row = find_group(group);
  if (row == nullptr || private_value.size() != kValueBytes) {
    return fail(Misuse{"no private value of a group in the registry"});
  }
  std::uint64_t exponent = 0;
  for (const std::uint8_t byte : private_value.view()) exponent = exponent << 8 | byte;
  return std::make_unique<FakeKeyExchange>(*row, exponent);
}

}  // namespace ipsec::crypto
