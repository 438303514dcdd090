// What every target includes: the entry that libFuzzer and replay_main.cpp call, and the way a
// broken rule is reported.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace ipsec::fuzz {

// Ends the program, which is what a fuzzer takes for a find.
[[noreturn]] inline void report(const std::string& broken_rule) {
  std::fprintf(stderr, "broken rule: %s\n", broken_rule.c_str());
  std::abort();
}

inline void require(bool holds, const char* rule) {
  if (!holds) report(rule);
}

}  // namespace ipsec::fuzz
