// What an established SA does of its own accord, and when: read off its state each time.
#pragma once

#include "ike/v1/sa.h"

namespace ipsec::v1 {

[[nodiscard]] Time deadline_of(const Sa& sa, const Established& up);
void tick_established(Turn& turn, Sa& sa);

}  // namespace ipsec::v1
