#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/parse.h"
#include "cli/run.h"

namespace {

namespace cli = ipsec::cli;

std::optional<std::string> variable(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

cli::ExitStatus run(const std::vector<std::string>& arguments) {
  const cli::Environment environment{variable("COLUMNS"), variable("NO_COLOR"), variable("TERM")};
  const cli::Terminals terminals = cli::find_terminals();
  cli::Defaults defaults;
  defaults.run_dir = variable("IPSECD_RUN_DIR").value_or("");
  if (terminals.out) defaults.width = cli::terminal_width(environment, STDOUT_FILENO);
  const auto parsed = cli::parse(arguments, defaults);
  if (!parsed) {
    cli::complain(parsed.error().message);
    return cli::ExitStatus::usage;
  }
  if (const auto* it = std::get_if<cli::Print>(&*parsed)) {
    return cli::write_all(STDOUT_FILENO, it->text) ? cli::ExitStatus::ok : cli::ExitStatus::failed;
  }
  const cli::Interrupt interrupt = cli::Interrupt::of_signals();
  const cli::Surroundings around{environment, terminals, interrupt};
  if (const auto* it = std::get_if<cli::Complete>(&*parsed)) {
    return cli::run(*it, around, defaults.run_dir.empty() ? "/run/ipsecd" : defaults.run_dir);
  }
  return cli::run(std::get<cli::Command>(*parsed), around);
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): what is left is memory that is not there
int main(int argc, char** argv) { return static_cast<int>(run({argv + 1, argv + argc})); }
