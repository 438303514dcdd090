// What an SA does of its own accord, and when. Nothing is queued: what is to be done is read off
// the state each time, so it can be neither stale nor forgotten.
#pragma once

#include "ike/v2/sa.h"

namespace ipsec::v2 {

// When the SA wants its next tick; kNever if nothing is pending.
[[nodiscard]] Time deadline(const Sa& sa);

// Does what is due.
void tick(Turn& turn, Sa& sa);

}  // namespace ipsec::v2
