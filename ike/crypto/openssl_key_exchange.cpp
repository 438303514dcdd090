#include "ike/crypto/openssl_key_exchange.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/err.h>

#include <algorithm>
#include <utility>

#include "ike/crypto/openssl_private_key.h"

namespace ipsec::crypto::openssl {
namespace {

constexpr std::uint8_t kUncompressedPoint = 0x04;  // SEC 1 2.3.3; IKE leaves it out (RFC 5903 7)

std::unexpected<Error> refuse(const GroupRow& row, std::string_view rule, std::string found) {
  return fail(PeerViolation{fmt::format("{} public value {}", row.name, rule), std::move(found)});
}

std::expected<Bytes, Misuse> wire_public_value(const GroupRow& row, const Key& key) {
  unsigned char* encoded = nullptr;
  const std::size_t size = EVP_PKEY_get1_encoded_public_key(key.get(), &encoded);
  const Buffer owner(encoded);
  ByteView value(encoded, size);
  if (row.kind == GroupKind::ecp && !value.empty()) value = value.subspan(1);
  if (value.size() != row.public_bytes) {
    return std::unexpected(failure(fmt::format("public value of {}", row.name)));
  }
  return to_bytes(value);
}

class OpensslKeyExchange final : public KeyExchange {
 public:
  OpensslKeyExchange(std::shared_ptr<const Library> library, const Group& group, Key key,
                     Bytes public_value)
      : library_(std::move(library)),
        group_(group),
        key_(std::move(key)),
        public_value_(std::move(public_value)) {}

  [[nodiscard]] GroupId group() const override { return group_.row->id; }
  [[nodiscard]] ByteView public_value() const override { return public_value_; }
  [[nodiscard]] Secret private_value() const override { return export_key(group_, key_); }
  [[nodiscard]] Result<Secret> derive(ByteView peer_public) const override;

 private:
  [[nodiscard]] Result<void> check_modp(ByteView peer_public) const;
  [[nodiscard]] Result<void> check_subgroup(const Number& y) const;
  [[nodiscard]] Result<Key> peer_key(ByteView peer_public) const;
  [[nodiscard]] Result<Secret> derive_with(const Key& peer) const;

  std::shared_ptr<const Library> library_;  // outlives the key
  const Group& group_;                      // of the library
  Key key_;
  Bytes public_value_;
};

Result<Secret> OpensslKeyExchange::derive(ByteView peer_public) const {
  const GroupRow& row = *group_.row;
  if (peer_public.size() != row.public_bytes) {
    return refuse(row, fmt::format("must have {} bytes", row.public_bytes),
                  fmt::format("{} bytes", peer_public.size()));
  }
  if (row.kind == GroupKind::modp) {
    if (auto checked = check_modp(peer_public); !checked) return std::unexpected(checked.error());
  }
  auto peer = peer_key(peer_public);
  if (!peer) return std::unexpected(peer.error());
  return derive_with(*peer);
}

// RFC 6989 2.1, 2.2.
Result<void> OpensslKeyExchange::check_modp(ByteView peer_public) const {
  const GroupRow& row = *group_.row;
  const Number y(BN_bin2bn(peer_public.data(), static_cast<int>(peer_public.size()), nullptr));
  const Number last(BN_dup(group_.prime.get()));
  if (y == nullptr || last == nullptr || BN_sub_word(last.get(), 1) == 0) {
    return fail(failure("reading a public value"));
  }
  if (BN_is_zero(y.get()) || BN_is_one(y.get()) || BN_cmp(y.get(), last.get()) >= 0) {
    return refuse(row, "must be between 1 and p-1",
                  BN_is_zero(y.get())  ? "0"
                  : BN_is_one(y.get()) ? "1"
                                       : "p-1 or more");
  }
  return group_.subgroup_order == nullptr ? Result<void>{} : check_subgroup(y);
}

Result<void> OpensslKeyExchange::check_subgroup(const Number& y) const {
  const Number power(BN_new());
  const NumberContext scratch(BN_CTX_new_ex(library_->context()));
  // In variable time: the peer's value is public.
  if (power == nullptr || scratch == nullptr ||
      BN_mod_exp_mont(power.get(), y.get(), group_.subgroup_order.get(), group_.prime.get(),
                      scratch.get(), group_.montgomery.get()) == 0) {
    return fail(failure("subgroup check"));
  }
  if (!BN_is_one(power.get())) {
    return refuse(*group_.row, "must be in the subgroup of order q", "y^q mod p other than 1");
  }
  return {};
}

Result<Key> OpensslKeyExchange::peer_key(ByteView peer_public) const {
  const GroupRow& row = *group_.row;
  if (row.kind == GroupKind::x25519) {
    Key peer(EVP_PKEY_new_raw_public_key_ex(library_->context(), "X25519", nullptr,
                                            peer_public.data(), peer_public.size()));
    if (peer == nullptr) return fail(failure("reading a public value"));
    return peer;
  }
  Bytes encoded;
  encoded.reserve(1 + peer_public.size());
  if (row.kind == GroupKind::ecp) encoded.push_back(kUncompressedPoint);
  append(encoded, peer_public);

  Key peer(EVP_PKEY_new());
  if (peer == nullptr || EVP_PKEY_copy_parameters(peer.get(), group_.parameters.get()) <= 0) {
    return fail(failure("parameters of a peer's key"));
  }
  if (EVP_PKEY_set1_encoded_public_key(peer.get(), encoded.data(), encoded.size()) <= 0) {
    return refuse(row,
                  row.kind == GroupKind::ecp ? "must be a point of the curve" : "must be valid",
                  failure("reading it").what);
  }
  return peer;
}

Result<Secret> OpensslKeyExchange::derive_with(const Key& peer) const {
  const GroupRow& row = *group_.row;
  const KeyContext context(EVP_PKEY_CTX_new_from_pkey(library_->context(), key_.get(), nullptr));
  if (context == nullptr || EVP_PKEY_derive_init(context.get()) <= 0) {
    return fail(failure("key agreement"));
  }
  // NOTE: OpenSSL's own check of a MODP value raises it to the power q = (p-1)/2, four times the
  // cost of the agreement; for a safe prime check_modp() is all that RFC 6989 2.1 asks. A short
  // secret is padded to the length of p (RFC 7296 2.14).
  const int full_check = row.kind == GroupKind::ecp ? 1 : 0;
  if (row.kind == GroupKind::modp && EVP_PKEY_CTX_set_dh_pad(context.get(), 1) <= 0) {
    return fail(failure("padding of the shared secret"));
  }
  if (EVP_PKEY_derive_set_peer_ex(context.get(), peer.get(), full_check) <= 0) {
    return refuse(row, "must be valid", failure("checking it").what);
  }
  Secret shared(row.shared_bytes);
  std::size_t size = shared.size();
  const bool derived = EVP_PKEY_derive(context.get(), shared.writable().data(), &size) > 0;
  if (row.kind == GroupKind::x25519 &&
      (!derived || std::ranges::all_of(shared.view(), [](std::uint8_t b) { return b == 0; }))) {
    ERR_clear_error();
    return refuse(row, "must not be of small order (RFC 7748 6.1)", "an all-zero secret");
  }
  if (!derived || size != shared.size()) return fail(failure("key agreement"));
  return shared;
}

std::expected<std::unique_ptr<KeyExchange>, Misuse> exchange_over(
    std::shared_ptr<const Library> library, const Group& group, std::expected<Key, Misuse> key) {
  if (!key) return std::unexpected(key.error());
  auto value = wire_public_value(*group.row, *key);
  if (!value) return std::unexpected(value.error());
  return std::make_unique<OpensslKeyExchange>(std::move(library), group, std::move(*key),
                                              std::move(*value));
}

}  // namespace

std::expected<std::unique_ptr<KeyExchange>, Misuse> generate_exchange(
    std::shared_ptr<const Library> library, const Group& group) {
  auto key = generate_key(library->context(), group);
  return exchange_over(std::move(library), group, std::move(key));
}

std::expected<std::unique_ptr<KeyExchange>, Misuse> import_exchange(
    std::shared_ptr<const Library> library, const Group& group, const Secret& private_value) {
  auto key = import_key(library->context(), group, private_value.view());
  return exchange_over(std::move(library), group, std::move(key));
}

}  // namespace ipsec::crypto::openssl
