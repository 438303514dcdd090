// The words of a command line, parsed; a wrong one ends the scenario that wrote it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "ike/base/address.h"

namespace ipsec::driver {

// The scenario's own mistake, never the kernel's answer: no check may take one for the other.
struct WrongLine : std::runtime_error {
  using std::runtime_error::runtime_error;
};

using Words = std::span<const std::string>;

[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);
// Decimal, or hexadecimal behind 0x.
[[nodiscard]] std::uint64_t number_of(std::string_view text);
[[nodiscard]] std::uint16_t port_of(std::string_view text);
[[nodiscard]] std::uint32_t number32_of(std::string_view text);
[[nodiscard]] Address address_of(std::string_view text);
[[nodiscard]] bool yes_or_no(std::string_view text);

// KEY=VALUE words; what nobody took out is a mistake.
class Fields {
 public:
  explicit Fields(Words words);
  [[nodiscard]] std::optional<std::string> take(std::string_view key);
  [[nodiscard]] std::string need(std::string_view key);
  void expect_empty() const;

 private:
  std::map<std::string, std::string, std::less<>> fields_;
};

}  // namespace ipsec::driver
