// What must hold for every byte string whatever: the rules that the properties of the unit tests
// and the fuzz targets have in common.
#pragma once

#include <string>

#include "ike/wire/message.h"

namespace ipsec::wire {

// Each answers with the rule that was broken, or with nothing: refused bytes name a field and a
// place inside them; accepted ones keep every limit, can be written, and are read back the same.
[[nodiscard]] std::string broken_message_rule(ByteView datagram);
[[nodiscard]] std::string broken_chain_rule(PayloadType first, ByteView bytes);

}  // namespace ipsec::wire
