// Overlapping pairs of ranges (M48) against the simplest thing that could be right.
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/gateway/check.h"
#include "tests/support/random.h"

using ipsec::Cidr;
using ipsec::Kind;
using ipsec::ObjectId;
namespace gateway = ipsec::gateway;

namespace {

// From few addresses, so that ranges meet.
Cidr random_cidr(ipsec::test::Random& random, std::uint32_t base) {
  const int length = 24 + static_cast<int>(random.below(6));
  const auto address = ipsec::Address::v4(base + static_cast<std::uint32_t>(random.below(64)) * 8U);
  return Cidr::enclosing(address, length);
}

gateway::Inventory random_inventory(ipsec::test::Random& random) {
  gateway::Inventory inventory;
  const auto put = [&](auto object) {
    inventory.put(std::make_shared<const gateway::Object>(std::move(object)));
  };
  for (std::uint64_t vpc = 1; vpc <= 2; ++vpc) {
    gateway::Gateway it;
    it.meta.id = {Kind::gateway, vpc};
    it.meta.name = "gw" + std::to_string(vpc);
    it.vpc = {Kind::vpc, vpc};
    put(it);
  }
  const std::size_t count = 2 + random.below(7);
  for (std::uint64_t i = 1; i <= count; ++i) {
    gateway::Tunnel tunnel;
    tunnel.meta.id = {Kind::tunnel, i};
    tunnel.meta.name = "t" + std::to_string(i);
    tunnel.gateway = {Kind::gateway, 1 + random.below(2)};
    if (random.below(4) == 0) tunnel.group = "ha";
    for (std::size_t n = 1 + random.below(3); n > 0; --n) {
      gateway::Rule rule{random_cidr(random, 0x0a000000), {}};
      for (std::size_t m = 1 + random.below(3); m > 0; --m) {
        rule.peers.push_back(random_cidr(random, 0xc0a80000));
      }
      tunnel.rules.push_back(std::move(rule));
    }
    put(tunnel);
  }
  return inventory;
}

bool share_a_pair(const gateway::Tunnel& a, const gateway::Tunnel& b) {
  for (const auto& x : a.rules) {
    for (const auto& y : b.rules) {
      if (!x.local.overlaps(y.local)) continue;
      for (const Cidr& p : x.peers) {
        for (const Cidr& q : y.peers) {
          if (p.overlaps(q)) return true;
        }
      }
    }
  }
  return false;
}

std::set<std::string> naive(const gateway::Inventory& inventory,
                            const std::set<ObjectId>& touched) {
  std::set<std::string> out;
  const auto tunnels = inventory.all<gateway::Tunnel>();
  for (const auto* a : tunnels) {
    for (const auto* b : tunnels) {
      if (a->meta.name >= b->meta.name) continue;
      const bool looked_at = touched.contains(a->meta.id) || touched.contains(b->meta.id);
      const bool together = !a->group.empty() && a->group == b->group;
      const auto vpc = [&](const auto* it) {
        return inventory.get<gateway::Gateway>(it->gateway)->vpc;
      };
      if (!looked_at || together || vpc(a) != vpc(b) || !share_a_pair(*a, *b)) continue;
      out.insert(a->meta.name + " " + b->meta.name);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("pairs that two tunnels share are found as by looking at every two", "[gateway][naive]") {
  ipsec::test::Random random(20);
  std::size_t found = 0;
  for (int round = 0; round < 2000; ++round) {
    CAPTURE(round);
    const auto inventory = random_inventory(random);
    std::set<ObjectId> touched;
    for (const auto* tunnel : inventory.all<gateway::Tunnel>()) {
      if (random.below(2) == 0) touched.insert(tunnel->meta.id);
    }
    gateway::Refusals refusals;
    const gateway::Settings settings;
    const gateway::CheckContext context{inventory, settings, refusals};
    gateway::check_pairs(context, {{Kind::vpc, 1}, {Kind::vpc, 2}}, touched);
    std::set<std::string> got;
    for (const auto& refusal : refusals) {
      const auto begin = refusal.why.find('\'') + 1;
      const auto other = refusal.why.substr(begin, refusal.why.find('\'', begin) - begin);
      got.insert(std::min(refusal.object, other) + " " + std::max(refusal.object, other));
      // The blame is on one that was touched.
      const auto id = inventory.named("default", Kind::tunnel, refusal.object);
      CHECK(touched.contains(id.value()));
    }
    CHECK(got.size() == refusals.size());
    REQUIRE(got == naive(inventory, touched));
    found += got.size();
  }
  CHECK(found > 1000);
}
