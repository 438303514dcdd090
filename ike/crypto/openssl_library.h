// A private OpenSSL: its own library context with the default and the legacy provider, and
// everything the registry names fetched once. No global state of libcrypto is touched.
//
// NOTE: Threading. Immutable after load(); shared by all objects made from it, which keep it alive.
#pragma once

#include <array>
#include <expected>
#include <map>
#include <memory>
#include <utility>

#include "ike/base/error.h"
#include "ike/crypto/openssl_handles.h"
#include "ike/crypto/registry/registry.h"

namespace ipsec::crypto::openssl {

// A group made ready: the parameters as a key without a key, from which keys are generated and
// into copies of which peers' values are read.
struct Group {
  const GroupRow* row = nullptr;
  Key parameters;        // null for X25519, which has none
  int private_bits = 0;  // 0 leaves the length to OpenSSL
  // MODP only.
  Number prime;
  Number generator;
  // Where p is not a safe prime (RFC 6989 2.2).
  Number subgroup_order;
  Montgomery montgomery;
};

class Library {
 public:
  [[nodiscard]] static std::expected<std::shared_ptr<const Library>, Misuse> load();

  // libcrypto takes its context by a plain pointer everywhere.
  [[nodiscard]] OSSL_LIB_CTX* context() const { return context_.get(); }
  // Null for a hash, cipher or group the registry does not know or that needs no code here.
  [[nodiscard]] const EVP_MD* digest(HashId hash) const;
  [[nodiscard]] const EVP_CIPHER* cipher(const EncryptionRow& row) const;
  [[nodiscard]] const Group* group(GroupId id) const;

 private:
  Library() = default;
  [[nodiscard]] std::expected<void, Misuse> load_modules();
  [[nodiscard]] std::expected<void, Misuse> fetch_algorithms();
  [[nodiscard]] std::expected<Group, Misuse> prepare(const GroupRow& row) const;

  // Unloaded in the reverse order: the context goes last.
  LibraryContext context_;
  Module default_module_;
  Module legacy_module_;
  std::map<HashId, Digest> digests_;
  std::map<std::pair<EncryptionId, std::uint16_t>, Cipher> ciphers_;
  std::map<GroupId, Group> groups_;
};

}  // namespace ipsec::crypto::openssl
