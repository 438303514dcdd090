// An address with a UDP port, and ranges of ports.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "ike/base/address.h"

namespace ipsec {

inline constexpr std::uint16_t kIkePort = 500;    // RFC 7296 2
inline constexpr std::uint16_t kNattPort = 4500;  // RFC 3948, RFC 7296 2.23

struct Endpoint {
  Address address;
  std::uint16_t port = 0;

  // "192.0.2.1:500", "[2001:db8::1]:500".
  [[nodiscard]] std::string to_string() const;
  auto operator<=>(const Endpoint&) const = default;
};

// Inclusive; the default is every port.
//
// NOTE: OPAQUE (RFC 4301 4.4.1.1) is written 65535-0: packets whose port cannot be seen. Only "any"
// and OPAQUE itself contain it; every other range has first <= last.
struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 65535;

  [[nodiscard]] static constexpr PortRange opaque() { return {65535, 0}; }
  [[nodiscard]] bool is_any() const { return first == 0 && last == 65535; }
  [[nodiscard]] bool is_opaque() const { return first == 65535 && last == 0; }
  [[nodiscard]] bool contains(const PortRange& other) const;
  [[nodiscard]] std::optional<PortRange> intersection(const PortRange& other) const;
  [[nodiscard]] std::string to_string() const;
  auto operator<=>(const PortRange&) const = default;
};

}  // namespace ipsec

template <>
struct std::hash<ipsec::Endpoint> {
  std::size_t operator()(const ipsec::Endpoint& endpoint) const noexcept {
    return std::hash<ipsec::Address>{}(endpoint.address) * 65599 + endpoint.port;
  }
};
