// The engine as status sees it.
#include <algorithm>

#include "ike/base/limits.h"
#include "ike/core/engine/engine.h"

namespace ipsec::core {

Snapshot Engine::snapshot() const {
  Snapshot snapshot;
  snapshot.half_open = half_open_.size();
  snapshot.sas = sas_.size();
  snapshot.tunnels.reserve(tunnels_.size());
  for (const auto& [id, tunnel] : tunnels_) snapshot.tunnels.push_back(status_of(tunnel));
  return snapshot;
}

Openings Engine::openings() const {
  return {half_open_.size(), half_open_.size() >= limits::kCookieThreshold, agreements_.withheld(),
          agreements_.last_withheld()};
}

std::optional<TunnelStatus> Engine::status(TunnelId id) const {
  const auto found = tunnels_.find(id);
  if (found == tunnels_.end()) return std::nullopt;
  return status_of(found->second);
}

TunnelStatus Engine::status_of(const Tunnel& tunnel) const {
  TunnelStatus status;
  status.id = tunnel.config->id;
  status.name = tunnel.config->name;
  status.connection = connection_of(tunnel);
  status.held_down = tunnel.held_down;
  status.tries = tunnel.tries;
  status.next_try = tunnel.timer;
  status.last_failure = tunnel.last_failure;
  for (const SaId sa_id : tunnel.sas) {
    if (const Sa* sa = find(sa_id)) status.ike.push_back(status_of(*sa));
  }
  return status;
}

// Rulings on M82 and M83: which phase failed is said after three tries.
Connection Engine::connection_of(const Tunnel& tunnel) const {
  bool ike_up = false;
  bool usable = false;
  for (const SaId id : tunnel.sas) {
    const Sa* sa = find(id);
    if (sa == nullptr || !sa->is_current() || !sa->is_up()) continue;
    ike_up = true;
    for (const auto& child : sa->association->children) usable = usable || child.usable();
  }
  if (usable || (ike_up && tunnel.config->children.empty())) return Connection::connected;
  const bool failed = tunnel.tries >= limits::kTriesUntilFailed && tunnel.last_failure;
  if (failed) {
    return is_phase2(tunnel.last_failure->stage) ? Connection::phase2_failed
                                                 : Connection::phase1_failed;
  }
  const bool busy = !tunnel.sas.empty() || tunnel.timer != kNever;
  return busy ? Connection::connecting : Connection::idle;
}

IkeStatus Engine::status_of(const Sa& sa) const {
  IkeStatus status{sa.id,
                   sa.our_spi,
                   sa.peer_spi,
                   sa.local,
                   sa.remote,
                   sa.nat,
                   sa.is_up(),
                   sa.is_current(),
                   std::nullopt,
                   std::nullopt,
                   sa.association->peer_vendor,
                   {},
                   {}};
  if (const auto details = sa.details()) {
    status.algorithms = details->algorithms;
    status.peer_id = sa.association->peer;
    status.path = details->path;
  }
  if (!status.established || !status.current) return status;
  for (const auto& child : sa.association->children) {
    status.children.push_back({child.id, child.reqid, child.inbound, child.outbound,
                               child.selectors, child.algorithms, child.usable()});
  }
  return status;
}

}  // namespace ipsec::core
