#include "ike/crypto/weak_keys.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace ipsec::crypto {
namespace {

constexpr std::size_t kDesKeyBytes = 8;
constexpr std::uint8_t kWithoutParity = 0xfe;  // the lowest bit of each byte (FIPS 46-3)

using DesKey = std::array<std::uint8_t, kDesKeyBytes>;

// A half of the key schedule that is all zeros, all ones or alternating is the same after each of
// its rotations: from the four values of both halves come the 16 keys. Those where both halves are
// all zeros or all ones are the weak ones, and come first.
constexpr auto kWeakKeys = std::to_array<DesKey>({
    {0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01},
    {0x1f, 0x1f, 0x1f, 0x1f, 0x0e, 0x0e, 0x0e, 0x0e},
    {0xe0, 0xe0, 0xe0, 0xe0, 0xf1, 0xf1, 0xf1, 0xf1},
    {0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe},
    // The semi-weak ones, in pairs that decrypt each other.
    {0x01, 0xfe, 0x01, 0xfe, 0x01, 0xfe, 0x01, 0xfe},
    {0xfe, 0x01, 0xfe, 0x01, 0xfe, 0x01, 0xfe, 0x01},
    {0x1f, 0xe0, 0x1f, 0xe0, 0x0e, 0xf1, 0x0e, 0xf1},
    {0xe0, 0x1f, 0xe0, 0x1f, 0xf1, 0x0e, 0xf1, 0x0e},
    {0x01, 0xe0, 0x01, 0xe0, 0x01, 0xf1, 0x01, 0xf1},
    {0xe0, 0x01, 0xe0, 0x01, 0xf1, 0x01, 0xf1, 0x01},
    {0x1f, 0xfe, 0x1f, 0xfe, 0x0e, 0xfe, 0x0e, 0xfe},
    {0xfe, 0x1f, 0xfe, 0x1f, 0xfe, 0x0e, 0xfe, 0x0e},
    {0x01, 0x1f, 0x01, 0x1f, 0x01, 0x0e, 0x01, 0x0e},
    {0x1f, 0x01, 0x1f, 0x01, 0x0e, 0x01, 0x0e, 0x01},
    {0xe0, 0xfe, 0xe0, 0xfe, 0xf1, 0xfe, 0xf1, 0xfe},
    {0xfe, 0xe0, 0xfe, 0xe0, 0xfe, 0xf1, 0xfe, 0xf1},
});

// In a time that does not depend on where the first difference is: one side is a key in use.
bool same_des_key(ByteView a, ByteView b) {
  std::uint8_t difference = 0;
  for (std::size_t i = 0; i < kDesKeyBytes; ++i) {
    difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
  }
  return (difference & kWithoutParity) == 0;
}

}  // namespace

bool is_weak_des_key(ByteView key) {
  return key.size() == kDesKeyBytes && std::ranges::any_of(kWeakKeys, [&](const DesKey& weak) {
           return same_des_key(key, weak);
         });
}

std::optional<std::string_view> weakness(const EncryptionRow& encryption, ByteView key) {
  if (encryption.id == EncryptionId::des && is_weak_des_key(key)) {
    return "a weak or semi-weak DES key";
  }
  if (encryption.id == EncryptionId::triple_des && key.size() == 3 * kDesKeyBytes) {
    const ByteView middle = key.subspan(kDesKeyBytes, kDesKeyBytes);
    if (same_des_key(key.first(kDesKeyBytes), middle) ||
        same_des_key(middle, key.last(kDesKeyBytes))) {
      return "a 3DES key with two equal parts in a row, which is single DES";
    }
  }
  return std::nullopt;
}

}  // namespace ipsec::crypto
