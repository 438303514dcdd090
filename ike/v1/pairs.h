// The children of one pair of ranges. IKEv1 has no word for "this one takes the place of that one":
// both sides see a child more, made by a quick mode of either, and two quick modes may cross.
//
// All that is made stays for a while and takes what comes in, so it does not matter which of them
// either side sends with. Then both find the same one to keep, by what both know: of those made
// within the last limits::kV1SettlesAfter the one with the highest nonce. Who asked for another
// deletes it.
#pragma once

#include "ike/v1/sa.h"

namespace ipsec::v1 {

// The new child goes among the others; its pair has traffic through it, or will.
Child& join_pair(Turn& turn, Sa& sa, Child made);
// Traffic goes over to another child of the pair, if there is one. Before this one is retired.
void leave_pair(Turn& turn, Sa& sa, Child& child);
// Those that others have outlived.
void settle_pairs(Turn& turn, Sa& sa);
// When there is something to settle.
[[nodiscard]] Time settle_time(const Association& association);
// Whether it is the one of its pair that is to be rekeyed.
[[nodiscard]] bool is_newest(const Association& association, const Child& child);

}  // namespace ipsec::v1
