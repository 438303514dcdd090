#include "tests/sim/random_checks.h"

#include <algorithm>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "ike/base/limits.h"

namespace ipsec::sim {
namespace {

struct Expected {
  std::size_t ike_sas = 0;
  std::size_t kernel_sas = 0;
  std::size_t policies = 0;
};

void check_end(const Node& node, const core::TunnelConfig& config, Expected& expected,
               Problems& problems) {
  const auto id = config.id.value;
  ++expected.ike_sas;
  const auto status = node.tunnel(id);
  if (status.connection != core::Connection::connected) {
    problems.push_back(fmt::format("{}: tunnel {} is not connected", node.name, id));
  }
  if (node.established(id) != 1) {
    problems.push_back(
        fmt::format("{}: tunnel {} has {} IKE SAs", node.name, id, node.established(id)));
  }
  const auto children = node.usable(id);
  for (const auto& rule : config.children) {
    const std::size_t pairs = rule.selectors.local.size() * rule.selectors.remote.size();
    expected.policies += pairs;
    // A quick mode is for one pair.
    const std::size_t wanted = config.version == core::IkeVersion::v1 ? pairs : 1;
    expected.kernel_sas += 2 * wanted;
    const auto count = std::ranges::count_if(
        children, [&](const auto& child) { return child.reqid == rule.reqid; });
    if (static_cast<std::size_t>(count) == wanted) continue;
    problems.push_back(
        fmt::format("{}: rule {} has {} children", node.name, rule.reqid.value, count));
  }
}

// The ends of a range, and a few addresses within: all ranges of a random world are /24.
std::vector<Address> some_of(const TrafficSelector& range, test::Random& random) {
  std::vector<Address> some{range.addresses.first(), range.addresses.last()};
  for (int i = 0; i < 2; ++i) {
    Bytes bytes = to_bytes(range.addresses.first().bytes());
    bytes.back() = random.u8();
    if (const auto address = Address::from_bytes(bytes)) some.push_back(*address);
  }
  return some;
}

bool passes(const Kernel& from, const Kernel& to, const Address& here, const Address& there) {
  const auto packet = from.send(here, there);
  return packet && to.receive(*packet);
}

void check_packets(World& world, const Link& link, Problems& problems) {
  const Kernel& a = world.node(link.a).kernel;
  const Kernel& b = world.node(link.b).kernel;
  test::Random random(link.id);  // not the world's: looking changes nothing
  for (const auto& child : link.at_a.children) {
    for (const auto& local : child.selectors.local) {
      for (const auto& remote : child.selectors.remote) {
        const auto theirs = some_of(remote, random);
        const auto ours = some_of(local, random);
        for (std::size_t i = 0; i < ours.size(); ++i) {
          if (passes(a, b, ours[i], theirs[i]) && passes(b, a, theirs[i], ours[i])) continue;
          problems.push_back(fmt::format("no packet passes under rule {} between {} and {}",
                                         child.reqid.value, ours[i].to_string(),
                                         theirs[i].to_string()));
        }
      }
    }
  }
}

void check_mirror(const World& world, const Link& link, Problems& problems) {
  std::set<Reqid> reqids;
  for (const auto& child : link.at_a.children) reqids.insert(child.reqid);
  for (auto& fault : world.mirror_faults(link.a, link.b, reqids)) {
    problems.push_back(std::move(fault));
  }
}

void expect(const Node& node, std::string_view what, std::size_t have, std::size_t want,
            Problems& problems) {
  if (have == want) return;
  problems.push_back(fmt::format("{}: {} {} instead of {}", node.name, have, what, want));
}

void check_node(const Node& node, const Expected& expected, Problems& problems) {
  const auto snapshot = node.engine->snapshot();
  expect(node, "SAs in the table", snapshot.sas, expected.ike_sas, problems);
  expect(node, "half-open SAs", snapshot.half_open, 0, problems);
  expect(node, "kernel SAs", node.kernel.sas().size(), expected.kernel_sas, problems);
  expect(node, "unused SPIs", node.kernel.larval(), 0, problems);
  expect(node, "policies", node.kernel.policies(), expected.policies, problems);
  expect(node, "private values", node.crypto.key_exchanges(), 0, problems);
}

}  // namespace

Problems check_rest(World& world, const std::vector<Link>& links, std::size_t nodes) {
  Problems problems = world.complaints();
  std::vector<Expected> expected(nodes);
  for (const Link& link : links) {
    check_end(world.node(link.a), link.at_a, expected[link.a], problems);
    check_end(world.node(link.b), link.at_b, expected[link.b], problems);
    check_packets(world, link, problems);
    check_mirror(world, link, problems);
  }
  for (std::size_t i = 0; i < nodes; ++i) check_node(world.node(i), expected[i], problems);
  return problems;
}

Problems check_bounds(World& world, const std::vector<Link>& links, std::size_t nodes) {
  // Most of each that the first 20,000 seeds have seen is about half.
  static constexpr std::size_t kIkeSasPerTunnel = 16;
  static constexpr std::size_t kKernelSasPerRule = 24;
  static constexpr std::size_t kBytesPerTunnel = 1'000'000;
  Problems problems;
  const auto at_most = [&](const Node& node, std::string_view what, std::size_t have,
                           std::size_t most) {
    if (have <= most) return;
    problems.push_back(fmt::format("{}: {} {}, more than {}", node.name, have, what, most));
  };
  for (std::size_t i = 0; i < nodes; ++i) {
    const Node& node = world.node(i);
    std::size_t tunnels = 0;
    std::size_t children = 0;
    std::size_t ranges = 0;
    for (const Link& link : links) {
      if (link.a != i && link.b != i) continue;
      ++tunnels;
      for (const auto& child : link.at_a.children) {
        const std::size_t pairs = child.selectors.local.size() * child.selectors.remote.size();
        ranges += pairs;
        children += link.at_a.version == core::IkeVersion::v1 ? pairs : 1;
      }
    }
    const auto snapshot = node.engine->snapshot();
    // Each of the other nodes may stand for every tunnel there is, where some are for any peer.
    at_most(node, "half-open SAs", snapshot.half_open,
            tunnels * (nodes - 1) * limits::kHalfOpenPerTunnel);
    at_most(node, "IKE SAs", snapshot.sas, tunnels * kIkeSasPerTunnel);
    // IKEv1 has a child for each pair of ranges.
    at_most(node, "kernel SAs", node.kernel.sas().size(), children * kKernelSasPerRule);
    at_most(node, "SPIs", node.kernel.larval(), children * kKernelSasPerRule);
    at_most(node, "policies", node.kernel.policies(), ranges);
  }
  const std::size_t most = links.size() * 2 * kBytesPerTunnel;
  if (engine_bytes() > most) {
    problems.push_back(
        fmt::format("the engines hold {} bytes, more than {}", engine_bytes(), most));
  }
  return problems;
}

Problems check_closed(World& world, std::size_t nodes) {
  Problems problems = world.complaints();
  for (std::size_t i = 0; i < nodes; ++i) {
    const Node& node = world.node(i);
    check_node(node, {}, problems);
    expect(node, "tunnels", node.engine->snapshot().tunnels.size(), 0, problems);
    expect(node, "records in the runtime store", node.store.size(), 0, problems);
    expect(node, "keys in memory", node.crypto.secrets().alive(), 0, problems);
  }
  return problems;
}

}  // namespace ipsec::sim
