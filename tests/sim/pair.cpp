#include "tests/sim/pair.h"

#include <algorithm>

#include <fmt/format.h>

namespace ipsec::sim {
namespace {

constexpr std::string_view kLeftAddress = "192.0.2.1";
constexpr std::string_view kRightAddress = "203.0.113.2";
constexpr std::string_view kLeftHost = "10.1.0.5";
constexpr std::string_view kRightHost = "10.2.0.5";

void check_node(const Node& node, std::vector<std::string>& problems) {
  const auto children = node.usable(1).size();
  if (children != 1) problems.push_back(fmt::format("{}: {} children", node.name, children));
  const auto sas = node.established(1);
  if (sas != 1) problems.push_back(fmt::format("{}: {} IKE SAs", node.name, sas));
  const auto all = node.engine->snapshot().sas;
  if (all != sas) problems.push_back(fmt::format("{}: {} SAs in the table", node.name, all));
  if (node.kernel.sas().size() != 2) {
    problems.push_back(fmt::format("{}: {} kernel SAs", node.name, node.kernel.sas().size()));
  }
  if (node.kernel.larval() != 0) {
    problems.push_back(fmt::format("{}: {} unused SPIs", node.name, node.kernel.larval()));
  }
  if (node.kernel.policies() != 1) {
    problems.push_back(fmt::format("{}: {} policies", node.name, node.kernel.policies()));
  }
}

}  // namespace

Pair::Pair(std::uint64_t seed)
    : world(seed),
      left_config(make_tunnel(1, kLeftAddress, kRightAddress, 1, 2)),
      right_config(make_tunnel(1, kRightAddress, kLeftAddress, 2, 1)) {
  world.add("left", kLeftAddress);
  world.add("right", kRightAddress);
}

void Pair::configure() {
  world.configure(kLeft, left_config);
  world.configure(kRight, right_config);
}

void Pair::revive(std::size_t side) {
  world.revive(side, {side == kLeft ? left_config : right_config});
}

void Pair::right_prefers_other_groups() {
  for (auto& offer : right_config.offers) std::ranges::reverse(offer.groups);
  for (auto& child : right_config.children) {
    for (auto& offer : child.offers) std::ranges::reverse(offer.groups);
  }
}

bool Pair::up_within(Duration limit) {
  return world.run_until([this] { return !left().usable(1).empty() && !right().usable(1).empty(); },
                         limit);
}

bool Pair::packet_passes() {
  const auto here = Address::parse(kLeftHost).value();
  const auto there = Address::parse(kRightHost).value();
  const auto out = left().kernel.send(here, there);
  const auto back = right().kernel.send(there, here);
  return out && back && right().kernel.receive(*out) && left().kernel.receive(*back);
}

Pair::Problems Pair::at_rest() {
  using std::chrono::seconds;
  // Longer than old inbound SAs linger, shorter than the next liveness check would need to fail.
  world.run_for(seconds(6));
  Problems problems = world.complaints();
  check_node(left(), problems);
  check_node(right(), problems);
  for (auto& fault : world.mirror_faults(kLeft, kRight)) problems.push_back(std::move(fault));
  if (!packet_passes()) problems.emplace_back("a packet does not pass");
  return problems;
}

Pair::Flows Pair::start_flows() {
  Flows flows;
  flows.there = &world.start_flow(kLeft, kRight, kLeftHost, kRightHost);
  flows.back = &world.start_flow(kRight, kLeft, kRightHost, kLeftHost);
  return flows;
}

void Pair::stop(Flows& flows) {
  flows.there->running = false;
  flows.back->running = false;
  world.run_for(std::chrono::seconds(1));
}

}  // namespace ipsec::sim
