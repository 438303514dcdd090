#include "route/exec/words.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include "ike/base/limits.h"

namespace ipsec::route::exec {
namespace {

struct Character {
  std::size_t length = 1;
  bool printable = false;
};

// RFC 3629. What is no character is one byte that cannot be printed.
Character character_at(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned first = byte(0);
  if (first < 0x80) return {1, first >= 0x20 && first != 0x7f};
  struct Form {
    unsigned mask, mark;
    std::uint32_t least;
  };
  static constexpr std::array<Form, 3> kForms{
      {{0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}}};
  for (std::size_t i = 0; i < kForms.size(); ++i) {
    const Form& form = kForms.at(i);
    if ((first & form.mask) != form.mark) continue;
    const std::size_t length = i + 2;
    if (text.size() < length) return {};
    std::uint32_t code = first & ~form.mask;
    for (std::size_t at = 1; at < length; ++at) {
      if ((byte(at) & 0xc0U) != 0x80) return {};
      code = (code << 6U) | (byte(at) & 0x3fU);
    }
    if (code < form.least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
    // The second set of control characters, line and paragraph separator, and those that turn the
    // direction of writing.
    const bool steers = code < 0xa0 || (code >= 0x200e && code <= 0x200f) ||
                        (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    return {length, !steers};
  }
  return {};
}

std::string_view trimmed(std::string_view line) {
  static constexpr std::string_view kBlank = " \t\r\v\f";
  const auto first = line.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kBlank) + 1 - first);
}

}  // namespace

std::string first_line(std::string_view text) {
  std::string_view line;
  while (line.empty() && !text.empty()) {
    const auto end = text.find('\n');
    line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  static constexpr std::string_view kMore = "...";
  std::string out;
  std::size_t cut = 0;  // where it may end if there is more to say
  while (!line.empty()) {
    const Character next = character_at(line);
    out += next.printable ? line.substr(0, next.length) : "?";
    line.remove_prefix(next.length);
    if (out.size() <= limits::kProgramReasonBytes - kMore.size()) cut = out.size();
    if (out.size() > limits::kProgramReasonBytes) return out.substr(0, cut).append(kMore);
  }
  return out;
}

}  // namespace ipsec::route::exec
