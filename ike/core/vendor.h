// Who made the peer, as far as it says so (RFC 7296 3.12). Nothing here changes what we do.
#pragma once

#include <span>
#include <string>

#include "ike/base/bytes.h"

namespace ipsec::core {

// The vendor ids of a message (IKEv1 or IKEv2) by their known names, as the text that they are, or
// in hex: "strongSwan, FRAGMENTATION". A bounded number of bounded length.
[[nodiscard]] std::string describe_vendors(std::span<const ByteView> ids);

}  // namespace ipsec::core
