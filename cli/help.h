// Help made from the grammar.
#pragma once

#include <string>
#include <vector>

#include "cli/grammar.h"

namespace ipsec::cli {

// "ipsecctl tunnel rename NAME NEW-NAME [OPTION...]"
[[nodiscard]] std::string usage_of(const CommandSpec& spec);
// Of a command, of those that begin with these words, or of all.
[[nodiscard]] std::string help_at(const Grammar& grammar, const std::vector<std::string>& words,
                                  std::size_t width);
// Every command with every option: what the manual is held against.
[[nodiscard]] std::string help_of_all(const Grammar& grammar, std::size_t width);
// The words that may follow, each once.
[[nodiscard]] std::vector<std::string> words_after(const Grammar& grammar,
                                                   const std::vector<std::string>& words);
[[nodiscard]] std::string missing_command(const Grammar& grammar,
                                          const std::vector<std::string>& words);
[[nodiscard]] std::string version_line();

}  // namespace ipsec::cli
