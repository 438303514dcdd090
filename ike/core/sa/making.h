// What making a child takes, whoever asks for it and in whichever version.
#pragma once

#include <cstddef>
#include <optional>

#include "ike/core/sa/child.h"
#include "ike/crypto/key_derivation.h"

namespace ipsec::core {

struct Nonces {
  Bytes initiator;
  Bytes responder;
  // Collisions of rekeys compare the lower of each pair (RFC 7296 2.8.1).
  [[nodiscard]] const Bytes& lowest() const {
    return initiator < responder ? initiator : responder;
  }
  [[nodiscard]] crypto::NoncePair view() const { return {initiator, responder}; }
};

struct ChildMaking {
  std::size_t rule = 0;
  std::optional<ChildId> replaces;
  ChildOffers offers;
  Nonces nonces;
  std::optional<Ticket> spi_wanted;
  std::optional<xfrm::SaKey> reserved;  // our SPI, under the address it was allocated for
  // Once both sides' words are there:
  std::optional<ChildChoice> choice;
  SelectorPair selectors;
  std::optional<Ticket> install_wanted;
  std::optional<Child> made;
};

}  // namespace ipsec::core
