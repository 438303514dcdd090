// One of each request, answer and event, with something else than the default in every member. The
// compilers want every member said here, so a new one is in the tests from its first day.
#pragma once

#include <vector>

#include "ike/control/types/replies.h"
#include "ike/control/types/requests.h"

namespace ipsec::control::test {

[[nodiscard]] std::vector<Request> all_requests();
[[nodiscard]] std::vector<Reply> all_replies();
[[nodiscard]] EventView an_event();
// A tunnel with its status, a secret and lists.
[[nodiscard]] ObjectView an_object();

}  // namespace ipsec::control::test
