// Carries out what was parsed.
#pragma once

#include "cli/command.h"
#include "cli/terminal.h"
#include "ike/control/types/replies.h"

namespace ipsec::cli {

struct Surroundings {
  Environment environment;
  Terminals terminals;
  const Interrupt& interrupt;
};

[[nodiscard]] ExitStatus run(const Command& command, const Surroundings& around);
// Prints candidates for the shell; says nothing where something fails.
[[nodiscard]] ExitStatus run(const Complete& complete, const Surroundings& around,
                             const std::string& default_run_dir);

// "ipsecctl: MESSAGE" on standard error.
void complain(std::string_view message);
[[nodiscard]] ExitStatus status_of(control::ErrorCode code);

}  // namespace ipsec::cli
