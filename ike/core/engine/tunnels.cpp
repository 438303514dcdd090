// What the turns mean for a tunnel: tries, associations that meet, desired state.
#include "ike/core/engine/engine.h"

#include <algorithm>
#include <utility>

#include "ike/base/limits.h"
#include "ike/v1/pairs.h"
#include "ike/v1/sa.h"
#include "ike/v2/sa.h"

namespace ipsec::core {

void Engine::reconcile(Tunnel& tunnel) {
  const bool wanted = !tunnel.held_down && tunnel.config->may_initiate() &&
                      (tunnel.config->start == Start::automatic || tunnel.acquired);
  const bool served = std::ranges::any_of(tunnel.sas, [this](SaId id) {
    const Sa* sa = find(id);
    return sa != nullptr && !sa->closed() && !sa->association->closing;
  });
  if (!wanted || served) return set_timer(tunnel, kNever);
  if (tunnel.next_try > now_) return set_timer(tunnel, tunnel.next_try);
  set_timer(tunnel, kNever);
  start_try(tunnel);
}

// Of an association that is there the schedule makes what is missing, and its end is no reason to
// bring it up again.
void Engine::want(Tunnel& tunnel) {
  const bool up = std::ranges::any_of(tunnel.sas, [this](SaId id) {
    const Sa* sa = find(id);
    return sa != nullptr && sa->is_up() && !sa->association->closing;
  });
  tunnel.acquired = !up;
}

std::unique_ptr<Sa> Engine::make_sa(IkeVersion version) {
  if (version == IkeVersion::v1) return std::make_unique<v1::Sa>();
  return std::make_unique<v2::Sa>();
}

void Engine::start_try(Tunnel& tunnel) {
  if (tunnel.config->remote.is_any()) return;
  auto sa = make_sa(tunnel.config->version);
  sa->id = numbers_.next<SaId>();
  sa->role = wire::Role::initiator;
  sa->local = {tunnel.config->local, kIkePort};
  sa->remote = {tunnel.config->remote, kIkePort};
  sa->association = std::make_shared<Association>();
  sa->association->tunnel = tunnel.config;
  sa->association->begun_at = now_;
  sa->association->refused_before = tunnel.refused;
  sa->association->current = sa->id;
  sa->association->begun_alone = !has_other_association(tunnel, *sa);
  Turn turn = make_turn();
  sa->our_spi = turn.spi();
  Sa& added = add(std::move(sa));
  attach(added);
  run(added, [](Turn& inner, Sa& it) { it.begin(inner); });
}

void Engine::close_all(Tunnel& tunnel) {
  for (const SaId id : members(tunnel)) {
    Sa* sa = find(id);
    if (sa == nullptr) continue;
    sa->association->closing = true;
    if (sa->opening()) {
      run(*sa, [](Turn& turn, Sa& it) { it.give_up(turn, "no longer wanted"); });
    } else {
      reindex(*sa);
    }
  }
}

bool Engine::has_other_association(const Tunnel& tunnel, const Sa& sa) const {
  return std::ranges::any_of(tunnel.sas, [&](SaId id) {
    const Sa* other = find(id);
    return other != nullptr && other->association != sa.association && other->is_up() &&
           !other->association->closing;
  });
}

// --- what a turn signals ---

void Engine::obey(Turn& turn, const OpeningFailed& signal) {
  const Sa& sa = *find(signal.sa);
  Tunnel* tunnel = find(sa.tunnel().id);
  if (tunnel == nullptr) return;
  ++tunnel->tries;
  // Where it was up once, silence says nothing about what was asked for.
  const bool refused = signal.failure.cause == Cause::no_proposal_chosen;
  if (refused || !tunnel->was_up) ++tunnel->refused;
  tunnel->last_failure = signal.failure;
  const bool early = tunnel->tries < limits::kTriesUntilFailed;
  const bool silent = signal.failure.cause == Cause::peer_silent;
  // Ruling on M83, M84: once failed, one try begins every 12 s; a silent one takes as long.
  const Time every = std::max(now_, sa.association->begun_at + limits::kRetryInterval);
  const Time soon = silent ? now_ : now_ + limits::kRefusedRetry;
  tunnel->next_try = early ? soon : every;
  turn.tell(TryFailed{tunnel->config->id, signal.failure, tunnel->tries, tunnel->next_try});
}

void Engine::obey(Turn& turn, const AssociationUp& signal) {
  Sa& fresh = *find(signal.sa);
  attach(fresh);
  Tunnel* tunnel = find(fresh.tunnel().id);
  if (tunnel == nullptr) return;
  tunnel->last_failure.reset();
  tunnel->was_up = true;
  // What asked has it. After its end the next packet asks, also one that comes before that end.
  tunnel->acquired = false;
  if (tunnel->config->children.empty()) tunnel->tries = 0;
  // The answering side leaves the other rules to the side that asked, for a moment.
  if (fresh.role == wire::Role::responder) {
    for (Time& at : fresh.association->rule_retry_at) at = now_ + limits::kRefusedRetry;
  }
  abort_openings(turn, *tunnel);
  for (const SaId id : members(*tunnel)) {
    Sa* other = find(id);
    const bool rival = other != nullptr && other->association != fresh.association &&
                       other->is_current() && other->is_up() && !other->association->closing;
    if (!rival) continue;
    const bool both_v1 = fresh.version() == IkeVersion::v1 && other->version() == IkeVersion::v1;
    if (both_v1) {
      join(turn, fresh, *other);
    } else {
      settle_with(turn, fresh, *other);
    }
  }
  fresh.association->accompanied = is_accompanied(*tunnel, *fresh.association);
}

bool Engine::is_accompanied(const Tunnel& tunnel, const Association& association) const {
  return std::ranges::any_of(tunnel.sas, [&](SaId id) {
    const Sa* other = find(id);
    return other != nullptr && other->association.get() != &association && other->is_current() &&
           other->is_up();
  });
}

// IKEv1 rekeys an IKE SA by making another: the children stay where they are. Of two that both ends
// began at once the one with the lower nonce goes, else the older; closed by who began the one that
// goes, or made it old.
void Engine::join(Turn& turn, Sa& fresh, Sa& other) {
  const std::shared_ptr<Association> young = fresh.association;
  const std::shared_ptr<Association> old = other.association;
  const bool crossed = young->begun_as != old->begun_as && old->crossing_until >= young->begun_at;
  if (!crossed && young->initial_contact) {
    other.close(turn, "the peer started anew (INITIAL-CONTACT)");
    touched_.push_back(other.id);
    return;
  }
  const bool young_goes = crossed && young->lowest_nonce < old->lowest_nonce;
  fresh.association = old;
  Sa& goes = young_goes ? fresh : other;
  const bool begun_by_us = fresh.role == wire::Role::initiator;
  const bool we_close = crossed ? goes.role == wire::Role::initiator : begun_by_us;
  // Where we go to other ports (a NAT has come, or we ask for UDP and the peer did not) charon
  // takes no child over: they go with the ISAKMP SA that they were made under, and are made anew
  // before.
  const bool moves =
      begun_by_us && !young_goes && (fresh.local != other.local || fresh.remote != other.remote);
  if (moves) v1::doubt_children(*old, now_);
  // And it begins a phase 1 of its own with the children that it has by then: one that is made
  // later, whoever asked for it, goes with the old ISAKMP SA.
  if (!begun_by_us) {
    v1::doubt_children(*old, now_, young->begun_at - limits::kV1SettlesAfter);
  }
  const bool soon = we_close && !moves;
  goes.superseded(now_, now_ + (soon ? limits::kRefusedRetry : limits::kAwaitDelete));
  if (begun_by_us) {
    for (Time& at : old->rule_retry_at) at = std::min(at, now_);
  }
  if (young_goes) return;
  old->current = fresh.id;
  old->begun_as = young->begun_as;
  old->begun_at = young->begun_at;
  old->established_at = young->established_at;
  old->crossing_until = young->crossing_until;
  old->lowest_nonce = young->lowest_nonce;
  turn.tell(IkeRekeyed{old->tunnel->id, other.id, fresh.id});
}

// Two associations of one tunnel, the fresh one established last.
void Engine::settle_with(Turn& turn, Sa& fresh, Sa& other) {
  Association& young = *fresh.association;
  Association& old = *other.association;
  const bool crossed = young.begun_as != old.begun_as && old.established_at >= young.begun_at;
  if (!crossed && young.initial_contact) {
    // RFC 7296 2.4: the peer knows of no other SA, so there is nobody to send a Delete to.
    other.close(turn, "the peer started anew (INITIAL_CONTACT)");
    touched_.push_back(other.id);
    return;
  }
  // Begun by both at once: as with rekeys the lowest nonce goes, closed by who began it. Otherwise
  // the younger replaces the older (reauthentication), closed by who began the younger.
  const bool young_goes = crossed && young.lowest_nonce < old.lowest_nonce;
  Association& goes = young_goes ? young : old;
  const auto closer = crossed ? goes.begun_as : young.begun_as;
  goes.closes_with_heir = closer == wire::Role::initiator;
  goes.patience = now_ + limits::kAwaitDelete;
  const Sa& stays_sa = young_goes ? other : fresh;
  goes.heir = stays_sa.association;
  reassert_policies(turn, stays_sa);
}

// A try of ours that has not come to IKE_AUTH yet is of no use once the peer's has succeeded.
void Engine::abort_openings(Turn& turn, Tunnel& tunnel) {
  for (const SaId id : tunnel.sas) {
    Sa* sa = find(id);
    const bool early =
        sa != nullptr && sa->opening() && sa->association->begun_alone && !sa->is_committed();
    if (!early) continue;
    sa->give_up(turn, "the peer was first");
    touched_.push_back(id);
  }
}

void Engine::note_succession(const Tunnel& tunnel) {
  if (tunnel.config->version != IkeVersion::v1) return;
  const bool under_way = std::ranges::any_of(tunnel.sas, [this](SaId id) {
    const Sa* sa = find(id);
    return sa != nullptr && sa->opening() && sa->role == wire::Role::initiator;
  });
  for (const SaId id : tunnel.sas) {
    if (Sa* sa = find(id)) sa->association->succession = under_way;
  }
}

void Engine::obey(Turn& turn, const AssociationDown& signal) {
  Tunnel* tunnel = find(signal.association->tunnel->id);
  if (tunnel == nullptr) return;
  const bool short_lived = now_ - signal.association->established_at < limits::kRetryInterval;
  tunnel->next_try = std::max(tunnel->next_try, short_lived ? now_ + limits::kRefusedRetry : now_);
  for (const SaId id : tunnel->sas) {
    Sa* sa = find(id);
    if (sa == nullptr) continue;
    if (sa->association == signal.association && !sa->closed()) {
      sa->close(turn, "its association ended");
      touched_.push_back(id);
    } else if (sa->is_current() && sa->is_up()) {
      sa->association->accompanied = is_accompanied(*tunnel, *sa->association);
      // Of several that are left the one that stays has the policies.
      const auto heir = sa->association->heir.lock();
      if (heir != nullptr && !heir->ended) continue;
      // What was to end for another's sake is the last one.
      if (heir != nullptr && !sa->association->accompanied) {
        sa->association->heir.reset();
        sa->association->closes_with_heir = false;
        sa->association->patience = kNever;
      }
      take_over(turn, *sa);
    }
  }
}

void Engine::obey(Turn& turn, const RuleFailed& signal) {
  const Sa& sa = *find(signal.sa);
  Tunnel* tunnel = find(sa.tunnel().id);
  if (tunnel == nullptr || signal.rule >= sa.association->rule_tries.size()) return;
  const int tries = ++sa.association->rule_tries[signal.rule];
  const bool early = tries < limits::kTriesUntilFailed;
  const Time next = now_ + (early ? limits::kRefusedRetry : limits::kRetryInterval);
  sa.association->rule_retry_at[signal.rule] = next;
  tunnel->tries = tries;
  tunnel->last_failure = signal.failure;
  turn.tell(TryFailed{tunnel->config->id, signal.failure, tries, next});
}

// Of a tunnel that leaves it to the peer to begin there is nothing else to say why it is down.
void Engine::obey(Turn&, const ServingFailed& signal) {
  Tunnel* tunnel = find(signal.tunnel);
  if (tunnel == nullptr || tunnel->config->may_initiate()) return;
  if (connection_of(*tunnel) != Connection::connected) tunnel->last_failure = signal.failure;
}

void Engine::obey(Turn&, const SuccessorWanted& signal) {
  Tunnel* tunnel = find(find(signal.sa)->tunnel().id);
  if (tunnel != nullptr) reauthenticate(*tunnel);
}

// What was made under it goes on under another SA: one that is there yet, or one that we begin, or
// the peer does.
void Engine::obey(Turn& turn, const HeirWanted& signal) {
  Sa& left = *find(signal.sa);
  Tunnel* tunnel = find(left.tunnel().id);
  if (tunnel == nullptr || replace(turn, left, "another takes its place")) return;
  if (tunnel->config->may_initiate()) reauthenticate(*tunnel);
}

void Engine::obey(Turn& turn, const PeerLost& signal) {
  Sa& left = *find(signal.sa);
  if (replace(turn, left, signal.reason)) return;
  left.close(turn, signal.reason);
  touched_.push_back(left.id);
}

void Engine::obey(Turn&, const Followed& signal) {
  const Sa& moved = *find(signal.sa);
  const Tunnel* tunnel = find(moved.tunnel().id);
  if (tunnel == nullptr) return;
  for (const SaId id : tunnel->sas) {
    Sa* other = find(id);
    if (other == nullptr || other->association != moved.association || !other->is_up()) continue;
    other->local = moved.local;
    other->remote = moved.remote;
  }
}

// By the youngest of its association that is up, if there is one.
bool Engine::replace(Turn& turn, Sa& left, std::string why) {
  const Tunnel* tunnel = find(left.tunnel().id);
  if (tunnel == nullptr) return false;
  Sa* next = nullptr;
  for (const SaId id : tunnel->sas) {
    Sa* other = find(id);
    const bool fits = other != nullptr && id != left.id && other->is_up() &&
                      other->association == left.association;
    if (fits && (next == nullptr || next->id.value < id.value)) next = other;
  }
  if (next == nullptr) return false;
  next->superseded(now_, kNever);
  left.association->current = next->id;
  turn.tell(IkeRekeyed{tunnel->config->id, left.id, next->id});
  left.close(turn, std::move(why));
  touched_.push_back(left.id);
  touched_.push_back(next->id);
  return true;
}

void Engine::obey(Turn&, const RuleUp& signal) {
  const Sa& sa = *find(signal.sa);
  Tunnel* tunnel = find(sa.tunnel().id);
  if (tunnel == nullptr) return;
  // Another rule's trouble is not over because this one came up.
  const auto& tries = sa.association->rule_tries;
  tunnel->tries = tries.empty() ? 0 : std::ranges::max(tries);
  if (tunnel->tries == 0) tunnel->last_failure.reset();
}

}  // namespace ipsec::core
