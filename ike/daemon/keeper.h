// The process that `ipsecd` is: it starts the daemon proper, and again when that dies, and holds
// copies of what must not die with it, since the kernel takes ESP out of UDP for as long as the
// socket is open. It knows nothing of tunnels and of what is configured (docs/adr/0011).
#pragma once

#include "ike/daemon/options.h"

namespace ipsec::daemon {

// Until the daemon ends in order, or cannot be started the first time: what to end with.
[[nodiscard]] int keep(int argc, const char* const* argv, const Options& options);

}  // namespace ipsec::daemon
