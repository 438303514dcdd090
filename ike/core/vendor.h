// Who made the peer, as far as it says so (RFC 7296 3.12). Nothing here changes what we do.
#pragma once

#include <span>
#include <string>

#include "ike/wire/payloads.h"

namespace ipsec::core {

// The vendor ids of a message by their known names, as the text that they are, or in hex:
// "strongSwan, FRAGMENTATION". A bounded number of bounded length.
[[nodiscard]] std::string describe_vendors(std::span<const wire::Payload> payloads);

}  // namespace ipsec::core
