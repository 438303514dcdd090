// Names with their values, in parts.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/sheet.h"
#include "cli/table.h"

namespace ipsec::cli {

class Part {
 public:
  explicit Part(std::string title) : title_(std::move(title)) {}

  // Values are others' words: what would steer the terminal is spelled out. Nothing: "-".
  void add(std::string name, std::string_view value, Tone tone = Tone::plain);
  // Only where there is something to say.
  void add_if(std::string name, std::string_view value, Tone tone = Tone::plain);

  [[nodiscard]] std::string text(const Look& look) const;

 private:
  struct Line {
    std::string name;
    std::string value;
    Tone tone;
  };
  std::string title_;
  std::vector<Line> lines_;
};

// "lifetime_kb" -> "Lifetime kb": for a field that nobody gave better words.
[[nodiscard]] std::string title_of(std::string_view name);

}  // namespace ipsec::cli
