// An IKE SA that one side has lost: the token that proves it (RFC 6290), and the hint that proves
// nothing (RFC 7296 2.21.4).
#pragma once

#include <span>

#include "ike/core/crash_tokens.h"
#include "ike/v2/sa.h"

namespace ipsec::v2 {

// As its maker: ours for the SA of these SPIs.
void append_token(const core::CrashTokens& tokens, const crypto::SpiPair& spis,
                  wire::Payloads& payloads);

// As its taker: the peer's, in a protected message; empty where there is none that may be one.
[[nodiscard]] Secret token_in(std::span<const wire::Payload> payloads);
// RFC 6290 4.4: any protected message may bring another one.
void keep_token(Established& up, std::span<const wire::Payload> payloads);

// A message in clear that says of an established SA that the peer does not know it. False: it is
// not one.
[[nodiscard]] bool doubt_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram);

}  // namespace ipsec::v2
