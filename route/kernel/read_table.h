// One table of one namespace, as it stands.
#pragma once

#include <cstdint>
#include <expected>
#include <set>

#include "ike/base/cidr.h"
#include "route/kernel/devices.h"
#include "route/kernel/messages.h"
#include "route/kernel/socket.h"
#include "route/plan.h"

namespace ipsec::route::kernel {

// Routes of the owner, those of others to the destinations, and the owner's rules that lead to the
// table. A table that does not exist is empty. Rows that make no sense are counted in `malformed`.
[[nodiscard]] std::expected<Listing, Failure> read_table(Socket& socket, const Owner& owner,
                                                         const std::set<Cidr>& destinations,
                                                         std::uint64_t& malformed);

}  // namespace ipsec::route::kernel
