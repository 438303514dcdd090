// Builds big-endian messages. Lengths are scopes: the length field is written when its scope ends,
// over the bytes that were written meanwhile.
//
// NOTE: Failure. A length that does not fit its field, or a value that the caller's fail() says
// cannot be written, makes take() fail with a Misuse naming it: the first one, as in Reader. The
// bytes written so far are never handed out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ike/base/bytes.h"
#include "ike/base/error.h"

namespace ipsec {

class Writer {
 public:
  class Length;

  Writer() = default;
  explicit Writer(std::size_t expected_size) { bytes_.reserve(expected_size); }
  ~Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void u8(std::uint8_t value) { bytes_.push_back(value); }
  void u16(std::uint16_t value);
  void u32(std::uint32_t value);
  void u64(std::uint64_t value);
  void bytes(ByteView view) { append(bytes_, view); }
  void zeros(std::size_t count) { bytes_.resize(bytes_.size() + count); }

  // A two-byte (or four-byte) length field here, that counts from `from` (an offset: where the
  // structure the length speaks of begins) to where the scope ends.
  [[nodiscard]] Length length_u16(std::size_t from, std::string_view field);
  [[nodiscard]] Length length_u32(std::size_t from, std::string_view field);

  // Names a value that has no faithful encoding ("notify SPI size").
  void fail(std::string_view field);

  // Overwrites bytes already written, such as a next-payload octet known only later.
  void patch_u8(std::size_t offset, std::uint8_t value);
  void patch_u32(std::size_t offset, std::uint32_t value);

  [[nodiscard]] bool ok() const { return failed_field_.empty(); }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] ByteView view() const { return bytes_; }
  [[nodiscard]] std::expected<Bytes, Misuse> take();

 private:
  void close_length(std::size_t at, std::size_t from, int width, std::string_view field);

  Bytes bytes_;
  std::string_view failed_field_;
  bool overflowed_ = false;
};

class Writer::Length {
 public:
  Length(Writer& writer, std::size_t at, std::size_t from, int width, std::string_view field)
      : writer_(writer), at_(at), from_(from), width_(width), field_(field) {}
  ~Length() { writer_.close_length(at_, from_, width_, field_); }
  Length(const Length&) = delete;
  Length& operator=(const Length&) = delete;

 private:
  Writer& writer_;
  std::size_t at_;
  std::size_t from_;
  int width_;
  std::string_view field_;
};

}  // namespace ipsec
