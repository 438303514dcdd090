// Sheets laid out for a terminal, or for a pipe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "cli/sheet.h"

namespace ipsec::cli {

struct Look {
  std::size_t width = 0;  // of the terminal; 0: not a terminal, nothing is cut
  bool color = false;
};

// Columns two apart; where the terminal is narrow the widest are cut, with an ellipsis.
[[nodiscard]] std::string table(const Sheet& sheet, const Look& look);
[[nodiscard]] std::string toned(std::string text, Tone tone, const Look& look);
[[nodiscard]] std::string bold(std::string text, const Look& look);

}  // namespace ipsec::cli
