// How much room UTF-8 text takes on a terminal, and how it is cut.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ipsec::cli {

// In columns: combining marks take none, Chinese, Japanese and Korean letters two. A byte that is
// not UTF-8 takes one.
[[nodiscard]] std::size_t width_of(std::string_view text);
// At most so wide, with an ellipsis where something is missing.
[[nodiscard]] std::string cut(std::string_view text, std::size_t width);
[[nodiscard]] std::string padded(std::string text, std::size_t width, bool right);
// Names and remarks are other people's text: what would steer the terminal is spelled out, "\x1b",
// and what is not UTF-8 too.
[[nodiscard]] std::string harmless(std::string_view text);
// The same, with newlines let through.
[[nodiscard]] std::string harmless_lines(std::string_view text);

}  // namespace ipsec::cli
