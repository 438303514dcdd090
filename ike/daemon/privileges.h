// What the process may do once it has what it needs.
#pragma once

#include <expected>

#include "ike/base/error.h"

namespace ipsec::daemon {

// Keeps CAP_NET_ADMIN, for the kernel's tables, and CAP_NET_BIND_SERVICE, for ports after a reload;
// gains nothing by any program it might start; leaves no core with keys in it. Before any thread is
// started: capabilities are each thread's own.
[[nodiscard]] std::expected<void, KernelError> drop_privileges();

// Of the keeper: nothing in effect, and no more to hand on than a daemon that begins has use for.
[[nodiscard]] std::expected<void, KernelError> drop_keepers_privileges();

}  // namespace ipsec::daemon
