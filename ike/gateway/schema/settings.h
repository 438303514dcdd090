// What can be set for the daemon as a whole, in ipsecd.toml: one row a key. The reader and the
// manual are held against this table.
//
// NOTE: Adding a setting is one row here, one in gateway/settings.cpp, and its paragraph in
// ipsecd.toml(5).
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "ike/gateway/schema/fields.h"

namespace ipsec {

struct Setting {
  // Dots make tables: "limits.rules_per_tunnel" is in [limits].
  std::string_view name;
  Shape shape = Shape::text;
  bool many = false;
  // The name is of a table with keys of the user's own: "accounts" has `alice = "office"`.
  bool keyed = false;
  std::string_view placeholder;  // what stands for the value in usage: "ADDRESS"
  std::string_view fallback;     // as TOML: what holds where nothing is said
  std::string_view help;
  // It holds from the next start on: a reload leaves it.
  bool at_start = false;
};

[[nodiscard]] std::span<const Setting> all_settings();
[[nodiscard]] const Setting* find_setting(std::string_view name);
// Whether it is a table that settings are in: "limits".
[[nodiscard]] bool is_settings_table(std::string_view name);

// The name or table that was probably meant, with its tables before it.
[[nodiscard]] std::optional<std::string_view> nearest_setting(std::string_view name);

}  // namespace ipsec
