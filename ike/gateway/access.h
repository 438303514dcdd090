// Fields of objects as text, by name: what the TOML reader, the store and the API have in common.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "ike/gateway/model.h"
#include "ike/gateway/schema/fields.h"

namespace ipsec::gateway {

struct BadValue {
  std::string value;  // the one of several that is wrong
  std::string why;    // what it should have been
  bool operator==(const BadValue&) const = default;
};

// An empty value puts the default back. References are ids here. The field must be one of the
// object's kind.
[[nodiscard]] std::expected<void, BadValue> set_field(Object& object, std::string_view field,
                                                      const FieldValue& value);
// The canonical spelling; set_field takes it back to the same object. A secret is spelled out too:
// whoever shows it has asked for it.
[[nodiscard]] FieldValue get_field(const Object& object, std::string_view field);
// Of an object of which nothing was said.
[[nodiscard]] const FieldValue& default_of(Kind kind, std::string_view field);

}  // namespace ipsec::gateway
