#include "tests/netns/xfrm_driver/words.h"

#include <charconv>
#include <limits>
#include <ranges>

namespace ipsec::driver {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> words;
  for (const auto part : std::views::split(text, separator)) {
    if (!part.empty()) words.emplace_back(part.begin(), part.end());
  }
  return words;
}

std::uint64_t number_of(std::string_view text) {
  const bool is_hex = text.starts_with("0x");
  const auto digits = is_hex ? text.substr(2) : text;
  std::uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, is_hex ? 16 : 10);
  if (error != std::errc{} || end != digits.data() + digits.size()) {
    throw WrongLine("no number: " + std::string(text));
  }
  return number;
}

std::uint32_t number32_of(std::string_view text) {
  const auto number = number_of(text);
  if (number > std::numeric_limits<std::uint32_t>::max()) {
    throw WrongLine("too large: " + std::string(text));
  }
  return static_cast<std::uint32_t>(number);
}

std::uint16_t port_of(std::string_view text) {
  const auto number = number_of(text);
  if (number > std::numeric_limits<std::uint16_t>::max()) {
    throw WrongLine("no port: " + std::string(text));
  }
  return static_cast<std::uint16_t>(number);
}

Address address_of(std::string_view text) {
  const auto address = Address::parse(text);
  if (!address) throw WrongLine("no address: " + std::string(text));
  return *address;
}

bool yes_or_no(std::string_view text) {
  if (text != "yes" && text != "no") throw WrongLine("neither yes nor no: " + std::string(text));
  return text == "yes";
}

Fields::Fields(Words words) {
  for (const auto& word : words) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) throw WrongLine("not key=value: " + word);
    fields_[word.substr(0, equals)] = word.substr(equals + 1);
  }
}

std::optional<std::string> Fields::take(std::string_view key) {
  const auto found = fields_.find(key);
  if (found == fields_.end()) return std::nullopt;
  auto value = std::move(found->second);
  fields_.erase(found);
  return value;
}

std::string Fields::need(std::string_view key) {
  auto value = take(key);
  if (!value) throw WrongLine("lacks " + std::string(key) + "=");
  return *std::move(value);
}

void Fields::expect_empty() const {
  if (!fields_.empty()) throw WrongLine("no such key: " + fields_.begin()->first);
}

}  // namespace ipsec::driver
