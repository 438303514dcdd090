// Key exchange with libcrypto alone: the calls any program would make. What ours is held against.
#pragma once

#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/evp.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "ike/base/bytes.h"

namespace ipsec::bench {

[[noreturn]] inline void die(const std::string& what) {
  std::fprintf(stderr, "bench: %s\n", what.c_str());
  std::exit(1);
}

inline void need(bool condition, const char* what) {
  if (!condition) die(what);
}

inline EVP_PKEY* bare_generate(const char* type, const char* group) {
  EVP_PKEY_CTX* const context = EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr);
  EVP_PKEY* key = nullptr;
  need(EVP_PKEY_keygen_init(context) > 0, "keygen_init");
  if (group != nullptr) need(EVP_PKEY_CTX_set_group_name(context, group) > 0, "group name");
  need(EVP_PKEY_keygen(context, &key) > 0, "keygen");
  EVP_PKEY_CTX_free(context);
  return key;
}

inline Bytes bare_public(EVP_PKEY* key) {
  unsigned char* encoded = nullptr;
  const std::size_t size = EVP_PKEY_get1_encoded_public_key(key, &encoded);
  Bytes value(encoded, encoded + size);
  OPENSSL_free(encoded);
  return value;
}

inline void bare_derive(EVP_PKEY* ours, const Bytes& peer_public) {
  EVP_PKEY* const peer = EVP_PKEY_new();
  need(EVP_PKEY_copy_parameters(peer, ours) > 0, "copy_parameters");
  need(EVP_PKEY_set1_encoded_public_key(peer, peer_public.data(), peer_public.size()) > 0, "peer");
  EVP_PKEY_CTX* const context = EVP_PKEY_CTX_new_from_pkey(nullptr, ours, nullptr);
  Bytes shared(peer_public.size());
  std::size_t size = shared.size();
  need(EVP_PKEY_derive_init(context) > 0 && EVP_PKEY_derive_set_peer_ex(context, peer, 0) > 0 &&
           EVP_PKEY_derive(context, shared.data(), &size) > 0,
       "derive");
  EVP_PKEY_CTX_free(context);
  EVP_PKEY_free(peer);
}

}  // namespace ipsec::bench
