// UTF-8 as RFC 3629 has it: no form that is longer than it must be, no surrogates, nothing beyond
// U+10FFFF. What is kept and shown as text is this, since neither JSON nor TOML takes anything
// else.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace ipsec {

// Bytes of the character that the text begins with; 0 where it begins with none.
[[nodiscard]] std::size_t size_of_character(std::string_view text);

// Characters, not bytes; nothing where the text is not UTF-8.
[[nodiscard]] std::optional<std::size_t> count_characters(std::string_view text);

[[nodiscard]] inline bool is_utf8(std::string_view text) {
  return count_characters(text).has_value();
}

}  // namespace ipsec
