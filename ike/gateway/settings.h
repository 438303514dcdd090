// What an operator sets for the gateway as a whole, and what holds where nothing is set.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ike/base/address.h"
#include "ike/gateway/access.h"
#include "route/model.h"

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

struct RouteSettings {
  std::uint32_t protocol = 113;                         // how our routes are known from others'
  route::Target bgp_table{.table = {.name = "10179"}};  // what tunnels of route_mode bgp write into
  std::chrono::seconds up_delay{0};                     // from a child until its routes come
  std::chrono::seconds down_delay{2};                   // from its end until they go
  std::chrono::seconds restart_grace{60};  // routes found at the start wait for their tunnels
  std::map<std::string, std::string, std::less<>> programs;  // by the name that tables give
  std::chrono::seconds program_timeout{10};
  std::uint32_t program_concurrency = 4;
  bool operator==(const RouteSettings&) const = default;
};

struct Settings {
  Limits limits;
  LifetimeRange lifetimes;
  std::vector<Address> public_pool;  // what `public_address = "auto"` takes from (M111)
  RouteSettings routes;
  bool operator==(const Settings&) const = default;
};

// --- of the daemon itself ----------------------------------------------------------------------

struct ControlSettings {
  std::string group = "ipsecd";  // of the system; its members may do everything
  std::string readers;           // its members may look; empty: nobody but those
  bool operator==(const ControlSettings&) const = default;
};

enum class LogLevel : std::uint8_t { error, warning, info, debug };

struct LogSettings {
  std::string to = "stderr";  // or "journal", or a file with its whole path
  LogLevel level = LogLevel::info;
  std::map<std::string, LogLevel, std::less<>> tunnels;  // by name
  bool operator==(const LogSettings&) const = default;
};

struct KernelSettings {
  bool tune = true;
  std::vector<std::string> offload;  // network devices
  bool operator==(const KernelSettings&) const = default;
};

// All of ipsecd.toml; schema/settings.cpp has a row for each member.
struct DaemonSettings {
  Settings gateway;
  ControlSettings control;
  std::map<std::string, std::string, std::less<>> accounts;  // by user of the system
  std::vector<Address> listen;                               // none: all addresses
  LogSettings log;
  KernelSettings kernel;
  std::uint32_t threads = 0;  // of the worker pool; 0: one a processor
  bool operator==(const DaemonSettings&) const = default;
};

// One setting by its row's name, as texts in their canonical spelling. `key` is the user's own key
// where the row is `keyed`.
[[nodiscard]] std::expected<void, BadValue> set_setting(DaemonSettings& settings,
                                                        std::string_view name, std::string_view key,
                                                        const FieldValue& value);
// Of a keyed one "KEY=VALUE" each.
[[nodiscard]] FieldValue get_setting(const DaemonSettings& settings, std::string_view name);

}  // namespace ipsec::gateway
