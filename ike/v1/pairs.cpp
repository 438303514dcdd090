#include "ike/v1/pairs.h"

#include <algorithm>
#include <utility>

#include "ike/base/limits.h"

namespace ipsec::v1 {
namespace {

bool is_same_pair(const Child& a, const Child& b) {
  return a.rule == b.rule && a.selectors == b.selectors;
}

std::vector<Child*> pair_of(Association& association, const Child& child) {
  std::vector<Child*> pair;
  for (Child& other : association.children) {
    if (other.usable() && is_same_pair(other, child)) pair.push_back(&other);
  }
  return pair;
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
  if (std::holds_alternative<Active>(child.phase)) {
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

void replace(Turn& turn, Child& child) {
  child.phase = Replaced{std::holds_alternative<Active>(child.phase),
                         child.asked ? turn.now : turn.now + limits::kAwaitDelete};
  child.rekey_at = kNever;
}

}  // namespace

Child& join_pair(Turn& turn, Sa& sa, Child made) {
  Association& association = *sa.association;
  made.made_at = turn.now;
  association.children.push_back(std::move(made));
  Child& child = association.children.back();
  core::move_child(turn, sa, child);
  const auto pair = pair_of(association, child);
  if (pair.size() > 1) association.crowded = true;
  announce(turn, association, pair, child);
  return child;
}

void leave_pair(Turn& turn, Sa& sa, Child& child) {
  Association& association = *sa.association;
  auto pair = pair_of(association, child);
  std::erase_if(pair, [&](const Child* other) { return other->id == child.id; });
  Child* heir = one_to_keep(pair);
  if (heir == nullptr) return;
  point_at(turn, sa, *heir);
  if (!std::exchange(child.announced, false)) return;
  turn.tell(core::ChildRekeyed{association.tunnel->id, child.id, heir->id});
  heir->announced = true;
}

void settle_pairs(Turn& turn, Sa& sa) {
  Association& association = *sa.association;
  if (!std::exchange(association.crowded, false)) return;
  std::vector<ChildId> all;
  all.reserve(association.children.size());
  for (const Child& child : association.children) all.push_back(child.id);
  for (const ChildId id : all) {
    Child* child = association.find(id);
    if (child == nullptr || !child->usable()) continue;
    auto pair = pair_of(association, *child);
    if (pair.size() < 2) continue;
    if (newest_of(pair) + limits::kV1SettlesAfter > turn.now) {
      association.crowded = true;
      continue;
    }
    Child* kept = one_to_keep(pair);
    point_at(turn, sa, *kept);
    announce(turn, association, pair, *kept);
    for (Child* other : pair) {
      if (other != kept) replace(turn, *other);
    }
  }
}

Time settle_time(const Association& association) {
  Time at = kNever;
  if (!association.crowded) return at;
  for (const Child& child : association.children) {
    if (!child.usable()) continue;
    const Child* newest = nullptr;
    for (const Child& other : association.children) {
      const bool same = other.id != child.id && other.usable() && is_same_pair(child, other);
      if (same && (newest == nullptr || newest->made_at < other.made_at)) newest = &other;
    }
    if (newest == nullptr || newest->made_at < child.made_at) continue;
    at = std::min(at, newest->made_at + limits::kV1SettlesAfter);
  }
  return at;
}

bool is_newest(const Association& association, const Child& child) {
  if (!association.crowded) return true;
  return std::ranges::none_of(association.children, [&](const Child& other) {
    return other.id != child.id && other.usable() && is_same_pair(child, other) &&
           std::pair(other.made_at, other.id.value) > std::pair(child.made_at, child.id.value);
  });
}

}  // namespace ipsec::v1
