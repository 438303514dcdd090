// The command line of ipsecd.
#pragma once

#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ike/daemon/log.h"

namespace ipsec::daemon {

inline constexpr std::string_view kKeptOption = "--kept";
inline constexpr std::string_view kHeldOption = "--held";

struct Options {
  std::filesystem::path config = "/etc/ipsecd/ipsecd.toml";
  bool config_named = false;  // then the file must be there
  std::filesystem::path run_dir = "/run/ipsecd";
  std::filesystem::path state_dir = "/var/lib/ipsecd";
  std::filesystem::path conf_dir = "/etc/ipsecd/conf.d";
  std::optional<std::string> log_to;  // over what the settings say
  std::optional<Level> log_level;
  bool check_config = false;
  bool no_keeper = false;
  // What the keeper says to a daemon that it starts, and to itself across an upgrade: the channel
  // to it, and what it holds. For nobody to type, so not in usage().
  std::optional<int> kept;
  std::vector<int> held;
};

// Something to print instead of running.
struct Print {
  std::string text;
};

[[nodiscard]] std::string_view usage();
// The error is a line about what is wrong.
[[nodiscard]] std::expected<std::variant<Options, Print>, std::string> parse_options(
    int argc, const char* const* argv);

}  // namespace ipsec::daemon
