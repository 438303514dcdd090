#include "ike/gateway/schema/kind.h"

#include <charconv>

namespace ipsec {
namespace {

struct KindRow {
  Kind kind;
  std::string_view name;
  std::string_view id_prefix;
};

constexpr std::array<KindRow, kKinds.size()> kRows{{
    {Kind::vpc, "vpc", "vpc-"},
    {Kind::subnet, "subnet", "sub-"},
    {Kind::gateway, "gateway", "gw-"},
    {Kind::peer, "peer", "peer-"},
    {Kind::tunnel, "tunnel", "tun-"},
}};

constexpr std::size_t kDigits = 16;

const KindRow& row_of(Kind kind) { return kRows.at(static_cast<std::size_t>(kind)); }

}  // namespace

std::string_view name_of(Kind kind) { return row_of(kind).name; }

std::string_view id_prefix(Kind kind) { return row_of(kind).id_prefix; }

std::optional<Kind> parse_kind(std::string_view name) {
  for (const KindRow& row : kRows) {
    if (row.name == name) return row.kind;
  }
  return std::nullopt;
}

std::optional<ObjectId> ObjectId::parse(std::string_view text) {
  for (const KindRow& row : kRows) {
    if (!text.starts_with(row.id_prefix)) continue;
    const std::string_view digits = text.substr(row.id_prefix.size());
    ObjectId id{row.kind, 0};
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), id.number, 16);
    const bool whole = digits.size() == kDigits && read.ec == std::errc{} &&
                       read.ptr == digits.data() + digits.size();
    // One spelling an object: what is compared as text must be equal as a number, and back.
    if (whole && id.to_string() == text) return id;
  }
  return std::nullopt;
}

std::string ObjectId::to_string() const {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string text(id_prefix(kind));
  for (std::size_t i = kDigits; i-- > 0;) text += kHex[number >> 4 * i & 0xfU];
  return text;
}

}  // namespace ipsec
