// Fields of objects in JSON: flags, numbers and lists by the table of the kind, tables where a
// name has a dot. And what went wrong while reading, wherever it was.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "ike/control/types/json.h"
#include "ike/control/types/requests.h"

namespace ipsec::control::json {

// The first thing that is wrong, and where: "objects[3].id must be a string".
class Context {
 public:
  enum class Mode : std::uint8_t {
    strict,   // a person's request: what is unknown was meant to do something
    lenient,  // an answer: what is unknown is for newer readers
  };
  explicit Context(Mode mode) : mode_(mode) {}

  [[nodiscard]] Mode mode() const { return mode_; }
  [[nodiscard]] bool failed() const { return !what_.empty(); }
  // Both give false, for the caller to give on.
  bool fail(std::string what);
  bool within(std::string_view name);
  [[nodiscard]] std::string message() const;

 private:
  Mode mode_;
  std::string path_;
  std::string what_;
};

// "; is 'name' meant?", or "; there are kind, name" after an unknown word.
[[nodiscard]] std::string advice(std::string_view word, std::span<const std::string_view> known);

void write_fields(Writer& out, Kind kind, const Fields& fields);
void write_field_value(Writer& out, Kind kind, std::string_view name, const FieldValue& value);

bool read_fields(Value& from, Kind kind, Fields& into, Context& context);
// By what stands there, without the table.
bool read_field_value(Value& from, FieldValue& into, Context& context);

}  // namespace ipsec::control::json
