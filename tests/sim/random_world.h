// Worlds drawn from a seed: a few sites and tunnels, a while of trouble, then calm, in which
// everything that should be up must come up and nothing may be left over.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ipsec::sim {

enum class Tracing : std::uint8_t { off, on };

struct Outcome {
  std::string plan;  // what kind of world it was
  std::vector<std::string> problems;
  std::string trace;
};

// Two kinds of worlds take turns:
//   rough   loss, corruption, partitions, restarts, refusing kernels, commands, changes; no traffic
//   gentle  delay, reordering, duplicates, rekeys of all kinds; not one packet may be lost
[[nodiscard]] Outcome run_seed(std::uint64_t seed, Tracing tracing);

}  // namespace ipsec::sim
