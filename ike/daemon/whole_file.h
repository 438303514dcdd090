// A file that is there as it was or as it is to be, whatever happens in between.
#pragma once

#include <expected>
#include <filesystem>
#include <system_error>

#include "ike/base/bytes.h"

namespace ipsec::daemon {

// Of mode 0600, and on the disk when it returns. FILE.new is written first, and taken away where
// that fails.
[[nodiscard]] std::expected<void, std::error_code> write_whole(const std::filesystem::path& file,
                                                               ByteView bytes);

}  // namespace ipsec::daemon
