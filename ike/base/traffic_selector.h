// What a child SA may carry in one direction: addresses, an IP protocol and ports (RFC
// 7296 3.13.1).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "ike/base/address.h"
#include "ike/base/cidr.h"
#include "ike/base/endpoint.h"

namespace ipsec {

struct TrafficSelector {
  AddressRange addresses = Cidr{}.range();
  std::uint8_t protocol = 0;  // 0 is any
  PortRange ports;            // meaningless, and any, where protocol is 0

  [[nodiscard]] static TrafficSelector of(const Cidr& cidr) { return {cidr.range(), 0, {}}; }

  [[nodiscard]] bool contains(const TrafficSelector& other) const;
  [[nodiscard]] std::optional<TrafficSelector> intersection(const TrafficSelector& other) const;
  // "10.0.1.0/24", "10.0.1.5-10.0.1.9 protocol 6 ports 443".
  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const TrafficSelector&) const = default;
};

}  // namespace ipsec
