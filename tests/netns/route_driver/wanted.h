// Routes and rules in the words of a scenario, much as `ip` takes them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "route/plan.h"

namespace ipsec::driver {

// ITEM[, ITEM]...; an item is
//   [blackhole] DESTINATION [via ADDRESS] [dev DEVICE] [metric N] [mtu N] [advmss N]
//               [nexthop [via ADDRESS] [dev DEVICE]]...
//   rule SOURCE
[[nodiscard]] route::Wanted wanted_of(std::string_view text);

// What `ip route` takes behind `add` or `delete`.
[[nodiscard]] std::vector<std::string> words_of(const route::Route& route);

}  // namespace ipsec::driver
