// `ipsecctl check`: whether this machine can be a gateway at all. What is so is gathered first, as
// plain data; what it means is judged by it alone.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ike/control/types/replies.h"
#include "ike/daemon/machine.h"
#include "xfrm/probe.h"

namespace ipsec::daemon {

// What of a tunnel the machine has to do with.
struct TunnelPath {
  std::string name;
  Address local;
  Address remote;                        // any: it comes from wherever
  std::vector<Family> families;          // of the packets inside
  std::vector<xfrm::Missing> missing{};  // in the kernel, without which it cannot be
};

struct UdpPort {
  std::uint16_t port = 0;
  bool ours = false;
  bool others = false;  // somebody else is there too
};

struct SystemFacts {
  xfrm::Features kernel;
  std::vector<TunnelPath> tunnels;
  std::vector<Device> devices;  // "all" and "default" among them, as the kernel lists them
  std::vector<Route> routes;
  std::vector<UdpPort> ports;
  std::optional<std::uint64_t> ip_forward;
  std::optional<std::uint64_t> ipv6_forwarding;
  std::optional<std::uint64_t> acquire_expires_s;
  std::optional<std::uint64_t> conntrack_count;
  std::optional<std::uint64_t> conntrack_max;
  std::vector<std::string> iptables;
  std::vector<std::string> nftables;
  bool clock_synchronised = true;
};

[[nodiscard]] SystemFacts gather(const Machine& machine, const xfrm::Features& kernel,
                                 std::vector<TunnelPath> tunnels);
[[nodiscard]] std::vector<control::Finding> judge(const SystemFacts& facts);

// "sysctl -w net.ipv4.ip_forward=1", and where to keep it.
[[nodiscard]] std::string sysctl_advice(std::string_view name, std::uint64_t value);
// A device's setting as sysctl names it: one with a dot in its own name takes slashes.
[[nodiscard]] std::string device_setting(Family family, std::string_view device,
                                         std::string_view name);

}  // namespace ipsec::daemon
