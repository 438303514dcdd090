// What may be shown of a line that is complained about: complaints go to terminals and logs, and a
// pre-shared key to neither.
#pragma once

#include <string>
#include <string_view>

namespace ipsec::gateway::toml {

// The line as it is, or cut behind a key that is a secret's, or that may be meant for one.
[[nodiscard]] std::string shown_line(std::string_view line);

// What the library says about such a line, without the value that it may quote.
[[nodiscard]] std::string shown_words(std::string_view words, std::string_view line);

}  // namespace ipsec::gateway::toml
