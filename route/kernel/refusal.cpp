#include "route/kernel/refusal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <fmt/format.h>

namespace ipsec::route::kernel {
namespace {

// strerror() may use one buffer for all threads.
std::string text_of(int error_number) {
  std::array<char, 128> buffer{};
  return ::strerror_r(error_number, buffer.data(), buffer.size());
}

std::string says(const Failure& failure) {
  if (failure.of_socket) return fmt::format("{}: {}", failure.says, text_of(failure.error_number));
  return fmt::format("the kernel says \"{}\"",
                     failure.says.empty() ? text_of(failure.error_number) : failure.says);
}

Trouble::Kind kind_of(const Failure& failure) {
  if (failure.error_number == EPERM) return Trouble::Kind::forbidden;
  return is_unreachable(failure) ? Trouble::Kind::unreachable : Trouble::Kind::other;
}

std::string hops_of(const Route& route) {
  std::string out;
  for (const Hop& hop : route.hops) {
    if (!out.empty()) out += ", ";
    if (hop.via) out += hop.via->to_string();
    if (hop.via && !hop.device.empty()) out += " by ";
    if (!hop.device.empty()) out += "device " + hop.device;
  }
  return out;
}

std::string forbidden(const std::string& doing) {
  return fmt::format(
      "{}: this needs CAP_NET_ADMIN: run as root, or give the program that capability", doing);
}

}  // namespace

bool is_unreachable(const Failure& failure) {
  if (failure.of_socket) return false;
  switch (failure.error_number) {
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case ENODEV:
      return true;
    case EINVAL:
    case EACCES:  // "IPv6 is disabled on nexthop device"
      break;
    default:
      return false;
  }
  // These mean many things, and only the text tells.
  constexpr std::array<std::string_view, 4> kWords{"gateway", "Gateway", "exthop", "evice"};
  return std::ranges::any_of(
      kWords, [&](std::string_view word) { return failure.says.find(word) != std::string::npos; });
}

Trouble trouble_of(const std::string& doing, const Failure& failure) {
  const Trouble::Kind kind = kind_of(failure);
  if (kind == Trouble::Kind::forbidden) return {kind, forbidden(doing)};
  return {kind, fmt::format("{}: {}", doing, says(failure))};
}

Trouble trouble_of(const Route& route, const Failure& failure) {
  const Trouble::Kind kind = kind_of(failure);
  if (kind == Trouble::Kind::forbidden) return {kind, forbidden("set a route")};
  if (kind != Trouble::Kind::unreachable || route.is_blackhole()) return {kind, says(failure)};
  return {kind, fmt::format("no way to the next hop {}: {}; is its network up, and reached from "
                            "this table?",
                            hops_of(route), says(failure))};
}

Trouble trouble_of(const Rule& rule, const Failure& failure) {
  if (failure.error_number == EEXIST) {
    return {Trouble::Kind::conflict,
            fmt::format("another one's rule from {} is there (ip rule)", rule.from.to_string())};
  }
  return trouble_of("set a rule from " + rule.from.to_string(), failure);
}

Trouble no_device(const std::string& device, const Table& table) {
  return {Trouble::Kind::unreachable,
          fmt::format("there is no device {}{}", device,
                      table.netns.empty() ? "" : " in netns " + table.netns)};
}

}  // namespace ipsec::route::kernel
