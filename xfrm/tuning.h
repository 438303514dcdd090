// Settings of the whole network namespace that the gateway stands and falls with. Each is one for
// all programs in it, so what somebody has set to another value than the kernel's is left alone.
#pragma once

#include <string>
#include <vector>

#include "xfrm/socket.h"

namespace ipsec::xfrm {

struct Tuned {
  std::vector<std::string> done;    // what was changed, a line each, for the log
  std::vector<std::string> failed;  // what was not, and what that costs
};

// Safe to do again. What fails costs speed or a packet now and then, and nothing else.
[[nodiscard]] Tuned tune_namespace(Socket& socket);

}  // namespace ipsec::xfrm
