// What is counted of what comes to nothing: by it operators see a flood, a wrong clock of a peer,
// or another program's hands before anybody complains.
#pragma once

#include <cstdint>

#include "ike/control/types/replies.h"
#include "ike/core/sa/turn.h"
#include "ike/daemon/udp.h"

namespace ipsec::daemon {

struct Counted {
  UdpSockets::Counters sockets;
  core::Drops messages;
  std::uint64_t refused_by_kernel = 0;
  std::uint64_t ignored_of_kernel = 0;
  std::uint64_t overruns = 0;
};

[[nodiscard]] control::CountersReply view_of(const Counted& counted);

}  // namespace ipsec::daemon
