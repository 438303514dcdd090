// INFORMATIONAL exchanges (RFC 7296 1.4): deletes and liveness.
#pragma once

#include "ike/v2/channel.h"

namespace ipsec::v2 {

void start_child_delete(Turn& turn, Sa& sa, std::vector<ChildId> children);
void start_ike_delete(Turn& turn, Sa& sa);
void start_probe(Turn& turn, Sa& sa);
// Where somebody says that the peer does not know this SA.
void start_probe_in_doubt(Turn& turn, Sa& sa);

}  // namespace ipsec::v2
