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

namespace ipsec::v2 {

// The life of a child. Inbound always works; what differs is the outbound half and who ends it.
//
//   InboundOnly --(old one deleted, or first packet)--> Active --> Replaced --> Lingering --> gone
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
using ChildPhase = std::variant<InboundOnly, Active, Replaced, Lingering>;

// A question to the kernel about the outbound half: what is to become of it hangs on the answer.
struct Switch {
  core::Ticket ticket;
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
  core::SelectorPair selectors;
  core::ChildAlgorithms algorithms;
  ChildPhase phase = Active{};
  // The lower of the two nonces this child came from: decides collisions (RFC 7296 2.8.1).
  Bytes lowest_nonce;
  std::optional<ChildId> successor;
  std::optional<Switch> switching;  // the latest
  bool announced = false;  // a ChildUp or ChildRekeyed named it; else its end is no news either
  Time rekey_at = kNever;
  Time expires_at = kNever;

  [[nodiscard]] xfrm::SaKey inbound_key() const { return {local.address, protocol, inbound}; }
  [[nodiscard]] xfrm::SaKey outbound_key() const { return {remote.address, protocol, outbound}; }
  [[nodiscard]] bool usable() const {
    return std::holds_alternative<Active>(phase) || std::holds_alternative<InboundOnly>(phase);
  }
  [[nodiscard]] bool lingering() const { return std::holds_alternative<Lingering>(phase); }
};

}  // namespace ipsec::v2
