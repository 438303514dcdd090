// Routes and the tables they go into, as plain data. Everybody may look at it.
#pragma once

#include <compare>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ike/base/address.h"
#include "ike/base/cidr.h"
#include "ike/base/strong_id.h"

namespace ipsec::route {

// --- tables ------------------------------------------------------------------------------------

inline constexpr std::string_view kKernelDriver = "kernel";

// Where routes go. `driver` is "kernel", or the name that ipsecd.toml gives to a program.
struct Table {
  std::string driver{kKernelDriver};
  // The kernel's number in digits; another driver's own name for it. Empty where `vrf` says it.
  std::string name{};
  std::string netns{};  // of the kernel driver: a named network namespace; empty: the daemon's own
  std::string vrf{};    // of the kernel driver: the table of this VRF device

  [[nodiscard]] bool is_kernel() const { return driver == kKernelDriver; }
  auto operator<=>(const Table&) const = default;
};

// What the next hop of routes in a table is.
struct WayToPeer {  // as this machine's own routes lead to the peer's address
  auto operator<=>(const WayToPeer&) const = default;
};
struct ViaDevice {  // of a route-based tunnel
  std::string device;
  auto operator<=>(const ViaDevice&) const = default;
};
struct OwnAddress {  // the gateway's own, as hosts beside it know it
  auto operator<=>(const OwnAddress&) const = default;
};
using NextHop = std::variant<WayToPeer, Address, ViaDevice, OwnAddress>;

// What a subnet says of its routes: "101", "kernel:101,netns=blue,via=10.0.1.1", "vrf:red",
// "rest:rtb-0a1b".
struct Target {
  Table table;
  NextHop next_hop{};
  bool with_rule = false;  // packets from the subnet are led to the table by an `ip rule`
  auto operator<=>(const Target&) const = default;
};

// [DRIVER:]NAME[,netns=NAME][,via=ADDRESS][,dev=DEVICE][,rule], or vrf:NAME with the same. The
// error says what is wanted.
[[nodiscard]] std::expected<Target, std::string> parse_target(std::string_view text);
// Its inverse; what is the default is left out.
[[nodiscard]] std::string to_string(const Target& target);
// "101", "101 in netns blue", "vrf red", "rest:rtb-0a1b".
[[nodiscard]] std::string to_string(const Table& table);

// --- routes ------------------------------------------------------------------------------------

struct Hop {
  std::optional<Address> via;  // none: the destination is on the link of `device`
  std::string device;          // empty: the table's owner finds it from `via`
  auto operator<=>(const Hop&) const = default;
};

// How this machine reaches an address.
struct Way {
  Hop hop;
  std::uint32_t mtu = 0;  // bytes: the path's, as far as the kernel knows it, else the device's
  bool operator==(const Way&) const = default;
};

// A table has one place for these two.
struct Key {
  Cidr destination;
  std::uint32_t metric = 0;  // the smaller one is taken
  auto operator<=>(const Key&) const = default;
};

struct Route {
  Key key;
  std::vector<Hop> hops;     // in order; several share the load; none: a blackhole
  std::uint32_t mtu = 0;     // bytes; 0: the device's
  std::uint32_t advmss = 0;  // bytes; 0: from the MTU

  [[nodiscard]] bool is_blackhole() const { return hops.empty(); }
  auto operator<=>(const Route&) const = default;
};
// "10.0.2.0/24 via 10.0.1.1 dev eth0 metric 100 mtu 1438", "blackhole 10.0.2.0/24 metric 100".
[[nodiscard]] std::string to_string(const Route& route);

// Leads packets from a range to the table it belongs to.
struct Rule {
  Cidr from;
  auto operator<=>(const Rule&) const = default;
};

// --- what goes wrong ---------------------------------------------------------------------------

struct Trouble {
  enum class Kind : std::uint8_t {
    conflict,      // somebody else's route has the place
    no_table,      // the table does not exist, or its VRF
    no_namespace,  // the network namespace is not there
    unreachable,   // the next hop is not
    forbidden,     // we may not
    driver,        // a program that hangs, dies or lies
    other,
  };
  Kind kind{};
  std::string why;  // with what to do, in a line
  bool operator==(const Trouble&) const = default;
};

}  // namespace ipsec::route

template <>
struct std::hash<ipsec::route::Key> {
  std::size_t operator()(const ipsec::route::Key& key) const noexcept {
    return std::hash<ipsec::Cidr>{}(key.destination) * 31 + key.metric;
  }
};
