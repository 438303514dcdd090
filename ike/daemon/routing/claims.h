// What a tunnel wants in which route tables, from what is configured and how it is. Pure.
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ike/core/selectors.h"
#include "ike/daemon/routing/overhead.h"
#include "ike/gateway/inventory.h"
#include "ike/gateway/settings.h"
#include "route/model.h"
#include "route/tables.h"

namespace ipsec::daemon {

// A local and a peer range of a tunnel's rules.
using RangePair = std::pair<Cidr, Cidr>;

// How the tunnel is, as far as its routes hang on it.
struct TunnelState {
  // Pairs that are carried, by what has been ruled of delays.
  std::set<RangePair> carried;
  // Pairs of which nobody knows yet, since the daemon has just begun.
  std::set<RangePair> undecided;
  // The first packet brings it up, so packets must find their way here.
  bool waits_for_traffic = false;
  std::optional<Address> remote;         // where its packets go; none: not known yet
  std::optional<Protection> protection;  // of the SAs, the one with the least room
};

using WayTo = std::function<std::expected<route::Way, route::Trouble>(const Address&)>;

// One range of the peer in one subnet's table, or the reason why it is not there.
struct RouteRow {
  std::string subnet;                 // empty: the table that a BGP daemon reads
  std::optional<route::Table> table;  // none: the subnet has none
  route::Key key;
  std::optional<route::Claim> claim;
  std::string state;  // without a claim: "down", "withdrawn", "no table", "failed"
  std::string why;
};

[[nodiscard]] std::vector<RouteRow> rows_of(const gateway::Inventory& inventory,
                                            const gateway::RouteSettings& settings,
                                            const gateway::Tunnel& tunnel, const TunnelState& state,
                                            const WayTo& way_to);
[[nodiscard]] route::Tables::Claims claims_of(const std::vector<RouteRow>& rows);

// Which pairs of the rules children with these selectors carry, wholly or in part: a peer that
// narrows a range is still where the range's packets go.
[[nodiscard]] std::set<RangePair> carried_pairs(const std::vector<gateway::Rule>& rules,
                                                const std::vector<core::SelectorPair>& children);
[[nodiscard]] std::set<RangePair> all_pairs(const std::vector<gateway::Rule>& rules);

// Every table that is configured, with the subnets whose packets are to be led there.
[[nodiscard]] std::map<route::Table, std::set<route::Rule>> tables_of(
    const gateway::Inventory& inventory, const gateway::RouteSettings& settings);

}  // namespace ipsec::daemon
