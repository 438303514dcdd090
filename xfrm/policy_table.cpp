#include "xfrm/policy_table.h"

#include <algorithm>

#include "xfrm/policy_set.h"

namespace ipsec::xfrm {
namespace {

void pin(PolicyRecord& policy, const Address& local, const Address& remote) {
  Template& protection = policy.protection;
  if (policy.key.direction == PolicyDirection::out) {
    protection.source = local;
    protection.destination = remote;
  } else {
    protection.source = Address::any(local.family());
    protection.destination = local;
  }
}

// Takes the place of the one it is the same as, else lies on top.
template <typename Layer, typename IsSame>
void lay(std::vector<Layer>& layers, const Layer& layer, IsSame is_same) {
  const auto earlier = std::ranges::find_if(layers, is_same);
  if (earlier != layers.end()) {
    *earlier = layer;
  } else {
    layers.push_back(layer);
  }
}

}  // namespace

// --- Children ---

PolicyTable::Pending PolicyTable::set(const PolicySpec& spec) const {
  Pending pending;
  for (const PolicyRecord& policy : policies_of(spec)) {
    const PolicyKey key = policy.key;
    const Place before = at(key);
    Place after = before;
    const Child child{.policy = policy, .outbound = {spec.remote, spec.protocol, spec.spi}};
    lay(after.children, child,
        [&](const Child& other) { return other.policy.protection.reqid == spec.reqid; });
    pending.add(key, before, std::move(after));
  }
  return pending;
}

// The SA may have moved since: its addresses are not compared.
PolicyTable::Pending PolicyTable::remove(const PolicySpec& spec) const {
  Pending pending;
  for (const PolicyRecord& policy : policies_of(spec)) {
    const Place before = at(policy.key);
    Place after = before;
    const auto removed = std::erase_if(after.children, [&](const Child& child) {
      return child.policy.protection.reqid == spec.reqid && child.outbound.spi == spec.spi &&
             child.outbound.protocol == spec.protocol;
    });
    if (removed != 0) pending.add(policy.key, before, std::move(after));
  }
  return pending;
}

PolicyTable::Pending PolicyTable::move(const SaKey& from, const Address& local,
                                       const Address& remote, Pin pinned) const {
  Pending pending;
  for (const auto& [key, before] : places_) {
    const auto is_pinned = [&](const Child& child) { return child.outbound == from; };
    if (std::ranges::none_of(before.children, is_pinned)) continue;
    Place after = before;
    for (Child& child : after.children) {
      if (!is_pinned(child)) continue;
      child.outbound.destination = remote;
      pin(child.policy, local, remote);
      if (key.direction != PolicyDirection::out) continue;
      child.policy.protection.spi = pinned == Pin::by_spi ? from.spi : kNowhere;
    }
    pending.add(key, before, std::move(after));
  }
  return pending;
}

// --- Traps ---

PolicyTable::Pending PolicyTable::set(const TrapSpec& spec) const {
  Pending pending;
  for (const PolicyRecord& policy : policies_of(spec)) {
    const PolicyKey key = policy.key;
    const Place before = at(key);
    Place after = before;
    lay(after.traps, policy,
        [&](const PolicyRecord& other) { return other.protection.reqid == spec.reqid; });
    pending.add(key, before, std::move(after));
  }
  return pending;
}

PolicyTable::Pending PolicyTable::remove(const TrapSpec& spec) const {
  Pending pending;
  for (const PolicyRecord& policy : policies_of(spec)) {
    const Place before = at(policy.key);
    Place after = before;
    const auto removed = std::erase_if(after.traps, [&](const PolicyRecord& other) {
      return other.protection.reqid == spec.reqid;
    });
    if (removed != 0) pending.add(policy.key, before, std::move(after));
  }
  return pending;
}

// --- The table ---

void PolicyTable::commit(Pending&& pending) {
  for (auto& [key, place] : pending.places_) {
    if (place.empty()) {
      places_.erase(key);
    } else {
      places_[key] = std::move(place);
    }
  }
  pending = {};
}

void PolicyTable::mark_occupied(const std::vector<PolicyKey>& keys) {
  for (auto& [key, place] : places_) place.occupied = false;
  for (const PolicyKey& key : keys) {
    if (const auto found = places_.find(key); found != places_.end()) found->second.occupied = true;
  }
}

std::vector<PolicyRecord> PolicyTable::desired() const {
  std::vector<PolicyRecord> policies;
  policies.reserve(places_.size());
  for (const auto& [key, place] : places_) {
    if (const PolicyRecord* top = place.top(); top != nullptr) policies.push_back(*top);
  }
  return policies;
}

PolicyTable::Place PolicyTable::at(const PolicyKey& key) const {
  const auto found = places_.find(key);
  return found == places_.end() ? Place{} : found->second;
}

const PolicyRecord* PolicyTable::Place::top() const {
  if (!children.empty()) return &children.back().policy;
  return traps.empty() ? nullptr : &traps.back();
}

void PolicyTable::Pending::add(const PolicyKey& key, const Place& before, Place&& after) {
  const auto copy = [](const PolicyRecord* policy) {
    return policy == nullptr ? std::nullopt : std::optional(*policy);
  };
  const PolicyChange change{
      .key = key, .before = copy(before.standing()), .after = copy(after.top())};
  if (change.before != change.after) changes_.push_back(change);
  after.occupied = false;
  places_.emplace_back(key, std::move(after));
}

}  // namespace ipsec::xfrm
