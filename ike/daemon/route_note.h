// Which route tables something of ours is in, on disk: what a table's configuration no longer names
// once the daemon is up again is found by this, wherever it is, and removed.
#pragma once

#include <expected>
#include <filesystem>
#include <set>

#include "ike/base/error.h"
#include "route/model.h"

namespace ipsec::daemon {

class RouteNote {
 public:
  explicit RouteNote(std::filesystem::path file) : file_(std::move(file)) {}

  // None where there is no file. Lines that name no table are passed over: the note is a help, and
  // no reason not to start.
  [[nodiscard]] std::expected<std::set<route::Table>, ConfigError> read() const;
  // Whole or not at all, and on the disk when it returns. One without tables is no file.
  [[nodiscard]] std::expected<void, ConfigError> write(const std::set<route::Table>& tables) const;

 private:
  std::filesystem::path file_;
};

}  // namespace ipsec::daemon
