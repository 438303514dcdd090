#include "cli/words.h"

#include <array>
#include <ctime>

#include <fmt/format.h>

namespace ipsec::cli {
namespace {

std::string formatted(const std::tm& parts, char between, std::string_view zone) {
  return fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}{}", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, between, parts.tm_hour, parts.tm_min,
                     parts.tm_sec, zone);
}

}  // namespace

std::string local_time(control::Moment at) {
  if (at == control::Moment{}) return {};
  const std::time_t seconds = at.time_since_epoch().count();
  std::tm parts{};
  if (::localtime_r(&seconds, &parts) == nullptr) return rfc3339(at);
  return formatted(parts, ' ', {});
}

std::string rfc3339(control::Moment at) {
  if (at == control::Moment{}) return {};
  const std::time_t seconds = at.time_since_epoch().count();
  std::tm parts{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return fmt::to_string(seconds);
  return formatted(parts, 'T', "Z");
}

std::string in_bytes(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 6> kUnits{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  static constexpr double kStep = 1024;
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double amount = static_cast<double>(bytes) / kStep;
  std::size_t unit = 0;
  // From here on one digit would be written as 1024.0.
  static constexpr double kNext = 1023.95;
  while (amount >= kNext && unit + 1 < kUnits.size()) {
    amount /= kStep;
    ++unit;
  }
  return fmt::format("{:.1f} {}", amount, kUnits.at(unit));
}

std::string counted(std::uint64_t number, std::string_view what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

}  // namespace ipsec::cli
