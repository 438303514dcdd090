// Goal: tables fit the terminal they are written for, whatever is in them, and are whole in a pipe.
// Method: widths by hand for letters of every kind, and random sheets for the promise itself.
#include "cli/table.h"

#include <random>
#include <sstream>

#include <catch2/catch.hpp>

#include "cli/terminal.h"
#include "cli/text_width.h"
#include "cli/words.h"

namespace ipsec::cli {
namespace {

Sheet sheet_with(std::vector<std::vector<std::string>> rows, std::size_t columns) {
  Sheet sheet;
  sheet.name = "things";
  for (std::size_t i = 0; i < columns; ++i) {
    sheet.columns.push_back({"c" + std::to_string(i), "C" + std::to_string(i)});
  }
  for (const auto& row : rows) {
    sheet.rows.emplace_back();
    for (const std::string& text : row) sheet.rows.back().push_back({text});
  }
  return sheet;
}

}  // namespace

TEST_CASE("width counts columns, not bytes") {
  CHECK(width_of("") == 0);
  CHECK(width_of("abc") == 3);
  CHECK(width_of("Zürich") == 6);
  CHECK(width_of("北京") == 4);
  CHECK(width_of("e\u0301") == 1);
  CHECK(width_of("🙂") == 2);
  CHECK(width_of("\xff\xfe") == 2);
  CHECK(width_of("\xe5\x8c") == 2);  // cut off in the middle: each byte for itself
}

TEST_CASE("what is cut ends in an ellipsis and in a whole letter") {
  CHECK(cut("abcdef", 6) == "abcdef");
  CHECK(cut("abcdef", 5) == "abcd…");
  CHECK(cut("北京上海", 5) == "北京…");
  CHECK(cut("北京上海", 4) == "北…");
  CHECK(cut("abc", 1) == "…");
  CHECK(cut("abc", 0).empty());
}

TEST_CASE("other people's text does not steer the terminal") {
  CHECK(harmless("a\x1b[2Jb") == "a\\x1b[2Jb");
  CHECK(harmless("a\nb") == "a\\x0ab");
  CHECK(harmless_lines("a\nb\r") == "a\nb\\x0d");
  CHECK(harmless("\xc2\x9b") == "\\x9b");        // CSI of one byte
  CHECK(harmless("\u202eabc") == "\\u202eabc");  // right to left from here
  CHECK(harmless("\xff") == "\\xff");
  CHECK(harmless("Zürich 北京") == "Zürich 北京");
}

TEST_CASE("columns stand under one another, numbers to the right") {
  Sheet sheet{"x", {{"name", "NAME"}, {"count", "COUNT"}, {"note", "NOTE", true}}, {}};
  sheet.rows = {{{"北京"}, {std::uint64_t{7}}, {""}}, {{"a"}, {std::uint64_t{1234}}, {""}}};
  CHECK(table(sheet, {}) == "NAME  COUNT\n北京      7\na      1234\n");
  sheet.rows[1][2] = {"why"};
  CHECK(table(sheet, {}) == "NAME  COUNT  NOTE\n北京      7  -\na      1234  why\n");
}

TEST_CASE("in a pipe nothing is cut, on a terminal everything fits") {
  const std::string long_name(200, 'x');
  const Sheet sheet = sheet_with({{"a", long_name, "b"}}, 3);
  CHECK(table(sheet, {}).find(long_name) != std::string::npos);
  const std::string narrow = table(sheet, {40, false});
  CHECK(narrow.find("…") != std::string::npos);
  CHECK(narrow.find("  b\n") != std::string::npos);

  std::mt19937 random(5);  // NOLINT(cert-msc51-cpp): the same sheets each time
  const std::vector<std::string> letters{"a", "ü", "北", "🙂", " ", "e\u0301", "\x1b", "\xff"};
  for (int round = 0; round < 300; ++round) {
    const std::size_t columns = 1 + random() % 12;
    const std::size_t width = 10 + random() % 120;
    std::vector<std::vector<std::string>> rows(random() % 5);
    for (auto& row : rows) {
      for (std::size_t i = 0; i < columns; ++i) {
        std::string text;
        for (std::size_t n = random() % 30; n > 0; --n) text += letters[random() % letters.size()];
        row.push_back(text);
      }
    }
    std::istringstream lines(table(sheet_with(rows, columns), {width, false}));
    for (std::string line; std::getline(lines, line);) {
      INFO(line);
      CHECK(width_of(line) <= width);
    }
  }
}

TEST_CASE("colours are for a terminal that wants them") {
  CHECK(toned("x", Tone::bad, {80, true}) == "\x1b[31mx\x1b[0m");
  CHECK(toned("x", Tone::bad, {80, false}) == "x");
  CHECK(toned("x", Tone::plain, {80, true}) == "x");
  const Environment plain;
  CHECK(look_for(true, false, plain, 80).color);
  CHECK_FALSE(look_for(false, false, plain, 80).color);
  CHECK(look_for(false, false, plain, 80).width == 0);
  CHECK_FALSE(look_for(true, true, plain, 80).color);
  CHECK_FALSE(look_for(true, false, {{}, "1", {}}, 80).color);
  CHECK(look_for(true, false, {{}, "", {}}, 80).color);
  CHECK_FALSE(look_for(true, false, {{}, {}, "dumb"}, 80).color);
  CHECK(terminal_width({"132", {}, {}}, -1) == 132);
  CHECK(terminal_width({"0", {}, {}}, -1) == 80);
  CHECK(terminal_width({"wide", {}, {}}, -1) == 80);
}

TEST_CASE("amounts and times in words") {
  CHECK(in_bytes(0) == "0 B");
  CHECK(in_bytes(1023) == "1023 B");
  CHECK(in_bytes(1024) == "1.0 KiB");
  CHECK(in_bytes(1024 * 1024 - 1) == "1.0 MiB");
  CHECK(in_bytes(~std::uint64_t{0}) == "16.0 EiB");
  CHECK(rfc3339(control::Moment(std::chrono::seconds(1))) == "1970-01-01T00:00:01Z");
  CHECK(rfc3339(control::Moment{}).empty());
  CHECK(counted(1, "tunnel") == "1 tunnel");
  CHECK(counted(2, "tunnel") == "2 tunnels");
}

}  // namespace ipsec::cli
