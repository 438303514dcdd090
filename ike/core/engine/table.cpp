// The table of SAs: by number, by SPI, by deadline.
#include <algorithm>
#include <utility>

#include "ike/core/engine/engine.h"

namespace ipsec::core {
Sa& Engine::add(std::unique_ptr<Sa> sa) {
  Sa& added = *sa;
  by_spi_[added.our_spi] = added.id;
  sas_.emplace(added.id, std::move(sa));
  return added;
}

// The SA counts as one of its tunnel's from now on.
void Engine::attach(Sa& sa) {
  Tunnel* tunnel = find(sa.tunnel().id);
  if (tunnel == nullptr) return;
  if (std::ranges::find(tunnel->sas, sa.id) == tunnel->sas.end()) tunnel->sas.push_back(sa.id);
}

void Engine::reindex(Sa& sa) {
  if (keeping_ == Keeping::yes) unsaved_.push_back(sa.id);
  set_timer(sa.id, sa.deadline());
  if (!sa.is_half_open()) {
    half_open_.remove(sa.id);
  } else if (!sa.is_unproven()) {
    half_open_.proven(sa.id);
  }
  if (sa.closed()) touched_.push_back(sa.id);
}

void Engine::erase_closed() {
  std::sort(touched_.begin(), touched_.end());
  touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
  for (const SaId id : std::exchange(touched_, {})) {
    Sa* sa = find(id);
    if (sa == nullptr || !sa->closed()) continue;
    if (keeping_ == Keeping::yes) unsaved_.push_back(id);
    set_timer(id, kNever);
    agreements_.over(id);
    by_spi_.erase(sa->our_spi);
    if (sa->association->tunnel != nullptr) {
      const TunnelId tunnel_id = sa->tunnel().id;
      Tunnel* tunnel = find(tunnel_id);
      if (tunnel != nullptr) std::erase(tunnel->sas, id);
      sas_.erase(id);
      if (tunnel == nullptr) continue;
      if (directory_.find(tunnel_id) == nullptr && tunnel->sas.empty()) {
        erase(tunnel_id);
      } else {
        reconcile(*tunnel);
      }
    } else {
      sas_.erase(id);
    }
  }
}

void Engine::erase(TunnelId id) {
  tunnels_.erase(id);
  ledger_.forget(id);
}

void Engine::set_timer(SaId id, Time at) {
  const auto known = timer_of_.find(id);
  if (known != timer_of_.end()) {
    if (known->second == at) return;
    timers_.erase({known->second, id});
    timer_of_.erase(known);
  }
  if (at == kNever) return;
  timer_of_.emplace(id, at);
  timers_.emplace(at, id);
}

void Engine::set_timer(Tunnel& tunnel, Time at) {
  const TunnelId id = tunnel.config->id;
  if (tunnel.timer != kNever) tunnel_timers_.erase({tunnel.timer, id});
  tunnel.timer = at;
  if (at != kNever) tunnel_timers_.emplace(at, id);
}

std::vector<SaId> Engine::members(const Tunnel& tunnel) { return tunnel.sas; }

// Asked for by the kernel, which is rare (an expiry that our own timers should have forestalled, a
// NAT that moved): a walk over all SAs is cheaper than one more index.
std::pair<Sa*, Child*> Engine::find(const xfrm::SaKey& key) {
  for (auto& [id, sa] : sas_) {
    if (!sa->is_current() || !sa->is_up()) continue;
    for (auto& child : sa->association->children) {
      if (child.inbound_key() == key || child.outbound_key() == key) return {sa.get(), &child};
    }
  }
  return {nullptr, nullptr};
}

Sa* Engine::find(SaId id) {
  const auto found = sas_.find(id);
  return found == sas_.end() ? nullptr : found->second.get();
}

const Sa* Engine::find(SaId id) const {
  const auto found = sas_.find(id);
  return found == sas_.end() ? nullptr : found->second.get();
}

Engine::Tunnel* Engine::find(TunnelId id) {
  const auto found = tunnels_.find(id);
  return found == tunnels_.end() ? nullptr : &found->second;
}

}  // namespace ipsec::core
