#include "ike/crypto/openssl_cbc.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <algorithm>
#include <utility>

#include "ike/base/limits.h"
#include "ike/base/secret.h"
#include "ike/crypto/openssl_cipher.h"

namespace ipsec::crypto::openssl {
namespace {

class OpensslCbc final : public Cbc {
 public:
  OpensslCbc(std::shared_ptr<const Library> library, const EncryptionRow& row, KeyedCipher cipher)
      : library_(std::move(library)), row_(row), cipher_(std::move(cipher)) {}

  [[nodiscard]] std::size_t block_size() const override { return row_.block_bytes; }
  [[nodiscard]] std::expected<Bytes, Misuse> encrypt(ByteView iv,
                                                     ByteView plaintext) const override;
  [[nodiscard]] std::optional<Bytes> decrypt(ByteView iv, ByteView ciphertext) const override;

 private:
  [[nodiscard]] bool fits(ByteView iv, ByteView text) const {
    return iv.size() == block_size() && !text.empty() && text.size() % block_size() == 0 &&
           text.size() <= limits::kMessageBytes;
  }
  [[nodiscard]] bool run(Direction direction, ByteView iv, MutableBytes text) const {
    Nonce nonce{};
    std::ranges::copy(iv, nonce.begin());
    EVP_CIPHER_CTX* const state = cipher_.start(direction, nonce);
    return state != nullptr && update(state, text) && finish(state);
  }

  std::shared_ptr<const Library> library_;  // outlives the states
  const EncryptionRow& row_;                // of the registry
  KeyedCipher cipher_;
};

std::expected<Bytes, Misuse> OpensslCbc::encrypt(ByteView iv, ByteView plaintext) const {
  if (!fits(iv, plaintext)) {
    return std::unexpected(Misuse{fmt::format("{} cannot encrypt {} bytes with an IV of {}",
                                              row_.name, plaintext.size(), iv.size())});
  }
  Bytes text = to_bytes(plaintext);
  if (run(Direction::seal, iv, text)) return text;
  wipe(text);
  return std::unexpected(failure(fmt::format("encrypting with {}", row_.name)));
}

std::optional<Bytes> OpensslCbc::decrypt(ByteView iv, ByteView ciphertext) const {
  if (!fits(iv, ciphertext)) return std::nullopt;
  Bytes text = to_bytes(ciphertext);
  if (run(Direction::open, iv, text)) return text;
  wipe(text);
  ERR_clear_error();
  return std::nullopt;
}

}  // namespace

std::unique_ptr<Cbc> make_cbc(std::shared_ptr<const Library> library,
                              const EncryptionRow& encryption, ByteView key) {
  // The caller's row may be a copy; the object keeps the registry's.
  const EncryptionRow* const row = find_encryption(encryption.id, encryption.key_bits);
  if (row == nullptr || row->v1_phase1 == 0 || key.size() != row->key_bytes) return nullptr;
  const EVP_CIPHER* const cipher = library->cipher(*row);
  if (cipher == nullptr) return nullptr;
  return std::make_unique<OpensslCbc>(std::move(library), *row,
                                      KeyedCipher(cipher, Secret::copy_of(key)));
}

}  // namespace ipsec::crypto::openssl
