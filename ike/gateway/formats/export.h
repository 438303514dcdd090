// A tunnel in the languages of other IPsec products (M136 to M139): a text to load at the peer, or
// at a device that is to take our place.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "ike/gateway/inventory.h"
#include "ike/gateway/toml/document.h"

namespace ipsec::gateway::formats {

enum class Format : std::uint8_t {
  ipsec_conf,
  swanctl,
  literal,
  cisco_asa,
  cisco_ios,
  juniper_srx,
  fortigate,
  huawei,
  h3c,
  hillstone,
  sangfor,
};

inline constexpr std::array kFormats{Format::ipsec_conf, Format::swanctl,   Format::literal,
                                     Format::cisco_asa,  Format::cisco_ios, Format::juniper_srx,
                                     Format::fortigate,  Format::huawei,    Format::h3c,
                                     Format::hillstone,  Format::sangfor};

// As on the command line: "ipsec.conf", "cisco-asa".
[[nodiscard]] std::string_view name_of(Format format);
// The error names the nearest one, and all there are.
[[nodiscard]] std::expected<Format, std::string> parse_format(std::string_view name);

// Whose configuration it is: `peer` is the mirror image (M49).
enum class Side : std::uint8_t { ours, peer };

using Secrets = toml::Secrets;

struct Text {
  std::string text;
  // What the product cannot say, and what was decided for it; one line each.
  std::vector<std::string> warnings;
  bool operator==(const Text&) const = default;
};

// The error is one line: what this product has no word for, and what to do. Keys are in the text
// with Secrets::shown only; else it says where to put them.
[[nodiscard]] std::expected<Text, std::string> render(const Inventory& inventory,
                                                      const Tunnel& tunnel, Format format,
                                                      Side side, Secrets secrets);

}  // namespace ipsec::gateway::formats
