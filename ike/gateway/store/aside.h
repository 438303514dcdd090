// A database that is of no use any more makes room for another, and stays for whoever wants to look
// into it. Internal to the room.
#pragma once

#include <cstddef>
#include <expected>
#include <filesystem>

#include "ike/base/error.h"

namespace ipsec::gateway {

// To FILE.broken.N, with its companions, where N is above every one that is there; of those, the
// newest `most` stay. Nothing may have the file open.
[[nodiscard]] std::expected<std::filesystem::path, ConfigError> move_aside(
    const std::filesystem::path& file, std::size_t most);

}  // namespace ipsec::gateway
