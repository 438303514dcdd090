// Structs to JSON and back by one list of their members each:
//
//   template <typename Visitor> void members(Visitor& on, Like<Rename> auto& it) {
//     on.must("kind", it.kind);
//     ...
//
// ObjectWriter and ObjectReader both walk it, so that what is written is what is read.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ike/control/types/json.h"
#include "ike/control/types/json_fields.h"
#include "ike/control/types/replies.h"
#include "ike/control/types/requests.h"

namespace ipsec::control::json {

template <typename T, typename U>
concept Like = std::same_as<std::remove_const_t<T>, U>;

// An enumeration is spelled by a list in its own order. `kElse` stands for a word that is not in
// it, where a newer daemon may say one.
template <typename E>
struct Words;
template <typename E>
concept Worded = requires { Words<E>::kAll; };

template <>
struct Words<Order> {
  static constexpr std::array<std::string_view, 5> kAll{"up", "down", "reconnect", "rekey",
                                                        "rekey-ike"};
};
template <>
struct Words<ErrorCode> {
  static constexpr std::array<std::string_view, 6> kAll{"usage",  "not_found", "refused",
                                                        "failed", "forbidden", "unavailable"};
  static constexpr ErrorCode kElse = ErrorCode::failed;
};
template <>
struct Words<Finding::Grade> {
  static constexpr std::array<std::string_view, 4> kAll{"good", "note", "warning", "bad"};
  static constexpr Finding::Grade kElse = Finding::Grade::warning;
};

using Pairs = std::vector<std::pair<std::string, std::string>>;

// --- writing ---

inline void write_value(Writer& out, bool value) { out.flag(value); }
inline void write_value(Writer& out, const std::string& value) { out.text(value); }
template <std::integral N>
void write_value(Writer& out, N value) {
  if constexpr (std::is_signed_v<N>) {
    out.number(std::int64_t{value});
  } else {
    out.number(std::uint64_t{value});
  }
}
inline void write_value(Writer& out, Kind value) { out.text(name_of(value)); }
template <Worded E>
void write_value(Writer& out, E value) {
  out.text(Words<E>::kAll.at(static_cast<std::size_t>(value)));
}
// RFC 3339 in UTC; a year beyond four digits becomes the last or first that has four.
void write_value(Writer& out, Moment value);
void write_value(Writer& out, const Pairs& value);
template <typename T>
void write_value(Writer& out, const std::optional<T>& value);
template <typename T>
void write_value(Writer& out, const std::vector<T>& values);
template <typename T>
  requires std::is_class_v<T>
void write_value(Writer& out, const T& value);

// Between begin_object and end_object of the caller's.
class ObjectWriter {
 public:
  explicit ObjectWriter(Writer& out) : out_(out) {}

  template <typename T>
  void must(std::string_view name, const T& value) {
    out_.key(name);
    write_value(out_, value);
  }
  template <typename T>
  void may(std::string_view name, const T& value) {
    must(name, value);
  }
  void fields(std::string_view name, Kind kind, const Fields& value) {
    out_.key(name);
    write_fields(out_, kind, value);
  }
  void changes(std::string_view name, Kind kind, const std::vector<ChangeView>& value);

 private:
  Writer& out_;
};

template <typename T>
void write_value(Writer& out, const std::optional<T>& value) {
  if (value) {
    write_value(out, *value);
  } else {
    out.null();
  }
}

template <typename T>
void write_value(Writer& out, const std::vector<T>& values) {
  out.begin_array();
  for (const T& value : values) write_value(out, value);
  out.end_array();
}

template <typename T>
  requires std::is_class_v<T>
void write_value(Writer& out, const T& value) {
  out.begin_object();
  ObjectWriter on(out);
  members(on, value);
  out.end_object();
}

// --- reading ---

// Each read_value gives false where it has told the context why.
bool read_value(Value& from, bool& into, Context& context);
bool read_value(Value& from, std::string& into, Context& context);
bool read_value(Value& from, Kind& into, Context& context);
bool read_value(Value& from, Moment& into, Context& context);
bool read_value(Value& from, Pairs& into, Context& context);
bool read_number(Value& from, std::uint64_t& into, std::uint64_t most, Context& context);
bool read_word(Value& from, std::size_t& into, std::span<const std::string_view> words,
               std::optional<std::size_t> otherwise, Context& context);

template <std::integral N>
bool read_value(Value& from, N& into, Context& context) {
  std::uint64_t number = 0;
  if (!read_number(from, number, std::uint64_t{std::numeric_limits<N>::max()}, context)) {
    return false;
  }
  into = static_cast<N>(number);
  return true;
}

template <Worded E>
constexpr std::optional<std::size_t> index_otherwise() {
  if constexpr (requires { Words<E>::kElse; }) {
    return static_cast<std::size_t>(Words<E>::kElse);
  } else {
    return std::nullopt;
  }
}

template <Worded E>
bool read_value(Value& from, E& into, Context& context) {
  std::size_t index = 0;
  if (!read_word(from, index, Words<E>::kAll, index_otherwise<E>(), context)) return false;
  into = static_cast<E>(index);
  return true;
}

template <typename T>
bool read_value(Value& from, std::optional<T>& into, Context& context);
template <typename T>
bool read_value(Value& from, std::vector<T>& into, Context& context);
template <typename T>
  requires std::is_class_v<T>
bool read_value(Value& from, T& into, Context& context);

class ObjectReader {
 public:
  ObjectReader(Object& from, Context& context) : from_(from), context_(context) {}

  template <typename T>
  void must(std::string_view name, T& into) {
    if (Value* const value = member(name); value != nullptr) {
      take(name, *value, into);
    } else if (context_.mode() == Context::Mode::strict) {
      context_.fail(fmt::format("'{}' is missing", name));
    }
  }
  template <typename T>
  void may(std::string_view name, T& into) {
    if (Value* const value = member(name); value != nullptr) take(name, *value, into);
  }
  void fields(std::string_view name, Kind kind, Fields& into) {
    Value* const value = member(name);
    if (value != nullptr && !read_fields(*value, kind, into, context_) &&
        context_.mode() == Context::Mode::lenient) {
      context_.within(name);  // a person knows where fields stand
    }
  }
  void changes(std::string_view name, Kind kind, std::vector<ChangeView>& into);

  // A name that is read by the caller.
  void know(std::string_view name) { known_.push_back(name); }
  // False if anything was wrong; strictly read, also if a member was not asked for.
  [[nodiscard]] bool finish();

 private:
  // Nothing after the first error.
  [[nodiscard]] Value* member(std::string_view name) {
    known_.push_back(name);
    return context_.failed() ? nullptr : find(from_, name);
  }
  template <typename T>
  void take(std::string_view name, Value& from, T& into) {
    if (!read_value(from, into, context_)) context_.within(name);
  }

  Object& from_;
  Context& context_;
  std::vector<std::string_view> known_;
};

template <typename T>
bool read_value(Value& from, std::optional<T>& into, Context& context) {
  if (from.null()) {
    into.reset();
    return true;
  }
  return read_value(from, into.emplace(), context);
}

template <typename T>
bool read_value(Value& from, std::vector<T>& into, Context& context) {
  auto* const array = from.as<Array>();
  if (array == nullptr) return context.fail("must be an array");
  into.clear();
  into.reserve(array->size());
  for (std::size_t i = 0; i < array->size(); ++i) {
    if (!read_value((*array)[i], into.emplace_back(), context)) {
      return context.within(fmt::format("[{}]", i));
    }
  }
  return true;
}

template <typename T>
  requires std::is_class_v<T>
bool read_value(Value& from, T& into, Context& context) {
  auto* const object = from.as<Object>();
  if (object == nullptr) return context.fail("must be an object");
  ObjectReader on(*object, context);
  members(on, into);
  return on.finish();
}

}  // namespace ipsec::control::json
