#include "ike/base/identity.h"

#include <algorithm>

#include <fmt/format.h>

namespace ipsec {
namespace {

constexpr std::size_t kIdentityBytesMax = 255;
constexpr std::string_view kKeyPrefix = "key:";

bool is_plain(char c) { return static_cast<unsigned char>(c) > ' ' && c != 0x7f; }

std::optional<Identity> parse_key_id(std::string_view text) {
  if (!text.starts_with("0x")) return Identity{IdType::key_id, to_bytes(text)};
  auto bytes = from_hex(text.substr(2));
  if (!bytes || bytes->empty()) return std::nullopt;
  return Identity{IdType::key_id, *std::move(bytes)};
}

std::string printable(ByteView bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    const bool shown = byte > ' ' && byte < 0x7f && byte != '\\';
    text += shown ? std::string(1, static_cast<char>(byte)) : fmt::format("\\x{:02x}", byte);
  }
  return text;
}

}  // namespace

Identity Identity::of(const Address& address) {
  return {address.family() == Family::v4 ? IdType::ipv4 : IdType::ipv6, to_bytes(address.bytes())};
}

std::optional<Identity> Identity::parse(std::string_view text) {
  if (text.empty() || text.size() > kIdentityBytesMax) return std::nullopt;
  if (!std::ranges::all_of(text, is_plain)) return std::nullopt;
  if (const auto address = Address::parse(text)) return of(*address);
  if (text.starts_with(kKeyPrefix)) {
    text.remove_prefix(kKeyPrefix.size());
    return text.empty() ? std::nullopt : parse_key_id(text);
  }
  if (text.front() == '@') {
    text.remove_prefix(1);
    if (text.empty()) return std::nullopt;
    return Identity{IdType::fqdn, to_bytes(text)};
  }
  const bool has_at = text.find('@') != std::string_view::npos;
  return Identity{has_at ? IdType::rfc822 : IdType::fqdn, to_bytes(text)};
}

std::string Identity::to_string() const {
  const auto address = Address::from_bytes(data);
  switch (type) {
    case IdType::ipv4:
    case IdType::ipv6:
      if (address) return address->to_string();
      break;
    case IdType::fqdn:
    case IdType::rfc822:
      return printable(data);
    case IdType::key_id: {
      const std::string text = printable(data);
      const bool clean = text.size() == data.size() && !text.starts_with("0x");
      return clean ? "key:" + text : "key:0x" + to_hex(data);
    }
    default:
      break;
  }
  return fmt::format("type {}:0x{}", static_cast<int>(type), to_hex(data));
}

}  // namespace ipsec
