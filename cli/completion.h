// Completion in the shell. The scripts are short and ask `ipsecctl __complete WORD...` what could
// stand where the last word is being typed, so they need no change when a command or field comes.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/grammar.h"

namespace ipsec::cli {

inline constexpr std::string_view kCompleteWord = "__complete";

// For bash, zsh or fish.
[[nodiscard]] std::expected<std::string, UsageError> completion_script(const std::string& shell);

struct Candidate {
  std::string word;
  std::string help;
};
struct Candidates {
  std::vector<Candidate> known;
  Choices::What what = Choices::What::unknown;  // what the shell or the daemon adds
  Kind kind = Kind::tunnel;
  std::string stem;     // "10.0.0.0/8," of a list in one word: stands before each candidate
  std::string run_dir;  // as typed so far
};
// The last word is the one being typed and may be empty.
[[nodiscard]] Candidates complete(const Grammar& grammar, const std::vector<std::string>& words);

}  // namespace ipsec::cli
