// Rekeying the IKE SA (RFC 7296 1.3.2, 2.8, 2.18), both roles.
#pragma once

#include "ike/v2/channel.h"

namespace ipsec::v2 {

void start_ike_rekey(Turn& turn, Sa& sa);
void rekey_key_ready(Turn& turn, Sa& sa, core::JobResult result);
void rekey_secret_ready(Turn& turn, Sa& sa, core::JobResult result);
// The answer was of no use.
void fail_ike_rekey(Turn& turn, Sa& sa, core::Failure why);
void rekey_agreed(Turn& turn, Sa& sa, core::JobResult result);

}  // namespace ipsec::v2
