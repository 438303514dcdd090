// Times and amounts as people read them, and as programs do.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "ike/control/types/replies.h"

namespace ipsec::cli {

// "2026-11-23 11:00:00", by the clock on the wall; nothing where there is no such moment.
[[nodiscard]] std::string local_time(control::Moment at);
// "2026-11-23T10:00:00Z"
[[nodiscard]] std::string rfc3339(control::Moment at);
// "1.2 MiB"
[[nodiscard]] std::string in_bytes(std::uint64_t bytes);
// "1 tunnel", "2 tunnels"
[[nodiscard]] std::string counted(std::uint64_t number, std::string_view what);

}  // namespace ipsec::cli
