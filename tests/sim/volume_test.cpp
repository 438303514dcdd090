// Goal: SAs are rekeyed by volume as they are by time: before the limit, make before break, by
// whichever side has the limit, and seldom by both at once.
// Method: flows both ways over kernels that count bytes and say when a limit is met.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "ike/base/limits.h"
#include "tests/sim/pair.h"

using namespace std::chrono_literals;
using ipsec::core::ChildRekeyed;
using ipsec::sim::Pair;

namespace {

namespace limits = ipsec::limits;

// The least that can be configured: 2560 KB, 18 s of the flows here.
constexpr std::uint64_t kVolume = std::uint64_t{2'560} * 1'024;

struct Limits {
  std::uint64_t left = 0;
  std::uint64_t right = 0;
};

void limit(Pair& pair, const Limits& limits) {
  pair.left_config.children.front().lifetime_bytes = limits.left;
  pair.right_config.children.front().lifetime_bytes = limits.right;
}

std::set<std::uint64_t> soft_limits(const ipsec::sim::Node& node) {
  std::set<std::uint64_t> found;
  for (const auto& [key, spec] : node.kernel.sas()) found.insert(spec.soft_limit_bytes);
  return found;
}

}  // namespace

TEST_CASE("a volume rekeys without losing a packet, whoever has the limit", "[sim]") {
  for (const Limits& one : {Limits{kVolume, 0}, Limits{0, kVolume}, Limits{kVolume, kVolume}}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      Pair pair(seed);
      pair.world.faults.delay_min = 5ms;
      pair.world.faults.delay_max = 40ms;
      pair.world.faults.answer_max = 5ms;
      limit(pair, one);
      pair.configure();
      INFO("seed " << seed << ", limits " << one.left << " and " << one.right);
      REQUIRE(pair.up_within(2s));
      pair.world.run_for(40s);  // what of openings crossed is settled
      auto flows = pair.start_flows();
      pair.world.run_for(300s);
      pair.stop(flows);
      CHECK(flows.lost() == 0);
      CHECK(flows.received() > 59'000);
      CHECK(pair.at_rest() == Pair::Problems{});
      // 42 MB each way, rekeyed each time 72 to 90 hundredths of 2.6 MB were reached.
      const auto rekeys =
          std::max(pair.left().count<ChildRekeyed>(), pair.right().count<ChildRekeyed>());
      CHECK(rekeys >= 17);
      CHECK(rekeys <= 22);
    }
  }
}

TEST_CASE("who made an SA rekeys it first; the kernel's own limit is far behind", "[sim]") {
  std::set<std::uint64_t> drawn;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Pair pair(seed);
    limit(pair, {kVolume, kVolume});
    pair.right_config.start = ipsec::core::Start::respond;
    pair.configure();
    REQUIRE(pair.up_within(2s));
    const auto made = soft_limits(pair.left());
    const auto answered = soft_limits(pair.right());
    REQUIRE(made.size() == 1);  // both its SAs have the same
    REQUIRE(answered.size() == 1);
    CHECK(*made.begin() >= kVolume * 72 / 100);
    CHECK(*made.begin() <= kVolume * 80 / 100);
    CHECK(*answered.begin() >= kVolume * 81 / 100);
    CHECK(*answered.begin() <= kVolume * 90 / 100);
    drawn.insert(*made.begin());
    for (const auto& [key, spec] : pair.left().kernel.sas()) {
      CHECK(spec.hard_limit_bytes == kVolume + limits::kVolumeRoomBytes);
      CHECK(spec.hard_limit_s == 86'430U);
    }
  }
  CHECK(drawn.size() == 10);
  CHECK(*drawn.rbegin() - *drawn.begin() > kVolume / 25);
}

TEST_CASE("a side without a limit by volume has none in its kernel", "[sim]") {
  Pair pair;
  pair.configure();
  REQUIRE(pair.up_within(2s));
  CHECK(soft_limits(pair.left()) == std::set<std::uint64_t>{0});
  for (const auto& [key, spec] : pair.left().kernel.sas()) CHECK(spec.hard_limit_bytes == 0);
}

// The peer answers nothing for a while: the rekey comes late, traffic goes on meanwhile.
TEST_CASE("a slow rekey by volume loses no packet", "[sim]") {
  Pair pair;
  limit(pair, {kVolume, 0});
  pair.configure();
  REQUIRE(pair.up_within(2s));
  auto flows = pair.start_flows();
  pair.world.run_for(14s);
  pair.world.faults.lose_one_in = 1;
  pair.world.run_for(6s);
  REQUIRE(pair.left().count<ChildRekeyed>() == 0);
  pair.world.faults.lose_one_in = 0;
  pair.world.run_for(10s);
  pair.stop(flows);
  CHECK(pair.left().count<ChildRekeyed>() == 1);
  CHECK(flows.lost() == 0);
  CHECK(pair.at_rest() == Pair::Problems{});
}
