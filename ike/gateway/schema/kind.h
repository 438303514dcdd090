// The five kinds of object a person configures, and the ids they bear.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ipsec {

// In the order in which they stand on one another: each refers only to kinds before it.
enum class Kind : std::uint8_t { vpc, subnet, gateway, peer, tunnel };

inline constexpr std::array kKinds{Kind::vpc, Kind::subnet, Kind::gateway, Kind::peer,
                                   Kind::tunnel};

// "tunnel"; also the key of its tables in TOML and the word on the command line.
[[nodiscard]] std::string_view name_of(Kind kind);
[[nodiscard]] std::optional<Kind> parse_kind(std::string_view name);

// Unique over all kinds, accounts and machines (M151): 64 random bits behind the kind's prefix.
struct ObjectId {
  Kind kind = Kind::vpc;
  std::uint64_t number = 0;

  // "tun-0123456789abcdef".
  [[nodiscard]] static std::optional<ObjectId> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const ObjectId&) const = default;
};

// "tun-"
[[nodiscard]] std::string_view id_prefix(Kind kind);

}  // namespace ipsec

template <>
struct std::hash<ipsec::ObjectId> {
  std::size_t operator()(const ipsec::ObjectId& id) const noexcept {
    return std::hash<std::uint64_t>{}(id.number) ^ static_cast<std::size_t>(id.kind);
  }
};
