// Who a peer says it is (RFC 7296 3.5).
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "ike/base/address.h"
#include "ike/base/bytes.h"

namespace ipsec {

// An open enum: numbers without a name are kept as they came.
enum class IdType : std::uint8_t {
  ipv4 = 1,
  fqdn = 2,
  rfc822 = 3,
  ipv6 = 5,
  der_asn1_dn = 9,
  der_asn1_gn = 10,
  key_id = 11,
};

struct Identity {
  IdType type = IdType::ipv4;
  Bytes data;

  [[nodiscard]] static Identity of(const Address& address);
  // As an operator writes it: an address, `user@example.com`, `vpn.example.com` (also with
  // strongSwan's leading '@'), or `key:TEXT` / `key:0xHEX` for a key id. Nothing where it is empty,
  // longer than 255 bytes or holds white space or control characters.
  [[nodiscard]] static std::optional<Identity> parse(std::string_view text);
  // The inverse of parse; bytes that are not printable appear as \xHH, so a peer cannot write into
  // a terminal or a log.
  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const Identity&) const = default;
};

}  // namespace ipsec

template <>
struct std::hash<ipsec::Identity> {
  std::size_t operator()(const ipsec::Identity& identity) const noexcept {
    return std::hash<std::string_view>{}(ipsec::as_text(identity.data)) * 31 +
           static_cast<std::size_t>(identity.type);
  }
};
