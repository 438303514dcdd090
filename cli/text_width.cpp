#include "cli/text_width.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include <fmt/format.h>

namespace ipsec::cli {
namespace {

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};

// Combining marks, joiners and variation selectors.
constexpr std::array kNarrow{
    Range{0x0300, 0x036f}, Range{0x0483, 0x0489}, Range{0x0591, 0x05bd}, Range{0x0610, 0x061a},
    Range{0x064b, 0x065f}, Range{0x0e34, 0x0e3a}, Range{0x0e47, 0x0e4e}, Range{0x1ab0, 0x1aff},
    Range{0x1dc0, 0x1dff}, Range{0x200b, 0x200f}, Range{0x2060, 0x2064}, Range{0x20d0, 0x20ff},
    Range{0xfe00, 0xfe0f}, Range{0xfe20, 0xfe2f}, Range{0xfeff, 0xfeff}, Range{0xe0100, 0xe01ef}};
// East Asian Wide and Fullwidth, and pictures.
constexpr std::array kWide{
    Range{0x1100, 0x115f},   Range{0x2e80, 0x303e},   Range{0x3041, 0x33ff},
    Range{0x3400, 0x4dbf},   Range{0x4e00, 0x9fff},   Range{0xa000, 0xa4cf},
    Range{0xa960, 0xa97f},   Range{0xac00, 0xd7a3},   Range{0xf900, 0xfaff},
    Range{0xfe30, 0xfe6f},   Range{0xff00, 0xff60},   Range{0xffe0, 0xffe6},
    Range{0x1f300, 0x1f64f}, Range{0x1f680, 0x1f6ff}, Range{0x1f900, 0x1f9ff},
    Range{0x20000, 0x3fffd}};
// Marks that turn the direction of writing around, so that text reads as something else.
constexpr std::array kTurning{Range{0x202a, 0x202e}, Range{0x2066, 0x2069}};

bool lies_in(std::span<const Range> ranges, std::uint32_t letter) {
  return std::ranges::any_of(ranges, [letter](const Range& range) {
    return range.first <= letter && letter <= range.last;
  });
}

struct Letter {
  std::uint32_t code = 0;
  std::size_t bytes = 1;
  bool valid = false;
};

std::size_t length_by_first(unsigned char byte) {
  if (byte < 0x80) return 1;
  if (byte >= 0xc2 && byte < 0xe0) return 2;
  if (byte >= 0xe0 && byte < 0xf0) return 3;
  if (byte >= 0xf0 && byte < 0xf5) return 4;
  return 0;
}

// The first letter of text that is not empty.
Letter first_letter(std::string_view text) {
  static constexpr std::array<std::uint32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t length = length_by_first(first);
  if (length == 0 || length > text.size()) return {first, 1, false};
  if (length == 1) return {first, 1, true};
  std::uint32_t code = first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0U) != 0x80U) return {first, 1, false};
    code = (code << 6U) | (next & 0x3fU);
  }
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < kLeast.at(length) || code > 0x10ffff || surrogate) return {first, 1, false};
  return {code, length, true};
}

std::size_t width_of(const Letter& letter) {
  if (!letter.valid) return 1;
  if (lies_in(kNarrow, letter.code)) return 0;
  return lies_in(kWide, letter.code) ? 2 : 1;
}

std::string spelled_out(std::string_view text, bool newlines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Letter letter = first_letter(text);
    const bool steers = letter.code < 0x20 || (letter.code >= 0x7f && letter.code < 0xa0) ||
                        lies_in(kTurning, letter.code);
    if (letter.valid && (!steers || (newlines && letter.code == '\n'))) {
      out += text.substr(0, letter.bytes);
    } else {
      out += letter.code > 0xff ? fmt::format("\\u{:04x}", letter.code)
                                : fmt::format("\\x{:02x}", letter.code);
    }
    text.remove_prefix(letter.bytes);
  }
  return out;
}

}  // namespace

std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Letter letter = first_letter(text);
    width += width_of(letter);
    text.remove_prefix(letter.bytes);
  }
  return width;
}

std::string cut(std::string_view text, std::size_t width) {
  if (width_of(text) <= width) return std::string(text);
  if (width == 0) return {};
  std::string out;
  std::size_t taken = 0;
  while (!text.empty()) {
    const Letter letter = first_letter(text);
    const std::size_t more = width_of(letter);
    if (taken + more > width - 1) break;
    out += text.substr(0, letter.bytes);
    taken += more;
    text.remove_prefix(letter.bytes);
  }
  return out + "…";
}

std::string padded(std::string text, std::size_t width, bool right) {
  const std::size_t has = width_of(text);
  if (has < width) text.insert(right ? 0 : text.size(), width - has, ' ');
  return text;
}

std::string harmless(std::string_view text) { return spelled_out(text, false); }
std::string harmless_lines(std::string_view text) { return spelled_out(text, true); }

}  // namespace ipsec::cli
