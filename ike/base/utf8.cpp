#include "ike/base/utf8.h"

#include <algorithm>
#include <array>

namespace ipsec {
namespace {

// RFC 3629 4: how many bytes a character has whose first lies here, and where its second may lie.
struct Form {
  unsigned char first;
  unsigned char last;
  std::size_t size;
  unsigned char second_first = 0x80;
  unsigned char second_last = 0xbf;
};
constexpr std::array<Form, 9> kForms{{{0x00, 0x7f, 1},
                                      {0xc2, 0xdf, 2},
                                      {0xe0, 0xe0, 3, 0xa0, 0xbf},
                                      {0xe1, 0xec, 3},
                                      {0xed, 0xed, 3, 0x80, 0x9f},
                                      {0xee, 0xef, 3},
                                      {0xf0, 0xf0, 4, 0x90, 0xbf},
                                      {0xf1, 0xf3, 4},
                                      {0xf4, 0xf4, 4, 0x80, 0x8f}}};

bool lies_in(char c, unsigned char first, unsigned char last) {
  const auto byte = static_cast<unsigned char>(c);
  return first <= byte && byte <= last;
}

}  // namespace

std::size_t size_of_character(std::string_view text) {
  if (text.empty()) return 0;
  const auto* const form = std::ranges::find_if(
      kForms, [&](const Form& it) { return lies_in(text.front(), it.first, it.last); });
  if (form == kForms.end() || form->size > text.size()) return 0;
  if (form->size == 1) return 1;
  if (!lies_in(text[1], form->second_first, form->second_last)) return 0;
  const bool continues = std::ranges::all_of(text.substr(2, form->size - 2),
                                             [](char c) { return lies_in(c, 0x80, 0xbf); });
  return continues ? form->size : 0;
}

std::optional<std::size_t> count_characters(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); ++count) {
    const std::size_t size = size_of_character(text);
    if (size == 0) return std::nullopt;
    text.remove_prefix(size);
  }
  return count;
}

}  // namespace ipsec
