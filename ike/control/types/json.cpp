#include "ike/control/types/json.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ipsec::control::json {
namespace {

using Library = nlohmann::json;

class Builder final : public nlohmann::json_sax<Library> {
 public:
  explicit Builder(const Bounds& bounds) : bounds_(bounds) {}

  bool null() override { return put({Null{}}) != nullptr; }
  bool boolean(bool value) override { return put({value}) != nullptr; }
  bool number_integer(number_integer_t value) override { return put({value}) != nullptr; }
  bool number_unsigned(number_unsigned_t value) override { return put({value}) != nullptr; }
  bool number_float(number_float_t value, const string_t&) override {
    return put({value}) != nullptr;
  }
  bool string(string_t& value) override { return put({std::move(value)}) != nullptr; }
  bool binary(binary_t&) override { return false; }  // no such thing in JSON

  bool start_object(std::size_t) override { return enter({Object{}}); }
  bool key(string_t& value) override {
    key_ = std::move(value);
    return true;
  }
  bool end_object() override {
    std::vector<std::string_view> keys;
    const Object& object = *open_.back()->as<Object>();
    keys.reserve(object.size());
    for (const Member& member : object) keys.push_back(member.key);
    std::ranges::sort(keys);
    const auto twice = std::ranges::adjacent_find(keys);
    if (twice != keys.end()) return fail(fmt::format("'{}' stands in it twice", shown(*twice)));
    return leave();
  }
  bool start_array(std::size_t) override { return enter({Array{}}); }
  bool end_array() override { return leave(); }

  // The library's own words end in what was read last: a key may stand there.
  bool parse_error(std::size_t at, const std::string&, const Library::exception& error) override {
    if (std::string_view(error.what()).contains("UTF-8")) {
      return fail(fmt::format("byte {} is not UTF-8", at));
    }
    return fail(fmt::format("it is not JSON at byte {}", at));
  }

  Parsed result() && { return {std::move(root_), std::move(error_)}; }

 private:
  bool fail(std::string why) {
    error_ = std::move(why);
    return false;
  }

  Value* put(Value value) {
    if (++count_ > bounds_.values) {
      fail(fmt::format("there are more than {} values in it", bounds_.values));
      return nullptr;
    }
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (auto* array = open_.back()->as<Array>(); array != nullptr) {
      return &array->emplace_back(std::move(value));
    }
    return &open_.back()->as<Object>()->emplace_back(std::move(key_), std::move(value)).value;
  }

  bool enter(Value container) {
    if (open_.size() == bounds_.depth) {
      return fail(fmt::format("it is nested deeper than {}", bounds_.depth));
    }
    Value* const made = put(std::move(container));
    if (made == nullptr) return false;
    // Stays where it is until it is left: nothing is added to what holds it before.
    open_.push_back(made);
    return true;
  }

  bool leave() {
    open_.pop_back();
    return true;
  }

  const Bounds& bounds_;
  Value root_{Null{}};
  std::vector<Value*> open_;
  std::string key_;
  std::size_t count_ = 0;
  std::optional<std::string> error_;
};

// Without a branch for each byte: most texts are plain, and looked at to their end.
bool is_plain(std::string_view text) {
  bool plain = true;
  for (const char c : text) plain &= c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
  return plain;
}

}  // namespace

std::string shown(std::string_view text) {
  static constexpr std::size_t kLongest = 64;
  std::string out(text.substr(0, kLongest));
  // A character must not be cut in two.
  if (text.size() > kLongest) {
    while (!out.empty() && (static_cast<unsigned char>(text[out.size()]) & 0xc0) == 0x80) {
      out.pop_back();
    }
    out += "...";
  }
  std::ranges::replace_if(
      out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return out;
}

Value* find(Object& object, std::string_view key) {
  const auto found = std::ranges::find(object, key, &Member::key);
  return found == object.end() ? nullptr : &found->value;
}

// --- line breaks -------------------------------------------------------------------------------

void Indenter::take(std::string_view text) {
  text_ = text;
  while (!broken_ && at_ < text_.size()) {
    const std::size_t token = token_size();
    if (token == 0) return;
    broken_ = !step(token);
  }
}

std::optional<std::string> Indenter::end(std::string_view text) && {
  whole_ = true;
  take(text);
  if (broken_ || at_ < text_.size() || !open_.empty() || want_ != Want::comma_or_end) {
    return std::nullopt;
  }
  return std::move(out_);
}

// Of the token at `at_`; 0 where its end is still to come.
std::size_t Indenter::token_size() const {
  static constexpr std::string_view kLetters = "0123456789+-.eEtrufalsn";
  const char first = text_[at_];
  if (first == '"') return string_size();
  if (!kLetters.contains(first)) return 1;
  const auto end = text_.find_first_not_of(kLetters, at_);
  if (end == std::string_view::npos) return whole_ ? text_.size() - at_ : 0;
  return end - at_;
}

// Most strings have no backslash, and are looked at in words instead of bytes.
std::size_t Indenter::string_size() const {
  const auto quote = text_.find('"', at_ + 1);
  if (quote == std::string_view::npos) return 0;
  const std::string_view inside = text_.substr(at_ + 1, quote - at_ - 1);
  if (!inside.contains('\\')) return quote + 1 - at_;
  for (std::size_t end = at_ + 1; end < text_.size(); ++end) {
    if (text_[end] == '"') return end + 1 - at_;
    if (text_[end] == '\\') ++end;
  }
  return 0;
}

bool Indenter::step(std::size_t token) {
  const char c = text_[at_];
  switch (c) {
    case '{':
    case '[':
      if (!begin_value()) return false;
      open_ += c;
      want_ = c == '{' ? Want::key_or_end : Want::value_or_end;
      break;
    case '}':
    case ']':
      if (!close(c)) return false;
      break;
    case ',':
      if (want_ != Want::comma_or_end || open_.empty()) return false;
      want_ = open_.back() == '{' ? Want::key : Want::value;
      break;
    case ':':
      if (want_ != Want::colon) return false;
      want_ = Want::value;
      ++at_;
      out_ += ": ";
      after_key_ = true;
      return true;
    default:
      if (!begin_scalar(c)) return false;
      break;
  }
  out_ += text_.substr(at_, token);
  at_ += token;
  return true;
}

bool Indenter::begin_scalar(char first) {
  static constexpr std::string_view kLetters = "\"0123456789-tfn";
  if (!kLetters.contains(first)) return false;
  if (first == '"' && (want_ == Want::key || want_ == Want::key_or_end)) {
    break_line();
    want_ = Want::colon;
    return true;
  }
  if (!begin_value()) return false;
  want_ = Want::comma_or_end;
  return true;
}

bool Indenter::begin_value() {
  if (want_ != Want::value && want_ != Want::value_or_end) return false;
  if (!std::exchange(after_key_, false) && !open_.empty()) break_line();
  return true;
}

bool Indenter::close(char bracket) {
  const Want empty = bracket == '}' ? Want::key_or_end : Want::value_or_end;
  const bool fits = !open_.empty() && open_.back() == (bracket == '}' ? '{' : '[');
  if (!fits || (want_ != Want::comma_or_end && want_ != empty)) return false;
  open_.pop_back();
  if (want_ == Want::comma_or_end) break_line();
  want_ = Want::comma_or_end;
  return true;
}

void Indenter::break_line() {
  out_ += '\n';
  out_.append(2 * open_.size(), ' ');
}

// --- reading -----------------------------------------------------------------------------------

Parsed parse(std::string_view text, const Bounds& bounds) {
  Builder builder(bounds);
  Library::sax_parse(text.begin(), text.end(), &builder);
  return std::move(builder).result();
}

// --- writing -----------------------------------------------------------------------------------

std::string Writer::take() {
  // What follows is about as long.
  const std::size_t size = out_.size();
  std::string out = std::exchange(out_, {});
  out_.reserve(size);
  return out;
}

void Writer::key(std::string_view name) {
  before_value();
  quote(name);
  out_ += style_ == Style::line ? ":" : ": ";
  after_key_ = true;
}

void Writer::members(std::string_view printed) {
  before_value();
  out_ += printed;
}

void Writer::null() {
  before_value();
  out_ += "null";
}

void Writer::flag(bool value) {
  before_value();
  out_ += value ? "true" : "false";
}

void Writer::number(std::int64_t value) {
  before_value();
  out_ += fmt::to_string(value);
}

void Writer::number(std::uint64_t value) {
  before_value();
  out_ += fmt::to_string(value);
}

void Writer::text(std::string_view value) {
  before_value();
  quote(value);
}

void Writer::begin(char bracket) {
  before_value();
  out_ += bracket;
  ++depth_;
  first_ = true;
}

void Writer::end(char bracket) {
  --depth_;
  if (!first_) break_line();
  out_ += bracket;
  first_ = false;
}

void Writer::before_value() {
  if (std::exchange(after_key_, false)) return;
  if (depth_ == 0) return;
  if (!std::exchange(first_, false)) out_ += ',';
  break_line();
}

void Writer::break_line() {
  if (style_ == Style::line) return;
  out_ += '\n';
  out_.append(depth_ * 2, ' ');
}

void Writer::quote(std::string_view text) {
  if (is_plain(text)) {
    const std::size_t size = out_.size();
    out_.resize(size + text.size() + 2, '"');
    text.copy(out_.data() + size + 1, text.size());
    return;
  }
  out_ += Library(text).dump(-1, ' ', false, Library::error_handler_t::replace);
}

}  // namespace ipsec::control::json
