#include "ike/crypto/openssl_hmac.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <utility>

#include "ike/base/secret.h"

namespace ipsec::crypto::openssl {
namespace {

constexpr std::size_t kBlockBytesMax = 128;  // SHA-384 and SHA-512
using Block = std::array<std::uint8_t, kBlockBytesMax>;

// A key longer than a block is hashed first (RFC 2104 2).
bool fill_key_block(const EVP_MD* digest, ByteView key, MutableBytes block) {
  if (key.size() <= block.size()) {
    std::ranges::copy(key, block.begin());
    return true;
  }
  const DigestState state(EVP_MD_CTX_new());
  return state != nullptr && EVP_DigestInit_ex2(state.get(), digest, nullptr) == 1 &&
         EVP_DigestUpdate(state.get(), key.data(), key.size()) == 1 &&
         EVP_DigestFinal_ex(state.get(), block.data(), nullptr) == 1;
}

DigestState state_after(const EVP_MD* digest, ByteView key_block, std::uint8_t pad) {
  Block padded;
  std::ranges::transform(key_block, padded.begin(), [pad](std::uint8_t byte) {
    return static_cast<std::uint8_t>(byte ^ pad);
  });
  DigestState state(EVP_MD_CTX_new());
  const bool done = state != nullptr && EVP_DigestInit_ex2(state.get(), digest, nullptr) == 1 &&
                    EVP_DigestUpdate(state.get(), padded.data(), key_block.size()) == 1;
  wipe(padded);
  return done ? std::move(state) : nullptr;
}

class HmacPrf final : public Prf {
 public:
  HmacPrf(std::shared_ptr<const Library> library, Hmac hmac)
      : library_(std::move(library)), hmac_(std::move(hmac)) {}

  [[nodiscard]] std::size_t size() const override { return hmac_.size(); }
  [[nodiscard]] Secret compute(std::initializer_list<ByteView> parts) const override {
    Secret result(hmac_.size());
    return hmac_.compute({parts.begin(), parts.size()}, result.writable()) ? std::move(result)
                                                                           : Secret();
  }

 private:
  std::shared_ptr<const Library> library_;  // outlives the states
  Hmac hmac_;
};

}  // namespace

std::expected<Hmac, Misuse> Hmac::keyed(const EVP_MD* digest, ByteView key) {
  const auto block_size = static_cast<std::size_t>(EVP_MD_get_block_size(digest));
  Block block{};
  if (block_size > block.size()) return std::unexpected(Misuse{"HMAC over an unknown hash"});
  const MutableBytes key_block = MutableBytes(block).first(block_size);

  Hmac hmac;
  hmac.size_ = static_cast<std::size_t>(EVP_MD_get_size(digest));
  hmac.scratch_.reset(EVP_MD_CTX_new());
  if (fill_key_block(digest, key, key_block)) {
    hmac.inner_ = state_after(digest, key_block, 0x36);
    hmac.outer_ = state_after(digest, key_block, 0x5c);
  }
  wipe(block);
  if (!hmac.inner_ || !hmac.outer_ || !hmac.scratch_) return std::unexpected(failure("HMAC key"));
  return hmac;
}

bool Hmac::compute(std::span<const ByteView> parts, MutableBytes out) const {
  EVP_MD_CTX* const state = scratch_.get();
  bool good = out.size() >= size_ && EVP_MD_CTX_copy_ex(state, inner_.get()) == 1;
  for (const ByteView part : parts) {
    good = good && EVP_DigestUpdate(state, part.data(), part.size()) == 1;
  }
  good = good && EVP_DigestFinal_ex(state, out.data(), nullptr) == 1 &&
         EVP_MD_CTX_copy_ex(state, outer_.get()) == 1 &&
         EVP_DigestUpdate(state, out.data(), size_) == 1 &&
         EVP_DigestFinal_ex(state, out.data(), nullptr) == 1;
  if (!good) ERR_clear_error();
  return good;
}

std::unique_ptr<Prf> make_prf(std::shared_ptr<const Library> library, const PrfRow& row,
                              ByteView key) {
  const EVP_MD* const digest = library->digest(row.hash);
  if (digest == nullptr) return nullptr;
  auto hmac = Hmac::keyed(digest, key);
  if (!hmac) return nullptr;
  return std::make_unique<HmacPrf>(std::move(library), std::move(*hmac));
}

}  // namespace ipsec::crypto::openssl
