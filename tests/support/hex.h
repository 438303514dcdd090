// Byte sequences written by hand, with blanks wherever they help the eye.
#pragma once

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>

#include "ike/base/bytes.h"

namespace ipsec::test {

[[nodiscard]] inline Bytes hex(std::string_view text) {
  std::string digits(text);
  std::erase_if(digits, [](unsigned char c) { return std::isspace(c) != 0; });
  return from_hex(digits).value();
}

}  // namespace ipsec::test
