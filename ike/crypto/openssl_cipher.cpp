#include "ike/crypto/openssl_cipher.h"

#include <utility>

namespace ipsec::crypto::openssl {

EVP_CIPHER_CTX* KeyedCipher::start(Direction direction, const Nonce& nonce) const {
  CipherState& state = direction == Direction::seal ? sealing_ : opening_;
  const int encrypts = static_cast<int>(direction);
  if (state != nullptr) {
    return EVP_CipherInit_ex2(state.get(), nullptr, nullptr, nonce.data(), encrypts, nullptr) == 1
               ? state.get()
               : nullptr;
  }
  CipherState fresh(EVP_CIPHER_CTX_new());
  if (fresh == nullptr ||
      EVP_CipherInit_ex2(fresh.get(), cipher_, key_.view().data(), nonce.data(), encrypts,
                         nullptr) != 1 ||
      EVP_CIPHER_CTX_set_padding(fresh.get(), 0) != 1) {
    return nullptr;
  }
  state = std::move(fresh);
  return state.get();
}

bool update(EVP_CIPHER_CTX* state, MutableBytes in_place) {
  int written = 0;
  return EVP_CipherUpdate(state, in_place.data(), &written, in_place.data(),
                          static_cast<int>(in_place.size())) == 1;
}

bool finish(EVP_CIPHER_CTX* state) {
  std::array<std::uint8_t, 16> unused;
  int written = 0;
  return EVP_CipherFinal_ex(state, unused.data(), &written) == 1;
}

}  // namespace ipsec::crypto::openssl
