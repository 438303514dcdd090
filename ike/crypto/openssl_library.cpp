#include "ike/crypto/openssl_library.h"

#include <fmt/format.h>
#include <openssl/core_names.h>

#include <array>
#include <cstdint>
#include <string>

namespace ipsec::crypto::openssl {
namespace {

struct HashName {
  HashId hash;
  const char* name;
};

constexpr auto kHashes = std::to_array<HashName>({
    {HashId::md5, "MD5"},
    {HashId::sha1, "SHA1"},
    {HashId::sha2_256, "SHA2-256"},
    {HashId::sha2_384, "SHA2-384"},
    {HashId::sha2_512, "SHA2-512"},
});

// OpenSSL names no group below modp_1536 and would give one made of p and g an exponent as long as
// p. Twice the strength of either group (RFC 3526 8 counts 1536 bits as 90 to 120) is below this.
constexpr int kShortExponentBits = 192;

std::expected<Key, Misuse> parameters_from(OSSL_LIB_CTX* library, const char* type,
                                           OSSL_PARAM* description) {
  const KeyContext context(EVP_PKEY_CTX_new_from_name(library, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEY_PARAMETERS, description) <= 0) {
    return std::unexpected(failure(fmt::format("parameters of {}", type)));
  }
  return Key(key);
}

std::expected<Key, Misuse> named_modp(OSSL_LIB_CTX* library, std::string_view name) {
  std::string text(name);
  std::array description{
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, text.data(), 0),
      OSSL_PARAM_construct_end()};
  return parameters_from(library, "DH", description.data());
}

// RFC 2409 6.1, 6.2.
std::expected<Key, Misuse> explicit_modp(OSSL_LIB_CTX* library, GroupId id) {
  const Number prime(id == GroupId::modp768 ? BN_get_rfc2409_prime_768(nullptr)
                                            : BN_get_rfc2409_prime_1024(nullptr));
  const Number generator(BN_new());
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (prime == nullptr || generator == nullptr || builder == nullptr ||
      BN_set_word(generator.get(), 2) == 0 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_FFC_P, prime.get()) == 0 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_FFC_G, generator.get()) == 0) {
    return std::unexpected(failure("parameters of MODP"));
  }
  const Params description(OSSL_PARAM_BLD_to_param(builder.get()));
  if (description == nullptr) return std::unexpected(failure("parameters of MODP"));
  return parameters_from(library, "DH", description.get());
}

// Not by EVP_PKEY_fromdata, which makes no EC parameters without a key.
std::expected<Key, Misuse> named_curve(OSSL_LIB_CTX* library, std::string_view name) {
  const std::string text(name);
  const KeyContext context(EVP_PKEY_CTX_new_from_name(library, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (context == nullptr || EVP_PKEY_paramgen_init(context.get()) <= 0 ||
      EVP_PKEY_CTX_set_group_name(context.get(), text.c_str()) <= 0 ||
      EVP_PKEY_paramgen(context.get(), &key) <= 0) {
    return std::unexpected(failure(fmt::format("parameters of {}", name)));
  }
  return Key(key);
}

std::expected<Number, Misuse> number_of(const Key& key, const char* parameter) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key.get(), parameter, &number) <= 0) {
    return std::unexpected(failure(fmt::format("parameter {}", parameter)));
  }
  return Number(number);
}

std::expected<void, Misuse> read_modp_numbers(OSSL_LIB_CTX* library, Group& group) {
  auto prime = number_of(group.parameters, OSSL_PKEY_PARAM_FFC_P);
  if (!prime) return std::unexpected(prime.error());
  auto generator = number_of(group.parameters, OSSL_PKEY_PARAM_FFC_G);
  if (!generator) return std::unexpected(generator.error());
  group.prime = std::move(*prime);
  group.generator = std::move(*generator);

  group.montgomery.reset(BN_MONT_CTX_new());
  const NumberContext scratch(BN_CTX_new_ex(library));
  if (group.montgomery == nullptr || scratch == nullptr ||
      BN_MONT_CTX_set(group.montgomery.get(), group.prime.get(), scratch.get()) == 0) {
    return std::unexpected(failure("Montgomery form of a prime"));
  }
  if (group.row->id != GroupId::modp2048_256) return {};
  auto order = number_of(group.parameters, OSSL_PKEY_PARAM_FFC_Q);
  if (!order) return std::unexpected(order.error());
  group.subgroup_order = std::move(*order);
  return {};
}

}  // namespace

std::expected<std::shared_ptr<const Library>, Misuse> Library::load() {
  std::shared_ptr<Library> library(new Library);
  if (auto loaded = library->load_modules(); !loaded) return std::unexpected(loaded.error());
  if (auto fetched = library->fetch_algorithms(); !fetched) {
    return std::unexpected(fetched.error());
  }
  for (const GroupRow& row : all_groups()) {
    auto group = library->prepare(row);
    if (!group) return std::unexpected(group.error());
    library->groups_.emplace(row.id, std::move(*group));
  }
  return library;
}

std::expected<void, Misuse> Library::load_modules() {
  context_.reset(OSSL_LIB_CTX_new());
  if (context_ == nullptr) return std::unexpected(failure("library context"));
  default_module_.reset(OSSL_PROVIDER_load(context_.get(), "default"));
  if (default_module_ == nullptr) return std::unexpected(failure("provider default"));
  // Single DES lives there; it is a module file of its own, found by libcrypto's built-in path.
  legacy_module_.reset(OSSL_PROVIDER_load(context_.get(), "legacy"));
  if (legacy_module_ == nullptr) return std::unexpected(failure("provider legacy (for DES)"));
  return {};
}

std::expected<void, Misuse> Library::fetch_algorithms() {
  for (const HashName& hash : kHashes) {
    Digest digest(EVP_MD_fetch(context_.get(), hash.name, nullptr));
    if (digest == nullptr) return std::unexpected(failure(hash.name));
    digests_.emplace(hash.hash, std::move(digest));
  }
  for (const EncryptionRow& row : all_encryption()) {
    if (row.openssl.empty()) continue;
    const std::string name(row.openssl);
    Cipher cipher(EVP_CIPHER_fetch(context_.get(), name.c_str(), nullptr));
    if (cipher == nullptr) return std::unexpected(failure(name));
    ciphers_.emplace(std::pair(row.id, row.key_bits), std::move(cipher));
  }
  return {};
}

std::expected<Group, Misuse> Library::prepare(const GroupRow& row) const {
  Group group;
  group.row = &row;
  if (row.kind == GroupKind::x25519) return group;

  auto parameters = row.kind == GroupKind::ecp ? named_curve(context_.get(), row.openssl)
                    : row.openssl.empty()      ? explicit_modp(context_.get(), row.id)
                                               : named_modp(context_.get(), row.openssl);
  if (!parameters) return std::unexpected(parameters.error());
  group.parameters = std::move(*parameters);
  if (row.kind == GroupKind::modp) {
    if (row.openssl.empty()) group.private_bits = kShortExponentBits;
    if (auto read = read_modp_numbers(context_.get(), group); !read) {
      return std::unexpected(read.error());
    }
  }
  return group;
}

const EVP_MD* Library::digest(HashId hash) const {
  const auto found = digests_.find(hash);
  return found == digests_.end() ? nullptr : found->second.get();
}

const EVP_CIPHER* Library::cipher(const EncryptionRow& row) const {
  const auto found = ciphers_.find({row.id, row.key_bits});
  return found == ciphers_.end() ? nullptr : found->second.get();
}

const Group* Library::group(GroupId id) const {
  const auto found = groups_.find(id);
  return found == groups_.end() ? nullptr : &found->second;
}

}  // namespace ipsec::crypto::openssl
