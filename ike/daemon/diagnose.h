// `ipsecctl diag TUNNEL`: what is wrong with a tunnel, and whose turn it is. Facts are gathered
// elsewhere (service_findings.cpp); everything here is judged from them alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ike/control/types/replies.h"
#include "ike/core/engine/engine.h"
#include "ike/daemon/findings.h"
#include "ike/daemon/machine.h"
#include "ike/daemon/routing/overhead.h"
#include "ike/gateway/meaning.h"
#include "xfrm/records.h"

namespace ipsec::daemon {

// An SA as the kernel has it, without its keys.
struct KernelSa {
  xfrm::Direction direction{};
  ChildSpi spi;
  Reqid reqid;
  Protection protection;
  xfrm::SaCounters counters;
};

struct TunnelFacts {
  gateway::Tunnel tunnel;
  std::string gateway;                      // its name
  bool gateway_behind_nat = false;          // by its configuration
  std::optional<gateway::Meaning> meaning;  // none while its gateway has no address
  std::optional<core::TunnelStatus> status;
  control::TunnelStatusView view;
  core::Openings openings;  // of all peers
  Time now{};

  std::vector<KernelSa> sas;  // of this tunnel; SPIs that are only held are left out
  std::vector<xfrm::PolicyRecord> policies;
  std::string kernel_error;  // why those two could not be read

  std::vector<Device> devices;
  std::vector<Route> routes;
  std::optional<Address> source;              // where packets to the peer gateway would leave from
  std::vector<control::RouteView> delivered;  // into the subnets' tables, or why not
};

[[nodiscard]] std::vector<control::Finding> judge(const TunnelFacts& facts);

// The parts of it, in their order.
void judge_addresses(const TunnelFacts& facts, Findings& out);
// Floods of openings are of interest where one of them may be this peer's.
void judge_openings(const TunnelFacts& facts, Findings& out);
void judge_negotiation(const TunnelFacts& facts, Findings& out);
void judge_kernel(const TunnelFacts& facts, Findings& out);
void judge_traffic(const TunnelFacts& facts, Findings& out);
void judge_mtu(const TunnelFacts& facts, Findings& out);
void judge_routes(const TunnelFacts& facts, Findings& out);

// Whether openings are held back now: in words, else empty.
[[nodiscard]] std::string crowd_in_words(const core::Openings& openings, Time now);

// The IKE SA in use; null where there is none.
[[nodiscard]] const core::IkeStatus* current_ike(const TunnelFacts& facts);

}  // namespace ipsec::daemon
