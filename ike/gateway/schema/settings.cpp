#include "ike/gateway/schema/settings.h"

#include <algorithm>
#include <array>
#include <vector>

namespace ipsec {
namespace {

constexpr Setting limit_setting(std::string_view name, std::string_view fallback,
                                std::string_view help) {
  return {name, Shape::number, false, false, "COUNT", fallback, help};
}
constexpr Setting flag_setting(std::string_view name, std::string_view fallback,
                               std::string_view help) {
  return {name, Shape::flag, false, false, "true|false", fallback, help};
}
constexpr Setting text_setting(std::string_view name, std::string_view placeholder,
                               std::string_view fallback, std::string_view help) {
  return {name, Shape::text, false, false, placeholder, fallback, help};
}
constexpr Setting list_setting(std::string_view name, std::string_view placeholder,
                               std::string_view help) {
  return {name, Shape::text, true, false, placeholder, "[]", help};
}
constexpr Setting keyed_setting(std::string_view name, std::string_view placeholder,
                                std::string_view help) {
  return {name, Shape::text, false, true, placeholder, "{}", help};
}
constexpr Setting at_start(Setting setting) {
  setting.at_start = true;
  return setting;
}

constexpr std::array kSettings{
    flag_setting("wide_lifetimes", "false",
                 "lifetimes of SAs may be 60 to 604800 s, not 3600 to 86400"),
    list_setting("public_pool", "ADDRESS",
                 R"(what `public_address = "auto"` of a gateway takes from)"),
    limit_setting("limits.tunnels_per_gateway", "20", "tunnels on one gateway"),
    limit_setting("limits.tunnels_per_peer", "20", "tunnels to one peer"),
    limit_setting("limits.gateways_per_vpc", "10", "gateways in one VPC"),
    limit_setting("limits.peers_per_region", "20", "peers of an account in one region"),
    limit_setting("limits.peer_cidrs_per_tunnel", "20", "peer ranges of a tunnel without rules"),
    limit_setting("limits.rules_per_tunnel", "10", "rules of a tunnel"),
    limit_setting("limits.peer_cidrs_per_rule", "50", "peer ranges of one rule"),
    text_setting("control.group", "GROUP", R"("ipsecd")",
                 "the system group whose members may do everything through the control socket"),
    text_setting("control.readers", "GROUP", R"("")",
                 "the system group whose members may look, and change nothing"),
    keyed_setting("accounts", "ACCOUNT", "the account that a user of the system works in"),
    at_start(
        list_setting("listen.addresses", "ADDRESS", "where UDP 500 and 4500 are opened; else all")),
    at_start(text_setting("log.to", "stderr|journal|FILE", R"("stderr")",
                          "where the daemon's log goes")),
    text_setting("log.level", "error|warning|info|debug", R"("info")",
                 "what is logged, and what is above"),
    keyed_setting("log.tunnels", "error|warning|info|debug", "the level of a tunnel, by its name"),
    at_start(limit_setting("routes.protocol", "113",
                           "the protocol number that our routes bear, and no others")),
    text_setting("routes.bgp_table", "TABLE[,OPTION...]", R"("10179")",
                 "the table that tunnels of route_mode bgp write into, for a BGP daemon to read"),
    limit_setting("routes.up_delay_s", "0", "seconds from a tunnel's coming up to its routes"),
    limit_setting("routes.down_delay_s", "2", "seconds from a tunnel's end to that of its routes"),
    limit_setting("routes.restart_grace_s", "60",
                  "seconds that routes found at the start wait for their tunnels"),
    limit_setting("routes.program_timeout_s", "10", "seconds that a route program has"),
    limit_setting("routes.program_concurrency", "4", "how many runs of a program go on at once"),
    keyed_setting("routes.programs", "PROGRAM",
                  "programs that write routes into tables of their own, by the tables' first word"),
    at_start(flag_setting("kernel.tune", "true",
                          "the kernel's settings of IPsec are set to what many tunnels need")),
    list_setting("kernel.offload", "DEVICE",
                 "network devices that take over ESP's encryption where they can"),
    at_start(limit_setting("workers.threads", "0",
                           "threads for key exchanges; 0 for as many as there are processors")),
};

// "log" of "log.level".
std::string_view table_of(std::string_view name) {
  const auto dot = name.find('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
}

}  // namespace

std::span<const Setting> all_settings() { return kSettings; }

const Setting* find_setting(std::string_view name) {
  const auto* const found = std::ranges::find(kSettings, name, &Setting::name);
  return found == kSettings.end() ? nullptr : found;
}

bool is_settings_table(std::string_view name) {
  return std::ranges::any_of(kSettings,
                             [&](const Setting& it) { return table_of(it.name) == name; });
}

std::optional<std::string_view> nearest_setting(std::string_view name) {
  std::vector<std::string_view> names;
  names.reserve(2 * kSettings.size());
  for (const Setting& setting : kSettings) {
    names.push_back(setting.name);
    if (const auto table = table_of(setting.name); !table.empty()) names.push_back(table);
  }
  return nearest(name, names);
}

}  // namespace ipsec
