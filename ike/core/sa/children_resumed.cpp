// Children that a daemon before this one made: what the store knows of them and what the kernel
// has, brought together.
//
// The store is written before the kernel is asked. So the kernel may have less than is written, or
// have it still under the name it had before a move; what is newer than the store was never told to
// anybody, and the caller removes it with all that nobody claims.
#include <algorithm>
#include <utility>

#include "ike/base/limits.h"
#include "ike/core/sa/children.h"

namespace ipsec::core {
namespace {

// Where a half is, as the kernel has it.
struct Halfway {
  const KernelSa* inbound = nullptr;
  const KernelSa* outbound = nullptr;
};

Halfway look(const Comeback& comeback, const Child& child) {
  Halfway found{comeback.find(child.protocol, child.inbound, child.local.address),
                comeback.find(child.protocol, child.outbound, child.remote.address)};
  // By its number alone it was the other half, or another child's.
  const bool mistaken = found.outbound == found.inbound;
  if (mistaken) found.outbound = nullptr;
  return found;
}

// The kernel lost it, and its keys with it: the peer is told, and another is made.
void lose(Turn& turn, Child& child, bool has_outbound) {
  child.phase = Replaced{has_outbound, turn.now};
  child.rekey_at = kNever;
}

// What the phase says, as far as the kernel has it. False where it was lost.
bool match(Turn& turn, Child& child, const Halfway& found) {
  const bool in = found.inbound != nullptr;
  const bool out = found.outbound != nullptr;
  if (auto* unmade = std::get_if<Unmade>(&child.phase)) {
    unmade->reserved.reset();  // the kernel gives up by itself what it only held
    return true;
  }
  if (auto* replaced = std::get_if<Replaced>(&child.phase)) {
    replaced->outbound_installed = replaced->outbound_installed && out;
    return true;
  }
  if (child.lingering()) return true;
  if (auto awaited = std::exchange(child.awaited, {}); awaited && !out) {
    child.phase = InboundOnly{*std::move(awaited)};
    child.switch_at = turn.now;
  }
  const bool whole = in && (out || std::holds_alternative<InboundOnly>(child.phase));
  if (!whole) lose(turn, child, out);
  return whole;
}

bool is_there(const KernelSa& sa, const Endpoint& from, const Endpoint& to, bool encapsulated) {
  return sa.key.destination == to.address && sa.source == from.address &&
         sa.encapsulation == encapsulation_between(from, to, encapsulated);
}

// Under the names that the kernel has for them; then they go where the child is.
void take(Turn& turn, const Association& association, const Child& child, const Halfway& found) {
  AdoptSas adopted;
  adopted.tunnel = association.tunnel->id;
  std::vector<Action> moves;
  if (found.inbound != nullptr) {
    adopted.sas.emplace_back(found.inbound->key, xfrm::Direction::in);
    if (!is_there(*found.inbound, child.remote, child.local, child.encapsulated)) {
      moves.emplace_back(MoveSa{found.inbound->key, child.remote, child.local, child.encapsulated});
    }
  }
  if (found.outbound != nullptr && child.has_outbound()) {
    adopted.sas.emplace_back(found.outbound->key, xfrm::Direction::out);
    adopted.policies = policies_of(child);
    adopted.policies->remote = found.outbound->key.destination;
    adopted.policies->local = found.outbound->source;
    if (!is_there(*found.outbound, child.local, child.remote, child.encapsulated)) {
      moves.emplace_back(
          MoveSa{found.outbound->key, child.local, child.remote, child.encapsulated});
    }
  }
  turn.act(std::move(adopted));
  for (Action& move : moves) turn.act(std::move(move));
}

// Of several that share their ranges the last one taken has the policies.
bool carries_less(const Child& a, const Child& b) {
  const bool a_active = std::holds_alternative<Active>(a.phase);
  const bool b_active = std::holds_alternative<Active>(b.phase);
  return !a_active && b_active;
}

}  // namespace

const KernelSa* Comeback::find(xfrm::Protocol protocol, ChildSpi spi,
                               const Address& destination) const {
  const KernelSa* moved = nullptr;
  const auto [first, last] = in_kernel.equal_range(spi);
  for (auto it = first; it != last; ++it) {
    if (it->second.key.protocol != protocol) continue;
    if (it->second.key.destination == destination) return &it->second;
    moved = &it->second;
  }
  return moved;
}

Time Comeback::end_of(Time end, Time now) {
  if (end == kNever) return end;
  const Time last = end + limits::kLifetimeRoom - limits::kInboundLinger;
  return std::max(end, std::min(now + limits::kLifeAfterComeback, last));
}

Time Comeback::succeed_at(Time end, Time now) const {
  const Duration room = std::max(Duration::zero(), (end - now) / 2);
  return now + std::min(rekey_after, room);
}

void adopt(Turn& turn, const Association& association, const Child& child,
           const Comeback& comeback) {
  take(turn, association, child, look(comeback, child));
}

std::size_t adopt_children(Turn& turn, Association& association, const Comeback& comeback) {
  std::size_t lost = 0;
  auto& children = association.children;
  std::erase_if(children, [&](const Child& child) {
    return child.lingering() && look(comeback, child).inbound == nullptr;
  });
  for (Child& child : children) {
    if (!match(turn, child, look(comeback, child))) ++lost;
  }
  std::vector<const Child*> in_order;
  for (const Child& child : children) {
    if (!child.unmade()) in_order.push_back(&child);
  }
  std::ranges::sort(in_order, [](const Child* a, const Child* b) {
    return carries_less(*a, *b) || (!carries_less(*b, *a) && a < b);
  });
  for (const Child* child : in_order) take(turn, association, *child, look(comeback, *child));
  return lost;
}

void resume_children(Turn& turn, Sa& sa, const Comeback& comeback) {
  for (Child& child : sa.association->children) {
    if (!child.usable()) continue;
    // A rekey of it was under way and has been forgotten, or should have begun meanwhile.
    const bool overdue =
        !child.successor && (child.rekey_at == kNever || child.rekey_at < turn.now);
    child.expires_at = Comeback::end_of(child.expires_at, turn.now);
    if (overdue) child.rekey_at = comeback.succeed_at(child.expires_at, turn.now);
    if (!std::holds_alternative<InboundOnly>(child.phase)) continue;
    if (child.switch_at <= turn.now) {
      child.switch_at = kNever;
      switch_outbound(turn, sa, child);
    } else {
      turn.act(WatchInbound{sa.id, child.inbound_key()});
    }
  }
}

}  // namespace ipsec::core
