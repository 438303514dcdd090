// What the kernel refused, in words that say what to do.
#pragma once

#include <string>

#include "route/kernel/socket.h"
#include "route/model.h"

namespace ipsec::route::kernel {

// Of something that is not about one route: "read table 101".
[[nodiscard]] Trouble trouble_of(const std::string& doing, const Failure& failure);
[[nodiscard]] Trouble trouble_of(const Route& route, const Failure& failure);
[[nodiscard]] Trouble trouble_of(const Rule& rule, const Failure& failure);
[[nodiscard]] Trouble no_device(const std::string& device, const Table& table);

// The kernel finds no way to a next hop, or not by its device.
[[nodiscard]] bool is_unreachable(const Failure& failure);

}  // namespace ipsec::route::kernel
