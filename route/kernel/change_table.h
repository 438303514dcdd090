// Changes to one table of one namespace, in as few turns of the kernel as they take.
#pragma once

#include "route/driver.h"
#include "route/kernel/messages.h"
#include "route/kernel/socket.h"
#include "route/plan.h"

namespace ipsec::route::kernel {

// One outcome for each change. `table` is how people call it.
[[nodiscard]] Outcomes change_table(Socket& socket, const Owner& owner, const Table& table,
                                    const Changes& changes, std::uint64_t& malformed);

}  // namespace ipsec::route::kernel
