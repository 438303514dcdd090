// The commands that each kind of object has; their options are the fields of its schema.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "cli/grammar.h"
#include "ike/gateway/schema/fields.h"

namespace ipsec::cli {
namespace {

using What = Choices::What;
using Built = std::expected<Command, UsageError>;

Command command_for(const Given& given, control::Operation operation, Course course = Course::ask) {
  Command command;
  command.settings = given.settings;
  command.operation = std::move(operation);
  command.course = course;
  command.yes = given.has("yes");
  command.secrets_shown = given.has("show-secrets");
  return command;
}

// --- fields ------------------------------------------------------------------------------------

// A list may be one option for each value, or one with commas, but where a value has commas itself.
bool splits_at_commas(const Field& field) { return field.many && !field.placeholder.contains(','); }

void add_parts(FieldValue& out, std::string_view text) {
  while (true) {
    const auto end = std::min(text.find(','), text.size());
    if (end > 0) out.emplace_back(text.substr(0, end));
    if (end == text.size()) return;
    text.remove_prefix(end + 1);
  }
}

// An empty value is "not said": it puts the default back.
FieldValue value_of(const Field& field, const std::vector<std::string>& typed) {
  FieldValue out;
  out.reserve(typed.size());
  for (const std::string& text : typed) {
    if (splits_at_commas(field)) {
      add_parts(out, text);
    } else if (!text.empty()) {
      out.push_back(text);
    }
  }
  return out;
}

control::Fields fields_from(Kind kind, const Given& given) {
  control::Fields fields;
  fields.reserve(given.options.size());
  for (const Field& field : fields_of(kind)) {
    const auto typed = given.options.find(option_of_field(field.name));
    if (typed != given.options.end()) {
      fields.emplace_back(std::string(field.name), value_of(field, typed->second));
    }
  }
  return fields;
}

Choices choices_of(const Field& field) {
  if (field.refers) return {What::objects, {}, *field.refers};
  // "auto|modern" are words, "GROUP|none" is not a list of what there is.
  const bool words =
      field.placeholder.contains('|') &&
      std::ranges::none_of(field.placeholder, [](char c) { return 'A' <= c && c <= 'Z'; });
  return words ? Choices{What::words, std::string(field.placeholder)} : Choices{};
}

bool has_secret(Kind kind) {
  return std::ranges::any_of(fields_of(kind),
                             [](const Field& field) { return field.shape == Shape::secret; });
}

void add_field_options(std::vector<OptionSpec>& options, Kind kind, bool creating) {
  for (const Field& field : fields_of(kind)) {
    const bool must = creating && field.required && field.shape != Shape::secret;
    const std::string_view hint = must                           ? " (required)"
                                  : field.shape == Shape::secret ? "; others may see it here"
                                                                 : "";
    options.push_back({option_of_field(field.name), 0, std::string(field.placeholder),
                       fmt::format("{}{}", field.help, hint), field.many, choices_of(field),
                       std::string(field.name)});
  }
  if (has_secret(kind)) {
    options.push_back({"psk-file",
                       0,
                       "FILE",
                       "the pre-shared key is the first line of FILE",
                       false,
                       {What::file, {}}});
    options.push_back({"psk-stdin", 0, "", "the pre-shared key comes on standard input"});
  }
}

std::expected<KeySource, UsageError> key_from(const Given& given, bool creating) {
  const int said = static_cast<int>(given.has("psk")) + static_cast<int>(given.has("psk-file")) +
                   static_cast<int>(given.has("psk-stdin"));
  if (said > 1) {
    return std::unexpected(
        UsageError{"--psk, --psk-file and --psk-stdin exclude one another; say one of them"});
  }
  if (given.has("psk-file")) return KeySource{KeySource::From::file, given.value("psk-file")};
  if (given.has("psk-stdin")) return KeySource{KeySource::From::standard_input, {}};
  if (creating && said == 0) return KeySource{KeySource::From::prompt, {}};
  return KeySource{};
}

// --- verbs -------------------------------------------------------------------------------------

Built build_create(const CommandSpec& spec, const Given& given) {
  const Kind kind = *spec.kind;
  for (const Field& field : fields_of(kind)) {
    const std::string option = option_of_field(field.name);
    if (field.required && field.shape != Shape::secret && given.value(option).empty()) {
      return std::unexpected(
          UsageError{fmt::format("{} '{}' needs --{} {}: {}", name_of(kind),
                                 given.arguments.front(), option, field.placeholder, field.help)});
    }
  }
  Command command =
      command_for(given, control::Create{kind, given.arguments.front(), fields_from(kind, given),
                                         given.has("dry-run")});
  if (has_secret(kind)) {
    auto key = key_from(given, true);
    if (!key) return std::unexpected(key.error());
    command.key = *std::move(key);
  }
  return command;
}

Built build_set(const CommandSpec& spec, const Given& given) {
  const Kind kind = *spec.kind;
  Command command = command_for(
      given, control::Set{kind, given.arguments, fields_from(kind, given), given.has("dry-run")});
  if (has_secret(kind)) {
    auto key = key_from(given, false);
    if (!key) return std::unexpected(key.error());
    command.key = *std::move(key);
  }
  if (std::get<control::Set>(command.operation).fields.empty() &&
      command.key.from == KeySource::From::nowhere) {
    return std::unexpected(UsageError{fmt::format(
        "nothing to set; say what is to be changed: see ipsecctl {} --help", spec.name())});
  }
  return command;
}

Built build_list(const CommandSpec& spec, const Given& given) {
  return command_for(given, control::List{*spec.kind, given.value("search")});
}

Built build_show(const CommandSpec& spec, const Given& given) {
  return command_for(given, control::Show{*spec.kind, given.arguments, given.has("show-secrets")});
}

Built build_rename(const CommandSpec& spec, const Given& given) {
  return command_for(given, control::Rename{*spec.kind, given.arguments[0], given.arguments[1]});
}

Built build_delete(const CommandSpec& spec, const Given& given) {
  return command_for(given, control::Delete{*spec.kind, given.arguments, given.has("dry-run")},
                     given.has("dry-run") ? Course::ask : Course::confirm);
}

struct Verb {
  std::string_view word;
  std::string_view help;  // {}: the kind
  Built (*build)(const CommandSpec&, const Given&);
};

constexpr std::array kVerbs{
    Verb{"create", "make a {}", build_create},
    Verb{"list", "a line for each {}", build_list},
    Verb{"show", "all that is known of {}s", build_show},
    Verb{"set", "change {}s; an empty value puts the default back", build_set},
    Verb{"rename", "give a {} another name", build_rename},
    Verb{"delete", "take {}s away, after a look at what goes with them", build_delete},
};

const OptionSpec& dry_run_option() {
  static const OptionSpec option{"dry-run", 0, "", "say what would change, and change nothing"};
  return option;
}

CommandSpec make_command(Kind kind, const Verb& verb) {
  CommandSpec spec;
  spec.words = {std::string(name_of(kind)), std::string(verb.word)};
  spec.help = fmt::format(fmt::runtime(verb.help), name_of(kind));
  spec.kind = kind;
  spec.build = verb.build;
  const Choices known{What::objects, {}, kind};
  const ArgumentSpec one{"NAME", true, false, known};
  const ArgumentSpec several{"NAME", true, true, known};
  if (verb.word == "create") {
    spec.arguments = {{"NAME"}};
    add_field_options(spec.options, kind, true);
    spec.options.push_back(dry_run_option());
  } else if (verb.word == "list") {
    spec.options = {{"search", 0, "TEXT", "those with these words in a name, id or value"}};
  } else if (verb.word == "show") {
    spec.arguments = {several};
    if (has_secret(kind)) {
      spec.options = {{"show-secrets", 0, "", "the pre-shared keys too"}};
    }
  } else if (verb.word == "set") {
    spec.arguments = {several};
    add_field_options(spec.options, kind, false);
    spec.options.push_back(dry_run_option());
  } else if (verb.word == "rename") {
    spec.arguments = {one, {"NEW-NAME"}};
  } else {
    spec.arguments = {several};
    spec.options = {{"yes", 'y', "", "without asking"}, dry_run_option()};
  }
  return spec;
}

}  // namespace

void add_object_commands(Grammar& grammar) {
  for (const Kind kind : kKinds) {
    for (const Verb& verb : kVerbs) grammar.push_back(make_command(kind, verb));
  }
}

}  // namespace ipsec::cli
