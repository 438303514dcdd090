#include "ike/control/types/json_members.h"

#include <charconv>
#include <chrono>
#include <cstdint>

namespace ipsec::control::json {
namespace {

// Digits alone, all of them.
bool read_digits(std::string_view text, unsigned& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc{} && end == text.data() + text.size();
}

// "2026-11-23T10:00:00Z" and nothing else.
std::optional<Moment> read_moment(std::string_view text) {
  static constexpr std::string_view kForm = "0000-00-00T00:00:00Z";
  if (text.size() != kForm.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == '0' ? !digit : text[i] != kForm[i]) return std::nullopt;
  }
  struct Part {
    std::size_t at;
    std::size_t length;
  };
  static constexpr std::array<Part, 6> kParts{{{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}}};
  std::array<unsigned, kParts.size()> number{};
  for (std::size_t i = 0; i < kParts.size(); ++i) {
    if (!read_digits(text.substr(kParts[i].at, kParts[i].length), number[i])) return std::nullopt;
  }
  const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(number[0])),
                                        std::chrono::month(number[1]), std::chrono::day(number[2])};
  if (!day.ok() || number[3] > 23 || number[4] > 59 || number[5] > 59) return std::nullopt;
  return std::chrono::sys_days(day) + std::chrono::hours(number[3]) +
         std::chrono::minutes(number[4]) + std::chrono::seconds(number[5]);
}

}  // namespace

void write_value(Writer& out, Moment value) {
  using std::chrono::sys_days;
  using std::chrono::year;
  static constexpr Moment kFirst = sys_days(year(0) / 1 / 1);
  static constexpr Moment kLast = sys_days(year(10'000) / 1 / 1) - std::chrono::seconds(1);
  const Moment at = std::clamp(value, kFirst, kLast);
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(at - day);
  out.text(fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       time.hours().count(), time.minutes().count(), time.seconds().count()));
}

void write_value(Writer& out, const Pairs& value) {
  out.begin_object();
  for (const auto& [name, text] : value) {
    out.key(name);
    out.text(text);
  }
  out.end_object();
}

void ObjectWriter::changes(std::string_view name, Kind kind, const std::vector<ChangeView>& value) {
  out_.key(name);
  out_.begin_array();
  for (const ChangeView& change : value) {
    out_.begin_object();
    must("field", change.field);
    out_.key("before");
    write_field_value(out_, kind, change.field, change.before);
    out_.key("after");
    write_field_value(out_, kind, change.field, change.after);
    out_.end_object();
  }
  out_.end_array();
}

bool read_value(Value& from, bool& into, Context& context) {
  const bool* const flag = from.as<bool>();
  if (flag == nullptr) return context.fail("must be true or false");
  into = *flag;
  return true;
}

bool read_value(Value& from, std::string& into, Context& context) {
  auto* const text = from.as<std::string>();
  if (text == nullptr) return context.fail("must be a string");
  into = std::move(*text);
  return true;
}

bool read_value(Value& from, Kind& into, Context& context) {
  static constexpr std::array<std::string_view, kKinds.size()> kNames{"vpc", "subnet", "gateway",
                                                                      "peer", "tunnel"};
  std::size_t index = 0;
  if (!read_word(from, index, kNames, std::nullopt, context)) return false;
  into = kKinds.at(index);
  return true;
}

bool read_value(Value& from, Moment& into, Context& context) {
  auto* const text = from.as<std::string>();
  const auto moment = text == nullptr ? std::nullopt : read_moment(*text);
  if (!moment) return context.fail("must be a time like \"2026-11-23T10:00:00Z\"");
  into = *moment;
  return true;
}

bool read_value(Value& from, Pairs& into, Context& context) {
  auto* const object = from.as<Object>();
  if (object == nullptr) return context.fail("must be an object");
  into.clear();
  into.reserve(object->size());
  for (auto& [key, value] : *object) {
    if (!read_value(value, into.emplace_back(key, std::string()).second, context)) {
      return context.within(key);
    }
  }
  return true;
}

bool read_number(Value& from, std::uint64_t& into, std::uint64_t most, Context& context) {
  const auto* const number = from.as<std::uint64_t>();
  if (number == nullptr || *number > most) {
    return context.fail(fmt::format("must be a whole number from 0 to {}", most));
  }
  into = *number;
  return true;
}

bool read_word(Value& from, std::size_t& into, std::span<const std::string_view> words,
               std::optional<std::size_t> otherwise, Context& context) {
  const auto* const text = from.as<std::string>();
  if (text == nullptr) return context.fail("must be a string");
  const auto found = std::ranges::find(words, *text);
  if (found != words.end()) {
    into = static_cast<std::size_t>(found - words.begin());
    return true;
  }
  if (context.mode() == Context::Mode::strict || !otherwise) {
    return context.fail(fmt::format("cannot be '{}'{}", shown(*text), advice(*text, words)));
  }
  into = *otherwise;
  return true;
}

void ObjectReader::changes(std::string_view name, Kind, std::vector<ChangeView>& into) {
  Value* const value = member(name);
  if (value == nullptr) return;
  auto* const list = value->as<Array>();
  if (list == nullptr) {
    context_.fail("must be an array");
    context_.within(name);
    return;
  }
  for (std::size_t i = 0; i < list->size() && !context_.failed(); ++i) {
    ChangeView& change = into.emplace_back();
    auto* const object = (*list)[i].as<Object>();
    if (object == nullptr) {
      context_.fail("must be an object");
    } else {
      ObjectReader on(*object, context_);
      on.may("field", change.field);
      for (auto [side, texts] :
           {std::pair("before", &change.before), std::pair("after", &change.after)}) {
        Value* const one = on.member(side);
        if (one != nullptr && !read_field_value(*one, *texts, context_)) context_.within(side);
      }
      if (on.finish()) continue;
    }
    context_.within(fmt::format("{}[{}]", name, i));
  }
}

bool ObjectReader::finish() {
  if (context_.failed()) return false;
  if (context_.mode() == Context::Mode::lenient) return true;
  for (const Member& member : from_) {
    if (std::ranges::find(known_, member.key) != known_.end()) continue;
    return context_.fail(
        fmt::format("there is no '{}'{}", shown(member.key), advice(member.key, known_)));
  }
  return true;
}

}  // namespace ipsec::control::json
