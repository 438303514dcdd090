// What becomes of children in the kernel: installing, switching, retiring, in the order that loses
// no packet (design: new inbound first; outbound when the peer is ready; old inbound lingers).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "ike/core/sa/making.h"
#include "ike/core/sa/turn.h"
#include "ike/crypto/key_derivation.h"

namespace ipsec::core {

// The child as the two sides agreed on it. It is to be rekeyed earlier than its lifetime ends, by a
// random margin.
[[nodiscard]] Child make_child(Turn& turn, const Sa& sa, ChildId id, const ChildMaking& making);

// Keeps a child that only the peer has made, until the peer has been told to delete it. The SPI it
// was offered under goes with it, if the kernel still has it.
void leave_unmade(Association& association, Child child, std::optional<xfrm::SaKey> reserved);

enum class Halves : std::uint8_t { both, inbound_only };

// Fills the kernel's specs from the keys and asks for their installation. With inbound_only the
// outbound half waits inside the child's phase.
[[nodiscard]] Ticket install_child(Turn& turn, const Sa& sa, Child& child,
                                   const crypto::ChildKeys& keys, wire::Role our_role_in_exchange,
                                   Halves halves);

// The peer is ready: outbound goes over to this child.
void switch_outbound(Turn& turn, Sa& sa, Child& child);

// Where the kernel would not take an outbound half or its policies the child is of no use, and
// goes.
void switch_answered(Turn& turn, Sa& sa, Ticket ticket, bool done);

// Marks that `successor` carries the traffic of `old` from now on. The side that owes the Delete
// comes from the collision rule.
enum class Owes : std::uint8_t { we, peer };
void supersede(Turn& turn, Child& old, ChildId successor, Owes who);
// After our successor's outbound half is in place.
void drop_outbound(Turn& turn, Child& child);

// The Delete went through: inbound lingers, everything else goes now.
void retire(Turn& turn, Sa& sa, Child& child);
void drop_policies_if_last(Turn& turn, const Association& association, const Child& child);
// At once, with both halves, and out of the list.
void remove_child(Turn& turn, Association& association, ChildId id);
void remove_all_children(Turn& turn, Association& association);
// Lingering ones whose time has come.
void sweep_children(Turn& turn, Association& association);
// Those past their lifetime in spite of all, since the peer would not rekey them: to be deleted.
void expire_children(Turn& turn, Association& association);

// It will not be finished: SPIs and kernel SAs it has taken are given back. Its policies are the
// caller's business: another child may carry on with them.
void abandon(Turn& turn, const ChildMaking& making);
// The same, with the policies: they came with both halves and point at this child, whatever they
// did before.
void give_back(Turn& turn, const ChildMaking& making);

// Points the policies at this child, whose outbound half is in place.
void repoint(Turn& turn, const Sa& sa, Child& child);
// Points the policies at this association's children again, after another one shared them.
void reassert_policies(Turn& turn, const Sa& sa);
// Another association of the tunnel is gone: policies, and what waited for that.
void take_over(Turn& turn, Sa& sa);
// The association ends because another one took over: inbound halves linger there.
void bequeath_children(Turn& turn, Association& from, Association& to);

// The peer or its NAT moved. A child that was on its way to the kernel then is moved once it is
// there.
void move_child(Turn& turn, const Sa& sa, Child& child);
void move_children(Turn& turn, const Sa& sa);
// Follows a peer that was heard from elsewhere, in an authentic and new message or packet (RFC 7296
// 2.23).
void follow_peer(Turn& turn, Sa& sa, const Endpoint& local, const Endpoint& remote);

// RFC 3948 2.3, 4: one byte, between the ports that ESP uses, from who is behind the NAT; due at
// `at`, which goes on to the next.
void keep_alive(Turn& turn, const Sa& sa, Time& at);

// The first packet on a child that had only its inbound half.
void inbound_seen(Turn& turn, Sa& sa, Child& child);
// The kernel's own limit: bytes, or a time the daemon missed.
void child_expired(Turn& turn, Child& child, bool hard);

// The association with all its children; `last` is its current SA.
void end(Turn& turn, const std::shared_ptr<Association>& association, SaId last,
         std::string reason);

// --- After a daemon before this one (children_resumed.cpp) ---

// What the kernel has of a child is ours from now on, and goes to where the child is.
void adopt(Turn& turn, const Association& association, const Child& child,
           const Comeback& comeback);
// The same of all. How many of them the kernel has lost: those are to be deleted.
[[nodiscard]] std::size_t adopt_children(Turn& turn, Association& association,
                                         const Comeback& comeback);
// What was about to happen to them.
void resume_children(Turn& turn, Sa& sa, const Comeback& comeback);

// --- As the kernel is told of them ---

[[nodiscard]] xfrm::PolicySpec policies_of(const Child& child);
[[nodiscard]] std::optional<xfrm::UdpEncapsulation> encapsulation_between(const Endpoint& from,
                                                                          const Endpoint& to,
                                                                          bool wanted);

// --- Rules ---

// The ranges of all rules, for who asks for others.
[[nodiscard]] std::string describe_rules(const TunnelConfig& tunnel);
// A usable child of this rule with exactly these selectors.
[[nodiscard]] Child* find_equal(Association& association, std::size_t rule,
                                const SelectorPair& selectors);
// What of the rule no usable child covers.
[[nodiscard]] std::vector<SelectorPair> missing_of(const Association& association,
                                                   std::size_t rule);

}  // namespace ipsec::core
