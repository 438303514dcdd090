// The suite of tests/support/route_conformance.h with `ip` as foreign party and witness.
#pragma once

#include <string>

#include "route/driver.h"
#include "route/kernel/opener.h"
#include "tests/support/poll_reactor.h"

namespace ipsec::driver {

// In a namespace that has `device`, up, with 10.255.0.1/24 and fd00:255::1/64. "" if all passed,
// else what did not, and what it says.
[[nodiscard]] std::string run_conformance(test::PollReactor& reactor,
                                          route::NamespaceOpener& opener, const std::string& netns,
                                          const std::string& device);

}  // namespace ipsec::driver
