// What must be true of a random world: at any time, at rest, and when all is closed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/world.h"

namespace ipsec::sim {

// A tunnel between two nodes, as each of them has it.
struct Link {
  std::uint64_t id = 0;
  std::size_t a = 0;
  std::size_t b = 0;
  core::TunnelConfig at_a;
  core::TunnelConfig at_b;
};

using Problems = std::vector<std::string>;

// Everything is up, once, on both sides alike, packets pass, and nothing is left over.
[[nodiscard]] Problems check_rest(World& world, const std::vector<Link>& links, std::size_t nodes);
// However bad things are there is only so much of everything.
[[nodiscard]] Problems check_bounds(World& world, const std::vector<Link>& links,
                                    std::size_t nodes);
// Nothing is there any more, nor any key in memory.
[[nodiscard]] Problems check_closed(World& world, std::size_t nodes);

}  // namespace ipsec::sim
