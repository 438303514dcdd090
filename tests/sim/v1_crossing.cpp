#include "tests/sim/v1_crossing.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "ike/base/limits.h"
#include "ike/wire/v1/header.h"

namespace ipsec::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kHeaderBytes = 28;

// Whose deletion an informational exchange tells, as HASH(1) and a Delete payload say it (RFC 2408
// 3.15).
std::optional<V1Crossing::Deletes> deletes_in(ByteView plaintext) {
  static constexpr std::uint8_t kIsakmp = 1;
  static constexpr std::size_t kProtocolAt = 8;  // behind generic header and DOI
  if (plaintext.empty() || plaintext[0] != std::to_underlying(wire::v1::PayloadType::delete_)) {
    return std::nullopt;
  }
  Reader reader(plaintext);
  (void)reader.u16("generic header");
  const std::size_t hash_bytes = reader.u16("length");
  if (plaintext.size() <= hash_bytes + kProtocolAt) return std::nullopt;
  return plaintext[hash_bytes + kProtocolAt] == kIsakmp ? V1Crossing::Deletes::of_isakmp
                                                        : V1Crossing::Deletes::of_children;
}

void check_nothing_left(const Node& node, Pair::Problems& problems) {
  const auto snapshot = node.engine->snapshot();
  if (snapshot.half_open != 0) {
    problems.push_back(fmt::format("{}: {} half open", node.name, snapshot.half_open));
  }
  if (node.crypto.key_exchanges() != 0) {
    problems.push_back(
        fmt::format("{}: {} private values", node.name, node.crypto.key_exchanges()));
  }
}

}  // namespace

std::string_view name_of(V1Mode mode) {
  return mode == V1Mode::main ? "main mode" : "aggressive mode";
}

V1Crossing::V1Crossing(V1Mode mode, std::uint64_t seed) : Crossing(seed) {
  for (auto* config : {&left_config, &right_config}) {
    config->version = core::IkeVersion::v1;
    config->aggressive = mode == V1Mode::aggressive;
  }
}

void V1Crossing::carry() {
  flows_ = start_flows();
  carries_ = true;
}

void V1Crossing::settle() {
  release();
  world.run_for(3s);
  if (carries_) flows_.there->interval = flows_.back->interval = 50ms;
  world.run_for(2 * limits::kV1SettlesAfter + limits::kAwaitDelete + limits::kInboundLinger + 20s);
  if (carries_) stop(flows_);
}

Pair::Problems V1Crossing::in_the_end() {
  settle();
  auto problems = at_rest();
  check_nothing_left(left(), problems);
  check_nothing_left(right(), problems);
  return problems;
}

Pair::Problems V1Crossing::in_the_end_down() {
  settle();
  auto problems = world.complaints();
  for (const Node* node : {&left(), &right()}) {
    check_nothing_left(*node, problems);
    if (!node->kernel.empty()) problems.push_back(node->name + ": something left in the kernel");
    if (node->engine->snapshot().sas != 0) problems.push_back(node->name + ": an SA is left");
  }
  return problems;
}

void V1Crossing::lose_deletes(std::size_t side, Deletes which) {
  world.node(side).crypto.overheard().listening = true;
  world.swallows = [this, side, which](std::size_t from, ByteView bytes) {
    if (from != side || bytes.size() <= kHeaderBytes) return false;
    const auto said = world.node(side).crypto.overheard().plaintext_of(bytes.subspan(kHeaderBytes));
    const auto deletes = said ? deletes_in(*said) : std::nullopt;
    const bool lost = deletes && (which == Deletes::any || which == *deletes);
    if (lost) ++deletes_lost_;
    return lost;
  };
}

namespace {

// One order; what it left wrong.
Pair::Problems run(Orders& orders, Lowest lowest, const V1Walk& walk, const BeginV1& begin) {
  V1Crossing pair(walk.mode);
  pair.lowest_nonce(lowest);
  if (!begin(pair)) return {"could not be begun"};
  if (!orders.deliver(pair.world)) return {};
  // What is deleted because another took its place, some time after that.
  pair.world.run_for(limits::kV1DeletesAfter);
  if (!orders.deliver(pair.world)) return {};
  pair.release();
  auto problems = walk.stays_down ? pair.in_the_end_down() : pair.in_the_end();
  if (walk.lossless && pair.packets_lost() > 0) problems.emplace_back("packets were lost");
  if (!problems.empty()) UNSCOPED_INFO(pair.world.trace());
  return problems;
}

}  // namespace

void walk_v1(Orders orders, Lowest lowest, const V1Walk& walk, const BeginV1& begin) {
  while (orders.next()) {
    const auto problems = run(orders, lowest, walk, begin);
    INFO(name_of(walk.mode) << ", " << name_of(lowest) << ", order " << orders.describe());
    REQUIRE(problems == Pair::Problems{});
  }
  CHECK(orders.complete());
  CHECK(orders.taken() > 0);
}

}  // namespace ipsec::sim
