// Where something stands in a text, for complaints about it. Only for the readers of this room:
// this header brings the library with it.
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "ike/gateway/toml/document.h"
#include "ike/gateway/toml/shown.h"

namespace ipsec::gateway::toml {

// A line longer than this is shown from near the place on.
inline constexpr std::size_t kLongestShown = 160;

inline Place place_of(const ::toml::source_position& at) { return {at.line, at.column}; }
inline Place place_of(const ::toml::node& node) { return place_of(node.source().begin); }
inline Place place_of(const ::toml::key& key) { return place_of(key.source().begin); }

inline std::string_view line_at(std::string_view text, std::uint32_t number) {
  for (std::uint32_t line = 1; line < number; ++line) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  auto line = text.substr(0, text.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line.substr(0, kLongestShown);
}

inline Complaint complaint_at(std::string_view text, Place place, std::string what) {
  return {place, shown_line(line_at(text, place.line)), std::move(what)};
}

inline Complaint complaint_of(const ::toml::parse_error& error, std::string_view text) {
  const Place place = place_of(error.source().begin);
  return complaint_at(text, place, shown_words(error.description(), line_at(text, place.line)));
}

}  // namespace ipsec::gateway::toml
