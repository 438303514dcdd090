// Numbers by which our routes and rules are known, and bounds of the room.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ipsec::route {

// rtm_protocol of our routes and FRA_PROTOCOL of our rules; `ip route show proto 113`. None that
// Linux or a routing daemon has taken.
inline constexpr std::uint8_t kDefaultProtocol = 113;
// Priority of our rules: before the main table (32766), behind those that people number from 1 on.
inline constexpr std::uint32_t kRulePriority = 10'113;

}  // namespace ipsec::route
