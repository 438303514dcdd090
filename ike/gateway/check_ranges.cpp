#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "ike/gateway/check.h"

namespace ipsec::gateway {
namespace {

using Cause = Refusal::Cause;

struct Overlap {
  Cidr one;
  Cidr other;
};

// Two prefixes are apart or one holds the other. Sorted by their first address, and the wider
// first, one that lies in an earlier one lies in the last that was not itself inside another.
std::optional<Overlap> first_overlap(std::vector<Cidr> ranges) {
  std::ranges::sort(ranges);
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i - 1].overlaps(ranges[i])) return Overlap{ranges[i], ranges[i - 1]};
  }
  return std::nullopt;
}

class RangeCheck {
 public:
  RangeCheck(const CheckContext& context, const Tunnel& tunnel)
      : context_(context), tunnel_(tunnel) {}

  void run() {
    const bool plain = !tunnel_.local_cidrs.empty() || !tunnel_.peer_cidrs.empty();
    if (plain && !tunnel_.rules.empty()) {
      return refuse(Cause::invalid, "rules", "", "given beside local_cidrs and peer_cidrs",
                    "say the ranges one way or the other");
    }
    if (tunnel_.rules.empty()) {
      if (tunnel_.local_cidrs.empty()) {
        return refuse(Cause::invalid, "local_cidrs", "", "missing",
                      "name the ranges on our side that the peer shall reach");
      }
      if (tunnel_.peer_cidrs.empty()) {
        return refuse(Cause::invalid, "peer_cidrs", "", "missing",
                      "name the ranges on the peer's side");
      }
    }
    check_counts();
    check_locals();
    check_peers();
  }

 private:
  void refuse(Cause cause, std::string_view field, std::string value, std::string why,
              std::string advice) {
    context_.refusals.push_back({cause, Kind::tunnel, tunnel_.meta.name, std::string(field),
                                 std::move(value), std::move(why), std::move(advice)});
  }

  [[nodiscard]] bool in_rules() const { return !tunnel_.rules.empty(); }
  [[nodiscard]] std::string_view local_field() const {
    return in_rules() ? "rules" : "local_cidrs";
  }
  [[nodiscard]] std::string_view peer_field() const { return in_rules() ? "rules" : "peer_cidrs"; }

  // M25 to M27.
  void check_counts() {
    const auto& limits = context_.settings.limits;
    const auto one = [&](std::string_view field, std::string value, std::size_t count,
                         std::size_t limit, std::string_view what, std::string_view setting) {
      if (count <= limit) return;
      refuse(Cause::limit, field, std::move(value),
             fmt::format("{} {}, {} are allowed", count, what, limit),
             fmt::format("join some of them, or raise limits.{}", setting));
    };
    one("peer_cidrs", "", tunnel_.peer_cidrs.size(), limits.peer_cidrs_per_tunnel, "peer ranges",
        "peer_cidrs_per_tunnel");
    one("rules", "", tunnel_.rules.size(), limits.rules_per_tunnel, "rules", "rules_per_tunnel");
    for (const Rule& rule : tunnel_.rules) {
      one("rules", rule.local.to_string(), rule.peers.size(), limits.peer_cidrs_per_rule,
          "peer ranges in one rule", "peer_cidrs_per_rule");
    }
  }

  void check_locals() {
    std::vector<Cidr> locals;
    for (const Rule& rule : tunnel_.all_rules()) locals.push_back(rule.local);
    if (const auto overlap = first_overlap(locals)) {
      refuse(Cause::conflict, local_field(), overlap->one.to_string(),
             fmt::format("overlaps local range {}", overlap->other.to_string()),
             "give each local range once");
    }
    const auto* gateway = context_.inventory.get<Gateway>(tunnel_.gateway);
    const auto subnets = context_.inventory.users_of<Subnet>(gateway->vpc);
    for (const Cidr& local : locals) {
      const auto holds = [&](const Subnet* subnet) { return subnet->cidr.contains(local); };
      if (std::ranges::any_of(subnets, holds)) continue;
      const auto* vpc = context_.inventory.get<Vpc>(gateway->vpc);
      refuse(Cause::conflict, local_field(), local.to_string(),
             fmt::format("lies in no subnet of vpc '{}'", vpc->meta.name),
             "choose the range of a subnet, or create the subnet first");
    }
    check_tables(locals, subnets);
  }

  // M15: a route to the gateway in the table that the gateway itself follows would lead its packets
  // back to it.
  void check_tables(const std::vector<Cidr>& locals, const std::vector<const Subnet*>& subnets) {
    const auto* gateway = context_.inventory.get<Gateway>(tunnel_.gateway);
    const auto* own = context_.inventory.get<Subnet>(gateway->subnet);
    if (own == nullptr || !own->route_table) return;
    for (const Subnet* subnet : subnets) {
      const auto within = [&](const Cidr& local) { return subnet->cidr.contains(local); };
      const auto local = std::ranges::find_if(locals, within);
      if (local == locals.end() || !subnet->route_table) continue;
      if (subnet->route_table->table != own->route_table->table) continue;
      refuse(Cause::conflict, local_field(), local->to_string(),
             subnet == own
                 ? fmt::format("lies in subnet '{}', where gateway '{}' itself is", own->meta.name,
                               gateway->meta.name)
                 : fmt::format("its subnet '{}' has the route table '{}' of subnet '{}', "
                               "where gateway '{}' is",
                               subnet->meta.name, route::to_string(own->route_table->table),
                               own->meta.name, gateway->meta.name),
             "give the gateway a subnet and a route table of its own");
    }
  }

  // M41, M43, M44. The same peer range under two local ones is right (M45).
  void check_peers() {
    const auto rules = tunnel_.all_rules();
    const auto* vpc =
        context_.inventory.get<Vpc>(context_.inventory.get<Gateway>(tunnel_.gateway)->vpc);
    std::set<Cidr> seen;
    for (std::size_t i = 0; i < rules.size(); ++i) {
      // In the plain form every local range has the same peers: once is enough.
      if (i > 0 && !in_rules()) break;
      if (const auto overlap = first_overlap(rules[i].peers)) {
        refuse(Cause::conflict, peer_field(), overlap->one.to_string(),
               fmt::format("overlaps peer range {}", overlap->other.to_string()),
               "give each peer range once");
      }
      for (const Cidr& peer : rules[i].peers) {
        if (!seen.insert(peer).second) continue;
        check_peer(peer, rules, *vpc);
      }
    }
  }

  void check_peer(const Cidr& peer, const std::vector<Rule>& rules, const Vpc& vpc) {
    for (const Rule& rule : rules) {
      if (!rule.local.overlaps(peer)) continue;
      return refuse(Cause::conflict, peer_field(), peer.to_string(),
                    fmt::format("overlaps local range {}", rule.local.to_string()),
                    "a range lies on one side or the other");
    }
    for (const Cidr& range : vpc.cidrs) {
      if (!range.overlaps(peer)) continue;
      return refuse(Cause::conflict, peer_field(), peer.to_string(),
                    fmt::format("overlaps {} of vpc '{}'", range.to_string(), vpc.meta.name),
                    "choose a range outside the VPC's");
    }
  }

  const CheckContext& context_;
  const Tunnel& tunnel_;
};

// One pair of ranges of one tunnel.
struct Pair {
  Cidr peer;
  Cidr local;
  ObjectId vpc;
  const Tunnel* tunnel = nullptr;
};

bool may_share(const Pair& a, const Pair& b) {
  return a.tunnel->meta.id == b.tunnel->meta.id ||
         (!a.tunnel->group.empty() && a.tunnel->group == b.tunnel->group);
}

// All pairs of these VPCs, those with one peer range or with ranges inside it behind one another.
std::vector<Pair> sorted_pairs(const Inventory& inventory, const std::set<ObjectId>& vpcs) {
  std::vector<Pair> pairs;
  for (const Tunnel* tunnel : inventory.all<Tunnel>()) {
    const auto* gateway = inventory.get<Gateway>(tunnel->gateway);
    if (gateway == nullptr || !vpcs.contains(gateway->vpc)) continue;
    for (const Rule& rule : tunnel->all_rules()) {
      for (const Cidr& peer : rule.peers) {
        pairs.push_back({peer, rule.local, gateway->vpc, tunnel});
      }
    }
  }
  std::ranges::sort(pairs, {}, [](const Pair& pair) {
    return std::tuple(pair.vpc, pair.peer, pair.local, pair.tunnel->meta.id);
  });
  return pairs;
}

// Tells each two tunnels once, whatever they share.
class PairRefuser {
 public:
  PairRefuser(const CheckContext& context, const std::set<ObjectId>& touched)
      : context_(context), touched_(touched) {}

  void meet(const Pair& a, const Pair& b) {
    if (!a.local.overlaps(b.local) || may_share(a, b)) return;
    const bool a_touched = touched_.contains(a.tunnel->meta.id);
    const bool b_touched = touched_.contains(b.tunnel->meta.id);
    if (!a_touched && !b_touched) return;
    if (!told_.insert(std::minmax(a.tunnel->meta.id, b.tunnel->meta.id)).second) return;
    // What was there before is right; of two new ones one must be to blame.
    const bool blame_a = a_touched && (!b_touched || a.tunnel->meta.name > b.tunnel->meta.name);
    refuse(blame_a ? a : b, blame_a ? b : a);
  }

 private:
  void refuse(const Pair& mine, const Pair& other) {
    context_.refusals.push_back(
        {Cause::conflict, Kind::tunnel, mine.tunnel->meta.name,
         mine.tunnel->rules.empty() ? "peer_cidrs" : "rules",
         fmt::format("{}={}", mine.local.to_string(), mine.peer.to_string()),
         fmt::format("tunnel '{}' has {}={}", other.tunnel->meta.name, other.local.to_string(),
                     other.peer.to_string()),
         "choose other ranges, or put both tunnels into one redundancy group"});
  }

  const CheckContext& context_;
  const std::set<ObjectId>& touched_;
  std::set<std::pair<ObjectId, ObjectId>> told_;
};

}  // namespace

void check_ranges(const CheckContext& context, const Tunnel& tunnel) {
  RangeCheck(context, tunnel).run();
}

// Prefixes nest or are apart, so in sorted order those that hold the one at hand are a stack.
void check_pairs(const CheckContext& context, const std::set<ObjectId>& vpcs,
                 const std::set<ObjectId>& touched) {
  const auto pairs = sorted_pairs(context.inventory, vpcs);
  PairRefuser refuser(context, touched);
  std::vector<const Pair*> around;
  const auto holds = [](const Pair& outer, const Pair& inner) {
    return outer.vpc == inner.vpc && outer.peer.contains(inner.peer);
  };
  for (const Pair& pair : pairs) {
    while (!around.empty() && !holds(*around.back(), pair)) around.pop_back();
    for (const Pair* other : around) refuser.meet(pair, *other);
    around.push_back(&pair);
  }
}

}  // namespace ipsec::gateway
