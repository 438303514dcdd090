// Owners of OpenSSL's objects, and its error queue turned into a value.
#pragma once

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/provider.h>

#include <memory>
#include <string_view>

#include "ike/base/error.h"

namespace ipsec::crypto::openssl {

template <auto free_function>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    free_function(object);
  }
};

struct FreeBuffer {
  void operator()(void* buffer) const { OPENSSL_free(buffer); }
};

template <typename T, auto free_function>
using Handle = std::unique_ptr<T, Free<free_function>>;

using LibraryContext = Handle<OSSL_LIB_CTX, OSSL_LIB_CTX_free>;
using Module = Handle<OSSL_PROVIDER, OSSL_PROVIDER_unload>;
using Digest = Handle<EVP_MD, EVP_MD_free>;
using DigestState = Handle<EVP_MD_CTX, EVP_MD_CTX_free>;
using Cipher = Handle<EVP_CIPHER, EVP_CIPHER_free>;
using CipherState = Handle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using Key = Handle<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using Number = Handle<BIGNUM, BN_clear_free>;
using NumberContext = Handle<BN_CTX, BN_CTX_free>;
using Montgomery = Handle<BN_MONT_CTX, BN_MONT_CTX_free>;
using Curve = Handle<EC_GROUP, EC_GROUP_free>;
using Point = Handle<EC_POINT, EC_POINT_free>;
using ParamBuilder = Handle<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Params = Handle<OSSL_PARAM, OSSL_PARAM_free>;
using Buffer = std::unique_ptr<unsigned char, FreeBuffer>;

// What OpenSSL said was wrong with `operation`. Empties its error queue, so nothing is left to be
// taken for the reason of a later failure.
[[nodiscard]] Misuse failure(std::string_view operation);

}  // namespace ipsec::crypto::openssl
