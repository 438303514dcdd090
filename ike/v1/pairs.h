// The children of one pair of ranges. IKEv1 has no word for "this one takes the place of that one":
// both sides see a child more, made by a quick mode of either, and two quick modes may cross.
//
// Who asks for one knows which it is to replace: those that were there when it asked. It deletes
// them once the new one is there. What it did not know of then crossed its request: all that is
// made so stays for a while and takes what comes in, and it does not matter which of them either
// side sends with. Then both find the same one to keep, by what both know: of those made within the
// last limits::kV1SettlesAfter the one with the highest nonce. Who asked for another deletes it.
#pragma once

#include <cstddef>
#include <vector>

#include "ike/v1/sa.h"

namespace ipsec::v1 {

// The usable ones of the pair.
[[nodiscard]] std::vector<Child*> pair_of(Association& association, std::size_t rule,
                                          const core::SelectorPair& selectors);
// The new child goes among the others; its pair has traffic through it, or will. It replaces those
// that were known when we asked for it.
Child& join_pair(Turn& turn, Sa& sa, Child made, const std::vector<ChildId>& known);
// The peer has shown that it has its half of this one, which it asked for: it is to replace those
// that it had asked for before.
void prove(const Turn& turn, const Sa& sa, const Child& child);
// Traffic goes over to another child of the pair, if there is one. Before this one is retired.
void leave_pair(Turn& turn, Sa& sa, Child& child);
// Those that others have outlived.
void settle_pairs(Turn& turn, Sa& sa);
// The peer may not have those that were made until then, or of those the young ones: they are made
// anew. Where it has them after all, nothing is lost.
void doubt_children(Association& association, Time until, Time since = {});
// When there is something to settle.
[[nodiscard]] Time settle_time(const Association& association);
// Whether it is the one of its pair that is to be rekeyed.
[[nodiscard]] bool is_newest(const Association& association, const Child& child);
// Whether the peer is not known to have its half of any that is younger.
[[nodiscard]] bool is_newest_proven(const Association& association, const Child& child);

}  // namespace ipsec::v1
