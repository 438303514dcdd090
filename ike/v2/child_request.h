// What asking for a child (child_request.cpp) and making it (child_made.cpp) share.
#pragma once

#include <variant>

#include "ike/v2/child_exchange.h"

namespace ipsec::v2 {

inline ChildRequest& request_of(Sa& sa) { return std::get<ChildRequest>(sa.established()->ours); }

// The request is over without a child. What asked for it is asked again later, by the schedule.
void give_up_request(Turn& turn, Sa& sa, ChildRequest& request, core::Failure why);

}  // namespace ipsec::v2
