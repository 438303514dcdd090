// CLI11 takes the arguments apart, by the grammar; what it finds is given to the command's builder.
// All of its exceptions end here.
#include "cli/parse.h"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include "cli/completion.h"
#include "cli/grammar.h"
#include "cli/help.h"

namespace ipsec::cli {
namespace {

using Words = std::vector<std::string>;

// The tree of CLI11's commands, and what it collects while it parses.
class Tree {
 public:
  explicit Tree(const Grammar& grammar) : app_("", "ipsecctl"), grammar_(grammar) {
    prepare(app_);
    // What no option takes is an argument or a mistake. CLI11 would read a name such as "[a]" as a
    // list, so arguments are none of its business.
    app_.allow_extras();
    for (const OptionSpec& option : global_options()) add(app_, option);
    for (const CommandSpec& spec : grammar) add(spec);
  }

  [[nodiscard]] std::expected<void, UsageError> parse(const Words& arguments);

  // The words of commands that were recognised, "tunnel", "create".
  [[nodiscard]] Words path() const;
  [[nodiscard]] const CommandSpec* command() const;
  [[nodiscard]] Given take() { return std::move(given_); }
  [[nodiscard]] const Given& given() const { return given_; }

 private:
  static void prepare(CLI::App& app) {
    app.set_help_flag();
    app.fallthrough();
    // One at the most: from there on a word is an argument, though a command be called the same.
    app.require_subcommand(0, 1);
  }
  void add(const CommandSpec& spec);
  void add(CLI::App& app, const OptionSpec& option);
  [[nodiscard]] UsageError explain_option(const std::string& extra) const;
  [[nodiscard]] UsageError explain_command(const std::string& extra) const;
  [[nodiscard]] std::string command_line() const;

  CLI::App app_;
  const Grammar& grammar_;
  Given given_;
};

void Tree::add(const CommandSpec& spec) {
  CLI::App* at = &app_;
  for (const std::string& word : spec.words) {
    const auto known =
        at->get_subcommands([&](const CLI::App* app) { return app->get_name() == word; });
    CLI::App* next = known.empty() ? nullptr : known.front();
    if (next == nullptr) {
      next = at->add_subcommand(word);
      prepare(*next);
    }
    at = next;
  }
  for (const OptionSpec& option : spec.options) add(*at, option);
}

void Tree::add(CLI::App& app, const OptionSpec& option) {
  std::string names = option.letter == 0 ? "" : fmt::format("-{}", option.letter);
  if (option.name.size() > 1) names += fmt::format("{}--{}", names.empty() ? "" : ",", option.name);
  const auto take = [this, name = option.name](const CLI::results_t& words) {
    given_.options[name] = words;
    return true;
  };
  if (option.is_switch()) {
    app.add_flag(names, [this, name = option.name](std::int64_t) { given_.options[name]; });
    return;
  }
  CLI::Option* const added = app.add_option(names, take);
  if (option.repeats) added->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

// CLI11 takes the next argument for the value of "--dpd-delay-s=": here it is the empty one.
Words with_empty_values(std::span<const std::string> arguments) {
  Words out;
  out.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) {
    if (argument.size() > 3 && argument.starts_with("--") &&
        argument.find('=') == argument.size() - 1) {
      out.push_back(argument.substr(0, argument.size() - 1));
      out.emplace_back();
    } else {
      out.push_back(argument);
    }
  }
  return out;
}

std::expected<void, UsageError> Tree::parse(const Words& arguments) {
  const auto mark = std::ranges::find(arguments, "--");
  Words reversed = with_empty_values({arguments.begin(), mark});
  std::ranges::reverse(reversed);
  try {
    app_.parse(std::move(reversed));
  } catch (const CLI::ArgumentMismatch& error) {
    return std::unexpected(UsageError{fmt::format("{}; give it one value, once", error.what())});
  } catch (const CLI::Error& error) {
    return std::unexpected(UsageError{fmt::format("{}; see `ipsecctl --help`", error.what())});
  }
  given_.arguments = app_.remaining(true);
  const auto is_option = [](const std::string& it) { return it.size() > 1 && it.front() == '-'; };
  const auto option = std::ranges::find_if(given_.arguments, is_option);
  if (option != given_.arguments.end()) return std::unexpected(explain_option(*option));
  if (command() == nullptr && !given_.arguments.empty()) {
    return std::unexpected(explain_command(given_.arguments.front()));
  }
  if (mark != arguments.end()) {
    given_.arguments.insert(given_.arguments.end(), mark + 1, arguments.end());
  }
  return {};
}

Words Tree::path() const {
  Words path;
  const CLI::App* at = &app_;
  while (true) {
    const auto below = at->get_subcommands();
    if (below.empty()) return path;
    at = below.front();
    path.push_back(at->get_name());
  }
}

const CommandSpec* Tree::command() const {
  const auto found = std::ranges::find(grammar_, path(), &CommandSpec::words);
  return found == grammar_.end() ? nullptr : &*found;
}

// --- what was not understood -------------------------------------------------------------------

// "; is 'list' meant? See", or "; see".
std::string hint(std::string_view word, const Words& known) {
  const std::string meant = suggestion(word, known);
  return meant.empty() ? "; see" : meant + " See";
}

UsageError Tree::explain_option(const std::string& extra) const {
  Words known;
  const auto note = [&](const OptionSpec& option) {
    if (option.name.size() > 1) known.push_back("--" + option.name);
  };
  if (const CommandSpec* const spec = command()) std::ranges::for_each(spec->options, note);
  std::ranges::for_each(global_options(), note);
  const std::string word = extra.substr(0, extra.find('='));
  if (std::ranges::find(known, word) != known.end()) {
    return {fmt::format("'{}' is an option of the command '{}' and stands behind it", word,
                        command_line())};
  }
  return {fmt::format("no option '{}'{} `{} --help`", word, hint(word, known), command_line())};
}

UsageError Tree::explain_command(const std::string& extra) const {
  return {fmt::format("no command '{}'{} `{} --help`", extra,
                      hint(extra, words_after(grammar_, path())), command_line())};
}

// "ipsecctl tunnel"
std::string Tree::command_line() const {
  const Words at = path();
  return fmt::format("ipsecctl{}{}", at.empty() ? "" : " ", fmt::join(at, " "));
}

// --- settings ----------------------------------------------------------------------------------

std::optional<Format> parse_format(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, Format>, 5> kFormats{
      {{"table", Format::table},
       {"json", Format::json},
       {"csv", Format::csv},
       {"xlsx", Format::xlsx},
       {"toml", Format::toml}}};
  const auto found = std::ranges::find(kFormats, text, &decltype(kFormats)::value_type::first);
  return found == kFormats.end() ? std::nullopt : std::optional(found->second);
}

std::expected<Settings, UsageError> settings_from(const Given& given, const Defaults& defaults) {
  Settings settings;
  if (!defaults.run_dir.empty()) settings.run_dir = defaults.run_dir;
  if (given.has("run-dir")) settings.run_dir = given.value("run-dir");
  if (settings.run_dir.empty()) {
    return std::unexpected(UsageError{"--run-dir is empty; name the daemon's run directory"});
  }
  settings.account = given.value("account");
  settings.output_file = given.value("output");
  settings.no_color = given.has("no-color");
  if (given.has("o")) {
    const auto format = parse_format(given.value("o"));
    if (!format) {
      const Words known{"table", "json", "csv", "xlsx", "toml"};
      return std::unexpected(
          UsageError{fmt::format("-o {}: no such format{}; there are {}", given.value("o"),
                                 suggestion(given.value("o"), known), fmt::join(known, ", "))});
    }
    settings.format = *format;
  }
  if (given.has("timeout")) {
    const auto timeout_s = parse_count(given.value("timeout"));
    if (!timeout_s || *timeout_s == 0) {
      return std::unexpected(UsageError{
          fmt::format("--timeout {}: no number of seconds above 0", given.value("timeout"))});
    }
    settings.timeout = std::chrono::seconds(*timeout_s);
  }
  return settings;
}

std::expected<void, UsageError> check_arguments(const CommandSpec& spec, const Given& given) {
  const std::size_t count = given.arguments.size();
  if (count < spec.least_arguments()) {
    return std::unexpected(UsageError{fmt::format(
        "{} needs {}; usage: {}", spec.name(), spec.arguments[count].placeholder, usage_of(spec))});
  }
  if (spec.most_arguments() && count > *spec.most_arguments()) {
    return std::unexpected(
        UsageError{fmt::format("'{}' is one argument too many; usage: {}",
                               given.arguments[*spec.most_arguments()], usage_of(spec))});
  }
  if (std::ranges::any_of(given.arguments, &std::string::empty)) {
    return std::unexpected(UsageError{fmt::format("a name is empty; usage: {}", usage_of(spec))});
  }
  return {};
}

}  // namespace

std::expected<Parsed, UsageError> parse(const Words& arguments, const Defaults& defaults) {
  const Grammar grammar = make_grammar();
  if (!arguments.empty() && arguments.front() == kCompleteWord) {
    return Complete{{arguments.begin() + 1, arguments.end()}};
  }
  if (arguments == Words{"--version"}) return Print{version_line()};
  if (arguments == Words{"--help-all"}) return Print{help_of_all(grammar, defaults.width)};
  Tree tree(grammar);
  const auto taken = tree.parse(arguments);
  // Who asks for help has often not finished the line.
  if (tree.given().has("help")) return Print{help_at(grammar, tree.path(), defaults.width)};
  if (!taken) return std::unexpected(taken.error());
  const CommandSpec* const spec = tree.command();
  if (spec == nullptr) {
    return std::unexpected(UsageError{missing_command(grammar, tree.path())});
  }
  Given given = tree.take();
  auto settings = settings_from(given, defaults);
  if (!settings) return std::unexpected(settings.error());
  given.settings = *std::move(settings);
  if (auto right = check_arguments(*spec, given); !right) return std::unexpected(right.error());
  if (spec->build == nullptr) {
    auto script = completion_script(given.arguments.front());
    if (!script) return std::unexpected(script.error());
    return Print{*std::move(script)};
  }
  auto command = spec->build(*spec, given);
  if (!command) return std::unexpected(command.error());
  return *std::move(command);
}

}  // namespace ipsec::cli
