// Worlds drawn from a seed: a few sites and tunnels, a while of trouble, then calm, in which
// everything that should be up must come up and nothing may be left over.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ipsec::sim {

enum class Tracing : std::uint8_t { off, on };
// The versions of IKE in a world: IKEv2 alone, IKEv1 alone, or each tunnel one of them.
enum class Spoken : std::uint8_t { v2, v1, mixed };

struct Outcome {
  std::string plan;  // what kind of world it was
  std::vector<std::string> problems;
  std::string trace;
};

// Two kinds of worlds take turns:
//   rough   loss, corruption, partitions, restarts, refusing kernels, commands, changes; no traffic
//   gentle  delay, reordering, duplicates, rekeys of all kinds; not one packet may be lost
// In half of either daemons die and come back from the runtime store.
[[nodiscard]] Outcome run_seed(std::uint64_t seed, Tracing tracing, Spoken spoken = Spoken::v2);

}  // namespace ipsec::sim
