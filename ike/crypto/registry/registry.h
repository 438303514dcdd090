// Every algorithm the gateway knows, one row each: its IANA numbers (IKEv2 and IKEv1), its sizes,
// its names for people, for OpenSSL and for the Linux kernel. Data only: nothing here computes, so
// wire, core, xfrm and the command line all read the same table.
//
// NOTE: Adding an algorithm is one row here (and, for a new kind of cipher, its OpenSSL name).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ipsec {

// RFC 7296 3.3.2. Open enums: a number without a name here is kept and printed as it came.
enum class TransformType : std::uint8_t {
  encryption = 1,
  prf = 2,
  integrity = 3,
  key_exchange = 4,
  extended_sequence_numbers = 5,
};

// Transform ids have 16 bits (RFC 7296 3.3.2), whatever is assigned yet.
// NOLINTBEGIN(performance-enum-size): for that reason
enum class EncryptionId : std::uint16_t {
  des = 2,
  triple_des = 3,
  null = 11,
  aes_cbc = 12,
  aes_ctr = 13,
  aes_gcm_16 = 20,
  chacha20_poly1305 = 28,  // RFC 7634
};

enum class PrfId : std::uint16_t {
  hmac_md5 = 1,
  hmac_sha1 = 2,
  hmac_sha2_256 = 5,
  hmac_sha2_384 = 6,
  hmac_sha2_512 = 7,
};

enum class IntegrityId : std::uint16_t {
  none = 0,
  hmac_md5_96 = 1,
  hmac_sha1_96 = 2,
  hmac_sha2_256_128 = 12,
  hmac_sha2_384_192 = 13,
  hmac_sha2_512_256 = 14,
};

// IKEv1 has the same numbers (RFC 2409 6, RFC 3526, RFC 5903, RFC 5114). IANA lists no 31 there,
// but those that speak it at all call it so.
enum class GroupId : std::uint16_t {
  none = 0,
  modp768 = 1,
  modp1024 = 2,
  modp1536 = 5,
  modp2048 = 14,
  modp3072 = 15,
  modp4096 = 16,
  modp6144 = 17,
  modp8192 = 18,
  ecp256 = 19,
  ecp384 = 20,
  ecp521 = 21,
  modp2048_256 = 24,  // RFC 5114 2.3
  x25519 = 31,        // RFC 8031
};

enum class EsnId : std::uint16_t { no = 0, yes = 1 };
// NOLINTEND(performance-enum-size)

enum class HashId : std::uint8_t { md5, sha1, sha2_256, sha2_384, sha2_512 };

// What the `modern` profile drops and `tunnel show` warns of.
enum class Strength : std::uint8_t { weak, fair, strong };

struct EncryptionRow {
  EncryptionId id;
  std::uint16_t key_bits;    // as in the Key Length attribute; 0 where the RFC forbids one
  std::string_view name;     // "aes128gcm16"
  std::uint8_t key_bytes;    // without the salt
  std::uint8_t salt_bytes;   // taken from KEYMAT behind the key (RFC 5282, 3686, 7634)
  std::uint8_t iv_bytes;     // explicit, on the wire
  std::uint8_t block_bytes;  // what the plaintext is padded to
  std::uint8_t icv_bytes;    // 0 where a separate integrity algorithm is needed
  bool usable_for_ike;       // NULL is for ESP only
  std::uint8_t v1_phase1;    // RFC 2409 appendix A encryption class; 0 is none
  std::uint8_t v1_esp;       // RFC 2407 4.4.4 transform; 0 is none
  std::string_view openssl;  // "" where none is needed
  std::string_view kernel;   // "rfc4106(gcm(aes))"
  std::string_view kernel_module;
  Strength strength;

  [[nodiscard]] constexpr bool is_aead() const { return icv_bytes != 0; }
};

struct IntegrityRow {
  IntegrityId id;
  std::string_view name;  // "sha256"
  std::uint8_t key_bytes;
  std::uint8_t icv_bytes;  // on the wire, truncated
  HashId hash;
  std::uint8_t v1_auth;     // RFC 2407 4.5 Authentication Algorithm attribute
  std::uint8_t v1_ah;       // RFC 2407 4.4.3 AH transform
  std::string_view kernel;  // "hmac(sha256)"
  std::string_view kernel_module;
  Strength strength;
};

struct PrfRow {
  PrfId id;
  std::string_view name;      // "prfsha256"
  std::uint8_t output_bytes;  // also the preferred key length (RFC 7296 2.13)
  HashId hash;
  std::uint8_t v1_hash;  // RFC 2409 appendix A hash class
  Strength strength;
};

enum class GroupKind : std::uint8_t { modp, ecp, x25519 };

struct GroupRow {
  GroupId id;
  std::string_view name;  // "modp2048"
  GroupKind kind;
  std::uint16_t public_bytes;  // the KE payload's data: exactly this many (RFC 7296 3.4)
  std::uint16_t shared_bytes;
  std::string_view openssl;  // group or curve name; "" where p and g are given by hand
  Strength strength;
};

[[nodiscard]] std::span<const EncryptionRow> all_encryption();
[[nodiscard]] std::span<const IntegrityRow> all_integrity();
[[nodiscard]] std::span<const PrfRow> all_prfs();
[[nodiscard]] std::span<const GroupRow> all_groups();

// Null where the registry has no such row.
[[nodiscard]] const EncryptionRow* find_encryption(EncryptionId id, std::uint16_t key_bits);
[[nodiscard]] const IntegrityRow* find_integrity(IntegrityId id);
[[nodiscard]] const PrfRow* find_prf(PrfId id);
[[nodiscard]] const GroupRow* find_group(GroupId id);

[[nodiscard]] const EncryptionRow* find_encryption(std::string_view name);
[[nodiscard]] const IntegrityRow* find_integrity(std::string_view name);
[[nodiscard]] const PrfRow* find_prf(std::string_view name);
[[nodiscard]] const GroupRow* find_group(std::string_view name);

// --- By IKEv1's numbers; null for 0, which is a row's "none". Groups have IKEv2's numbers. ---

// RFC 2409 appendix A. `key_bits` is the Key Length attribute, 0 without one: AES must have it
// (RFC 3602 5.3), DES and 3DES must not. Nothing that is not CBC has a number: phase 1 is older.
[[nodiscard]] const EncryptionRow* find_v1_phase1(std::uint16_t number, std::uint16_t key_bits);
// RFC 2409 appendix A. The hash decides the PRF, HMAC of it: no other was ever registered.
[[nodiscard]] const PrfRow* find_v1_hash(std::uint16_t number);
// RFC 2407 4.4.4, 4.4.3 and 4.5: ESP and AH transforms, the Authentication Algorithm attribute.
[[nodiscard]] const EncryptionRow* find_v1_esp(std::uint16_t transform, std::uint16_t key_bits);
[[nodiscard]] const IntegrityRow* find_v1_ah(std::uint16_t transform);
[[nodiscard]] const IntegrityRow* find_v1_auth(std::uint16_t number);

}  // namespace ipsec
