// What the tests of crossings in IKEv1 share: the pair of the other ones in either mode, a walk
// through the orders of messages, and a network that can lose one side's Deletes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "tests/sim/crossing.h"

namespace ipsec::sim {

enum class V1Mode : std::uint8_t { main, aggressive };
inline constexpr std::array kV1Modes{V1Mode::main, V1Mode::aggressive};
[[nodiscard]] std::string_view name_of(V1Mode mode);

class V1Crossing : public Crossing {
 public:
  explicit V1Crossing(V1Mode mode = V1Mode::main, std::uint64_t seed = 1);

  // Packets both ways from now on: close after one another until the network is released, so that
  // some fall between any two messages, and fewer then.
  void carry();
  [[nodiscard]] std::size_t packets_lost() const { return carries_ ? flows_.lost() : 0; }
  [[nodiscard]] std::size_t packets_received() const { return carries_ ? flows_.received() : 0; }

  // Released, and on until all that crossed has settled: who waits for a Delete waits for
  // limits::kAwaitDelete, and quick modes may have crossed before that.
  [[nodiscard]] Problems in_the_end();
  // The same, where the tunnel was taken down for good.
  [[nodiscard]] Problems in_the_end_down();

  enum class Deletes : std::uint8_t { of_children, of_isakmp, any };
  // From now on the network loses these of that side, as if it had never sent them.
  void lose_deletes(std::size_t side, Deletes which);
  [[nodiscard]] std::size_t deletes_lost() const { return deletes_lost_; }

 private:
  void settle();

  bool carries_ = false;
  Flows flows_;
  std::size_t deletes_lost_ = 0;
};

// What is begun on the pair, to be walked through: false where it could not be.
using BeginV1 = std::function<bool(V1Crossing&)>;

struct V1Walk {
  V1Mode mode = V1Mode::main;
  bool lossless = true;     // no packet may be lost
  bool stays_down = false;  // in the end there is nothing
};

// Every order, or those drawn, of all messages that follow from what is begun, and then of the
// Deletes that are due some time after (limits::kV1DeletesAfter).
void walk_v1(Orders orders, Lowest lowest, const V1Walk& walk, const BeginV1& begin);

}  // namespace ipsec::sim
