#include "ike/crypto/openssl_private_key.h"

#include <fmt/format.h>
#include <openssl/core_names.h>

#include <array>
#include <string>
#include <utility>

namespace ipsec::crypto::openssl {
namespace {

std::unexpected<Misuse> cannot_import(const Group& group) {
  return std::unexpected(failure(fmt::format("importing a key of {}", group.row->name)));
}

// OpenSSL does not work out the public half of an imported key.
Number modp_public(OSSL_LIB_CTX* library, const Group& group, const Number& exponent) {
  Number power(BN_new());
  const NumberContext scratch(BN_CTX_new_ex(library));
  if (power == nullptr || scratch == nullptr ||
      BN_mod_exp_mont_consttime(power.get(), group.generator.get(), exponent.get(),
                                group.prime.get(), scratch.get(), group.montgomery.get()) == 0) {
    return nullptr;
  }
  return power;
}

// NOTE: A builder keeps pointers to what is pushed, so both describe_ functions build before they
// return.
Params describe_modp(OSSL_LIB_CTX* library, const Group& group, const Number& exponent) {
  const Number value = modp_public(library, group, exponent);
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD* const into = builder.get();
  if (value == nullptr || into == nullptr ||
      OSSL_PARAM_BLD_push_BN(into, OSSL_PKEY_PARAM_FFC_P, group.prime.get()) == 0 ||
      OSSL_PARAM_BLD_push_BN(into, OSSL_PKEY_PARAM_FFC_G, group.generator.get()) == 0 ||
      OSSL_PARAM_BLD_push_BN(into, OSSL_PKEY_PARAM_PUB_KEY, value.get()) == 0 ||
      OSSL_PARAM_BLD_push_BN(into, OSSL_PKEY_PARAM_PRIV_KEY, exponent.get()) == 0) {
    return nullptr;
  }
  return Params(OSSL_PARAM_BLD_to_param(into));
}

Bytes ecp_public(OSSL_LIB_CTX* library, const Group& group, const Number& scalar) {
  const std::string name(group.row->openssl);
  const Curve curve(
      EC_GROUP_new_by_curve_name_ex(library, nullptr, EC_curve_nist2nid(name.c_str())));
  const NumberContext scratch(BN_CTX_new_ex(library));
  if (curve == nullptr || scratch == nullptr) return {};
  const Point point(EC_POINT_new(curve.get()));
  Bytes encoded(1 + group.row->public_bytes);
  if (point == nullptr ||
      EC_POINT_mul(curve.get(), point.get(), scalar.get(), nullptr, nullptr, scratch.get()) == 0 ||
      EC_POINT_point2oct(curve.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED, encoded.data(),
                         encoded.size(), scratch.get()) != encoded.size()) {
    return {};
  }
  return encoded;
}

Params describe_ecp(OSSL_LIB_CTX* library, const Group& group, const Number& scalar) {
  const std::string_view name = group.row->openssl;
  const Bytes point = ecp_public(library, group, scalar);
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD* const into = builder.get();
  if (point.empty() || into == nullptr ||
      OSSL_PARAM_BLD_push_utf8_string(into, OSSL_PKEY_PARAM_GROUP_NAME, name.data(), name.size()) ==
          0 ||
      OSSL_PARAM_BLD_push_octet_string(into, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) ==
          0 ||
      OSSL_PARAM_BLD_push_BN(into, OSSL_PKEY_PARAM_PRIV_KEY, scalar.get()) == 0) {
    return nullptr;
  }
  return Params(OSSL_PARAM_BLD_to_param(into));
}

}  // namespace

std::expected<Key, Misuse> generate_key(OSSL_LIB_CTX* library, const Group& group) {
  const KeyContext context(
      group.parameters != nullptr
          ? EVP_PKEY_CTX_new_from_pkey(library, group.parameters.get(), nullptr)
          : EVP_PKEY_CTX_new_from_name(library, "X25519", nullptr));
  if (context == nullptr || EVP_PKEY_keygen_init(context.get()) <= 0) {
    return std::unexpected(failure(fmt::format("generating a key of {}", group.row->name)));
  }
  if (group.private_bits != 0) {
    int bits = group.private_bits;
    const std::array length{OSSL_PARAM_construct_int(OSSL_PKEY_PARAM_DH_PRIV_LEN, &bits),
                            OSSL_PARAM_construct_end()};
    if (EVP_PKEY_CTX_set_params(context.get(), length.data()) <= 0) {
      return std::unexpected(failure("length of a private value"));
    }
  }
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_keygen(context.get(), &key) <= 0) {
    return std::unexpected(failure(fmt::format("generating a key of {}", group.row->name)));
  }
  return Key(key);
}

Secret export_key(const Group& group, const Key& key) {
  if (group.row->kind == GroupKind::x25519) {
    std::size_t size = group.row->public_bytes;
    Secret value(size);
    const bool done = EVP_PKEY_get_raw_private_key(key.get(), value.writable().data(), &size) > 0 &&
                      size == value.size();
    return done ? std::move(value) : Secret();
  }
  BIGNUM* number = nullptr;
  const bool found = EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_PRIV_KEY, &number) > 0;
  const Number exponent(number);
  if (!found) return {};
  Secret value(static_cast<std::size_t>(BN_num_bytes(exponent.get())));
  (void)BN_bn2bin(exponent.get(), value.writable().data());
  return value;
}

std::expected<Key, Misuse> import_key(OSSL_LIB_CTX* library, const Group& group,
                                      ByteView private_value) {
  if (group.row->kind == GroupKind::x25519) {
    Key key(EVP_PKEY_new_raw_private_key_ex(library, "X25519", nullptr, private_value.data(),
                                            private_value.size()));
    if (key == nullptr) return cannot_import(group);
    return key;
  }
  const Number number(
      BN_bin2bn(private_value.data(), static_cast<int>(private_value.size()), nullptr));
  if (number == nullptr) return cannot_import(group);
  const bool is_ecp = group.row->kind == GroupKind::ecp;
  const Params description =
      is_ecp ? describe_ecp(library, group, number) : describe_modp(library, group, number);
  const KeyContext context(EVP_PKEY_CTX_new_from_name(library, is_ecp ? "EC" : "DH", nullptr));
  EVP_PKEY* key = nullptr;
  if (description == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, description.get()) <= 0) {
    return cannot_import(group);
  }
  return Key(key);
}

}  // namespace ipsec::crypto::openssl
