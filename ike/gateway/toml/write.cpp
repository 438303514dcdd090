#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "ike/gateway/access.h"
#include "ike/gateway/toml/document.h"

namespace ipsec::gateway::toml {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04X}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string value_text(const Field& field, const FieldValue& value) {
  const bool bare = field.shape == Shape::number || field.shape == Shape::flag;
  const auto one = [&](const std::string& text) { return bare ? text : quoted(text); };
  if (!field.many) return one(value.front());
  std::string out = "[";
  for (const std::string& text : value) out += (out.size() > 1 ? ", " : "") + one(text);
  return out + "]";
}

// References are ids in the object; people, and another machine, know the name.
FieldValue with_names(const Inventory& inventory, const Field& field, FieldValue value) {
  if (!field.refers) return value;
  for (std::string& text : value) {
    const auto id = ObjectId::parse(text);
    const auto object = id ? inventory.find(*id) : nullptr;
    if (object != nullptr) text = meta_of(*object).name;
  }
  return value;
}

void write_object(std::string& out, const Inventory& inventory, const Object& object,
                  Secrets secrets) {
  const Kind kind = kind_of(object);
  out += fmt::format("{}[[{}]]\nname = {}\n", out.empty() ? "" : "\n", name_of(kind),
                     quoted(meta_of(object).name));
  for (const Field& field : fields_of(kind)) {
    if (field.shape == Shape::secret && secrets == Secrets::left_out) continue;
    const FieldValue value = get_field(object, field.name);
    if (value.empty() || (!field.required && value == default_of(kind, field.name))) continue;
    out += fmt::format("{} = {}\n", field.name,
                       value_text(field, with_names(inventory, field, value)));
  }
}

}  // namespace

std::string write(const Inventory& inventory, std::string_view account, Secrets secrets) {
  std::vector<ObjectPointer> objects;
  for (const auto& [id, object] : inventory.objects()) {
    if (meta_of(*object).account == account) objects.push_back(object);
  }
  std::ranges::sort(objects, {}, [](const ObjectPointer& object) {
    return std::pair(kind_of(*object), std::string_view(meta_of(*object).name));
  });
  std::string out;
  for (const ObjectPointer& object : objects) write_object(out, inventory, *object, secrets);
  return out;
}

std::string write(const std::vector<Declaration>& declarations, Secrets secrets) {
  std::string out;
  for (const Declaration& it : declarations) {
    out += fmt::format("{}[[{}]]\nname = {}\n", out.empty() ? "" : "\n", name_of(it.kind),
                       quoted(it.name));
    for (const auto& [name, value] : it.fields) {
      const Field* field = find_field(it.kind, name);
      if (field == nullptr || value.empty()) continue;
      if (field->shape == Shape::secret && secrets == Secrets::left_out) continue;
      out += fmt::format("{} = {}\n", name, value_text(*field, value));
    }
  }
  return out;
}

}  // namespace ipsec::gateway::toml
