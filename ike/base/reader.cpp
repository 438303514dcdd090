#include "ike/base/reader.h"

namespace ipsec {
namespace {

std::uint64_t big_endian(ByteView view) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : view) value = (value << 8) | byte;
  return value;
}

}  // namespace

std::uint8_t Reader::u8(std::string_view field) {
  return static_cast<std::uint8_t>(big_endian(bytes(1, field)));
}

std::uint16_t Reader::u16(std::string_view field) {
  return static_cast<std::uint16_t>(big_endian(bytes(2, field)));
}

std::uint32_t Reader::u32(std::string_view field) {
  return static_cast<std::uint32_t>(big_endian(bytes(4, field)));
}

std::uint64_t Reader::u64(std::string_view field) { return big_endian(bytes(8, field)); }

ByteView Reader::bytes(std::size_t count, std::string_view field) {
  if (!ok()) return {};
  if (count > remaining()) {
    fail(field);
    return {};
  }
  const ByteView taken = view_.subspan(position_, count);
  position_ += count;
  return taken;
}

ByteView Reader::rest() { return bytes(remaining(), "rest"); }

void Reader::skip(std::size_t count, std::string_view field) { (void)bytes(count, field); }

Reader Reader::sub(std::size_t count, std::string_view field) {
  const std::size_t start = offset();
  return {bytes(count, field), start, error_};
}

void Reader::fail(std::string_view field) { fail_at(field, offset()); }

void Reader::fail_at(std::string_view field, std::size_t at) {
  if (ok()) *error_ = Malformed{field, at};
}

void Reader::expect_end(std::string_view field) {
  if (more()) fail(field);
}

std::expected<void, Malformed> Reader::status() const {
  if (ok()) return {};
  return std::unexpected(**error_);
}

}  // namespace ipsec
