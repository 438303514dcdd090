#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "cli/output.h"
#include "cli/show.h"
#include "cli/text_width.h"
#include "cli/words.h"
#include "ike/gateway/schema/fields.h"

namespace ipsec::cli {

void Part::add(std::string name, std::string_view value, Tone tone) {
  lines_.push_back(
      {std::move(name), value.empty() ? "-" : harmless(value), value.empty() ? Tone::dim : tone});
}

void Part::add_if(std::string name, std::string_view value, Tone tone) {
  if (!value.empty()) add(std::move(name), value, tone);
}

std::string Part::text(const Look& look) const {
  static constexpr std::size_t kNameWidth = 20;
  std::string out = title_.empty() ? std::string() : bold(title_, look) + '\n';
  for (const Line& line : lines_) {
    out += fmt::format("  {}  {}\n", padded(line.name, kNameWidth, false),
                       toned(line.value, line.tone, look));
  }
  return out;
}

std::string title_of(std::string_view name) {
  std::string out(name);
  std::ranges::replace_if(out, [](char c) { return c == '_' || c == '.'; }, ' ');
  if (!out.empty() && 'a' <= out.front() && out.front() <= 'z') {
    out.front() = static_cast<char>(out.front() - 'a' + 'A');
  }
  return out;
}

std::string show_object(const control::ObjectView& object, const Look& look) {
  Part part(fmt::format("{} {}", title_of(name_of(object.kind)), harmless(object.name)));
  part.add("ID", object.id);
  part.add("Created", local_time(object.created));
  for (const auto& [name, value] : object.fields) part.add(title_of(name), joined(value));
  for (const auto& [name, value] : object.derived) {
    part.add(title_of(name), value, name == "status" ? tone_of(value) : Tone::plain);
  }
  return part.text(look);
}

}  // namespace ipsec::cli
