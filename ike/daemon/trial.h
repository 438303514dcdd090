// Whether a program's file would do as the next daemon.
#pragma once

#include <expected>
#include <string>
#include <vector>

namespace ipsec::daemon {

// The file, and the arguments that a daemon is started with.
struct Program {
  std::string path;
  std::vector<std::string> arguments;  // the first is the name it was called by
};

// Does not come back where it works. Signals stay as they are.
void exec_program(const Program& program, const std::vector<std::string>& more);

// Its version, or why not, in a line. It must know its version, and like the configuration; both
// within a time. Waits for it, so: not in a process that has other things to do.
[[nodiscard]] std::expected<std::string, std::string> try_program(const Program& program);

}  // namespace ipsec::daemon
