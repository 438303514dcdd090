// JSON of a program, read within bounds.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace ipsec::route::exec {

// Refused beside what is no JSON: too many values, too deep a nesting, a member that stands twice.
// The error names a place.
[[nodiscard]] std::expected<nlohmann::json, std::string> parse_json(std::string_view text);

}  // namespace ipsec::route::exec
