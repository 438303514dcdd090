#include "ike/core/vendor.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace ipsec::core {
namespace {

constexpr std::size_t kMostVendors = 8;
constexpr std::size_t kMostBytes = 32;

struct Known {
  std::string_view begins_in_hex;
  std::string_view name;
};
// Of hashed ids: there is no reading them. Those that are text speak for themselves.
constexpr std::array kKnown{
    Known{"882fe56d6fd20dbc2251613b2ebe5beb", "strongSwan"},
    Known{"1e2b516905991c7d7c96fcbfb587e461", "Microsoft Windows"},
    Known{"8299031757a36082c6a621de", "Fortinet FortiGate"},
    Known{"699369228741c6d4ca094c93e242c9de", "Juniper ScreenOS"},
    Known{"166f932d55eb64d8e4df4fd37e2313f0", "Juniper ScreenOS"},
    Known{"4048b7d56ebce88525e7de7f00d6c2d3", "FRAGMENTATION"},
};

bool is_text(ByteView bytes) {
  return !bytes.empty() &&
         std::ranges::all_of(bytes, [](std::uint8_t byte) { return ' ' <= byte && byte <= '~'; });
}

std::string name_of(ByteView id) {
  const ByteView head = id.first(std::min(id.size(), kMostBytes));
  const std::string hex = to_hex(head);
  for (const Known& known : kKnown) {
    if (hex.starts_with(known.begins_in_hex)) return std::string(known.name);
  }
  return is_text(head) ? std::string(as_text(head)) : hex;
}

}  // namespace

std::string describe_vendors(std::span<const ByteView> ids) {
  std::string out;
  for (const ByteView id : ids.first(std::min(ids.size(), kMostVendors))) {
    if (!out.empty()) out += ", ";
    out += name_of(id);
  }
  return out;
}

}  // namespace ipsec::core
