// A bounded reader over foreign bytes.
//
// NOTE: Failure. The first error sticks, naming the field and its offset from the start of the
// outermost buffer; afterwards every read yields zeros or nothing, so a parser may read a whole
// structure and ask once. A loop over items must test `more()`, which is false after an error.
// NOTE: Limits. It never reads outside its view and never allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "ike/base/bytes.h"
#include "ike/base/error.h"

namespace ipsec {

class Reader {
 public:
  explicit Reader(ByteView view) : view_(view), error_(&own_error_) {}
  ~Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  [[nodiscard]] std::uint8_t u8(std::string_view field);
  [[nodiscard]] std::uint16_t u16(std::string_view field);
  [[nodiscard]] std::uint32_t u32(std::string_view field);
  [[nodiscard]] std::uint64_t u64(std::string_view field);
  [[nodiscard]] ByteView bytes(std::size_t count, std::string_view field);
  [[nodiscard]] ByteView rest();
  void skip(std::size_t count, std::string_view field);

  // A reader over the next `count` bytes, which this one steps over. It reports into the same
  // error, and must not outlive this reader.
  [[nodiscard]] Reader sub(std::size_t count, std::string_view field);

  // Names an error of meaning (a length below its minimum, say) at the current offset.
  void fail(std::string_view field);
  // The same, where the offending field has been read already: `at` is where it began.
  void fail_at(std::string_view field, std::size_t at);
  // Trailing bytes are an error named `field`.
  void expect_end(std::string_view field);

  [[nodiscard]] bool more() const { return ok() && position_ < view_.size(); }
  [[nodiscard]] bool ok() const { return !error_->has_value(); }
  [[nodiscard]] std::size_t remaining() const { return view_.size() - position_; }
  // From the start of the outermost buffer.
  [[nodiscard]] std::size_t offset() const { return base_ + position_; }
  [[nodiscard]] std::expected<void, Malformed> status() const;

 private:
  Reader(ByteView view, std::size_t base, std::optional<Malformed>* error)
      : view_(view), base_(base), error_(error) {}

  ByteView view_;
  std::size_t position_ = 0;
  std::size_t base_ = 0;
  std::optional<Malformed> own_error_;
  std::optional<Malformed>* error_;
};

}  // namespace ipsec
