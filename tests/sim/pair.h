// Two sites with one tunnel between them: what most simulated tests are about.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/world.h"

namespace ipsec::sim {

class Pair {
 public:
  static constexpr std::size_t kLeft = 0;
  static constexpr std::size_t kRight = 1;
  using Problems = std::vector<std::string>;

  explicit Pair(std::uint64_t seed = 1);

  World world;
  core::TunnelConfig left_config;
  core::TunnelConfig right_config;

  [[nodiscard]] Node& left() { return world.node(kLeft); }
  [[nodiscard]] Node& right() { return world.node(kRight); }

  // Hands both their configuration, as it is then.
  void configure();
  // As it is then, to a daemon that was dead.
  void revive(std::size_t side);
  // The last of each offer first: the first guess of either is not the other's.
  void right_prefers_other_groups();
  // A usable child on both sides.
  [[nodiscard]] bool up_within(Duration limit);
  [[nodiscard]] bool packet_passes();

  // Everything that must hold once nothing is under way: one IKE SA, one child for the pair of
  // ranges, kernels that mirror each other, nothing left over. Waits for lingering SAs to go.
  [[nodiscard]] Problems at_rest();

  struct Flows {
    Flow* there = nullptr;
    Flow* back = nullptr;
    [[nodiscard]] std::size_t lost() const { return there->lost + back->lost; }
    [[nodiscard]] std::size_t received() const { return there->received + back->received; }
  };
  [[nodiscard]] Flows start_flows();
  void stop(Flows& flows);
};

}  // namespace ipsec::sim
