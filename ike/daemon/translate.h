// From what was configured to what the engine negotiates.
#pragma once

#include <string>

#include "ike/core/config.h"
#include "ike/gateway/meaning.h"

namespace ipsec::daemon {

struct TunnelNumbers {
  TunnelId id;
  Reqid first_reqid;  // of as many as reqids_of() says
};

// The key is the meaning's own; equal meanings give equal behaviour on the wire.
[[nodiscard]] core::TunnelConfig translate(const gateway::Meaning& meaning, std::string name,
                                           const TunnelNumbers& numbers);
[[nodiscard]] std::size_t reqids_of(const gateway::Meaning& meaning);

}  // namespace ipsec::daemon
