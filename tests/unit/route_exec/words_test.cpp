// A program's words must come out as one harmless line, whatever bytes they are.
#include <catch2/catch.hpp>

#include <string>

#include "ike/base/limits.h"
#include "route/exec/words.h"

namespace ipsec::route::exec {
namespace {

TEST_CASE("the first line that says something is taken") {
  CHECK(first_line("").empty());
  CHECK(first_line(" \n\t\r\n").empty());
  CHECK(first_line("no such table\nTraceback") == "no such table");
  CHECK(first_line("\r\n\n  no such table \r\n") == "no such table");
}

TEST_CASE("what steers a terminal or is no character becomes a question mark") {
  CHECK(first_line("\x1b[31mred\x7f") == "?[31mred?");
  CHECK(first_line(std::string("a\0b", 3)) == "a?b");
  CHECK(first_line("Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x8c\x8d") ==
        "Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x8c\x8d");
  CHECK(first_line("\xc2\x9b"
                   "0m") == "?0m");  // CSI in one character
  CHECK(first_line("a\xe2\x80\xae"
                   "b\xe2\x80\xa8"
                   "c") == "a?b?c");  // right to left; a line
  CHECK(first_line("\xff\xc3") == "??");
  CHECK(first_line("\xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80") == "?? ??? ????");  // RFC 3629 3
}

TEST_CASE("a long line is cut between characters") {
  std::string text;
  while (text.size() < 2 * limits::kProgramReasonBytes) text += "\xe2\x82\xac";
  const std::string line = first_line(text);
  CHECK(line.size() <= limits::kProgramReasonBytes);
  CHECK(line.size() > limits::kProgramReasonBytes - 6);
  CHECK(line.ends_with("\xe2\x82\xac..."));
  CHECK(first_line(line) == line);
  const std::string fits(limits::kProgramReasonBytes, 'x');
  CHECK(first_line(fits) == fits);
  CHECK(first_line(fits + "x") == fits.substr(3) + "...");
}

}  // namespace
}  // namespace ipsec::route::exec
