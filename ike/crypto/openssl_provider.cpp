#include "ike/crypto/openssl_provider.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <utility>

#include "ike/crypto/openssl_cbc.h"
#include "ike/crypto/openssl_envelope.h"
#include "ike/crypto/openssl_hmac.h"
#include "ike/crypto/openssl_key_exchange.h"
#include "ike/crypto/openssl_library.h"

namespace ipsec::crypto {
namespace {

Misuse unknown_group(GroupId group) {
  return Misuse{fmt::format("key exchange with group {}, which is not in the registry",
                            std::to_underlying(group))};
}

}  // namespace

OpensslProvider::OpensslProvider(std::shared_ptr<const openssl::Library> library)
    : library_(std::move(library)) {}

std::expected<std::unique_ptr<OpensslProvider>, Misuse> OpensslProvider::create() {
  auto library = openssl::Library::load();
  if (!library) return std::unexpected(library.error());
  return std::unique_ptr<OpensslProvider>(new OpensslProvider(std::move(*library)));
}

Bytes OpensslProvider::digest(HashId hash, std::initializer_list<ByteView> parts) const {
  const EVP_MD* const digest = library_->digest(hash);
  const openssl::DigestState state(EVP_MD_CTX_new());
  if (digest == nullptr || state == nullptr) return {};
  Bytes result(static_cast<std::size_t>(EVP_MD_get_size(digest)));
  bool good = EVP_DigestInit_ex2(state.get(), digest, nullptr) == 1;
  for (const ByteView part : parts) {
    good = good && EVP_DigestUpdate(state.get(), part.data(), part.size()) == 1;
  }
  if (good && EVP_DigestFinal_ex(state.get(), result.data(), nullptr) == 1) return result;
  ERR_clear_error();
  return {};
}

std::unique_ptr<Prf> OpensslProvider::prf(PrfId id, ByteView key) const {
  const PrfRow* const row = find_prf(id);
  return row == nullptr ? nullptr : openssl::make_prf(library_, *row, key);
}

std::unique_ptr<Envelope> OpensslProvider::envelope(const EncryptionRow& encryption,
                                                    ByteView encryption_key, IntegrityId integrity,
                                                    ByteView integrity_key) const {
  return openssl::make_envelope(library_, encryption, encryption_key, integrity, integrity_key);
}

std::unique_ptr<Cbc> OpensslProvider::cbc(const EncryptionRow& encryption, ByteView key) const {
  return openssl::make_cbc(library_, encryption, key);
}

Result<std::unique_ptr<KeyExchange>> OpensslProvider::generate(GroupId group) const {
  const openssl::Group* const found = library_->group(group);
  if (found == nullptr) return fail(unknown_group(group));
  auto exchange = openssl::generate_exchange(library_, *found);
  if (!exchange) return fail(std::move(exchange.error()));
  return std::move(*exchange);
}

Result<std::unique_ptr<KeyExchange>> OpensslProvider::import_private(
    GroupId group, const Secret& private_value) const {
  const openssl::Group* const found = library_->group(group);
  if (found == nullptr) return fail(unknown_group(group));
  auto exchange = openssl::import_exchange(library_, *found, private_value);
  if (!exchange) return fail(std::move(exchange.error()));
  return std::move(*exchange);
}

}  // namespace ipsec::crypto
