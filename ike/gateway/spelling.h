// One spelling for each type of value: `read` is strict about form and says what it wanted, `print`
// is its inverse.
#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <concepts>
#include <expected>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ike/gateway/model.h"

namespace ipsec::gateway {

template <typename T>
using Read = std::expected<T, std::string>;  // the error says what was wanted

template <typename T>
struct Spelling;

// An enumeration is spelled by a table.
template <typename E>
struct Words;

template <typename E>
concept Worded = requires { Words<E>::kAll; };

template <Worded E>
struct Spelling<E> {
  [[nodiscard]] static Read<E> read(std::string_view text) {
    std::string known;
    for (const auto& [value, word] : Words<E>::kAll) {
      if (word == text) return value;
      known += fmt::format("{}{}", known.empty() ? "" : ", ", word);
    }
    return std::unexpected(fmt::format("none of {}", known));
  }
  [[nodiscard]] static std::string print(E value) {
    for (const auto& [known, word] : Words<E>::kAll) {
      if (known == value) return std::string(word);
    }
    return {};
  }
};

template <typename E>
struct Word {
  E value;
  std::string_view word;
};

template <>
struct Words<bool> {
  static constexpr std::array<Word<bool>, 2> kAll{{{true, "true"}, {false, "false"}}};
};
template <>
struct Words<Start> {
  static constexpr std::array<Word<Start>, 3> kAll{
      {{Start::automatic, "auto"}, {Start::traffic, "traffic"}, {Start::respond, "respond"}}};
};
template <>
struct Words<RouteMode> {
  static constexpr std::array<Word<RouteMode>, 3> kAll{
      {{RouteMode::automatic, "auto"}, {RouteMode::fixed, "static"}, {RouteMode::bgp, "bgp"}}};
};
template <>
struct Words<LineRouteMode> {
  static constexpr std::array<Word<LineRouteMode>, 3> kAll{{{LineRouteMode::none, "none"},
                                                            {LineRouteMode::fixed, "static"},
                                                            {LineRouteMode::bgp, "bgp"}}};
};
template <>
struct Words<OnDown> {
  static constexpr std::array<Word<OnDown>, 2> kAll{
      {{OnDown::withdraw, "withdraw"}, {OnDown::blackhole, "blackhole"}}};
};
template <>
struct Words<Profile> {
  static constexpr std::array<Word<Profile>, 2> kAll{
      {{Profile::automatic, "auto"}, {Profile::modern, "modern"}}};
};
template <>
struct Words<IkeVersion> {
  static constexpr std::array<Word<IkeVersion>, 2> kAll{
      {{IkeVersion::v1, "1"}, {IkeVersion::v2, "2"}}};
};
template <>
struct Words<IkeMode> {
  static constexpr std::array<Word<IkeMode>, 2> kAll{
      {{IkeMode::main, "main"}, {IkeMode::aggressive, "aggressive"}}};
};
template <>
struct Words<IpsecProtocol> {
  static constexpr std::array<Word<IpsecProtocol>, 2> kAll{
      {{IpsecProtocol::esp, "esp"}, {IpsecProtocol::ah, "ah"}}};
};

template <std::unsigned_integral N>
  requires(!std::same_as<N, bool>)
struct Spelling<N> {
  [[nodiscard]] static Read<N> read(std::string_view text) {
    N number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
      return std::unexpected(
          fmt::format("no whole number from 0 to {}", std::numeric_limits<N>::max()));
    }
    return number;
  }
  [[nodiscard]] static std::string print(N number) { return fmt::to_string(number); }
};

template <>
struct Spelling<std::chrono::seconds> {
  [[nodiscard]] static Read<std::chrono::seconds> read(std::string_view text) {
    const auto s = Spelling<std::uint32_t>::read(text);
    if (!s) return std::unexpected(s.error());
    return std::chrono::seconds(*s);
  }
  [[nodiscard]] static std::string print(std::chrono::seconds s) {
    return fmt::to_string(s.count());
  }
};

template <>
struct Spelling<std::string> {
  [[nodiscard]] static Read<std::string> read(std::string_view text);
  [[nodiscard]] static std::string print(const std::string& text) { return text; }
};
template <>
struct Spelling<ObjectId> {
  [[nodiscard]] static Read<ObjectId> read(std::string_view text);
  [[nodiscard]] static std::string print(const ObjectId& id) { return id.to_string(); }
};
template <>
struct Spelling<Address> {
  [[nodiscard]] static Read<Address> read(std::string_view text);
  [[nodiscard]] static std::string print(const Address& address) { return address.to_string(); }
};
template <>
struct Spelling<Cidr> {
  [[nodiscard]] static Read<Cidr> read(std::string_view text);
  [[nodiscard]] static std::string print(const Cidr& cidr) { return cidr.to_string(); }
};
template <>
struct Spelling<route::Target> {
  [[nodiscard]] static Read<route::Target> read(std::string_view text) {
    return route::parse_target(text);
  }
  [[nodiscard]] static std::string print(const route::Target& target) {
    return route::to_string(target);
  }
};
// "10.0.1.0/24=192.168.2.0/24,192.168.3.0/24"
template <>
struct Spelling<Rule> {
  [[nodiscard]] static Read<Rule> read(std::string_view text);
  [[nodiscard]] static std::string print(const Rule& rule);
};
template <>
struct Spelling<Identity> {
  [[nodiscard]] static Read<Identity> read(std::string_view text);
  [[nodiscard]] static std::string print(const Identity& identity) { return identity.to_string(); }
};
template <>
struct Spelling<Psk> {
  [[nodiscard]] static Read<Psk> read(std::string_view text) { return Psk(text); }
  [[nodiscard]] static std::string print(const Psk& psk) {
    return std::string(as_text(psk.bytes()));
  }
};
// Names as in the registry, and those that the platforms use: "sha2-256", "aes-128", "group14".
template <>
struct Spelling<const EncryptionRow*> {
  [[nodiscard]] static Read<const EncryptionRow*> read(std::string_view text);
  [[nodiscard]] static std::string print(const EncryptionRow* row) {
    return std::string(row->name);
  }
};
template <>
struct Spelling<const IntegrityRow*> {
  [[nodiscard]] static Read<const IntegrityRow*> read(std::string_view text);
  [[nodiscard]] static std::string print(const IntegrityRow* row) { return std::string(row->name); }
};
template <>
struct Spelling<const GroupRow*> {
  [[nodiscard]] static Read<const GroupRow*> read(std::string_view text);
  [[nodiscard]] static std::string print(const GroupRow* row) { return std::string(row->name); }
};
template <>
struct Spelling<PfsChoice> {
  [[nodiscard]] static Read<PfsChoice> read(std::string_view text);
  [[nodiscard]] static std::string print(const PfsChoice& choice) {
    return choice.group == nullptr ? "none" : std::string(choice.group->name);
  }
};

}  // namespace ipsec::gateway
