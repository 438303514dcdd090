// What the configuration's rooms say is wrong, as the API tells it.
#pragma once

#include <vector>

#include "ike/control/types/replies.h"
#include "ike/gateway/refusal.h"

namespace ipsec::daemon {

[[nodiscard]] control::Problem problem_of(const gateway::Refusal& refusal);
// The reply to a change that was refused: its message is the first of them, and how many more there
// are.
[[nodiscard]] control::Error error_of(const gateway::Refusals& refusals);
[[nodiscard]] control::Error error_of(std::vector<control::Problem> problems);

}  // namespace ipsec::daemon
