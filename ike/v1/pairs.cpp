#include "ike/v1/pairs.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "ike/base/limits.h"

namespace ipsec::v1 {
namespace {

bool is_same_pair(const Child& a, const Child& b) {
  return a.rule == b.rule && a.selectors == b.selectors;
}

std::vector<Child*> pair_with(Association& association, const Child& child) {
  return pair_of(association, child.rule, child.selectors);
}

bool is_older(const Child& a, const Child& b) {
  return std::pair(a.made_at, a.id.value) < std::pair(b.made_at, b.id.value);
}

bool has_younger(const Association& association, const Child& child, auto counts) {
  return std::ranges::any_of(association.children, [&](const Child& other) {
    return other.id != child.id && std::invoke(counts, other) && is_same_pair(child, other) &&
           is_older(child, other);
  });
}

Time newest_of(const std::vector<Child*>& pair) {
  Time newest{};
  for (const Child* child : pair) newest = std::max(newest, child->made_at);
  return newest;
}

// Of those that are no older than the newest by the time in which quick modes can cross.
Child* one_to_keep(const std::vector<Child*>& pair) {
  const Time newest = newest_of(pair);
  Child* kept = nullptr;
  for (Child* child : pair) {
    if (newest - child->made_at > limits::kV1SettlesAfter) continue;
    if (kept == nullptr || kept->lowest_nonce < child->lowest_nonce) kept = child;
  }
  return kept;
}

void point_at(Turn& turn, Sa& sa, Child& child) {
  if (child.has_outbound()) {
    core::repoint(turn, sa, child);
  } else {
    core::switch_outbound(turn, sa, child);
  }
}

// What people see is one child for a pair: it is this one from now on.
void announce(Turn& turn, const Association& association, const std::vector<Child*>& pair,
              Child& child) {
  if (child.announced) return;
  for (Child* other : pair) {
    if (other->id == child.id || !std::exchange(other->announced, false)) continue;
    turn.tell(core::ChildRekeyed{association.tunnel->id, other->id, child.id});
    child.announced = true;
  }
  if (std::exchange(child.announced, true)) return;
  turn.tell(core::ChildUp{association.tunnel->id, child.id, child.reqid, child.selectors,
                          child.algorithms, child.inbound, child.outbound});
}

// The peer may not have its half of one it has not shown to have: until it has, one that is to go
// soon still serves. Where there is no other, that one stays until there is.
Child* heir_of(const Turn& turn, Association& association, const Child& child) {
  auto pair = pair_with(association, child);
  std::erase_if(pair, [&](const Child* other) { return other->id == child.id; });
  auto proven = pair;
  std::erase_if(proven, [](const Child* other) { return !other->has_outbound(); });
  if (!proven.empty()) return one_to_keep(proven);
  // The youngest of them: a Delete of an older one may have been lost.
  Child* serves = nullptr;
  for (Child& other : association.children) {
    if (other.id == child.id || !is_same_pair(other, child) || !other.has_outbound()) continue;
    if (serves == nullptr || is_older(*serves, other)) serves = &other;
  }
  if (serves == nullptr) return one_to_keep(pair);
  if (!pair.empty()) return serves;
  serves->phase = Active{};
  serves->rekey_at = turn.now;
  return serves;
}

void replace(Child& child, Time delete_at) {
  child.phase = Replaced{std::holds_alternative<Active>(child.phase), delete_at};
  child.rekey_at = kNever;
}

}  // namespace

std::vector<Child*> pair_of(Association& association, std::size_t rule,
                            const core::SelectorPair& selectors) {
  std::vector<Child*> pair;
  for (Child& child : association.children) {
    if (child.usable() && child.rule == rule && child.selectors == selectors) {
      pair.push_back(&child);
    }
  }
  return pair;
}

Child& join_pair(Turn& turn, Sa& sa, Child made, const std::vector<ChildId>& known) {
  Association& association = *sa.association;
  made.made_at = turn.now;
  association.children.push_back(std::move(made));
  Child& child = association.children.back();
  core::move_child(turn, sa, child);
  const auto pair = pair_with(association, child);
  announce(turn, association, pair, child);
  for (const ChildId id : known) {
    Child* old = association.find(id);
    if (old != nullptr && old->usable()) replace(*old, turn.now + limits::kV1DeletesAfter);
  }
  const bool crossed = std::ranges::any_of(
      pair, [&](const Child* other) { return other->usable() && other->id != child.id; });
  if (crossed) child.settle_at = turn.now + limits::kV1SettlesAfter;
  return child;
}

void prove(const Turn& turn, const Sa& sa, const Child& child) {
  for (Child* other : pair_with(*sa.association, child)) {
    const bool known_there = !other->asked && is_older(*other, child);
    if (known_there) replace(*other, turn.now + limits::kAwaitDelete);
  }
}

void leave_pair(Turn& turn, Sa& sa, Child& child) {
  Association& association = *sa.association;
  Child* heir = heir_of(turn, association, child);
  if (heir == nullptr) return;
  point_at(turn, sa, *heir);
  if (!std::exchange(child.announced, false)) return;
  turn.tell(core::ChildRekeyed{association.tunnel->id, child.id, heir->id});
  heir->announced = true;
}

void settle_pairs(Turn& turn, Sa& sa) {
  Association& association = *sa.association;
  for (Child& child : association.children) {
    if (child.settle_at > turn.now) continue;
    child.settle_at = kNever;
    if (!child.usable()) continue;
    auto pair = pair_with(association, child);
    if (pair.size() < 2) continue;
    // Nor is it known yet what comes of one whose proof is missing.
    const bool unproven = std::ranges::any_of(
        pair, [](const Child* it) { return std::holds_alternative<InboundOnly>(it->phase); });
    const Time settles =
        std::max(newest_of(pair), unproven ? turn.now : Time{}) + limits::kV1SettlesAfter;
    if (settles > turn.now) {
      child.settle_at = settles;
      continue;
    }
    Child* kept = one_to_keep(pair);
    point_at(turn, sa, *kept);
    announce(turn, association, pair, *kept);
    // Where it is older than another the peer may have deleted it, in a message that was lost.
    if (kept->asked && kept->made_at < newest_of(pair)) {
      kept->rekey_at = turn.now + turn.jittered(limits::kTemporaryFailureRetry, 0.5);
    }
    for (Child* other : pair) {
      if (other == kept) continue;
      replace(*other, other->asked ? turn.now : turn.now + limits::kAwaitDelete);
    }
  }
}

void doubt_children(Association& association, Time until, Time since) {
  for (Child& child : association.children) {
    const bool meant = child.made_at >= since && child.made_at <= until;
    if (child.usable() && meant) child.rekey_at = until;
  }
}

Time settle_time(const Association& association) {
  Time at = kNever;
  for (const Child& child : association.children) at = std::min(at, child.settle_at);
  return at;
}

bool is_newest(const Association& association, const Child& child) {
  return !has_younger(association, child, &Child::usable);
}

bool is_newest_proven(const Association& association, const Child& child) {
  return !has_younger(association, child,
                      [](const Child& it) { return it.usable() && it.has_outbound(); });
}

}  // namespace ipsec::v1
