// What must hold for every byte string whatever, read as IKEv1: the rules that the properties of
// the unit tests and the fuzz target have in common.
#pragma once

#include <string>

#include "ike/wire/v1/message.h"

namespace ipsec::wire::v1 {

// Each answers with the rule that was broken, or with nothing: refused bytes name a field and a
// place inside them; accepted ones keep every limit, lie where it is said, can be written, and are
// read back the same; and what is made of them (selectors, identities) can be said again.
[[nodiscard]] std::string broken_message_rule(ByteView datagram);
[[nodiscard]] std::string broken_chain_rule(PayloadType first, ByteView bytes);

[[nodiscard]] Payloads payloads_of(const PlacedPayloads& placed);

}  // namespace ipsec::wire::v1
