// What can be said of each kind of object: one row a field. The TOML reader, the store, the local
// API, the command line's options and the manual are all made from, or held against, this table.
//
// NOTE: Adding a field is one row here, one in the table of its kind in gateway/access_*.cpp, and
// its paragraph in ipsecd.toml(5).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ike/gateway/schema/kind.h"

namespace ipsec {

// Every value has one canonical spelling as text; a field that takes one value has a list of one,
// and an empty list is "not said".
using FieldValue = std::vector<std::string>;

enum class Shape : std::uint8_t {
  flag,       // "true", "false"
  number,     // a decimal integer
  text,       // anything else
  reference,  // a name or id of another object
  secret,     // text that is not shown unless asked for by name
};

struct Field {
  // Dots make tables in TOML and JSON, and become dashes in options: "ike.lifetime_s" is
  // `--ike-lifetime-s`.
  std::string_view name;
  Shape shape = Shape::text;
  bool many = false;
  bool required = false;
  std::string_view placeholder;  // what stands for the value in usage: "CIDR"
  std::string_view help;
  std::optional<Kind> refers = std::nullopt;  // of a reference
};

// Without `name`, which every object has and which is changed by renaming.
[[nodiscard]] std::span<const Field> fields_of(Kind kind);
[[nodiscard]] const Field* find_field(Kind kind, std::string_view name);

// The known word that was probably meant: at most two letters off, and less than half the word.
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view word,
                                                      std::span<const std::string_view> known);
[[nodiscard]] std::optional<std::string_view> nearest_field(Kind kind, std::string_view name);

}  // namespace ipsec
