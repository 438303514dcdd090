#include "route/model.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace ipsec::route {
namespace {

// IFNAMSIZ of the kernel, without the byte that ends it.
constexpr std::size_t kLongestDevice = 15;
// NAME_MAX of a file system: a named namespace is a file.
constexpr std::size_t kLongestNamespace = 255;
constexpr std::size_t kLongestName = 255;

using Bad = std::unexpected<std::string>;

bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f && c != ','; });
}

// Of a device or a namespace, which are files to the kernel.
bool is_file_name(std::string_view name, std::size_t longest) {
  return !name.empty() && name.size() <= longest && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && is_plain(name);
}

bool is_driver_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !name.empty() && std::ranges::all_of(name, fits);
}

std::expected<std::string, std::string> kernel_name(std::string_view text) {
  if (text == "main") return "254";
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
    return Bad("a table of the kernel is a number from 1 to 4294967295, or `main`");
  }
  // RT_TABLE_UNSPEC means any table; the kernel itself fills 255, RT_TABLE_LOCAL.
  if (number == 0 || number == 255) return Bad(fmt::format("the kernel keeps table {}", number));
  return fmt::to_string(number);
}

// "via=10.0.0.1" and its like.
std::expected<void, std::string> take_option(Target& target, std::string_view option) {
  const auto equals = option.find('=');
  const std::string_view key = option.substr(0, equals);
  const std::string_view value =
      equals == std::string_view::npos ? std::string_view() : option.substr(equals + 1);
  const bool has_hop = !std::holds_alternative<WayToPeer>(target.next_hop);
  if (key == "via") {
    const auto address = Address::parse(value);
    if (has_hop) return Bad("takes one of via and dev");
    if (!address || address->is_any() || address->is_multicast()) {
      return Bad(fmt::format("'{}' is no address of a next hop", value));
    }
    target.next_hop = *address;
    return {};
  }
  if (key == "dev" && target.table.is_kernel()) {
    if (has_hop) return Bad("takes one of via and dev");
    if (!is_file_name(value, kLongestDevice)) {
      return Bad(fmt::format("'{}' is no name of a device", value));
    }
    target.next_hop = ViaDevice{std::string(value)};
    return {};
  }
  if (key == "netns" && target.table.is_kernel()) {
    if (!is_file_name(value, kLongestNamespace)) {
      return Bad(fmt::format("'{}' is no name of a network namespace", value));
    }
    target.table.netns = value;
    return {};
  }
  if (option == "rule" && target.table.is_kernel()) {
    target.with_rule = true;
    return {};
  }
  return Bad(
      target.table.is_kernel()
          ? fmt::format("'{}' is none of netns=NAME, via=ADDRESS, dev=DEVICE, rule", option)
          : fmt::format("'{}' is not via=ADDRESS, which is all that such a table takes", option));
}

std::expected<Table, std::string> parse_table(std::string_view text) {
  Table table;
  if (text.starts_with("vrf:")) {
    table.vrf = text.substr(4);
    if (!is_file_name(table.vrf, kLongestDevice)) {
      return Bad(fmt::format("'{}' is no name of a VRF device", table.vrf));
    }
    return table;
  }
  const auto colon = text.find(':');
  const bool is_number = colon == std::string_view::npos;
  if (!is_number) table.driver = text.substr(0, colon);
  const std::string_view name = is_number ? text : text.substr(colon + 1);
  if (table.is_kernel()) {
    auto number = kernel_name(name);
    if (!number) return Bad(std::move(number.error()));
    table.name = *std::move(number);
    return table;
  }
  if (!is_driver_name(table.driver)) {
    return Bad(fmt::format("'{}' is no name of a route program", table.driver));
  }
  if (name.empty() || name.size() > kLongestName || !is_plain(name)) {
    return Bad(fmt::format("the table of '{}' has no name it could have", table.driver));
  }
  table.name = name;
  return table;
}

}  // namespace

std::expected<Target, std::string> parse_target(std::string_view text) {
  const auto comma = text.find(',');
  auto table = parse_table(text.substr(0, comma));
  if (!table) return Bad(std::move(table.error()));
  Target target{*std::move(table), WayToPeer{}, false};
  std::string_view rest = comma == std::string_view::npos ? "" : text.substr(comma + 1);
  bool more = comma != std::string_view::npos;
  while (more) {
    const auto end = rest.find(',');
    if (auto taken = take_option(target, rest.substr(0, end)); !taken) {
      return Bad(std::move(taken.error()));
    }
    more = end != std::string_view::npos;
    rest = more ? rest.substr(end + 1) : "";
  }
  // Another namespace, or a provider's table, knows the gateway by its address; this machine's ways
  // mean nothing there.
  const bool here = target.table.is_kernel() && target.table.netns.empty();
  if (!here && std::holds_alternative<WayToPeer>(target.next_hop)) target.next_hop = OwnAddress{};
  return target;
}

std::string to_string(const Target& target) {
  const Table& table = target.table;
  std::string out;
  if (!table.vrf.empty()) {
    out = "vrf:" + table.vrf;
  } else if (table.is_kernel()) {
    out = table.name == "254" ? "main" : table.name;
  } else {
    out = table.driver + ":" + table.name;
  }
  if (!table.netns.empty()) out += ",netns=" + table.netns;
  if (const auto* via = std::get_if<Address>(&target.next_hop)) out += ",via=" + via->to_string();
  if (const auto* to = std::get_if<ViaDevice>(&target.next_hop)) out += ",dev=" + to->device;
  if (target.with_rule) out += ",rule";
  return out;
}

std::string to_string(const Table& table) {
  if (!table.is_kernel()) return table.driver + ":" + table.name;
  std::string out = table.name == "254" ? "main" : table.name;
  if (!table.vrf.empty()) out = "vrf " + table.vrf;
  if (!table.netns.empty()) out += " in netns " + table.netns;
  return out;
}

std::string to_string(const Route& route) {
  std::string out = route.is_blackhole() ? "blackhole " : "";
  out += route.key.destination.to_string();
  for (const Hop& hop : route.hops) {
    if (route.hops.size() > 1) out += " nexthop";
    if (hop.via) out += " via " + hop.via->to_string();
    if (!hop.device.empty()) out += " dev " + hop.device;
  }
  out += fmt::format(" metric {}", route.key.metric);
  if (route.mtu != 0) out += fmt::format(" mtu {}", route.mtu);
  if (route.advmss != 0) out += fmt::format(" advmss {}", route.advmss);
  return out;
}

}  // namespace ipsec::route
