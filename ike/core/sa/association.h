// What outlives a single IKE SA: tunnel, peer, children. All SAs descended from one another by
// rekeying or reauthentication share it (docs/adr/0002): so neither moves a packet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ike/base/identity.h"
#include "ike/core/sa/child.h"

namespace ipsec::core {

// Joins what the runtime store keeps of one.
using AssociationId = StrongId<struct AssociationIdTag, std::uint64_t>;

struct Association {
  AssociationId id;  // the engine's; none until the store has one of it
  TunnelPointer tunnel;
  Identity peer;
  std::string peer_vendor;  // what it says of who made it
  std::vector<Child> children;
  SaId current;  // the SA that new exchanges run on
  bool closing = false;
  bool ended = false;
  // Another association took over, and it is for the peer to delete this one; past this we do.
  Time patience = kNever;
  std::weak_ptr<Association> heir;  // the one that took over, if one did
  // It ends by our Delete once its heir has every child, or when patience does.
  bool closes_with_heir = false;
  // Another association of the tunnel carries traffic still. What we answer here gets its outbound
  // half only when the peer is ready, or the other one gone.
  bool accompanied = false;
  wire::Role begun_as = wire::Role::initiator;
  int refused_before = 0;  // tries of ours that most likely asked for what the peer has not
  Time begun_at{};
  Time established_at = kNever;
  // IKEv1: what the peer began until then it may have begun without knowing of this one.
  Time crossing_until{};
  // IKEv1: another phase 1 of ours is under way that is to take the place of `current`. The engine
  // keeps it.
  bool succession = false;
  // IKEv1: nothing answers a Delete, so those of the last seconds are said again.
  Time repeat_deletes_at = kNever;
  // Of the opening exchange: decides between two associations that both ends began at once.
  Bytes lowest_nonce;
  bool initial_contact = false;  // the peer said that it knows of no other SA
  // Whether the tunnel had no other association when this one was begun; and whether there is none
  // now, of this tunnel or between the same identities. The engine keeps them; they decide about
  // crossings, and about INITIAL_CONTACT.
  bool begun_alone = true;
  bool alone = true;
  // By rule: not before this is a missing child asked for (again).
  std::vector<Time> rule_retry_at;
  std::vector<int> rule_tries;
  // By rule: the peer takes one pair of ranges a child (SINGLE_PAIR_REQUIRED, RFC 7296 2.9).
  std::vector<bool> rule_single_pair;

  [[nodiscard]] Child* find(ChildId wanted);
  // By the SPI we receive on, and by the one we send with.
  [[nodiscard]] Child* find_inbound(ChildSpi spi);
  [[nodiscard]] Child* find_outbound(ChildSpi spi);
  [[nodiscard]] bool established() const { return established_at != kNever; }
};

}  // namespace ipsec::core
