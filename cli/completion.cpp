#include "cli/completion.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "cli/help.h"

namespace ipsec::cli {
namespace {

// Each line that comes back is WORD, or WORD, a tab and its help; ":file" and ":directory" as first
// line leave it to the shell.
constexpr std::string_view kBash = R"(# bash completion for ipsecctl
_ipsecctl() {
  local current=${COMP_WORDS[COMP_CWORD]} lines line
  COMPREPLY=()
  lines=$("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) || return 0
  case $lines in
    :file) mapfile -t COMPREPLY < <(compgen -f -- "$current") && compopt -o filenames 2>/dev/null ;;
    :directory) mapfile -t COMPREPLY < <(compgen -d -- "$current") && compopt -o filenames 2>/dev/null ;;
    *)
      while IFS= read -r line; do
        line=${line%%$'\t'*}
        [[ -n $line && $line == "$current"* ]] && COMPREPLY+=("$line")
      done <<<"$lines"
      ;;
  esac
  return 0
}
complete -F _ipsecctl ipsecctl
)";

constexpr std::string_view kZsh = R"(#compdef ipsecctl
_ipsecctl() {
  local -a lines described
  local line
  lines=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  case ${lines[1]} in
    :file) _files ;;
    :directory) _files -/ ;;
    *)
      for line in "${lines[@]}"; do
        [[ -n $line ]] && described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
      done
      _describe ipsecctl described
      ;;
  esac
}
if [[ ${funcstack[1]} = _ipsecctl ]]; then
  _ipsecctl "$@"
else
  compdef _ipsecctl ipsecctl
fi
)";

constexpr std::string_view kFish = R"(# fish completion for ipsecctl
function __ipsecctl_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines ($words[1] __complete $words[2..-1] 2>/dev/null)
    switch "$lines[1]"
        case :file
            __fish_complete_path (commandline -ct)
        case :directory
            __fish_complete_directories (commandline -ct)
        case '*'
            printf '%s\n' $lines
    end
end
complete -c ipsecctl -f -a '(__ipsecctl_complete)'
)";

const OptionSpec* find_option(std::span<const OptionSpec> options, std::string_view word) {
  const auto is_it = [&](const OptionSpec& option) {
    const bool long_form = option.name.size() > 1 && word == "--" + option.name;
    return long_form || (option.letter != 0 && word == fmt::format("-{}", option.letter));
  };
  const auto found = std::ranges::find_if(options, is_it);
  return found == options.end() ? nullptr : &*found;
}

// The line as far as it stands before the word being typed.
struct Context {
  std::vector<std::string> path;
  std::vector<OptionSpec> options = global_options();
  const CommandSpec* spec = nullptr;
  std::size_t arguments = 0;
  const OptionSpec* open = nullptr;  // waits for its value
  bool options_end = false;
  std::string run_dir;

  void take(const Grammar& grammar, const std::string& word);
  void enter(const Grammar& grammar, const std::string& word);
};

void Context::take(const Grammar& grammar, const std::string& word) {
  if (open != nullptr) {
    if (open->name == "run-dir") run_dir = word;
    open = nullptr;
  } else if (!options_end && word == "--") {
    options_end = true;
  } else if (!options_end && word.size() > 1 && word.front() == '-') {
    const OptionSpec* const option = find_option(options, word);
    if (option != nullptr && !option->is_switch()) open = option;
    if (word.starts_with("--run-dir=")) run_dir = word.substr(word.find('=') + 1);
  } else if (spec != nullptr) {
    ++arguments;
  } else {
    enter(grammar, word);
  }
}

void Context::enter(const Grammar& grammar, const std::string& word) {
  path.push_back(word);
  const auto found = std::ranges::find(grammar, path, &CommandSpec::words);
  if (found == grammar.end()) return;
  spec = &*found;
  options.insert(options.end(), spec->options.begin(), spec->options.end());
}

void add_words(Candidates& out, std::string_view words) {
  while (!words.empty()) {
    const auto end = std::min(words.find('|'), words.size());
    out.known.push_back({std::string(words.substr(0, end)), {}});
    words.remove_prefix(std::min(end + 1, words.size()));
  }
}

void add_choices(Candidates& out, const Choices& choices, bool repeats,
                 const std::string& current) {
  out.what = choices.what;
  out.kind = choices.kind;
  if (repeats) {
    const auto comma = current.rfind(',');
    if (comma != std::string::npos) out.stem = current.substr(0, comma + 1);
  }
  add_words(out, choices.words);
}

void add_options(Candidates& out, const std::vector<OptionSpec>& options) {
  out.known.reserve(options.size());
  for (const OptionSpec& option : options) {
    const std::string word =
        option.name.size() > 1 ? "--" + option.name : fmt::format("-{}", option.letter);
    out.known.push_back({word, option.help});
  }
}

void add_commands(Candidates& out, const Grammar& grammar, const Context& context) {
  for (const std::string& word : words_after(grammar, context.path)) {
    std::vector<std::string> path = context.path;
    path.push_back(word);
    const auto found = std::ranges::find(grammar, path, &CommandSpec::words);
    out.known.push_back({word, found == grammar.end() ? std::string() : found->help});
  }
}

}  // namespace

std::expected<std::string, UsageError> completion_script(const std::string& shell) {
  if (shell == "bash") return std::string(kBash);
  if (shell == "zsh") return std::string(kZsh);
  if (shell == "fish") return std::string(kFish);
  const std::array<std::string, 3> known{"bash", "zsh", "fish"};
  return std::unexpected(UsageError{fmt::format(
      "no completion for '{}'{}; there are bash, zsh and fish", shell, suggestion(shell, known))});
}

Candidates complete(const Grammar& grammar, const std::vector<std::string>& words) {
  Candidates out;
  if (words.empty()) return out;
  Context context;
  for (const std::string& word : std::span(words).first(words.size() - 1)) {
    context.take(grammar, word);
  }
  out.run_dir = context.run_dir;
  const std::string& current = words.back();
  if (context.open != nullptr) {
    add_choices(out, context.open->choices, context.open->repeats, current);
  } else if (!context.options_end && current.starts_with('-')) {
    add_options(out, context.options);
  } else if (context.spec == nullptr) {
    add_commands(out, grammar, context);
  } else if (!context.spec->arguments.empty()) {
    const auto& arguments = context.spec->arguments;
    const std::size_t place = std::min(context.arguments, arguments.size() - 1);
    if (place == context.arguments || arguments.back().repeats) {
      add_choices(out, arguments[place].choices, false, current);
    }
  }
  return out;
}

}  // namespace ipsec::cli
