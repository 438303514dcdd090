// What the daemon says of itself: to standard error, a file, or the journal with fields of its own.
//
// NOTE: Contract. One line an entry, whatever bytes a peer put into it. No secret is ever handed
// in.
#pragma once

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "ike/base/error.h"
#include "ike/base/unique_fd.h"
#include "ike/gateway/settings.h"

namespace ipsec::daemon {

using Level = gateway::LogLevel;
[[nodiscard]] std::optional<Level> parse_level(std::string_view word);
[[nodiscard]] std::string_view name_of(Level level);

// What an entry is about; in the journal TUNNEL, PHASE and EVENT.
struct Tags {
  std::string_view tunnel{};
  std::string_view phase{};
  std::string_view event{};
};

class Log {
 public:
  // "stderr", "journal", or a file.
  [[nodiscard]] static std::expected<Log, ConfigError> open(const std::string& to);

  void set_level(Level level) { level_ = level; }
  // Of one tunnel, by its name; nothing takes it back.
  void set_level(const std::string& tunnel, std::optional<Level> level);
  // What the settings say, in the place of all that was set before.
  void set_levels(const gateway::LogSettings& settings);
  [[nodiscard]] bool wants(Level level, std::string_view tunnel = {}) const;

  void write(Level level, std::string_view text, const Tags& tags = {});
  // A file that was rotated away is begun anew. The old one stays in use where that fails.
  [[nodiscard]] std::expected<void, ConfigError> reopen();

 private:
  enum class Kind : std::uint8_t { standard_error, journal, file };
  Log(Kind kind, std::string file, UniqueFd fd)
      : kind_(kind), file_(std::move(file)), fd_(std::move(fd)) {}

  void write_line(Level level, std::string_view text, const Tags& tags);
  void write_journal(Level level, std::string_view text, const Tags& tags);

  Kind kind_;
  std::string file_;
  UniqueFd fd_;
  Level level_ = Level::info;
  std::map<std::string, Level, std::less<>> tunnels_;
};

}  // namespace ipsec::daemon
