// The algorithms that whole handshakes are measured with.
#pragma once

#include <string_view>

namespace ipsec::bench {

struct Suite {
  std::string_view name;
  std::string_view encryption;
  std::string_view integrity;  // empty with an AEAD
  std::string_view group;
  const char* bare_type;
  const char* bare_group;
};

// What many peers still ask for, and the cheapest handshake there is, beside which nothing hides.
inline constexpr Suite kUsual{
    "modp2048-aes128-sha256", "aes128", "sha256", "modp2048", "DH", "modp_2048"};
inline constexpr Suite kCheapest{
    "x25519-aes128gcm16", "aes128gcm16", "", "x25519", "X25519", nullptr};
inline constexpr Suite kSuites[] = {kUsual, kCheapest};

}  // namespace ipsec::bench
