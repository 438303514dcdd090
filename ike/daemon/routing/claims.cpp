#include "ike/daemon/routing/claims.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

namespace ipsec::daemon {
namespace {

constexpr std::uint32_t kIpv6Least = 1280;  // RFC 8200 5

template <typename... T>
struct Overloaded : T... {
  using T::operator()...;
};

bool share_something(const core::Selectors& selectors, const Cidr& range) {
  return std::ranges::any_of(
      selectors, [&](const TrafficSelector& it) { return it.addresses.overlaps(range.range()); });
}

class Rows {
 public:
  Rows(const gateway::Inventory& inventory, const gateway::RouteSettings& settings,
       const gateway::Tunnel& tunnel, const TunnelState& state, const WayTo& way_to)
      : inventory_(inventory),
        settings_(settings),
        tunnel_(tunnel),
        state_(state),
        way_to_(way_to),
        gateway_(inventory.get<gateway::Gateway>(tunnel.gateway)) {}

  std::vector<RouteRow> run() && {
    if (gateway_ == nullptr) return {};
    if (tunnel_.route_mode == gateway::RouteMode::bgp) {
      for (const auto& [destination, pairs] : by_destination(std::nullopt)) {
        add("", settings_.bgp_table, destination, pairs);
      }
      return std::move(rows_);
    }
    for (const auto* subnet : inventory_.users_of<gateway::Subnet>(gateway_->vpc)) {
      for (const auto& [destination, pairs] : by_destination(subnet->cidr)) {
        add(subnet->meta.name, subnet->route_table, destination, pairs);
      }
    }
    std::ranges::sort(rows_, {}, [](const RouteRow& row) { return std::tie(row.subnet, row.key); });
    return std::move(rows_);
  }

 private:
  using Pairs = std::vector<RangePair>;

  // The peer's ranges that a subnet reaches, or any; and by which pairs.
  [[nodiscard]] std::map<Cidr, Pairs> by_destination(const std::optional<Cidr>& subnet) const {
    std::map<Cidr, Pairs> out;
    for (const gateway::Rule& rule : tunnel_.all_rules()) {
      if (subnet && !subnet->overlaps(rule.local)) continue;
      for (const Cidr& peer : rule.peers) out[peer].emplace_back(rule.local, peer);
    }
    return out;
  }

  void add(const std::string& subnet, const std::optional<route::Target>& target,
           const Cidr& destination, const Pairs& pairs) {
    RouteRow row{.subnet = subnet,
                 .table = {},
                 .key = {destination, tunnel_.route_metric},
                 .claim = {},
                 .state = "",
                 .why = ""};
    if (!target) {
      row.state = "no table";
      row.why = fmt::format("`ipsecctl subnet set {} --route-table TABLE` gives it one", subnet);
    } else {
      row.table = target->table;
      decide(row, *target, pairs);
    }
    rows_.push_back(std::move(row));
  }

  void decide(RouteRow& row, const route::Target& target, const Pairs& pairs) {
    const auto any = [&](const std::set<RangePair>& of) {
      return std::ranges::any_of(pairs, [&](const RangePair& pair) { return of.contains(pair); });
    };
    const bool kept = tunnel_.route_mode == gateway::RouteMode::fixed || state_.waits_for_traffic;
    if (!tunnel_.announce) {
      row.state = "withdrawn";
      row.why = "by hand; `ipsecctl tunnel routes announce` puts it back";
    } else if (any(state_.carried) || kept) {
      lead(row, target);
    } else if (any(state_.undecided)) {
      row.claim = route::Claim{{row.key, {}, 0, 0}, true};
    } else if (tunnel_.on_down == gateway::OnDown::blackhole) {
      row.claim = route::Claim{{row.key, {}, 0, 0}, false};
    } else {
      row.state = "down";
    }
  }

  void lead(RouteRow& row, const route::Target& target) {
    auto hop = hop_of(target, row.key.destination.family());
    if (!hop) {
      row.state = "failed";
      row.why = std::move(hop.error());
      return;
    }
    route::Route route{row.key, {*std::move(hop)}, 0, 0};
    if (const auto mtu = mtu_for(row.key.destination.family())) {
      route.mtu = *mtu;
      route.advmss = tcp_mss(*mtu, row.key.destination.family());
    }
    row.claim = route::Claim{std::move(route), false};
  }

  [[nodiscard]] std::expected<route::Hop, std::string> hop_of(const route::Target& target,
                                                              Family family) const {
    using Result = std::expected<route::Hop, std::string>;
    const auto through = [&](const Address& via) -> Result {
      if (via.family() == family) return route::Hop{via, ""};
      return std::unexpected(fmt::format(
          "{} is no next hop for {}; give the subnet's route table another with `via=` or `dev=`",
          via.to_string(), family == Family::v4 ? "IPv4" : "IPv6"));
    };
    return std::visit(
        Overloaded{[&](const route::WayToPeer&) -> Result {
                     // A device of the tunnel's own is the only way into it.
                     if (!tunnel_.interface.empty()) {
                       return route::Hop{std::nullopt, tunnel_.interface};
                     }
                     return way_to_peer(family);
                   },
                   [&](const Address& via) -> Result { return through(via); },
                   [](const route::ViaDevice& via) -> Result {
                     return route::Hop{std::nullopt, via.device};
                   },
                   [&](const route::OwnAddress&) -> Result {
                     const auto own = gateway_->local_address ? gateway_->local_address
                                                              : gateway_->public_address;
                     if (own) return through(*own);
                     return std::unexpected(std::string("the gateway has no address yet"));
                   }},
        target.next_hop);
  }

  [[nodiscard]] std::expected<route::Hop, std::string> way_to_peer(Family family) const {
    if (!state_.remote) {
      return std::unexpected(
          std::string("the peer may come from any address, and has not come yet"));
    }
    auto way = way_to_(*state_.remote);
    if (!way) return std::unexpected(std::move(way.error().why));
    // Inside is another family than outside: the packet is protected before it looks for a
    // neighbour, so the device says enough.
    if (way->hop.via && way->hop.via->family() != family) way->hop.via.reset();
    return std::move(way->hop);
  }

  // What fits into the path to the peer once it is protected.
  [[nodiscard]] std::optional<std::uint32_t> mtu_for(Family family) const {
    if (!state_.remote || !state_.protection) return std::nullopt;
    const auto way = way_to_(*state_.remote);
    if (!way || way->mtu == 0) return std::nullopt;
    const auto inner = inner_mtu(*state_.protection, way->mtu);
    if (!inner || (family == Family::v6 && *inner < kIpv6Least)) return std::nullopt;
    return inner;
  }

  const gateway::Inventory& inventory_;
  const gateway::RouteSettings& settings_;
  const gateway::Tunnel& tunnel_;
  const TunnelState& state_;
  const WayTo& way_to_;
  const gateway::Gateway* gateway_;
  std::vector<RouteRow> rows_;
};

// Of two subnets with one table: what leads somewhere goes before what leads nowhere.
int weight(const route::Claim& claim) {
  if (claim.retain) return 1;
  return claim.route.is_blackhole() ? 2 : 0;
}

}  // namespace

std::vector<RouteRow> rows_of(const gateway::Inventory& inventory,
                              const gateway::RouteSettings& settings, const gateway::Tunnel& tunnel,
                              const TunnelState& state, const WayTo& way_to) {
  return Rows(inventory, settings, tunnel, state, way_to).run();
}

route::Tables::Claims claims_of(const std::vector<RouteRow>& rows) {
  route::Tables::Claims out;
  for (const RouteRow& row : rows) {
    if (!row.table || !row.claim) continue;
    auto& claims = out[*row.table];
    const auto same = std::ranges::find(claims, row.key,
                                        [](const route::Claim& claim) { return claim.route.key; });
    if (same == claims.end()) {
      claims.push_back(*row.claim);
    } else if (weight(*row.claim) < weight(*same)) {
      *same = *row.claim;
    }
  }
  return out;
}

std::set<RangePair> carried_pairs(const std::vector<gateway::Rule>& rules,
                                  const std::vector<core::SelectorPair>& children) {
  std::set<RangePair> out;
  for (const RangePair& pair : all_pairs(rules)) {
    const auto carries = [&](const core::SelectorPair& child) {
      return share_something(child.local, pair.first) && share_something(child.remote, pair.second);
    };
    if (std::ranges::any_of(children, carries)) out.insert(pair);
  }
  return out;
}

std::set<RangePair> all_pairs(const std::vector<gateway::Rule>& rules) {
  std::set<RangePair> out;
  for (const gateway::Rule& rule : rules) {
    for (const Cidr& peer : rule.peers) out.emplace(rule.local, peer);
  }
  return out;
}

std::map<route::Table, std::set<route::Rule>> tables_of(const gateway::Inventory& inventory,
                                                        const gateway::RouteSettings& settings) {
  std::map<route::Table, std::set<route::Rule>> out;
  for (const auto* subnet : inventory.all<gateway::Subnet>()) {
    if (!subnet->route_table) continue;
    auto& rules = out[subnet->route_table->table];
    if (subnet->route_table->with_rule) rules.insert({subnet->cidr});
  }
  const auto tunnels = inventory.all<gateway::Tunnel>();
  const bool announces = std::ranges::any_of(tunnels, [](const gateway::Tunnel* tunnel) {
    return tunnel->route_mode == gateway::RouteMode::bgp;
  });
  if (announces) out.try_emplace(settings.bgp_table.table);
  return out;
}

}  // namespace ipsec::daemon
