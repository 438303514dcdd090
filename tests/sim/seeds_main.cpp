// Random worlds from the command line: replays one with its trace, or runs a range of seeds.
#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "tests/sim/random_world.h"

namespace {

using ipsec::sim::Outcome;
using ipsec::sim::run_seed;
using ipsec::sim::Spoken;
using ipsec::sim::Tracing;

int usage() {
  fmt::print(stderr, "usage: sim_seeds [--v1 | --mixed] --seed N | --seeds A..B\n");
  return 2;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void print_problems(std::uint64_t seed, const Outcome& outcome) {
  fmt::print("seed {} failed ({})\n", seed, outcome.plan);
  for (const auto& problem : outcome.problems) fmt::print("  {}\n", problem);
}

int replay(std::uint64_t seed, Spoken spoken) {
  const Outcome outcome = run_seed(seed, Tracing::on, spoken);
  fmt::print("{}seed {}: {}\n", outcome.trace, seed, outcome.plan);
  if (outcome.problems.empty()) return 0;
  print_problems(seed, outcome);
  return 1;
}

int run_range(std::uint64_t first, std::uint64_t last, Spoken spoken) {
  std::uint64_t failed = 0;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const Outcome outcome = run_seed(seed, Tracing::off, spoken);
    if (outcome.problems.empty()) continue;
    ++failed;
    print_problems(seed, outcome);
    std::fflush(stdout);
  }
  fmt::print("{} of {} seeds failed\n", failed, last - first + 1);
  return failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) return usage();
  Spoken spoken = Spoken::v2;
  if (argc == 4) {
    const std::string_view version = argv[1];
    if (version != "--v1" && version != "--mixed") return usage();
    spoken = version == "--v1" ? Spoken::v1 : Spoken::mixed;
  }
  const std::string_view option = argv[argc - 2];
  const std::string_view value = argv[argc - 1];
  if (option == "--seed") {
    const auto seed = number(value);
    return seed ? replay(*seed, spoken) : usage();
  }
  const auto dots = value.find("..");
  if (option != "--seeds" || dots == std::string_view::npos) return usage();
  const auto first = number(value.substr(0, dots));
  const auto last = number(value.substr(dots + 2));
  if (!first || !last || *first > *last) return usage();
  return run_range(*first, *last, spoken);
}
