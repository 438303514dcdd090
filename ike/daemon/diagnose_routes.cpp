// Whether packets find the way to the tunnel: its routes in the subnets' tables (M96 to M103).
#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

#include "ike/daemon/diagnose.h"
#include "ike/daemon/views.h"
#include "ike/gateway/spelling.h"

namespace ipsec::daemon {
namespace {

constexpr std::size_t kLinesAtMost = 5;

// What is being put there is no fault yet.
bool is_missing(const control::RouteView& route) {
  return is_amiss(route) && route.state != "pending";
}

std::string advice_for(const control::RouteView& route) {
  if (route.state == "conflict" || route.state == "shadowed") {
    return "take that route away, or give this tunnel another metric: ipsecctl tunnel set " +
           route.tunnel + " --route-metric METRIC";
  }
  if (route.state == "contested") {
    return "put both tunnels into one redundancy group, or give one of them another metric: "
           "ipsecctl tunnel set " +
           route.tunnel + " --route-metric METRIC";
  }
  return "once that is mended the route comes by itself";
}

void judge_missing(const control::RouteView& route, Findings& out) {
  const std::string what = fmt::format("route {} in table {}", route.destination, route.table);
  const std::string found =
      route.why.empty() ? route.state : fmt::format("{}: {}", route.state, route.why);
  out.bad(what, found, advice_for(route));
}

void judge_mode(const gateway::Tunnel& tunnel, Findings& out) {
  const std::string mode = gateway::Spelling<gateway::RouteMode>::print(tunnel.route_mode);
  if (tunnel.route_mode == gateway::RouteMode::automatic) {
    out.note("route_mode", mode + ": routes come and go with the tunnel");
  } else if (tunnel.route_mode == gateway::RouteMode::bgp) {
    out.note("route_mode", mode + ": routes come and go in the table that a BGP daemon reads");
  } else {
    out.note("route_mode", mode + ": routes stay while the tunnel is down",
             fmt::format("for a private line to take over: ipsecctl tunnel routes withdraw {}",
                         tunnel.meta.name));
  }
}

}  // namespace

void judge_routes(const TunnelFacts& facts, Findings& out) {
  const auto& routes = facts.delivered;
  const auto in_state = [&](std::string_view state) {
    return static_cast<std::size_t>(std::ranges::count(routes, state, &control::RouteView::state));
  };
  std::size_t told = 0;
  for (const control::RouteView& route : routes) {
    if (is_missing(route) && ++told <= kLinesAtMost) judge_missing(route, out);
  }
  const std::size_t without_table = in_state("no table");
  const std::size_t wanted = routes.size() - without_table;
  if (told > kLinesAtMost) {
    out.bad("routes", fmt::format("{} more are not there", told - kLinesAtMost),
            fmt::format("ipsecctl routes {} --drift", facts.tunnel.meta.name));
  } else if (wanted == 0) {
    out.note("routes", "none is delivered: no local subnet has a route table",
             "where hosts need them: ipsecctl subnet set SUBNET --route-table TABLE");
  } else if (const std::size_t withdrawn = in_state("withdrawn"); withdrawn != 0) {
    out.note("routes", fmt::format("{} of {} are withdrawn by hand", withdrawn, wanted),
             fmt::format("ipsecctl tunnel routes announce {}", facts.tunnel.meta.name));
  } else if (told == 0 && in_state("ok") == wanted) {
    out.good("routes", fmt::format("{} in the subnets' tables", wanted));
  } else if (in_state("pending") != 0) {
    out.note("routes",
             fmt::format("{} of {}: the others are being put there", in_state("ok"), wanted));
  } else if (told == 0) {
    out.note("routes",
             fmt::format("{} of {}: the others come with the tunnel", in_state("ok"), wanted));
  }
  judge_mode(facts.tunnel, out);
}

}  // namespace ipsec::daemon
