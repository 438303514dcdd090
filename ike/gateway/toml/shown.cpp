#include "ike/gateway/toml/shown.h"

#include <algorithm>
#include <array>
#include <optional>

#include "ike/gateway/schema/fields.h"

namespace ipsec::gateway::toml {
namespace {

constexpr std::string_view kHidden = " ...";
constexpr std::string_view kBlanks = " \t\"'";

bool is_of_a_key(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_secret(Kind kind, std::string_view name) {
  const Field* field = find_field(kind, name);
  return field != nullptr && field->shape == Shape::secret;
}

// A secret's own, one that is taken for a slip of such a name, or one as other programs have them.
bool names_a_secret(std::string_view key) {
  static constexpr std::array<std::string_view, 4> kWords{"psk", "key", "secret", "pass"};
  std::string name(key);
  std::ranges::transform(name, name.begin(), lower);
  const bool usual = std::ranges::any_of(
      kWords, [&](std::string_view word) { return name.find(word) != std::string::npos; });
  return usual || std::ranges::any_of(kKinds, [&](Kind kind) {
           const auto meant = nearest_field(kind, name);
           return meant && find_field(kind, name) == nullptr && is_secret(kind, *meant);
         });
}

// Where the line is cut: behind the first word that stands where a key does and names a secret.
std::optional<std::size_t> cut_of(std::string_view line) {
  for (std::size_t at = 0; at < line.size();) {
    if (!is_of_a_key(line[at])) {
      ++at;
      continue;
    }
    const auto stop =
        std::find_if_not(line.begin() + static_cast<std::ptrdiff_t>(at), line.end(), is_of_a_key);
    const auto end = static_cast<std::size_t>(stop - line.begin());
    const auto before = at == 0 ? std::string_view::npos : line.find_last_not_of(kBlanks, at - 1);
    const auto after = line.find_first_not_of(kBlanks, end);
    const bool begins =
        before == std::string_view::npos || line[before] == '{' || line[before] == ',';
    const bool is_set = after != std::string_view::npos && line[after] == '=';
    if ((begins || is_set) && names_a_secret(line.substr(at, end - at))) {
      return is_set ? after + 1 : end;
    }
    at = end;
  }
  return std::nullopt;
}

}  // namespace

std::string shown_line(std::string_view line) {
  const auto cut = cut_of(line);
  if (!cut || *cut == line.size()) return std::string(line);
  return std::string(line.substr(0, *cut)) + std::string(kHidden);
}

std::string shown_words(std::string_view words, std::string_view line) {
  const auto open = words.find('\'');
  const auto close = words.rfind('\'');
  // What it expected there is quoted too, and is a character.
  static constexpr std::size_t kShort = 4;
  if (!cut_of(line) || open == std::string_view::npos || close - open <= kShort) {
    return std::string(words);
  }
  return std::string(words.substr(0, open)) + "the value" + std::string(words.substr(close + 1));
}

}  // namespace ipsec::gateway::toml
