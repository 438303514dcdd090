#include "ike/crypto/registry/registry.h"

#include <algorithm>
#include <array>

namespace ipsec {
namespace {

using enum EncryptionId;
using enum PrfId;
using enum IntegrityId;
using enum HashId;
using enum Strength;

// The order is that of listings; what to offer first is the profiles' business. `weak` is exactly
// what the `modern` profile drops, and NULL. `kernel_module` is the one whose absence is likeliest:
// the templates (cbc, hmac, authenc) are loaded with it.
// clang-format off
constexpr auto kEncryption = std::to_array<EncryptionRow>({
    // id, bits, name, key, salt, iv, block, icv, ike, v1 phase 1, v1 esp, openssl, kernel, module
    {aes_gcm_16, 128, "aes128gcm16", 16, 4, 8, 1, 16, true, 0, 20,
     "AES-128-GCM", "rfc4106(gcm(aes))", "gcm", strong},
    {aes_gcm_16, 192, "aes192gcm16", 24, 4, 8, 1, 16, true, 0, 20,
     "AES-192-GCM", "rfc4106(gcm(aes))", "gcm", strong},
    {aes_gcm_16, 256, "aes256gcm16", 32, 4, 8, 1, 16, true, 0, 20,
     "AES-256-GCM", "rfc4106(gcm(aes))", "gcm", strong},
    // RFC 7634 3: no Key Length attribute; IKEv1 has no number for it.
    {chacha20_poly1305, 0, "chacha20poly1305", 32, 4, 8, 1, 16, true, 0, 0,
     "ChaCha20-Poly1305", "rfc7539esp(chacha20,poly1305)", "chacha20poly1305", strong},
    {aes_cbc, 128, "aes128", 16, 0, 16, 16, 0, true, 7, 12, "AES-128-CBC", "cbc(aes)", "cbc", strong},
    {aes_cbc, 192, "aes192", 24, 0, 16, 16, 0, true, 7, 12, "AES-192-CBC", "cbc(aes)", "cbc", strong},
    {aes_cbc, 256, "aes256", 32, 0, 16, 16, 0, true, 7, 12, "AES-256-CBC", "cbc(aes)", "cbc", strong},
    {aes_ctr, 128, "aes128ctr", 16, 4, 8, 1, 0, true, 0, 13,
     "AES-128-CTR", "rfc3686(ctr(aes))", "ctr", strong},
    {aes_ctr, 192, "aes192ctr", 24, 4, 8, 1, 0, true, 0, 13,
     "AES-192-CTR", "rfc3686(ctr(aes))", "ctr", strong},
    {aes_ctr, 256, "aes256ctr", 32, 4, 8, 1, 0, true, 0, 13,
     "AES-256-CTR", "rfc3686(ctr(aes))", "ctr", strong},
    {triple_des, 0, "3des", 24, 0, 8, 8, 0, true, 5, 3,
     "DES-EDE3-CBC", "cbc(des3_ede)", "des_generic", weak},
    {des, 0, "des", 8, 0, 8, 8, 0, true, 1, 2, "DES-CBC", "cbc(des)", "des_generic", weak},
    {null, 0, "null", 0, 0, 0, 1, 0, false, 0, 11, "", "ecb(cipher_null)", "crypto_null", weak},
});

constexpr auto kIntegrity = std::to_array<IntegrityRow>({
    // id, name, key, icv, hash, v1 attribute, v1 AH transform, kernel, module
    {hmac_sha2_256_128, "sha256", 32, 16, sha2_256, 5, 5, "hmac(sha256)", "sha256_generic", strong},
    {hmac_sha2_384_192, "sha384", 48, 24, sha2_384, 6, 6, "hmac(sha384)", "sha512_generic", strong},
    {hmac_sha2_512_256, "sha512", 64, 32, sha2_512, 7, 7, "hmac(sha512)", "sha512_generic", strong},
    {hmac_sha1_96, "sha1", 20, 12, sha1, 2, 3, "hmac(sha1)", "sha1_generic", weak},
    {hmac_md5_96, "md5", 16, 12, md5, 1, 2, "hmac(md5)", "md5", weak},
});

constexpr auto kPrfs = std::to_array<PrfRow>({
    // id, name, output, hash, v1 hash class
    {hmac_sha2_256, "prfsha256", 32, sha2_256, 4, strong},
    {hmac_sha2_384, "prfsha384", 48, sha2_384, 5, strong},
    {hmac_sha2_512, "prfsha512", 64, sha2_512, 6, strong},
    {hmac_sha1, "prfsha1", 20, sha1, 2, weak},
    {hmac_md5, "prfmd5", 16, md5, 1, weak},
});

constexpr auto kGroups = std::to_array<GroupRow>({
    {GroupId::x25519, "x25519", GroupKind::x25519, 32, 32, "X25519", strong},
    {GroupId::ecp256, "ecp256", GroupKind::ecp, 64, 32, "P-256", strong},
    {GroupId::ecp384, "ecp384", GroupKind::ecp, 96, 48, "P-384", strong},
    {GroupId::ecp521, "ecp521", GroupKind::ecp, 132, 66, "P-521", strong},
    {GroupId::modp8192, "modp8192", GroupKind::modp, 1024, 1024, "modp_8192", strong},
    {GroupId::modp6144, "modp6144", GroupKind::modp, 768, 768, "modp_6144", strong},
    {GroupId::modp4096, "modp4096", GroupKind::modp, 512, 512, "modp_4096", strong},
    {GroupId::modp3072, "modp3072", GroupKind::modp, 384, 384, "modp_3072", strong},
    {GroupId::modp2048, "modp2048", GroupKind::modp, 256, 256, "modp_2048", fair},
    {GroupId::modp2048_256, "modp2048s256", GroupKind::modp, 256, 256, "dh_2048_256", weak},
    {GroupId::modp1536, "modp1536", GroupKind::modp, 192, 192, "modp_1536", weak},
    {GroupId::modp1024, "modp1024", GroupKind::modp, 128, 128, "", weak},
    {GroupId::modp768, "modp768", GroupKind::modp, 96, 96, "", weak},
});
// clang-format on

template <typename Row, std::size_t size, typename Matches>
const Row* first(const std::array<Row, size>& rows, Matches matches) {
  const auto row = std::ranges::find_if(rows, matches);
  return row == rows.end() ? nullptr : &*row;
}

template <typename Row, std::size_t size>
const Row* by_name(const std::array<Row, size>& rows, std::string_view name) {
  return first(rows, [&](const Row& row) { return row.name == name; });
}

// 0 in a row is no number.
template <typename Row, std::size_t size>
const Row* by_number(const std::array<Row, size>& rows, std::uint8_t Row::* column,
                     std::uint16_t number) {
  if (number == 0) return nullptr;
  return first(rows, [&](const Row& row) { return row.*column == number; });
}

template <std::size_t size>
const EncryptionRow* by_number(const std::array<EncryptionRow, size>& rows,
                               std::uint8_t EncryptionRow::* column, std::uint16_t number,
                               std::uint16_t key_bits) {
  if (number == 0) return nullptr;
  return first(rows, [&](const EncryptionRow& row) {
    return row.*column == number && row.key_bits == key_bits;
  });
}

}  // namespace

std::span<const EncryptionRow> all_encryption() { return kEncryption; }
std::span<const IntegrityRow> all_integrity() { return kIntegrity; }
std::span<const PrfRow> all_prfs() { return kPrfs; }
std::span<const GroupRow> all_groups() { return kGroups; }

const EncryptionRow* find_encryption(EncryptionId id, std::uint16_t key_bits) {
  return first(kEncryption,
               [&](const EncryptionRow& row) { return row.id == id && row.key_bits == key_bits; });
}

const IntegrityRow* find_integrity(IntegrityId id) {
  return first(kIntegrity, [&](const IntegrityRow& row) { return row.id == id; });
}

const PrfRow* find_prf(PrfId id) {
  return first(kPrfs, [&](const PrfRow& row) { return row.id == id; });
}

const GroupRow* find_group(GroupId id) {
  return first(kGroups, [&](const GroupRow& row) { return row.id == id; });
}

const EncryptionRow* find_encryption(std::string_view name) { return by_name(kEncryption, name); }
const IntegrityRow* find_integrity(std::string_view name) { return by_name(kIntegrity, name); }
const PrfRow* find_prf(std::string_view name) { return by_name(kPrfs, name); }

const GroupRow* find_group(std::string_view name) {
  // strongSwan's configurations write it both ways.
  return by_name(kGroups, name == "curve25519" ? "x25519" : name);
}

const EncryptionRow* find_v1_phase1(std::uint16_t number, std::uint16_t key_bits) {
  return by_number(kEncryption, &EncryptionRow::v1_phase1, number, key_bits);
}

const EncryptionRow* find_v1_esp(std::uint16_t transform, std::uint16_t key_bits) {
  return by_number(kEncryption, &EncryptionRow::v1_esp, transform, key_bits);
}

const PrfRow* find_v1_hash(std::uint16_t number) {
  return by_number(kPrfs, &PrfRow::v1_hash, number);
}

const IntegrityRow* find_v1_ah(std::uint16_t transform) {
  return by_number(kIntegrity, &IntegrityRow::v1_ah, transform);
}

const IntegrityRow* find_v1_auth(std::uint16_t number) {
  return by_number(kIntegrity, &IntegrityRow::v1_auth, number);
}

}  // namespace ipsec
