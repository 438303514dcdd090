#include "xfrm/refusal.h"

#include <cerrno>

#include <fmt/format.h>

namespace ipsec::xfrm {
namespace {

std::string_view protocol_name(Protocol protocol) {
  return protocol == Protocol::esp ? "ESP" : "AH";
}

std::string_view direction_name(PolicyDirection direction) {
  switch (direction) {
    case PolicyDirection::in:
      return "in";
    case PolicyDirection::out:
      return "out";
    case PolicyDirection::forward:
      break;
  }
  return "forward";
}

// What the number alone tells, where it tells more than its standard text.
std::string_view meaning_of(int error_number) {
  switch (error_number) {
    case EPERM:
      return "this needs CAP_NET_ADMIN: run as root, or give the program that capability";
    case EEXIST:
      return "there is one like it already";
    case ENOBUFS:
    case ENOMEM:
      return "the kernel has no memory for it";
    default:
      return {};
  }
}

}  // namespace

std::string name_of(const SaKey& key) {
  return fmt::format("{} SA {:#010x} to {}", protocol_name(key.protocol), key.spi.value,
                     key.destination.to_string());
}

std::string name_of(const PolicyKey& key) {
  return fmt::format("{} policy {} -> {}", direction_name(key.direction),
                     key.selector.source.to_string(), key.selector.destination.to_string());
}

Missing protocol_missing(Protocol protocol, Family family) {
  const bool v4 = family == Family::v4;
  const std::string_view module =
      protocol == Protocol::esp ? (v4 ? "esp4" : "esp6") : (v4 ? "ah4" : "ah6");
  return {.what = fmt::format("{} over {}", protocol_name(protocol), v4 ? "IPv4" : "IPv6"),
          .module = std::string(module)};
}

std::string in_words(const Missing& missing) {
  if (missing.module.empty()) return fmt::format("this kernel lacks {}", missing.what);
  return fmt::format("this kernel lacks {}, which its module {} would bring (modprobe {})",
                     missing.what, missing.module, missing.module);
}

KernelError refused(const std::string& doing, const Refusal& refusal,
                    const std::optional<Missing>& missing) {
  std::string why = missing ? in_words(*missing) : std::string(meaning_of(refusal.error_number));
  if (!refusal.kernel_says.empty()) {
    why += fmt::format("{}the kernel says \"{}\"", why.empty() ? "" : "; ", refusal.kernel_says);
  }
  return {why.empty() ? doing : fmt::format("{}: {}", doing, why), refusal.error_number};
}

KernelError refused(const std::string& doing, const KernelError& error) {
  // Those of the socket itself are in words already.
  if (error.operation.starts_with("netlink: ")) {
    return {fmt::format("{}: {}", doing, error.operation), error.error_number};
  }
  return refused(doing, Refusal{0, error.error_number, error.operation});
}

}  // namespace ipsec::xfrm
