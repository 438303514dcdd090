#include "ike/control/types/json_fields.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ike/gateway/schema/fields.h"

namespace ipsec::control::json {
namespace {

// "ike." of "ike.version"
std::string_view table_of(std::string_view name) { return name.substr(0, name.find('.') + 1); }

bool begins_a_field(Kind kind, std::string_view prefix) {
  return std::ranges::any_of(fields_of(kind),
                             [&](const Field& field) { return field.name.starts_with(prefix); });
}

// As a number is printed: what has another spelling stays text, and its reader will refuse it.
bool is_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && fmt::to_string(number) == text;
}

void write_scalar(Writer& out, Shape shape, const std::string& text) {
  if (shape == Shape::flag && (text == "true" || text == "false")) return out.flag(text == "true");
  if (shape == Shape::number && is_number(text)) {
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return out.number(number);
  }
  out.text(text);
}

std::string_view wanted(Shape shape) {
  switch (shape) {
    case Shape::flag:
      return "takes true or false";
    case Shape::number:
      return "takes a whole number";
    case Shape::text:
    case Shape::reference:
    case Shape::secret:
      break;
  }
  return "takes a string";
}

// The text of a flag, a whole number or a string.
std::optional<std::string> text_of(Value& from) {
  if (const bool* flag = from.as<bool>(); flag != nullptr) return *flag ? "true" : "false";
  if (const auto* above = from.as<std::uint64_t>(); above != nullptr) return fmt::to_string(*above);
  if (const auto* below = from.as<std::int64_t>(); below != nullptr) return fmt::to_string(*below);
  if (auto* text = from.as<std::string>(); text != nullptr) return std::move(*text);
  return std::nullopt;
}

bool fits(Shape shape, Value& from) {
  const bool number = from.as<std::uint64_t>() != nullptr || from.as<std::int64_t>() != nullptr;
  if (from.as<std::string>() != nullptr) return true;
  if (from.as<bool>() != nullptr) return shape == Shape::flag;
  // A key is not a number: 0123 would lose its zero on the way.
  return number && (shape == Shape::number || shape == Shape::text);
}

class StrictFields {
 public:
  StrictFields(Kind kind, Fields& into, Context& context)
      : kind_(kind), into_(into), context_(context) {}

  bool take_all(Object& from, const std::string& table) {
    for (auto& [key, value] : from) {
      if (!take(table, key, value)) return false;
    }
    return true;
  }

 private:
  bool take(const std::string& table, const std::string& key, Value& value) {
    const std::string name = table + key;
    auto* const inner = value.as<Object>();
    const Field* const field = find_field(kind_, name);
    if (table.empty() && inner != nullptr && begins_a_field(kind_, key + '.')) {
      return take_all(*inner, key + '.');
    }
    if (field == nullptr) return refuse(name);
    if (table.empty() && key.contains('.')) {
      const std::string_view dotted = table_of(key);
      return context_.fail(fmt::format(R"(write {{"{}":{{"{}":...}}}} instead of '{}')",
                                       dotted.substr(0, dotted.size() - 1),
                                       key.substr(dotted.size()), key));
    }
    FieldValue texts;
    if (!take_value(*field, value, texts)) return context_.within(name);
    into_.emplace_back(name, std::move(texts));
    return true;
  }

  bool refuse(const std::string& name) {
    if (name == "name") {
      return context_.fail(
          "the name is no field: it stands beside 'fields', and 'rename' changes it");
    }
    const auto meant = nearest_field(kind_, name);
    return context_.fail(
        fmt::format("a {} has no field '{}'{}", name_of(kind_), shown(name),
                    meant && *meant != "name" ? fmt::format("; is '{}' meant?", *meant) : ""));
  }

  bool take_value(const Field& field, Value& value, FieldValue& into) {
    if (value.null()) return true;
    auto* const list = value.as<Array>();
    if (list == nullptr) return take_scalar(field, value, into);
    if (!field.many) return context_.fail("takes one value, not a list");
    into.reserve(list->size());
    return std::ranges::all_of(*list, [&](Value& each) { return take_scalar(field, each, into); });
  }

  bool take_scalar(const Field& field, Value& value, FieldValue& into) {
    if (!fits(field.shape, value)) return context_.fail(std::string(wanted(field.shape)));
    into.push_back(text_of(value).value());
    return true;
  }

  Kind kind_;
  Fields& into_;
  Context& context_;
};

bool read_any_fields(Object& from, const std::string& table, Fields& into, Context& context) {
  for (auto& [key, value] : from) {
    const std::string name = table + key;
    if (auto* const inner = value.as<Object>(); inner != nullptr) {
      if (!read_any_fields(*inner, name + '.', into, context)) return false;
      continue;
    }
    if (!read_field_value(value, into.emplace_back(name, FieldValue{}).second, context)) {
      return context.within(name);
    }
  }
  return true;
}

}  // namespace

bool Context::fail(std::string what) {
  if (what_.empty()) what_ = std::move(what);
  return false;
}

bool Context::within(std::string_view name) {
  const bool joined = path_.empty() || path_.starts_with('[');
  path_ = fmt::format("{}{}{}", name, joined ? "" : ".", path_);
  return false;
}

std::string Context::message() const {
  return path_.empty() ? what_ : fmt::format("'{}' {}", path_, what_);
}

std::string advice(std::string_view word, std::span<const std::string_view> known) {
  const auto meant = nearest(word, known);
  return meant ? fmt::format("; is '{}' meant?", *meant)
               : fmt::format("; there are {}", fmt::join(known, ", "));
}

void write_fields(Writer& out, Kind kind, const Fields& fields) {
  std::set<std::string_view> tables;
  out.begin_object();
  for (const auto& [name, value] : fields) {
    const std::string_view table = table_of(name);
    if (table.empty()) {
      out.key(name);
      write_field_value(out, kind, name, value);
      continue;
    }
    if (!tables.insert(table).second) continue;
    out.key(table.substr(0, table.size() - 1));
    out.begin_object();
    for (const auto& [inner, its_value] : fields) {
      if (!inner.starts_with(table)) continue;
      out.key(std::string_view(inner).substr(table.size()));
      write_field_value(out, kind, inner, its_value);
    }
    out.end_object();
  }
  out.end_object();
}

void write_field_value(Writer& out, Kind kind, std::string_view name, const FieldValue& value) {
  const Field* const field = find_field(kind, name);
  const Shape shape = field == nullptr ? Shape::text : field->shape;
  if (value.empty()) return out.null();
  if (value.size() == 1 && (field == nullptr || !field->many)) {
    return write_scalar(out, shape, value.front());
  }
  out.begin_array();
  for (const std::string& each : value) write_scalar(out, shape, each);
  out.end_array();
}

bool read_fields(Value& from, Kind kind, Fields& into, Context& context) {
  auto* const object = from.as<Object>();
  const bool lenient = context.mode() == Context::Mode::lenient;
  if (object == nullptr) {
    return context.fail(lenient ? "must be an object" : "'fields' must be an object");
  }
  into.clear();
  if (lenient) return read_any_fields(*object, "", into, context);
  return StrictFields(kind, into, context).take_all(*object, "");
}

bool read_field_value(Value& from, FieldValue& into, Context& context) {
  into.clear();
  if (from.null()) return true;
  const auto take = [&](Value& each) {
    auto text = text_of(each);
    if (!text) return context.fail("is neither text nor number nor flag");
    into.push_back(*std::move(text));
    return true;
  };
  auto* const list = from.as<Array>();
  return list == nullptr ? take(from) : std::ranges::all_of(*list, take);
}

}  // namespace ipsec::control::json
