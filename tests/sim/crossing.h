// What the tests of crossing exchanges share: an established pair on a held network, messages named
// by who sent them and what they are, and a walk through every order of delivery.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/sim/pair.h"
#include "tests/support/effort.h"

namespace ipsec::sim {

enum class Kind : std::uint8_t { request, answer };

// Which of the four nonces of two exchanges that cross is the lowest. It decides who stays (RFC
// 7296 2.8.1): an exchange goes by the lower of its two, its request's or that of the answer to it.
enum class Lowest : std::uint8_t { left_request, answer_to_left, right_request, answer_to_right };
inline constexpr std::array kEveryWinner{Lowest::left_request, Lowest::answer_to_left,
                                         Lowest::right_request, Lowest::answer_to_right};
[[nodiscard]] std::string_view name_of(Lowest which);

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
  void expire(std::size_t side, const core::ChildStatus& child, bool hard);
  // From now on; the exchange it belongs to loses the crossing.
  void lowest_nonce(Lowest which);

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

// The orders in which what is held on the network can arrive: every one, depth first, or some drawn
// by a seed where there are too many.
//
// Two deliveries to different sides, where the second message was there before the first was
// delivered, can be told apart by nobody: each side takes in the same, in the same order. Of the
// orders that differ in such pairs alone one is taken, that in which the left side comes first.
class Orders {
 public:
  enum class Alike : std::uint8_t { once, each };
  // At most `limit` of them: one more is a walk that never comes to its end.
  static constexpr std::size_t kLimit = 20'000;
  // Of a crossing that has too many, or with sanitizers, where each costs ten times as much.
  static constexpr std::size_t kDrawn = test::kSanitized ? 5 : 150;
  [[nodiscard]] static Orders every(Alike alike = Alike::once, std::size_t limit = kLimit);
  [[nodiscard]] static Orders drawn(std::size_t count, std::uint64_t seed);
  // In each of them, each message in turn is lost, once: it comes again by its sender's timer,
  // after all the others.
  [[nodiscard]] Orders losing_one() &&;

  // Goes to the next order; false after the last.
  [[nodiscard]] bool next();
  // Delivers all that is held and all that follows; false where the order is one of those that
  // another one stands for, or where there is no end to it.
  [[nodiscard]] bool deliver(World& world);
  [[nodiscard]] std::string describe() const;
  // What each side took in, in its order: all that it can know of the order.
  [[nodiscard]] const std::string& as_seen() const { return as_seen_; }
  [[nodiscard]] std::size_t taken() const { return taken_; }
  // Whether nothing was cut short: each order delivered to its last message, and the last one
  // reached.
  [[nodiscard]] bool complete() const { return complete_; }

 private:
  [[nodiscard]] std::size_t choose(std::size_t options);

  std::size_t limit_ = 0;
  Alike alike_ = Alike::once;
  std::optional<test::Random> random_;
  bool loses_ = false;
  std::size_t count_ = 0;
  std::size_t taken_ = 0;
  bool complete_ = true;
  std::string as_seen_;
  std::size_t depth_ = 0;
  std::vector<std::pair<std::size_t, std::size_t>> path_;  // chosen, of how many
};

}  // namespace ipsec::sim
