#include "ike/base/writer.h"

#include <string>
#include <utility>

namespace ipsec {

void Writer::u16(std::uint16_t value) {
  u8(static_cast<std::uint8_t>(value >> 8));
  u8(static_cast<std::uint8_t>(value));
}

void Writer::u32(std::uint32_t value) {
  u16(static_cast<std::uint16_t>(value >> 16));
  u16(static_cast<std::uint16_t>(value));
}

void Writer::u64(std::uint64_t value) {
  u32(static_cast<std::uint32_t>(value >> 32));
  u32(static_cast<std::uint32_t>(value));
}

Writer::Length Writer::length_u16(std::size_t from, std::string_view field) {
  const std::size_t at = size();
  u16(0);
  return {*this, at, from, 2, field};
}

Writer::Length Writer::length_u32(std::size_t from, std::string_view field) {
  const std::size_t at = size();
  u32(0);
  return {*this, at, from, 4, field};
}

void Writer::patch_u8(std::size_t offset, std::uint8_t value) { bytes_.at(offset) = value; }

void Writer::fail(std::string_view field) {
  if (ok()) failed_field_ = field;
}

void Writer::patch_u32(std::size_t offset, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) {
    patch_u8(offset + i, static_cast<std::uint8_t>(value >> (24 - 8 * i)));
  }
}

std::expected<Bytes, Misuse> Writer::take() {
  if (ok()) return std::exchange(bytes_, {});
  const std::string_view why =
      overflowed_ ? "length does not fit its field: " : "value cannot be written: ";
  return std::unexpected(Misuse{std::string(why) + std::string(failed_field_)});
}

void Writer::close_length(std::size_t at, std::size_t from, int width, std::string_view field) {
  const std::uint64_t length = size() - from;
  if ((length >> (8 * width)) != 0) {
    overflowed_ = overflowed_ || ok();
    fail(field);
    return;
  }
  for (int i = 0; i < width; ++i) {
    bytes_[at + static_cast<std::size_t>(i)] =
        static_cast<std::uint8_t>(length >> (8 * (width - 1 - i)));
  }
}

}  // namespace ipsec
