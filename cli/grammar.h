// Every command and option as data. The parser, the help, completion and the manual's test all go
// by this table, so none of them can know of a command that the others do not.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "ike/gateway/schema/kind.h"

namespace ipsec::cli {

// What can stand in a place, for completion.
struct Choices {
  enum class What : std::uint8_t { unknown, file, directory, words, objects };
  What what = What::unknown;
  std::string words;         // "a|b|c"
  Kind kind = Kind::tunnel;  // of objects
};

struct OptionSpec {
  std::string name;         // "ike-lifetime-s"; of one letter: there is no long form
  char letter = 0;          // 'f' of -f
  std::string placeholder;  // empty: a switch
  std::string help;
  bool repeats = false;
  Choices choices{};
  std::string field{};  // of the schema, that it sets

  [[nodiscard]] bool is_switch() const { return placeholder.empty(); }
  // "-f, --file FILE"
  [[nodiscard]] std::string usage() const;
};

struct ArgumentSpec {
  std::string placeholder;
  bool required = true;
  bool repeats = false;  // only the last may
  Choices choices{};

  // "NAME", "NAME...", "[NAME...]"
  [[nodiscard]] std::string usage() const;
};

// What was typed behind the words of a command.
struct Given {
  std::vector<std::string> arguments;
  std::map<std::string, std::vector<std::string>, std::less<>> options;
  Settings settings;

  [[nodiscard]] bool has(std::string_view option) const { return options.contains(option); }
  // The last one, or nothing.
  [[nodiscard]] std::string value(std::string_view option) const;
};

struct CommandSpec {
  std::vector<std::string> words;  // "tunnel", "create"
  std::string help;
  std::vector<ArgumentSpec> arguments;
  std::vector<OptionSpec> options;
  std::optional<Kind> kind;
  std::expected<Command, UsageError> (*build)(const CommandSpec&, const Given&) = nullptr;

  [[nodiscard]] std::string name() const;  // "tunnel create"
  // Nothing: as many as one likes.
  [[nodiscard]] std::optional<std::size_t> most_arguments() const;
  [[nodiscard]] std::size_t least_arguments() const;
};

using Grammar = std::vector<CommandSpec>;
[[nodiscard]] Grammar make_grammar();
// Of every command.
[[nodiscard]] std::vector<OptionSpec> global_options();

// The parts of make_grammar().
void add_object_commands(Grammar& grammar);
void add_tunnel_commands(Grammar& grammar);
void add_gateway_commands(Grammar& grammar);

// "--ike-lifetime-s"
[[nodiscard]] std::string option_of_field(std::string_view field);

// "90s", "15m", "1h30m", "2d", "1w".
[[nodiscard]] std::optional<std::uint32_t> parse_duration_s(std::string_view text);
[[nodiscard]] std::optional<std::uint32_t> parse_count(std::string_view text);

// "; is 'list' meant?", or nothing.
[[nodiscard]] std::string suggestion(std::string_view word, std::span<const std::string> known);

}  // namespace ipsec::cli
