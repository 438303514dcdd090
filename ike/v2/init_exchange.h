// IKE_SA_INIT (RFC 7296 1.2, 2.6, 2.7, 2.23), both roles.
#pragma once

#include <memory>

#include "ike/core/cookies.h"
#include "ike/v2/channel.h"

namespace ipsec::v2 {

// As initiator: the first step of a try.
void begin(Turn& turn, Sa& sa);
void init_key_ready(Turn& turn, Sa& sa, core::JobResult result);
void init_secret_ready(Turn& turn, Sa& sa, core::JobResult result);

// As responder. Null where no SA came of it: refused, or asked for a cookie; the peer has been told
// as far as the RFC says so.
// Where no tunnel is for these addresses: the peer is told so, and no key exchange computed.
void refuse_stranger(Turn& turn, const core::Datagram& datagram);
enum class CookieNeeded : std::uint8_t { no, yes };
[[nodiscard]] std::unique_ptr<Sa> answer_init(Turn& turn, const core::Datagram& datagram,
                                              const core::Cookies& cookies, CookieNeeded needed);
void agreed_secret_ready(Turn& turn, Sa& sa, core::JobResult result);
// The same request once more (RFC 7296 2.1).
void repeat_init_answer(Turn& turn, const Sa& sa, const core::Datagram& datagram);

// Gives back what an opening SA has taken from the kernel.
void release_opening(Turn& turn, Sa& sa);
// The try came to nothing.
void fail_opening(Turn& turn, Sa& sa, core::Failure failure);

}  // namespace ipsec::v2
