// One child SA: a pair of kernel SAs and how far along their life they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>

#include "ike/base/bytes.h"
#include "ike/base/endpoint.h"
#include "ike/base/strong_id.h"
#include "ike/base/time.h"
#include "ike/core/config.h"
#include "ike/core/io.h"
#include "ike/core/proposal.h"
#include "ike/core/selectors.h"
#include "xfrm/model.h"

namespace ipsec::core {

// The life of a child. Its phase is all there is to know of what the kernel holds of it.
//
//   InboundOnly --(old one deleted, or first packet)--> Active --> Replaced --> Lingering --> gone
//   Unmade --(Delete answered)--> gone
//
// InboundOnly: we answered a rekey; the outbound half waits until the peer is known to be ready.
struct InboundOnly {
  xfrm::SaSpec outbound;
};
struct Active {};
// A successor carries the traffic, or will; one side is to delete this one.
struct Replaced {
  bool outbound_installed = true;
  // For us to delete from then on: at once, or where it is the peer's turn, when patience ends.
  Time delete_at{};
};
// Outbound is gone; inbound stays for packets still on the way.
struct Lingering {
  Time until{};
};
// The peer has made it and we have not: it is to be deleted there, at once. Our kernel holds no
// half of it, at most the SPI it was offered under.
struct Unmade {
  std::optional<xfrm::SaKey> reserved;
  // IKEv1, where nothing answers a Delete: how often it was sent, and when it is sent next.
  int told = 0;
  Time delete_at{};
};
using ChildPhase = std::variant<InboundOnly, Active, Replaced, Lingering, Unmade>;

// A question to the kernel about the outbound half: what is to become of it hangs on the answer.
struct Switch {
  Ticket ticket;
  bool installs = false;  // the SA too, not only the policies that point at it
};

struct Child {
  ChildId id;
  std::size_t rule = 0;  // index into the tunnel's children
  Reqid reqid;
  xfrm::Protocol protocol = xfrm::Protocol::esp;
  ChildSpi inbound;
  ChildSpi outbound;
  // The outer addresses its kernel SAs carry now, and whether ESP goes in UDP.
  Endpoint local;
  Endpoint remote;
  bool encapsulated = false;
  xfrm::Attachment attachment;
  SelectorPair selectors;
  ChildAlgorithms algorithms;
  ChildPhase phase = Active{};
  // The lower of the two nonces this child came from: decides collisions (RFC 7296 2.8.1).
  Bytes lowest_nonce;
  std::optional<ChildId> successor;
  std::optional<Switch> switching;  // the latest
  // The outbound half that the kernel was asked for and has not answered for: its keys are nowhere
  // else.
  std::optional<xfrm::SaSpec> awaited;
  bool announced = false;  // a ChildUp or ChildRekeyed named it; else its end is no news either
  // The rule's, or what was agreed where that is less (IKEv1).
  Duration lifetime{};
  std::uint64_t lifetime_bytes = 0;  // 0 is none
  Time rekey_at = kNever;
  Time expires_at = kNever;
  // IKEv1 (ike/v1/pairs.h): when it was made, whether we asked for it, and when it is known which
  // of those that crossed stays.
  Time made_at{};
  bool asked = false;
  Time settle_at = kNever;
  // When what is sent goes over to it, if the peer has not shown sooner that it has its half.
  Time switch_at = kNever;

  [[nodiscard]] xfrm::SaKey inbound_key() const { return {local.address, protocol, inbound}; }
  [[nodiscard]] xfrm::SaKey outbound_key() const { return {remote.address, protocol, outbound}; }
  [[nodiscard]] bool usable() const {
    return std::holds_alternative<Active>(phase) || std::holds_alternative<InboundOnly>(phase);
  }
  [[nodiscard]] bool lingering() const { return std::holds_alternative<Lingering>(phase); }
  [[nodiscard]] bool unmade() const { return std::holds_alternative<Unmade>(phase); }
  // Another may be made for its ranges.
  [[nodiscard]] bool leaves_room() const {
    const auto* never_made = std::get_if<Unmade>(&phase);
    return lingering() || (never_made != nullptr && never_made->told > 0);
  }
  // What of it the kernel holds, or is about to.
  [[nodiscard]] bool has_outbound() const {
    const auto* replaced = std::get_if<Replaced>(&phase);
    return replaced != nullptr ? replaced->outbound_installed
                               : std::holds_alternative<Active>(phase);
  }
  // For us to delete from then on.
  [[nodiscard]] Time delete_at() const {
    const auto* replaced = std::get_if<Replaced>(&phase);
    if (replaced != nullptr) return replaced->delete_at;
    const auto* never_made = std::get_if<Unmade>(&phase);
    return never_made != nullptr ? never_made->delete_at : kNever;
  }
};

}  // namespace ipsec::core
