#include "ike/crypto/openssl_envelope.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <utility>

#include "ike/base/limits.h"
#include "ike/base/secret.h"
#include "ike/crypto/openssl_cipher.h"
#include "ike/crypto/openssl_hmac.h"

namespace ipsec::crypto::openssl {
namespace {

bool authenticate(EVP_CIPHER_CTX* state, ByteView head) {
  int written = 0;
  return head.empty() || EVP_CipherUpdate(state, nullptr, &written, head.data(),
                                          static_cast<int>(head.size())) == 1;
}

class OpensslEnvelope final : public Envelope {
 public:
  OpensslEnvelope(std::shared_ptr<const Library> library, const EncryptionRow& row,
                  KeyedCipher cipher, Secret salt, std::optional<Hmac> hmac, std::size_t icv_size)
      : library_(std::move(library)),
        row_(row),
        cipher_(std::move(cipher)),
        salt_(std::move(salt)),
        hmac_(std::move(hmac)),
        icv_size_(icv_size) {}

  [[nodiscard]] std::size_t sealed_size(std::size_t plaintext_size) const override {
    return row_.iv_bytes + padded_size(plaintext_size) + icv_size_;
  }
  [[nodiscard]] std::size_t iv_size() const override { return row_.iv_bytes; }
  [[nodiscard]] std::expected<Bytes, Misuse> seal(ByteView head, ByteView plaintext,
                                                  ByteView iv) const override;
  [[nodiscard]] std::optional<Bytes> open(ByteView head, ByteView body) const override;

 private:
  // Where the parts of a body are.
  struct Layout {
    MutableBytes iv, text, icv;
  };

  [[nodiscard]] std::size_t padded_size(std::size_t plaintext_size) const {
    const std::size_t block = row_.block_bytes;
    return (plaintext_size + 1 + block - 1) / block * block;
  }
  [[nodiscard]] Layout layout(MutableBytes body) const {
    const std::size_t text_size = body.size() - row_.iv_bytes - icv_size_;
    return {body.first(row_.iv_bytes), body.subspan(row_.iv_bytes, text_size),
            body.last(icv_size_)};
  }
  [[nodiscard]] Nonce nonce(ByteView iv) const;
  [[nodiscard]] bool encrypt(ByteView head, const Layout& at) const;
  [[nodiscard]] bool decrypt(ByteView head, const Layout& at) const;
  [[nodiscard]] bool mac(ByteView head, const Layout& at, MutableBytes out) const;

  std::shared_ptr<const Library> library_;  // outlives the states
  const EncryptionRow& row_;                // of the registry
  KeyedCipher cipher_;
  Secret salt_;
  std::optional<Hmac> hmac_;  // absent with an AEAD
  std::size_t icv_size_;
};

std::expected<Bytes, Misuse> OpensslEnvelope::seal(ByteView head, ByteView plaintext,
                                                   ByteView iv) const {
  if (iv.size() != row_.iv_bytes) {
    return std::unexpected(Misuse{
        fmt::format("{} needs an IV of {} bytes, not {}", row_.name, row_.iv_bytes, iv.size())});
  }
  if (head.size() + plaintext.size() > limits::kMessageBytes) {
    return std::unexpected(
        Misuse{fmt::format("{} bytes do not fit a message", head.size() + plaintext.size())});
  }
  Bytes body(sealed_size(plaintext.size()));
  const Layout at = layout(body);
  std::ranges::copy(iv, at.iv.begin());
  std::ranges::copy(plaintext, at.text.begin());
  // RFC 7296 3.14: the padding may hold anything; only its length is read.
  at.text.back() = static_cast<std::uint8_t>(at.text.size() - plaintext.size() - 1);
  if (encrypt(head, at)) return body;
  wipe(body);
  return std::unexpected(failure(fmt::format("sealing with {}", row_.name)));
}

std::optional<Bytes> OpensslEnvelope::open(ByteView head, ByteView body) const {
  if (body.size() < sealed_size(0) || head.size() + body.size() > limits::kMessageBytes) {
    return std::nullopt;
  }
  // Opened where it will stay: the text is moved to the front of this one copy afterwards.
  Bytes opened = to_bytes(body);
  const Layout at = layout(opened);
  if (at.text.size() % row_.block_bytes != 0) return std::nullopt;

  const bool authentic = decrypt(head, at);
  const std::size_t padding = at.text.back();
  if (!authentic || padding + 1 > at.text.size()) {
    wipe(opened);
    ERR_clear_error();
    return std::nullopt;
  }
  const std::size_t plaintext_size = at.text.size() - padding - 1;
  std::copy_n(at.text.begin(), plaintext_size, opened.begin());
  // What the move leaves behind is plaintext too.
  wipe(MutableBytes(opened).subspan(plaintext_size));
  opened.resize(plaintext_size);
  return opened;
}

Nonce OpensslEnvelope::nonce(ByteView iv) const {
  Nonce nonce{};
  const auto after_salt = std::ranges::copy(salt_.view(), nonce.begin()).out;
  std::ranges::copy(iv, after_salt);
  // RFC 5930 2, RFC 3686 4: the counter block ends in a counter that starts at one. Elsewhere these
  // four bytes are the IV's own, or are not looked at.
  if (row_.id == EncryptionId::aes_ctr) nonce.back() = 1;
  return nonce;
}

bool OpensslEnvelope::encrypt(ByteView head, const Layout& at) const {
  EVP_CIPHER_CTX* const state = cipher_.start(Direction::seal, nonce(at.iv));
  if (state == nullptr) return false;
  if (row_.is_aead()) {
    return authenticate(state, head) && update(state, at.text) && finish(state) &&
           EVP_CIPHER_CTX_ctrl(state, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(icv_size_),
                               at.icv.data()) == 1;
  }
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> full;
  if (!update(state, at.text) || !finish(state) || !mac(head, at, full)) return false;
  std::copy_n(full.begin(), icv_size_, at.icv.begin());
  return true;
}

bool OpensslEnvelope::decrypt(ByteView head, const Layout& at) const {
  if (!row_.is_aead()) {
    // The MAC first: nothing that is not the peer's reaches the cipher.
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> full;
    if (!mac(head, at, full) || !equal_constant_time(ByteView(full).first(icv_size_), at.icv)) {
      return false;
    }
  }
  EVP_CIPHER_CTX* const state = cipher_.start(Direction::open, nonce(at.iv));
  if (state == nullptr) return false;
  if (!row_.is_aead()) return update(state, at.text) && finish(state);
  return EVP_CIPHER_CTX_ctrl(state, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(icv_size_),
                             at.icv.data()) == 1 &&
         authenticate(state, head) && update(state, at.text) && finish(state);
}

// Over everything before the ICV, as on the wire (RFC 7296 3.14).
bool OpensslEnvelope::mac(ByteView head, const Layout& at, MutableBytes out) const {
  const std::array<ByteView, 3> parts{head, at.iv, at.text};
  return hmac_->compute(parts, out);
}

}  // namespace

std::unique_ptr<Envelope> make_envelope(std::shared_ptr<const Library> library,
                                        const EncryptionRow& encryption, ByteView encryption_key,
                                        IntegrityId integrity, ByteView integrity_key) {
  // The caller's row may be a copy; the envelope keeps the registry's.
  const EncryptionRow* const row = find_encryption(encryption.id, encryption.key_bits);
  if (row == nullptr || !row->usable_for_ike) return nullptr;
  const EVP_CIPHER* const cipher = library->cipher(*row);
  const std::size_t key_size = row->key_bytes;
  if (cipher == nullptr || encryption_key.size() != key_size + row->salt_bytes) return nullptr;

  std::optional<Hmac> hmac;
  std::size_t icv_size = row->icv_bytes;
  if (row->is_aead()) {
    if (integrity != IntegrityId::none || !integrity_key.empty()) return nullptr;
  } else {
    const IntegrityRow* const mac = find_integrity(integrity);
    if (mac == nullptr || integrity_key.size() != mac->key_bytes) return nullptr;
    auto keyed = Hmac::keyed(library->digest(mac->hash), integrity_key);
    if (!keyed) return nullptr;
    hmac = std::move(*keyed);
    icv_size = mac->icv_bytes;
  }
  return std::make_unique<OpensslEnvelope>(
      std::move(library), *row,
      KeyedCipher(cipher, Secret::copy_of(encryption_key.first(key_size))),
      Secret::copy_of(encryption_key.subspan(key_size)), std::move(hmac), icv_size);
}

}  // namespace ipsec::crypto::openssl
