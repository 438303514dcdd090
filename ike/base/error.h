// The families of failure. A function returns Result<T>, or std::expected with the one family it
// can fail with; nothing below `daemon` throws across a room.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <variant>

namespace ipsec {

// Bytes that do not parse. `field` is a literal naming what was being read.
struct Malformed {
  std::string_view field;
  std::size_t offset = 0;
  bool operator==(const Malformed&) const = default;
};

// A message that parses but that the protocol does not allow here.
struct PeerViolation {
  std::string rule;
  std::string found;
  bool operator==(const PeerViolation&) const = default;
};

// Both sides are right and have nothing in common.
struct NoCommonGround {
  std::string subject;
  std::string ours;
  std::string theirs;
  bool operator==(const NoCommonGround&) const = default;
};

struct KernelError {
  std::string operation;
  int error_number = 0;
  bool operator==(const KernelError&) const = default;
};

struct ConfigError {
  std::string where;
  std::string why;
  bool operator==(const ConfigError&) const = default;
};

// Our own fault: a caller broke a contract.
struct Misuse {
  std::string what;
  bool operator==(const Misuse&) const = default;
};

using Error =
    std::variant<Malformed, PeerViolation, NoCommonGround, KernelError, ConfigError, Misuse>;

template <typename T>
using Result = std::expected<T, Error>;

// One line, without a final full stop.
[[nodiscard]] std::string describe(const Error& error);

template <typename E>
[[nodiscard]] std::unexpected<Error> fail(E error) {
  return std::unexpected<Error>(std::move(error));
}

}  // namespace ipsec
