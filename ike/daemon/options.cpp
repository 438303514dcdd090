#include "ike/daemon/options.h"

#include <array>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "ike/daemon/version.h"
#include "ike/gateway/schema/fields.h"

namespace ipsec::daemon {
namespace {

using Take = bool (*)(Options&, std::string_view value);

struct Row {
  std::string_view name;
  Take take;
};

constexpr std::array kRows{
    Row{"--config",
        [](Options& options, std::string_view value) {
          options.config = value;
          return options.config_named = true;
        }},
    Row{"--run-dir",
        [](Options& options, std::string_view value) {
          options.run_dir = value;
          return true;
        }},
    Row{"--state-dir",
        [](Options& options, std::string_view value) {
          options.state_dir = value;
          return true;
        }},
    Row{"--conf-dir",
        [](Options& options, std::string_view value) {
          options.conf_dir = value;
          return true;
        }},
    Row{"--log",
        [](Options& options, std::string_view value) {
          options.log_to = value;
          return true;
        }},
    Row{"--log-level",
        [](Options& options, std::string_view value) {
          options.log_level = parse_level(value);
          return options.log_level.has_value();
        }},
};

std::string unknown(std::string_view word) {
  std::vector<std::string_view> known{"--check-config", "--version", "--help"};
  for (const Row& row : kRows) known.push_back(row.name);
  const auto meant = nearest(word, known);
  return fmt::format("unknown argument '{}'{}", word,
                     meant ? fmt::format("; is '{}' meant?", *meant) : "");
}

}  // namespace

std::string_view usage() {
  return R"(usage: ipsecd [--config FILE] [--run-dir DIR] [--state-dir DIR] [--conf-dir DIR]
              [--log stderr|journal|FILE] [--log-level error|warning|info|debug]
              [--check-config]
       ipsecd --version | --help

  --config FILE     settings (/etc/ipsecd/ipsecd.toml)
  --run-dir DIR     control socket, lock and process id (/run/ipsecd)
  --state-dir DIR   what is configured, and the log of connections (/var/lib/ipsecd)
  --conf-dir DIR    objects to be applied at the start, *.toml (/etc/ipsecd/conf.d)
  --log WHERE       over what the settings say (stderr)
  --log-level LEVEL over what the settings say (info)
  --check-config    read settings and objects, say what is wrong with them, and end
)";
}

std::expected<std::variant<Options, Print>, std::string> parse_options(int argc,
                                                                       const char* const* argv) {
  Options options;
  const std::span<const char* const> words(argv, static_cast<std::size_t>(argc));
  for (std::size_t i = 1; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (word == "--help" || word == "-h") return Print{std::string(usage())};
    if (word == "--version") return Print{fmt::format("ipsecd {}\n", kProductVersion)};
    if (word == "--check-config") {
      options.check_config = true;
      continue;
    }
    std::optional<std::string_view> value;
    if (const auto equals = word.find('='); equals != std::string_view::npos) {
      value = word.substr(equals + 1);
      word = word.substr(0, equals);
    }
    const Row* found = nullptr;
    for (const Row& row : kRows) {
      if (row.name == word) found = &row;
    }
    if (found == nullptr) return std::unexpected(unknown(word));
    if (!value && i + 1 < words.size()) value = words[++i];
    if (!value || value->empty()) return std::unexpected(fmt::format("{} needs a value", word));
    if (!found->take(options, *value)) {
      return std::unexpected(fmt::format("{}: '{}' is no value for it; see --help", word, *value));
    }
  }
  return options;
}

}  // namespace ipsec::daemon
