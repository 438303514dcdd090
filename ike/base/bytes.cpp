#include "ike/base/bytes.h"

#include <algorithm>

namespace ipsec {
namespace {

std::optional<std::uint8_t> nibble(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

}  // namespace

Bytes to_bytes(std::string_view text) { return {text.begin(), text.end()}; }

Bytes to_bytes(ByteView view) { return {view.begin(), view.end()}; }

std::string_view as_text(ByteView view) {
  return {reinterpret_cast<const char*>(view.data()), view.size()};
}

std::string to_hex(ByteView view) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(view.size() * 2);
  for (const std::uint8_t byte : view) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 0xf]);
  }
  return text;
}

std::optional<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto high = nibble(text[i]);
    const auto low = nibble(text[i + 1]);
    if (!high || !low) return std::nullopt;
    bytes.push_back(static_cast<std::uint8_t>((*high << 4) | *low));
  }
  return bytes;
}

void append(Bytes& target, ByteView tail) { target.insert(target.end(), tail.begin(), tail.end()); }

Bytes concat(std::initializer_list<ByteView> parts) {
  std::size_t size = 0;
  for (const ByteView part : parts) size += part.size();
  Bytes bytes;
  bytes.reserve(size);
  for (const ByteView part : parts) append(bytes, part);
  return bytes;
}

bool equal(ByteView a, ByteView b) { return std::ranges::equal(a, b); }

bool equal_constant_time(ByteView a, ByteView b) {
  if (a.size() != b.size()) return false;
  // volatile keeps the compiler from leaving the loop at the first difference.
  volatile std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

}  // namespace ipsec
