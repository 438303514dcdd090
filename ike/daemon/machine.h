// What this machine's /proc and /sys say of its network: settings, devices, routes, sockets.
//
// NOTE: Limits. Routes are those of the main table: who routes by policy knows better than this.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ike/base/address.h"
#include "ike/base/cidr.h"

namespace ipsec::daemon {

struct Route {
  Cidr destination;
  std::optional<Address> next_hop;  // none: the destination is on the link
  std::string device;
  std::uint32_t metric = 0;
  bool rejects = false;
  bool operator==(const Route&) const = default;
};

// Of the longest prefix the one with the least metric; null where nothing leads there.
[[nodiscard]] const Route* route_to(std::span<const Route> routes, const Address& address);

// As /proc/net/route and /proc/net/ipv6_route have them; lines that make no sense are left out.
[[nodiscard]] std::vector<Route> parse_routes_v4(std::string_view text);
[[nodiscard]] std::vector<Route> parse_routes_v6(std::string_view text);

struct Device {
  std::string name;
  std::uint32_t mtu_bytes = 0;
  std::vector<Address> addresses;
  std::map<std::string, int, std::less<>> ipv4;  // its settings under net.ipv4.conf
  std::map<std::string, int, std::less<>> ipv6;

  [[nodiscard]] bool has(const Address& address) const;
  [[nodiscard]] std::optional<int> setting(Family family, std::string_view name) const;
};

// The device that has the address; null where none has it.
[[nodiscard]] const Device* device_with(std::span<const Device> devices, const Address& address);
[[nodiscard]] const Device* device_named(std::span<const Device> devices, std::string_view name);

// Reads below `root`: "/" is the machine itself, a test points it elsewhere.
class Machine {
 public:
  explicit Machine(std::filesystem::path root = "/") : root_(std::move(root)) {}

  // Without its last line ends; nothing where the file cannot be read.
  [[nodiscard]] std::optional<std::string> read(const std::filesystem::path& file) const;
  // "net/ipv4/ip_forward"
  [[nodiscard]] std::optional<std::uint64_t> setting(const std::string& name) const;

  // Addresses are those of the calling process's network namespace, whatever the root.
  [[nodiscard]] std::vector<Device> devices() const;
  [[nodiscard]] std::vector<Route> routes() const;
  // The inodes of UDP sockets bound to the port.
  [[nodiscard]] std::set<std::uint64_t> udp_sockets(std::uint16_t port) const;
  // The inodes of the process's own sockets.
  [[nodiscard]] std::set<std::uint64_t> own_sockets() const;
  // Of ip_tables and ip6_tables, by name: "filter", "nat".
  [[nodiscard]] std::vector<std::string> iptables() const;

 private:
  std::filesystem::path root_;
};

// Of nftables, all families, as the kernel tells; nothing where it has none or may not be asked.
[[nodiscard]] std::vector<std::string> nftables();
// Where a packet to there would leave from; nothing without a route. IPsec policies are passed by.
[[nodiscard]] std::optional<Address> source_towards(const Address& remote);
// Whether the kernel's clock is kept by NTP or the like.
[[nodiscard]] bool clock_is_synchronised();

}  // namespace ipsec::daemon
