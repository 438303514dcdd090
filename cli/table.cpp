#include "cli/table.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "cli/text_width.h"

namespace ipsec::cli {
namespace {

constexpr std::size_t kGap = 2;
// Below this a column says nothing any more; the line is cut instead.
constexpr std::size_t kLeastWidth = 4;

struct LaidOut {
  std::string text;
  Tone tone = Tone::plain;
};

struct Grid {
  std::vector<std::string> titles;
  std::vector<bool> right;  // numbers
  std::vector<std::vector<LaidOut>> rows;
};

bool is_amount(const Cell& cell) {
  return std::holds_alternative<std::uint64_t>(cell.value) ||
         std::holds_alternative<Bytes>(cell.value);
}

bool is_wanted(const Sheet& sheet, std::size_t column) {
  if (sheet.columns[column].title.empty()) return false;
  if (!sheet.columns[column].if_any) return true;
  return std::ranges::any_of(sheet.rows,
                             [column](const auto& row) { return !shown(row[column]).empty(); });
}

Grid grid_of(const Sheet& sheet) {
  Grid grid;
  grid.rows.resize(sheet.rows.size());
  for (std::size_t column = 0; column < sheet.columns.size(); ++column) {
    if (!is_wanted(sheet, column)) continue;
    grid.titles.push_back(sheet.columns[column].title);
    grid.right.push_back(!sheet.rows.empty() &&
                         std::ranges::all_of(sheet.rows, [column](const auto& row) {
                           return is_amount(row[column]);
                         }));
    for (std::size_t i = 0; i < sheet.rows.size(); ++i) {
      const Cell& cell = sheet.rows[i][column];
      std::string words = harmless(shown(cell));
      if (words.empty()) {
        grid.rows[i].push_back({"-", Tone::dim});
      } else {
        grid.rows[i].push_back({std::move(words), cell.tone});
      }
    }
  }
  return grid;
}

std::vector<std::size_t> widths_of(const Grid& grid) {
  std::vector<std::size_t> widths;
  widths.reserve(grid.titles.size());
  for (std::size_t column = 0; column < grid.titles.size(); ++column) {
    std::size_t width = width_of(grid.titles[column]);
    for (const auto& row : grid.rows) width = std::max(width, width_of(row[column].text));
    widths.push_back(width);
  }
  return widths;
}

// Takes room from the widest until all fit.
void shrink(std::vector<std::size_t>& widths, std::size_t room) {
  const std::size_t gaps = widths.empty() ? 0 : kGap * (widths.size() - 1);
  while (std::accumulate(widths.begin(), widths.end(), gaps) > room) {
    const auto widest = std::ranges::max_element(widths);
    if (*widest <= kLeastWidth) return;
    --*widest;
  }
}

// What was cut away is not coloured; colours take no room.
std::string line_of(const std::vector<LaidOut>& cells, const Grid& grid,
                    const std::vector<std::size_t>& widths, const Look& look) {
  std::string out;
  std::size_t at = 0;
  for (std::size_t column = 0; column < cells.size(); ++column) {
    const bool last = column + 1 == cells.size();
    std::string text =
        look.width == 0 ? cells[column].text : cut(cells[column].text, widths[column]);
    if (!last || grid.right[column]) text = padded(text, widths[column], grid.right[column]);
    if (look.width != 0 && at >= look.width) break;
    if (look.width != 0 && at + width_of(text) > look.width) text = cut(text, look.width - at);
    at += width_of(text) + kGap;
    out += toned(text, cells[column].tone, look);
    if (!last) out.append(kGap, ' ');
  }
  out.erase(out.find_last_not_of(' ') + 1);
  return out + '\n';
}

}  // namespace

std::string table(const Sheet& sheet, const Look& look) {
  const Grid grid = grid_of(sheet);
  std::vector<std::size_t> widths = widths_of(grid);
  if (look.width != 0) shrink(widths, look.width);
  std::vector<LaidOut> titles;
  titles.reserve(grid.titles.size());
  for (const std::string& title : grid.titles) titles.push_back({title, Tone::plain});
  std::string head = line_of(titles, grid, widths, look);
  head.pop_back();
  std::string out = bold(std::move(head), look) + '\n';
  for (const auto& row : grid.rows) out += line_of(row, grid, widths, look);
  return out;
}

std::string toned(std::string text, Tone tone, const Look& look) {
  if (!look.color || tone == Tone::plain || text.empty()) return text;
  std::string_view code;
  switch (tone) {
    case Tone::good:
      code = "32";
      break;
    case Tone::warn:
      code = "33";
      break;
    case Tone::bad:
      code = "31";
      break;
    case Tone::dim:
      code = "2";
      break;
    case Tone::plain:
      break;
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::string bold(std::string text, const Look& look) {
  return look.color ? fmt::format("\x1b[1m{}\x1b[0m", text) : text;
}

}  // namespace ipsec::cli
