// Tunnels as an operator might configure them: what is not said is as likely as what is.
#pragma once

#include "ike/gateway/draft.h"
#include "tests/support/random.h"

namespace ipsec::gateway {

// For the site's VPC, gateway and peer; always such as a Draft takes.
[[nodiscard]] Fields random_tunnel(test::Random& random);

}  // namespace ipsec::gateway
