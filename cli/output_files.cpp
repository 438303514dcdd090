// The forms for programs: CSV, TOML, and the choice among all of them.
#include <algorithm>

#include <fmt/format.h>

#include "cli/output.h"
#include "cli/sheet.h"
#include "ike/control/types/codec.h"
#include "ike/gateway/schema/fields.h"

namespace ipsec::cli {
namespace {

// What spreadsheets read as a formula by its first letter, which would be run on the machine of
// whoever opens the file: names and remarks are other people's text.
std::string without_formula(std::string text) {
  static constexpr std::string_view kBegins = "=+-@\t\r";
  if (!text.empty() && kBegins.contains(text.front())) text.insert(0, 1, '\'');
  return text;
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of("\",\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04X}", byte);
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string toml_value(const Field& field, const FieldValue& value) {
  const bool bare = field.shape == Shape::number || field.shape == Shape::flag;
  const auto one = [bare](const std::string& text) { return bare ? text : toml_text(text); };
  if (!field.many) return one(value.front());
  std::string out = "[";
  for (const std::string& text : value) out += (out.size() > 1 ? ", " : "") + one(text);
  return out + "]";
}

}  // namespace

std::string csv(const Sheet& sheet) {
  std::string out;
  const auto add_line = [&](const auto& cells, const auto& text_of) {
    bool first = true;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      // A column without a key joins others for a terminal.
      if (sheet.columns[i].key.empty()) continue;
      if (!first) out += ',';
      first = false;
      out += csv_cell(text_of(cells[i]));
    }
    out += "\r\n";
  };
  add_line(sheet.columns, [](const Column& column) { return column.key; });
  for (const auto& row : sheet.rows) {
    add_line(row, [](const Cell& cell) {
      const bool words = std::holds_alternative<std::string>(cell.value);
      return words ? without_formula(plain(cell)) : plain(cell);
    });
  }
  return out;
}

std::string toml(const control::ObjectsReply& reply) {
  std::string out;
  for (const control::ObjectView& object : reply.objects) {
    out += fmt::format("{}[[{}]]\nname = {}\n", out.empty() ? "" : "\n", name_of(object.kind),
                       toml_text(object.name));
    for (const auto& [name, value] : object.fields) {
      const Field* const field = find_field(object.kind, name);
      if (field == nullptr || value.empty()) continue;
      out += fmt::format("{} = {}\n", name, toml_value(*field, value));
    }
  }
  return out;
}

std::expected<std::string, std::string> written(const control::Result& result, Format format,
                                                bool whole, const Look& look) {
  if (format == Format::table) return text(result, whole, look);
  if (format == Format::json) {
    std::string out = control::to_json(result);
    if (!out.ends_with('\n')) out += '\n';
    return out;
  }
  if (format == Format::toml) {
    if (const auto* objects = std::get_if<control::ObjectsReply>(&result)) return toml(*objects);
    if (const auto* it = std::get_if<control::TextReply>(&result)) return it->text;
    return std::unexpected("-o toml is for objects and for dump; take json here");
  }
  const auto sheet = sheet_of(result, whole);
  if (!sheet) return std::unexpected("this answer has no rows and columns; take table or json");
  if (format == Format::csv) return csv(*sheet);
  return xlsx(*sheet);
}

}  // namespace ipsec::cli
