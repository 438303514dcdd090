// JSON as the codec needs it: a tree that is read within bounds, and a writer of text. The library
// stays behind json.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ipsec::control::json {

struct Value;
struct Member;
struct Null {
  bool operator==(const Null&) const = default;
};
using Array = std::vector<Value>;
using Object = std::vector<Member>;

struct Value {
  // A number below zero is signed; one with a fraction or beyond 64 bits is floating.
  std::variant<Null, bool, std::int64_t, std::uint64_t, double, std::string, Array, Object> is;

  [[nodiscard]] bool null() const { return std::holds_alternative<Null>(is); }
  // Nothing where it is of another type.
  template <typename T>
  [[nodiscard]] T* as() {
    return std::get_if<T>(&is);
  }
};
struct Member {
  std::string key;
  Value value;
};

[[nodiscard]] Value* find(Object& object, std::string_view key);

// For a message: in one line, and not all of it if it is long.
[[nodiscard]] std::string shown(std::string_view text);

struct Bounds {
  std::size_t depth;   // of objects and arrays in one another
  std::size_t values;  // in all
};

struct Parsed {
  Value value;  // what had been read when the error was met
  std::optional<std::string> error;
};
// The error names a place and never repeats what stands there, which may be a key.
[[nodiscard]] Parsed parse(std::string_view text, const Bounds& bounds);

// JSON in one line, as Writer writes it, with the line breaks of the other style, while it comes.
// Copies tokens and sets line breaks between them; that brackets, commas and colons stand where
// they may is all that it looks at.
class Indenter {
 public:
  // `text` is what was given before and more of it.
  void take(std::string_view text);
  // All of it; nothing where it is no JSON.
  [[nodiscard]] std::optional<std::string> end(std::string_view text) &&;

 private:
  enum class Want : std::uint8_t { value, value_or_end, key, key_or_end, colon, comma_or_end };

  [[nodiscard]] std::size_t token_size() const;
  [[nodiscard]] std::size_t string_size() const;
  [[nodiscard]] bool step(std::size_t token);
  [[nodiscard]] bool begin_value();
  [[nodiscard]] bool begin_scalar(char first);
  [[nodiscard]] bool close(char bracket);
  void break_line();

  std::string_view text_;
  std::size_t at_ = 0;
  std::string out_;
  std::string open_;  // brackets
  Want want_ = Want::value;
  bool after_key_ = false;
  bool whole_ = false;
  bool broken_ = false;
};

// Text goes out as it comes: the caller begins and ends in order.
class Writer {
 public:
  enum class Style : std::uint8_t { line, indented };
  explicit Writer(Style style) : style_(style) {}

  void begin_object() { begin('{'); }
  void end_object() { end('}'); }
  void begin_array() { begin('['); }
  void end_array() { end(']'); }
  void key(std::string_view name);

  // Of an object that has begun: what was printed for another one in this style, without its
  // braces.
  void members(std::string_view printed);

  void null();
  void flag(bool value);
  void number(std::int64_t value);
  void number(std::uint64_t value);
  // After the whole.
  void end_line() { out_ += '\n'; }
  // Bytes that are no UTF-8 become U+FFFD.
  void text(std::string_view value);

  // What was written since the last time; more may follow.
  [[nodiscard]] std::string take();

 private:
  void begin(char bracket);
  void end(char bracket);
  void before_value();
  void break_line();
  void quote(std::string_view text);

  Style style_;
  std::string out_;
  std::size_t depth_ = 0;
  bool first_ = true;  // in the innermost object or array
  bool after_key_ = false;
};

}  // namespace ipsec::control::json
