#include "ike/core/sa/children.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "ike/base/limits.h"
#include "ike/core/sa/layouts.h"

namespace ipsec::core {

xfrm::PolicySpec policies_of(const Child& child) {
  return {child.reqid,    child.local.address,   child.remote.address,   child.protocol,
          child.outbound, child.selectors.local, child.selectors.remote, child.attachment};
}

std::optional<xfrm::UdpEncapsulation> encapsulation_between(const Endpoint& from,
                                                            const Endpoint& to, bool wanted) {
  if (!wanted) return std::nullopt;
  return xfrm::UdpEncapsulation{from.port, to.port};
}

namespace {

struct HalfKeys {
  const Secret& encryption;
  const Secret& integrity;
};

xfrm::SaSpec half(const Sa& sa, const Child& child, xfrm::Direction direction, const HalfKeys& keys,
                  std::uint64_t rekey_at_bytes) {
  const bool in = direction == xfrm::Direction::in;
  const Endpoint& from = in ? child.remote : child.local;
  const Endpoint& to = in ? child.local : child.remote;
  const ChildConfig& rule = sa.tunnel().children[child.rule];
  xfrm::SaSpec spec;
  spec.direction = direction;
  spec.source = from.address;
  spec.destination = to.address;
  spec.protocol = child.protocol;
  spec.spi = in ? child.inbound : child.outbound;
  spec.reqid = child.reqid;
  spec.encryption = child.algorithms.encryption;
  spec.integrity = child.algorithms.integrity;
  spec.encryption_key = keys.encryption.clone();
  spec.integrity_key = keys.integrity.clone();
  spec.extended_sequence_numbers = child.algorithms.sequence_numbers == EsnId::yes;
  spec.replay_window_packets = rule.replay_window_packets;
  spec.encapsulation = encapsulation_between(from, to, child.encapsulated);
  const KernelWishes& wishes = sa.tunnel().kernel;
  spec.attachment = child.attachment;
  spec.copy_dscp = wishes.copy_dscp;
  spec.copy_ecn = wishes.copy_ecn;
  if (!in) spec.output_mark = wishes.output_mark;
  spec.offload = wishes.offload;
  if (child.lifetime_bytes != 0) {
    spec.soft_limit_bytes = rekey_at_bytes;
    constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
    const bool fits = child.lifetime_bytes <= kMost - limits::kVolumeRoomBytes;
    spec.hard_limit_bytes = fits ? child.lifetime_bytes + limits::kVolumeRoomBytes : 0;
  }
  const auto lifetime_s =
      std::chrono::duration_cast<std::chrono::seconds>(child.lifetime + limits::kLifetimeRoom);
  spec.hard_limit_s = static_cast<std::uint64_t>(lifetime_s.count());
  return spec;
}

void tell_down(Turn& turn, const Association& association, const Child& child) {
  if (child.announced) {
    turn.tell(ChildDown{association.tunnel->id, child.id, child.reqid});
  }
}

void drop_halves(Turn& turn, const Child& child) {
  if (const auto* unmade = std::get_if<Unmade>(&child.phase)) {
    if (unmade->reserved) turn.act(RemoveSa{*unmade->reserved});
    return;
  }
  if (child.has_outbound()) turn.act(RemoveSa{child.outbound_key()});
  turn.act(RemoveSa{child.inbound_key()});
}

}  // namespace

Child make_child(Turn& turn, const Sa& sa, ChildId id, const ChildMaking& making) {
  Child child;
  child.id = id;
  child.rule = making.rule;
  child.reqid = sa.tunnel().children[making.rule].reqid;
  child.protocol = making.choice->algorithms.protocol;
  child.inbound = making.reserved->spi;
  child.outbound = making.choice->peer_spi;
  // Where the SPI was allocated, even if the peer has moved since: the kernel knows it by that.
  child.local = {making.reserved->destination, sa.local.port};
  child.remote = sa.remote;
  child.encapsulated = sa.nat.any();
  child.attachment = sa.tunnel().kernel.attachment;
  child.selectors = making.selectors;
  child.algorithms = making.choice->algorithms;
  child.lowest_nonce = making.nonces.lowest();
  const ChildConfig& rule = sa.tunnel().children[making.rule];
  child.lifetime = rule.lifetime;
  child.lifetime_bytes = rule.lifetime_bytes;
  child.rekey_at = turn.rekey_time(child.lifetime);
  child.expires_at = turn.now + child.lifetime;
  return child;
}

void leave_unmade(Association& association, Child child, std::optional<xfrm::SaKey> reserved) {
  child.phase = Unmade{reserved};
  child.rekey_at = kNever;
  child.expires_at = kNever;
  association.children.push_back(std::move(child));
}

Ticket install_child(Turn& turn, const Sa& sa, Child& child, const crypto::ChildKeys& keys,
                     wire::Role our_role_in_exchange, Halves halves) {
  const bool ours_first = our_role_in_exchange == wire::Role::initiator;
  const HalfKeys initiators{keys.initiator_encryption, keys.initiator_integrity};
  const HalfKeys responders{keys.responder_encryption, keys.responder_integrity};
  const HalfKeys& theirs = ours_first ? responders : initiators;
  const HalfKeys& ours = ours_first ? initiators : responders;
  const std::uint64_t volume = child.lifetime_bytes;
  const std::uint64_t rekey_at = volume == 0 ? 0 : turn.rekey_bytes(volume, ours_first);
  auto inbound = half(sa, child, xfrm::Direction::in, theirs, rekey_at);
  auto outbound = half(sa, child, xfrm::Direction::out, ours, rekey_at);

  InstallSas install;
  install.sa = sa.id;
  install.ticket = turn.numbers.next<Ticket>();
  install.sas.push_back(std::move(inbound));
  if (halves == Halves::both) {
    install.sas.push_back(std::move(outbound));
    install.policies = policies_of(child);
    child.phase = Active{};
  } else {
    child.phase = InboundOnly{std::move(outbound)};
  }
  const Ticket ticket = install.ticket;
  turn.act(std::move(install));
  return ticket;
}

void switch_outbound(Turn& turn, Sa& sa, Child& child) {
  auto* waiting = std::get_if<InboundOnly>(&child.phase);
  if (waiting == nullptr) return;
  InstallSas install;
  install.sa = sa.id;
  install.ticket = turn.numbers.next<Ticket>();
  install.sas.push_back(clone(waiting->outbound));
  install.policies = policies_of(child);
  child.awaited = std::move(waiting->outbound);
  child.phase = Active{};
  child.switching = Switch{install.ticket, true};
  turn.act(std::move(install));
}

void switch_answered(Turn& turn, Sa& sa, Ticket ticket, bool done) {
  auto& children = sa.association->children;
  const auto asked = std::ranges::find_if(children, [ticket](const Child& child) {
    return child.switching && child.switching->ticket == ticket;
  });
  if (asked == children.end()) return;
  const bool installs = std::exchange(asked->switching, {})->installs;
  asked->awaited.reset();
  if (done || !asked->usable()) return;
  // The policies still point at the child before it, whose outbound half goes or is gone.
  for (const Child& old : children) {
    if (old.successor == asked->id) turn.act(RemovePolicies{policies_of(old)});
  }
  asked->phase = Replaced{!installs, turn.now};
  asked->rekey_at = kNever;
}

void supersede(Turn& turn, Child& old, ChildId successor, Owes who) {
  const bool outbound = old.has_outbound();
  old.successor = successor;
  old.rekey_at = kNever;
  old.phase = Replaced{outbound, who == Owes::we ? turn.now : turn.now + limits::kAwaitDelete};
}

void drop_outbound(Turn& turn, Child& child) {
  if (!child.has_outbound()) return;
  turn.act(RemoveSa{child.outbound_key()});
  if (auto* replaced = std::get_if<Replaced>(&child.phase)) replaced->outbound_installed = false;
}

// Policies stay while any other child of the same rule uses the same selectors.
void drop_policies_if_last(Turn& turn, const Association& association, const Child& child) {
  const bool shared = std::ranges::any_of(association.children, [&](const Child& other) {
    return other.id != child.id && other.rule == child.rule && !other.lingering() &&
           !other.unmade() && other.selectors == child.selectors;
  });
  if (!shared) turn.act(RemovePolicies{policies_of(child)});
}

namespace {

// A child goes before the one it was to replace. Where it has been replaced itself, its heir takes
// over from both. Else the old one goes on as if nothing had been, where all of it is there still;
// and where not it is of no use either, and both sides are better off with a new one.
void reinstate(Turn& turn, Association& association, Child& gone) {
  const Child* next = gone.successor ? association.find(*gone.successor) : nullptr;
  const bool replaced_too = next != nullptr && !next->lingering();
  for (Child& old : association.children) {
    auto* replaced = std::get_if<Replaced>(&old.phase);
    if (replaced == nullptr || old.successor != gone.id) continue;
    old.successor = replaced_too ? gone.successor : std::nullopt;
    if (replaced_too) continue;
    if (!replaced->outbound_installed) {
      replaced->delete_at = turn.now;
      continue;
    }
    old.phase = Active{};
    old.rekey_at = turn.now + turn.jittered(limits::kTemporaryFailureRetry, 0.5);
    gone.successor = old.id;
    if (gone.announced) turn.tell(ChildRekeyed{association.tunnel->id, gone.id, old.id});
  }
}

}  // namespace

void retire(Turn& turn, Sa& sa, Child& child) {
  Association& association = *sa.association;
  if (child.unmade()) return remove_child(turn, association, child.id);
  reinstate(turn, association, child);
  Child* successor = child.successor ? association.find(*child.successor) : nullptr;
  if (successor != nullptr) switch_outbound(turn, sa, *successor);
  if (child.has_outbound()) turn.act(RemoveSa{child.outbound_key()});
  drop_policies_if_last(turn, association, child);
  if (successor == nullptr) tell_down(turn, association, child);
  child.phase = Lingering{turn.now + limits::kInboundLinger};
  child.rekey_at = kNever;
  child.expires_at = kNever;  // it goes sooner
}

void remove_child(Turn& turn, Association& association, ChildId id) {
  Child* child = association.find(id);
  if (child == nullptr) return;
  drop_halves(turn, *child);
  if (!child->lingering() && !child->unmade()) {
    drop_policies_if_last(turn, association, *child);
    if (!child->successor) tell_down(turn, association, *child);
  }
  std::erase_if(association.children, [id](const Child& other) { return other.id == id; });
}

void remove_all_children(Turn& turn, Association& association) {
  // Whichever of a rule's children its policies point at.
  for (const Child& child : std::exchange(association.children, {})) {
    drop_halves(turn, child);
    if (child.lingering() || child.unmade()) continue;
    turn.act(RemovePolicies{policies_of(child)});
    if (!child.successor) tell_down(turn, association, child);
  }
}

void sweep_children(Turn& turn, Association& association) {
  std::vector<ChildId> due;
  for (const Child& child : association.children) {
    const auto* lingering = std::get_if<Lingering>(&child.phase);
    if (lingering != nullptr && lingering->until <= turn.now) due.push_back(child.id);
  }
  for (const ChildId id : due) remove_child(turn, association, id);
}

void expire_children(Turn& turn, Association& association) {
  for (Child& child : association.children) {
    if (child.expires_at > turn.now || child.lingering()) continue;
    child.expires_at = kNever;
    if (std::holds_alternative<Replaced>(child.phase)) continue;
    child.phase = Replaced{std::holds_alternative<Active>(child.phase), turn.now};
    child.rekey_at = kNever;
  }
}

void abandon(Turn& turn, const ChildMaking& making) {
  if (making.made) {
    drop_halves(turn, *making.made);
  } else if (making.reserved) {
    turn.act(RemoveSa{*making.reserved});
  }
}

void give_back(Turn& turn, const ChildMaking& making) {
  abandon(turn, making);
  const bool pointed = making.made && making.made->has_outbound();
  if (pointed) turn.act(RemovePolicies{policies_of(*making.made)});
}

void repoint(Turn& turn, const Sa& sa, Child& child) {
  if (!child.has_outbound()) return;
  InstallSas install;
  install.sa = sa.id;
  install.ticket = turn.numbers.next<Ticket>();
  install.policies = policies_of(child);
  // An answer to an earlier question that is still on its way decides no less.
  const bool installs = child.switching && child.switching->installs;
  if (!installs) child.switching = Switch{install.ticket, false};
  turn.act(std::move(install));
}

void reassert_policies(Turn& turn, const Sa& sa) {
  for (Child& child : sa.association->children) {
    if (std::holds_alternative<Active>(child.phase)) repoint(turn, sa, child);
  }
}

void take_over(Turn& turn, Sa& sa) {
  reassert_policies(turn, sa);
  auto& children = sa.association->children;
  if (sa.association->accompanied) return;
  for (Child& child : children) {
    const bool rekeyed = std::ranges::any_of(
        children, [&](const Child& old) { return old.successor == child.id && !old.lingering(); });
    if (!rekeyed) switch_outbound(turn, sa, child);
  }
}

void bequeath_children(Turn& turn, Association& from, Association& to) {
  for (Child& child : from.children) {
    if (child.unmade()) {
      drop_halves(turn, child);
      continue;
    }
    if (child.has_outbound()) turn.act(RemoveSa{child.outbound_key()});
    if (!child.lingering()) {
      drop_policies_if_last(turn, to, child);
      tell_down(turn, from, child);
    }
    child.phase = Lingering{turn.now + limits::kInboundLinger};
    child.rekey_at = kNever;
    child.expires_at = kNever;
    child.successor.reset();
    child.announced = false;
    to.children.push_back(std::move(child));
  }
  from.children.clear();
}

void move_child(Turn& turn, const Sa& sa, Child& child) {
  if (child.unmade()) return;
  const bool there =
      child.local == sa.local && child.remote == sa.remote && child.encapsulated == sa.nat.any();
  if (there) return;
  const auto inbound = child.inbound_key();
  const auto outbound = child.outbound_key();
  const bool outbound_installed = child.has_outbound();
  child.local = sa.local;
  child.remote = sa.remote;
  child.encapsulated = sa.nat.any();
  turn.act(MoveSa{inbound, child.remote, child.local, child.encapsulated});
  if (outbound_installed) {
    turn.act(MoveSa{outbound, child.local, child.remote, child.encapsulated});
  }
  if (auto* waiting = std::get_if<InboundOnly>(&child.phase)) {
    waiting->outbound.source = child.local.address;
    waiting->outbound.destination = child.remote.address;
    waiting->outbound.encapsulation =
        encapsulation_between(child.local, child.remote, child.encapsulated);
  }
}

void move_children(Turn& turn, const Sa& sa) {
  for (Child& child : sa.association->children) move_child(turn, sa, child);
}

void follow_peer(Turn& turn, Sa& sa, const Endpoint& local, const Endpoint& remote) {
  if (local == sa.local && remote == sa.remote) return;
  // RFC 7296 2.23: who is behind a NAT itself must not follow; the other end's address is stable.
  if (sa.nat.local) return;
  const Endpoint before = sa.remote;
  sa.local = local;
  sa.remote = remote;
  if (!sa.is_up()) return;
  move_children(turn, sa);
  turn.tell(PeerMoved{sa.tunnel().id, before, sa.remote});
  turn.signals.emplace_back(Followed{sa.id});
}

// On port 500 it would be taken for a broken IKE message.
void keep_alive(Turn& turn, const Sa& sa, Time& at) {
  if (at > turn.now) return;
  at = turn.now + limits::kNatKeepalive;
  const bool in_use = sa.is_current() && sa.local.port == kNattPort;
  if (in_use) turn.act(SendDatagram{sa.local, sa.remote, Bytes{0xff}});
}

void inbound_seen(Turn& turn, Sa& sa, Child& child) {
  switch_outbound(turn, sa, child);
  for (Child& old : sa.association->children) {
    if (old.successor == child.id) drop_outbound(turn, old);
  }
}

void child_expired(Turn& turn, Child& child, bool hard) {
  if (!child.usable()) return;
  const bool active = std::holds_alternative<Active>(child.phase);
  if (!hard) {
    if (active) child.rekey_at = turn.now;
    return;
  }
  // The kernel took one half away; the pair goes, and the peer is told (RFC 7296 1.4.1).
  child.phase = Replaced{active, turn.now};
  child.rekey_at = kNever;
}

void end(Turn& turn, const std::shared_ptr<Association>& association, SaId last,
         std::string reason) {
  if (association->ended) return;
  association->ended = true;
  const auto heir = association->heir.lock();
  if (heir != nullptr && !heir->ended) {
    bequeath_children(turn, *association, *heir);
  } else {
    remove_all_children(turn, *association);
  }
  turn.tell(IkeDown{association->tunnel->id, last, std::move(reason)});
  turn.signals.emplace_back(AssociationDown{association});
}

std::string describe_rules(const TunnelConfig& tunnel) {
  std::string text;
  for (const auto& rule : tunnel.children) {
    text += (text.empty() ? "" : "; ") + describe(rule.selectors);
  }
  return text;
}

Child* find_equal(Association& association, std::size_t rule, const SelectorPair& selectors) {
  const auto found = std::ranges::find_if(association.children, [&](const Child& child) {
    return child.usable() && child.rule == rule && child.selectors == selectors;
  });
  return found == association.children.end() ? nullptr : &*found;
}

std::vector<SelectorPair> missing_of(const Association& association, std::size_t rule) {
  std::vector<SelectorPair> present;
  for (const Child& child : association.children) {
    if (child.rule == rule && !child.leaves_room()) present.push_back(child.selectors);
  }
  const auto& wanted = association.tunnel->children[rule].selectors;
  const bool single = association.rule_single_pair[rule];
  if (present.empty() && !single) return {wanted};
  return missing_pairs(wanted, present);
}

}  // namespace ipsec::core
