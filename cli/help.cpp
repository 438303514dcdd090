#include "cli/help.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/version.h"

namespace ipsec::cli {
namespace {

using Words = std::vector<std::string>;

constexpr std::size_t kIndent = 2;

bool begins_with(const CommandSpec& spec, const Words& words) {
  return words.size() <= spec.words.size() &&
         std::equal(words.begin(), words.end(), spec.words.begin());
}

// Two columns; what does not fit beside a long left one begins on the next line.
void add_entry(std::string& out, std::string_view left, std::string_view right,
               std::size_t left_width, std::size_t width) {
  std::string line = fmt::format("{:{}}{}", "", kIndent, left);
  const std::size_t column = kIndent + left_width + 2;
  if (line.size() + 2 > column) {
    out += line + '\n';
    line.clear();
  }
  line.resize(column, ' ');
  bool fresh = true;
  while (!right.empty()) {
    const auto end = std::min(right.find(' '), right.size());
    const std::string_view word = right.substr(0, end);
    if (!fresh && line.size() + 1 + word.size() > width) {
      out += line + '\n';
      line.assign(column, ' ');
      fresh = true;
    }
    if (!fresh) line += ' ';
    line += word;
    fresh = false;
    right.remove_prefix(std::min(end + 1, right.size()));
  }
  out += line + '\n';
}

void add_options(std::string& out, const std::vector<OptionSpec>& options, std::size_t width) {
  static constexpr std::size_t kLeftWidth = 28;
  for (const OptionSpec& option : options) {
    const std::string usage = option.letter == 0 ? "    " + option.usage() : option.usage();
    const std::string repeats = option.repeats ? "; may be said again" : "";
    add_entry(out, usage, option.help + repeats, kLeftWidth, width);
  }
}

std::string help_of(const CommandSpec& spec, std::size_t width) {
  std::string out = fmt::format("usage: {}\n\n", usage_of(spec));
  add_entry(out, "", spec.help, 0, width);
  if (!spec.options.empty()) {
    out += "\nOptions:\n";
    add_options(out, spec.options, width);
  }
  out += "\nOptions of every command:\n";
  add_options(out, global_options(), width);
  return out;
}

}  // namespace

std::string usage_of(const CommandSpec& spec) {
  std::string out = fmt::format("ipsecctl {}", spec.name());
  for (const ArgumentSpec& argument : spec.arguments) out += ' ' + argument.usage();
  return out + " [OPTION...]";
}

std::vector<std::string> words_after(const Grammar& grammar, const Words& words) {
  Words out;
  for (const CommandSpec& spec : grammar) {
    if (!begins_with(spec, words) || spec.words.size() == words.size()) continue;
    const std::string& next = spec.words[words.size()];
    if (std::ranges::find(out, next) == out.end()) out.push_back(next);
  }
  return out;
}

std::string help_at(const Grammar& grammar, const Words& words, std::size_t width) {
  const auto exact = std::ranges::find(grammar, words, &CommandSpec::words);
  if (exact != grammar.end()) return help_of(*exact, width);
  std::string out = fmt::format("usage: ipsecctl{}{} COMMAND [OPTION...]\n\n",
                                words.empty() ? "" : " ", fmt::join(words, " "));
  for (const CommandSpec& spec : grammar) {
    static constexpr std::size_t kLeftWidth = 23;  // "tunnel routes withdraw"
    if (begins_with(spec, words)) add_entry(out, spec.name(), spec.help, kLeftWidth, width);
  }
  out += "\nOptions of every command:\n";
  add_options(out, global_options(), width);
  if (words.empty()) {
    out += "\n";
    add_entry(out, "",
              "ipsecctl COMMAND --help tells a command's options; ipsecctl --help-all "
              "those of all; ipsecctl(8) is the manual.",
              0, width);
  }
  return out;
}

std::string help_of_all(const Grammar& grammar, std::size_t width) {
  std::string out;
  for (const CommandSpec& spec : grammar) {
    out += usage_of(spec) + '\n';
    add_options(out, spec.options, width);
    out += '\n';
  }
  out += "Options of every command:\n";
  add_options(out, global_options(), width);
  return out;
}

std::string missing_command(const Grammar& grammar, const Words& words) {
  return fmt::format("{}a command is missing, one of {}; see ipsecctl{}{} --help",
                     words.empty() ? "" : fmt::format("{}: ", fmt::join(words, " ")),
                     fmt::join(words_after(grammar, words), ", "), words.empty() ? "" : " ",
                     fmt::join(words, " "));
}

std::string version_line() { return fmt::format("ipsecctl {}\n", kProductVersion); }

}  // namespace ipsec::cli
