// Which bytes are text: against a list of all characters, encoded one by one, for every beginning
// of two bytes with the edges of a third; and the edges of four bytes.
#include "ike/base/utf8.h"

#include <array>
#include <cstdint>
#include <string>
#include <unordered_set>

#include <catch2/catch.hpp>

namespace ipsec {
namespace {

std::string encoded(std::uint32_t code) {
  const auto more = [code](unsigned shift) {
    return static_cast<char>(0x80U | ((code >> shift) & 0x3fU));
  };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xc0U | (code >> 6U)), more(0)};
  return {static_cast<char>(0xe0U | (code >> 12U)), more(6), more(0)};
}

std::unordered_set<std::string> all_of_three_bytes() {
  std::unordered_set<std::string> all;
  for (std::uint32_t code = 0; code < 0x10000; ++code) {
    if (code < 0xd800 || code > 0xdfff) all.insert(encoded(code));
  }
  return all;
}

}  // namespace

TEST_CASE("UTF-8: a character is one of the list, and nothing else is") {
  static constexpr std::array<unsigned, 7> kThird{0x00, 0x41, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
  const auto all = all_of_three_bytes();
  for (unsigned first_two = 0; first_two < 0x10000; ++first_two) {
    for (const unsigned third : kThird) {
      const std::string text{static_cast<char>(first_two >> 8U), static_cast<char>(first_two),
                             static_cast<char>(third)};
      std::size_t expected = 0;
      for (std::size_t size = 1; size <= 3; ++size) {
        if (all.contains(text.substr(0, size))) expected = size;
      }
      if (size_of_character(text) != expected) FAIL("bytes " << first_two << ' ' << third);
    }
  }
}

TEST_CASE("UTF-8: the edges of four bytes, what is cut, and whole texts") {
  CHECK(size_of_character("\xf0\x8f\xbf\xbf") == 0);
  CHECK(size_of_character("\xf0\x90\x80\x80") == 4);
  CHECK(size_of_character("\xf4\x8f\xbf\xbf") == 4);
  CHECK(size_of_character("\xf4\x90\x80\x80") == 0);
  CHECK(size_of_character("\xf5\x80\x80\x80") == 0);
  CHECK(size_of_character("\xf0\x90\x80") == 0);
  CHECK(size_of_character("\xf0\x90\x80x") == 0);
  CHECK(size_of_character("") == 0);
  CHECK(count_characters("") == 0U);
  CHECK(count_characters("Z\xc3\xbcrich \xe6\x9d\xb1") == 8U);
  CHECK_FALSE(is_utf8("Z\xfcrich"));
  CHECK_FALSE(is_utf8("Z\xc3"));
}

}  // namespace ipsec
