#include "ike/gateway/settings.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "ike/gateway/draft.h"
#include "ike/gateway/schema/settings.h"
#include "ike/gateway/spelling.h"

namespace ipsec::gateway {

template <>
struct Words<LogLevel> {
  static constexpr std::array<Word<LogLevel>, 4> kAll{{{LogLevel::error, "error"},
                                                       {LogLevel::warning, "warning"},
                                                       {LogLevel::info, "info"},
                                                       {LogLevel::debug, "debug"}}};
};

namespace {

using Taken = std::expected<void, BadValue>;
using Why = std::optional<std::string>;

// What a type allows and a setting does not; nothing where all is well.
template <typename V>
using Check = Why (*)(const V&);

struct Row {
  std::string_view name;
  Taken (*set)(DaemonSettings& settings, std::string_view key, const FieldValue& value);
  FieldValue (*get)(const DaemonSettings& settings);
};

// --- rules -------------------------------------------------------------------------------------

// More objects than that would not fit in a machine's memory.
constexpr std::size_t kMostObjects = 1'000'000;
constexpr std::uint32_t kMostThreads = 256;
// IFNAMSIZ of the kernel, without the byte that ends it.
constexpr std::size_t kLongestDevice = 15;
constexpr std::size_t kLongestUser = 32;

template <typename V>
Why anything(const V&) {
  return std::nullopt;
}

Why why_no_limit(const std::size_t& count) {
  if (count >= 1 && count <= kMostObjects) return std::nullopt;
  return fmt::format("takes a number from 1 to {}", kMostObjects);
}

Why why_no_thread_count(const std::uint32_t& count) {
  if (count <= kMostThreads) return std::nullopt;
  return fmt::format("takes a number from 0, which is one a processor, to {}", kMostThreads);
}

// As useradd(8) has it, with the capitals and dots that directories of users bring.
Why why_no_user(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-.@$").find(c) != std::string_view::npos;
  };
  if (name.empty()) return "is empty";
  if (name.size() > kLongestUser) return fmt::format("is longer than {} bytes", kLongestUser);
  if (name.front() == '-' || !std::ranges::all_of(name, fits)) {
    return "is no name of a user or group";
  }
  return std::nullopt;
}

Why why_no_group(const std::string& name) {
  return name.empty() ? std::nullopt : why_no_user(name);
}

Why why_no_log(const std::string& to) {
  if (to == "stderr" || to == "journal" || (to.starts_with('/') && !to.ends_with('/'))) {
    return std::nullopt;
  }
  return "takes stderr, journal, or a file with its whole path";
}

Why why_no_public_address(const Address& address) {
  if (!address.is_any() && !address.is_loopback() && !address.is_multicast()) return std::nullopt;
  return "is no address of a gateway";
}

Why why_no_listener(const Address& address) {
  if (!address.is_multicast()) return std::nullopt;
  return "is a group, not an address of this machine";
}

// RTPROT_STATIC and what is below it are the kernel's and the administrator's.
Why why_no_protocol(const std::uint32_t& number) {
  if (number >= 5 && number <= 255) return std::nullopt;
  return "takes a number from 5 to 255 that no other program has; see /etc/iproute2/rt_protos";
}

Why why_no_delay(const std::chrono::seconds& delay) {
  if (delay <= std::chrono::hours(1)) return std::nullopt;
  return "takes a number of seconds up to 3600";
}

Why why_no_timeout(const std::chrono::seconds& timeout) {
  if (timeout >= std::chrono::seconds(1) && timeout <= std::chrono::minutes(5)) return std::nullopt;
  return "takes a number of seconds from 1 to 300";
}

Why why_no_concurrency(const std::uint32_t& count) {
  if (count >= 1 && count <= 100) return std::nullopt;
  return "takes a number from 1 to 100";
}

Why why_no_route_program(std::string_view name) {
  const auto target = route::parse_target(fmt::format("{}:x", name));
  if (!target) return target.error();
  if (!target->table.is_kernel()) return std::nullopt;
  return "is the name of the kernel's own tables";
}

Why why_no_program(const std::string& path) {
  if (path.starts_with('/') && !path.ends_with('/')) return std::nullopt;
  return "takes a program with its whole path";
}

Why why_no_bgp_table(const route::Target& target) {
  if (target.with_rule) return "takes no rule: it is for a BGP daemon to read";
  return std::nullopt;
}

Why why_no_device(const std::string& device) {
  const bool fits = !device.empty() && device.size() <= kLongestDevice && device != "." &&
                    device != ".." && device.find_first_of("/: \t") == std::string::npos;
  return fits ? std::nullopt : Why("is no name of a network device");
}

// --- several values, one, or one for each key --------------------------------------------------

template <typename V>
std::expected<V, BadValue> read_one(const std::string& text, Check<V> check) {
  auto read = Spelling<V>::read(text);
  if (!read) return std::unexpected(BadValue{text, std::move(read.error())});
  if (auto why = check(*read)) return std::unexpected(BadValue{text, *std::move(why)});
  return *std::move(read);
}

template <typename V>
Taken take(V& into, Check<V> check, const FieldValue& value) {
  if (value.size() != 1) {
    return std::unexpected(BadValue{value.empty() ? "" : value[1], "takes one value"});
  }
  auto read = read_one<V>(value.front(), check);
  if (!read) return std::unexpected(std::move(read.error()));
  into = *std::move(read);
  return {};
}

template <typename V>
Taken take(std::vector<V>& into, Check<V> check, const FieldValue& value) {
  std::vector<V> all;
  for (const std::string& text : value) {
    auto read = read_one<V>(text, check);
    if (!read) return std::unexpected(std::move(read.error()));
    if (std::ranges::find(all, *read) != all.end()) {
      return std::unexpected(BadValue{text, "stands there twice"});
    }
    all.push_back(*std::move(read));
  }
  into = std::move(all);
  return {};
}

template <typename V>
FieldValue print(const V& value) {
  return {Spelling<V>::print(value)};
}
template <typename V>
FieldValue print(const std::vector<V>& values) {
  FieldValue out;
  for (const V& value : values) out.push_back(Spelling<V>::print(value));
  return out;
}
template <typename V>
FieldValue print(const std::map<std::string, V, std::less<>>& values) {
  FieldValue out;
  for (const auto& [key, value] : values) {
    out.push_back(fmt::format("{}={}", key, Spelling<V>::print(value)));
  }
  return out;
}

template <typename T>
struct Element {
  using Type = T;
};
template <typename T>
struct Element<std::vector<T>> {
  using Type = T;
};

// --- the table ---------------------------------------------------------------------------------

template <auto WhyNot, auto... Path>
constexpr Row at(std::string_view name) {
  return {name,
          [](DaemonSettings& settings, std::string_view, const FieldValue& value) {
            auto& member = (settings.*....*Path);
            using V = typename Element<std::remove_reference_t<decltype(member)>>::Type;
            return take<V>(member, Check<V>(WhyNot), value);
          },
          [](const DaemonSettings& settings) { return print((settings.*....*Path)); }};
}

template <auto WhyNot, auto... Path>
constexpr Row keyed(std::string_view name) {
  return {name,
          [](DaemonSettings& settings, std::string_view key, const FieldValue& value) -> Taken {
            if (auto why = WhyNot(key)) {
              return std::unexpected(BadValue{std::string(key), *std::move(why)});
            }
            auto& members = (settings.*....*Path);
            using V = typename std::remove_reference_t<decltype(members)>::mapped_type;
            V one{};
            auto taken = take<V>(one, anything<V>, value);
            if (taken) members.insert_or_assign(std::string(key), std::move(one));
            return taken;
          },
          [](const DaemonSettings& settings) { return print((settings.*....*Path)); }};
}

template <auto WhyNot, auto Member>
constexpr Row routes(std::string_view name) {
  return at<WhyNot, &DaemonSettings::gateway, &Settings::routes, Member>(name);
}

template <auto Member>
constexpr Row limit(std::string_view name) {
  return at<why_no_limit, &DaemonSettings::gateway, &Settings::limits, Member>(name);
}

Why why_no_tunnel(std::string_view name) {
  auto why = why_no_name(name);
  return why ? Why(fmt::format("is no name of a tunnel: {}", *why)) : std::nullopt;
}

Taken set_account(DaemonSettings& settings, std::string_view user, const FieldValue& value) {
  if (auto why = why_no_user(user)) {
    return std::unexpected(BadValue{std::string(user), *std::move(why)});
  }
  std::string account;
  auto taken = take<std::string>(account, anything<std::string>, value);
  if (!taken) return taken;
  if (auto why = why_no_name(account)) {
    return std::unexpected(BadValue{account, fmt::format("is no account: {}", *why)});
  }
  settings.accounts.insert_or_assign(std::string(user), std::move(account));
  return {};
}

Taken set_program(DaemonSettings& settings, std::string_view name, const FieldValue& value) {
  if (auto why = why_no_route_program(name)) {
    return std::unexpected(BadValue{std::string(name), *std::move(why)});
  }
  std::string path;
  auto taken = take<std::string>(path, why_no_program, value);
  if (taken) settings.gateway.routes.programs.insert_or_assign(std::string(name), std::move(path));
  return taken;
}

Taken set_wide(DaemonSettings& settings, std::string_view, const FieldValue& value) {
  bool wide = false;
  auto taken = take<bool>(wide, anything<bool>, value);
  if (taken) settings.gateway.lifetimes = wide ? kWideLifetimes : LifetimeRange{};
  return taken;
}

constexpr std::array kRows{
    Row{"wide_lifetimes", set_wide,
        [](const DaemonSettings& settings) {
          return print(settings.gateway.lifetimes == kWideLifetimes);
        }},
    at<why_no_public_address, &DaemonSettings::gateway, &Settings::public_pool>("public_pool"),
    limit<&Limits::tunnels_per_gateway>("limits.tunnels_per_gateway"),
    limit<&Limits::tunnels_per_peer>("limits.tunnels_per_peer"),
    limit<&Limits::gateways_per_vpc>("limits.gateways_per_vpc"),
    limit<&Limits::peers_per_region>("limits.peers_per_region"),
    limit<&Limits::peer_cidrs_per_tunnel>("limits.peer_cidrs_per_tunnel"),
    limit<&Limits::rules_per_tunnel>("limits.rules_per_tunnel"),
    limit<&Limits::peer_cidrs_per_rule>("limits.peer_cidrs_per_rule"),
    at<why_no_group, &DaemonSettings::control, &ControlSettings::group>("control.group"),
    at<why_no_group, &DaemonSettings::control, &ControlSettings::readers>("control.readers"),
    Row{"accounts", set_account,
        [](const DaemonSettings& settings) { return print(settings.accounts); }},
    at<why_no_listener, &DaemonSettings::listen>("listen.addresses"),
    at<why_no_log, &DaemonSettings::log, &LogSettings::to>("log.to"),
    at<anything<LogLevel>, &DaemonSettings::log, &LogSettings::level>("log.level"),
    keyed<why_no_tunnel, &DaemonSettings::log, &LogSettings::tunnels>("log.tunnels"),
    routes<why_no_protocol, &RouteSettings::protocol>("routes.protocol"),
    routes<why_no_bgp_table, &RouteSettings::bgp_table>("routes.bgp_table"),
    routes<why_no_delay, &RouteSettings::up_delay>("routes.up_delay_s"),
    routes<why_no_delay, &RouteSettings::down_delay>("routes.down_delay_s"),
    routes<why_no_delay, &RouteSettings::restart_grace>("routes.restart_grace_s"),
    routes<why_no_timeout, &RouteSettings::program_timeout>("routes.program_timeout_s"),
    routes<why_no_concurrency, &RouteSettings::program_concurrency>("routes.program_concurrency"),
    Row{"routes.programs", set_program,
        [](const DaemonSettings& settings) { return print(settings.gateway.routes.programs); }},
    at<anything<bool>, &DaemonSettings::kernel, &KernelSettings::tune>("kernel.tune"),
    at<why_no_device, &DaemonSettings::kernel, &KernelSettings::offload>("kernel.offload"),
    at<why_no_thread_count, &DaemonSettings::threads>("workers.threads"),
};

const Row* row_named(std::string_view name) {
  const auto* const found = std::ranges::find(kRows, name, &Row::name);
  return found == kRows.end() ? nullptr : found;
}

}  // namespace

std::expected<void, BadValue> set_setting(DaemonSettings& settings, std::string_view name,
                                          std::string_view key, const FieldValue& value) {
  const Row* row = row_named(name);
  if (row == nullptr) return std::unexpected(BadValue{std::string(name), "is no setting"});
  return row->set(settings, key, value);
}

FieldValue get_setting(const DaemonSettings& settings, std::string_view name) {
  const Row* row = row_named(name);
  return row == nullptr ? FieldValue{} : row->get(settings);
}

}  // namespace ipsec::gateway
