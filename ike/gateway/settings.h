// What an operator sets for the gateway as a whole, and what holds where nothing is set.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "ike/base/address.h"

namespace ipsec::gateway {

// The platforms' limits (M21-M27). An operator raises them; a refusal names the one that was met.
struct Limits {
  std::size_t tunnels_per_gateway = 20;
  std::size_t tunnels_per_peer = 20;
  std::size_t gateways_per_vpc = 10;
  std::size_t peers_per_region = 20;
  std::size_t peer_cidrs_per_tunnel = 20;
  std::size_t rules_per_tunnel = 10;
  std::size_t peer_cidrs_per_rule = 50;
  bool operator==(const Limits&) const = default;
};

struct LifetimeRange {
  std::chrono::seconds least{3600};
  std::chrono::seconds most{86400};
  bool operator==(const LifetimeRange&) const = default;
};
inline constexpr LifetimeRange kWideLifetimes{std::chrono::seconds(60),
                                              std::chrono::seconds(604800)};

struct Settings {
  Limits limits;
  LifetimeRange lifetimes;
  std::vector<Address> public_pool;  // what `public_address = "auto"` takes from (M111)
  bool operator==(const Settings&) const = default;
};

}  // namespace ipsec::gateway
