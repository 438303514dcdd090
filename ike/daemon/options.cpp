#include "ike/daemon/options.h"

#include <algorithm>
#include <array>
#include <charconv>
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

std::optional<int> descriptor(std::string_view text) {
  int number = -1;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
  if (error != std::errc{} || end != text.end() || number < 0) return std::nullopt;
  return number;
}

bool take_held(Options& options, std::string_view list) {
  for (;;) {
    const auto comma = list.find(',');
    const auto fd = descriptor(list.substr(0, comma));
    if (!fd) return false;
    options.held.push_back(*fd);
    if (comma == std::string_view::npos) return true;
    list.remove_prefix(comma + 1);
  }
}

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

constexpr std::array kHiddenRows{
    Row{kKeptOption,
        [](Options& options, std::string_view value) {
          options.kept = descriptor(value);
          return options.kept.has_value();
        }},
    Row{kHeldOption, take_held},
};

// Those without a value.
struct Switch {
  std::string_view name;
  bool Options::* on;
};
constexpr std::array kSwitches{Switch{"--check-config", &Options::check_config},
                               Switch{"--no-keeper", &Options::no_keeper}};

bool take_switch(Options& options, std::string_view word) {
  for (const Switch& it : kSwitches) {
    if (it.name == word) return options.*it.on = true;
  }
  return false;
}

const Row* find_row(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return &row;
  }
  for (const Row& row : kHiddenRows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

std::string unknown(std::string_view word) {
  std::vector<std::string_view> known{"--version", "--help"};
  for (const Switch& it : kSwitches) known.push_back(it.name);
  for (const Row& row : kRows) known.push_back(row.name);
  const auto meant = nearest(word, known);
  return fmt::format("unknown argument '{}'{}", word,
                     meant ? fmt::format("; is '{}' meant?", *meant) : "");
}

}  // namespace

std::string_view usage() {
  return R"(usage: ipsecd [--config FILE] [--run-dir DIR] [--state-dir DIR] [--conf-dir DIR]
              [--log stderr|journal|FILE] [--log-level error|warning|info|debug]
              [--check-config] [--no-keeper]
       ipsecd --version | --help

  --config FILE     settings (/etc/ipsecd/ipsecd.toml)
  --run-dir DIR     control socket, lock and process id (/run/ipsecd)
  --state-dir DIR   what is configured, and the log of connections (/var/lib/ipsecd)
  --conf-dir DIR    objects to be applied at the start, *.toml (/etc/ipsecd/conf.d)
  --log WHERE       over what the settings say (stderr)
  --log-level LEVEL over what the settings say (info)
  --check-config    read settings and objects, say what is wrong with them, and end
  --no-keeper       without the process beside it that starts it again: for debuggers, and where
                    another supervisor does that
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
    if (take_switch(options, word)) continue;
    std::optional<std::string_view> value;
    if (const auto equals = word.find('='); equals != std::string_view::npos) {
      value = word.substr(equals + 1);
      word = word.substr(0, equals);
    }
    const Row* const found = find_row(word);
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
