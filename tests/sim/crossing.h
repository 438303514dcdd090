// What the tests of crossing exchanges share: an established pair on a held network, messages named
// by who sent them and what they are, and a walk through every order of delivery.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "tests/sim/pair.h"

namespace ipsec::sim {

enum class Kind : std::uint8_t { request, answer };

// Established a while ago: neither a crossing start nor a liveness check is under way.
class Crossing : public Pair {
 public:
  explicit Crossing(std::uint64_t seed = 1) : Pair(seed) {}

  // Brings the tunnel up, forgets the events, and holds the network.
  [[nodiscard]] bool ready();
  // Gives an order; what it causes without the network's help is done.
  void order(std::size_t side, core::Order what);
  // The kernel says that the only child's lifetime is over.
  void expire(std::size_t side, bool hard);
  // The side that draws the lowest nonces; its rekey loses a crossing (RFC 7296 2.8.1).
  void lowest_nonce(std::size_t side);

  // The first held message of that kind from `side`, handed over or lost; false if there is none.
  [[nodiscard]] bool pass(std::size_t side, Kind kind);
  [[nodiscard]] bool lose(std::size_t side, Kind kind);
  [[nodiscard]] std::size_t waiting(std::size_t side, Kind kind) const;
  // The network works again; all that was held goes out.
  void release();
  // Released, and a minute on: whatever waits for the other side has given up.
  [[nodiscard]] Problems in_the_end();

  static std::size_t other(std::size_t side) { return side == kLeft ? kRight : kLeft; }

 private:
  [[nodiscard]] std::size_t find(std::size_t side, Kind kind) const;
};

// Every sequence of choices, one after the other, depth first, up to a number of them.
class Orders {
 public:
  explicit Orders(std::size_t limit) : limit_(limit) {}
  // Goes to the next sequence; false after the last.
  [[nodiscard]] bool next();
  [[nodiscard]] std::size_t choose(std::size_t options);
  [[nodiscard]] std::string describe() const;
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  std::size_t limit_;
  std::size_t count_ = 0;
  std::size_t depth_ = 0;
  std::vector<std::pair<std::size_t, std::size_t>> path_;  // chosen, of how many
};

}  // namespace ipsec::sim
