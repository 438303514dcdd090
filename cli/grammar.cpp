#include "cli/grammar.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ipsec::cli {

Grammar make_grammar() {
  Grammar grammar;
  add_object_commands(grammar);
  add_tunnel_commands(grammar);
  add_gateway_commands(grammar);
  return grammar;
}

std::vector<OptionSpec> global_options() {
  using What = Choices::What;
  return {
      {"run-dir",
       0,
       "DIR",
       "where the daemon's socket is (/run/ipsecd, or $IPSECD_RUN_DIR)",
       false,
       {What::directory, {}}},
      {"account", 0, "NAME", "whose objects; else the caller's own"},
      {"o",
       'o',
       "table|json|csv|xlsx|toml",
       "how the answer is written",
       false,
       {What::words, "table|json|csv|xlsx|toml"}},
      {"output",
       0,
       "FILE",
       "where the answer is written, instead of standard output",
       false,
       {What::file, {}}},
      {"no-color", 0, "", "no colours, on a terminal either"},
      {"timeout", 0, "SECONDS", "how long the daemon may be silent before it answers (60)"},
      {"help", 'h', "", "what there is, or how the command is used"},
  };
}

std::string Given::value(std::string_view option) const {
  const auto found = options.find(option);
  return found == options.end() || found->second.empty() ? std::string() : found->second.back();
}

std::string CommandSpec::name() const { return fmt::format("{}", fmt::join(words, " ")); }

std::optional<std::size_t> CommandSpec::most_arguments() const {
  if (!arguments.empty() && arguments.back().repeats) return std::nullopt;
  return arguments.size();
}

std::size_t CommandSpec::least_arguments() const {
  return static_cast<std::size_t>(std::ranges::count(arguments, true, &ArgumentSpec::required));
}

std::string OptionSpec::usage() const {
  std::string out = letter == 0 ? std::string() : fmt::format("-{}", letter);
  if (name.size() > 1) out += fmt::format("{}--{}", out.empty() ? "" : ", ", name);
  if (!is_switch()) out += fmt::format(" {}", placeholder);
  return out;
}

std::string ArgumentSpec::usage() const {
  const std::string text = fmt::format("{}{}", placeholder, repeats ? "..." : "");
  return required ? text : fmt::format("[{}]", text);
}

std::string option_of_field(std::string_view field) {
  std::string out(field);
  std::ranges::replace_if(out, [](char c) { return c == '.' || c == '_'; }, '-');
  return out;
}

std::optional<std::uint32_t> parse_count(std::string_view text) {
  std::uint32_t number = 0;
  const auto [stop, error] = std::from_chars(text.begin(), text.end(), number);
  if (text.empty() || error != std::errc{} || stop != text.end()) return std::nullopt;
  return number;
}

namespace {

std::uint64_t seconds_in(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 86400;
    case 'w':
      return std::uint64_t{7} * 86400;
    default:
      return 0;
  }
}

}  // namespace

std::optional<std::uint32_t> parse_duration_s(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::uint64_t total = 0;
  while (!text.empty()) {
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = parse_count(text.substr(0, digits));
    if (!number || digits == text.size()) return std::nullopt;
    const std::uint64_t unit_s = seconds_in(text[digits]);
    if (unit_s == 0) return std::nullopt;
    total += *number * unit_s;
    if (total > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    text.remove_prefix(digits + 1);
  }
  return static_cast<std::uint32_t>(total);
}

std::string suggestion(std::string_view word, std::span<const std::string> known) {
  const std::vector<std::string_view> views(known.begin(), known.end());
  const auto meant = nearest(word, views);
  return meant ? fmt::format("; is '{}' meant?", *meant) : std::string();
}

}  // namespace ipsec::cli
