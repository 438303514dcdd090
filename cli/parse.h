// From the arguments of main() to what is to be done.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "cli/command.h"

namespace ipsec::cli {

// What of the environment decides: $IPSECD_RUN_DIR.
struct Defaults {
  std::string run_dir;     // empty: the built-in one
  std::size_t width = 80;  // of help
};

// `arguments` are without the program's name.
[[nodiscard]] std::expected<Parsed, UsageError> parse(const std::vector<std::string>& arguments,
                                                      const Defaults& defaults);

}  // namespace ipsec::cli
