// What the runtime store keeps, as the engine and the store see it: bytes under a key.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "ike/base/bytes.h"
#include "ike/base/reader.h"
#include "ike/base/secret.h"

namespace ipsec::core {

// The numbers are those in the file.
enum class RecordKind : std::uint8_t {
  association = 1,
  sa = 2,
  window = 3,  // of an SA: what each message changes
  // The daemon's own:
  tunnel = 16,
  board = 17,
};

struct RecordKey {
  RecordKind kind{};
  std::uint64_t id = 0;
  auto operator<=>(const RecordKey&) const = default;
};

struct Record {
  RecordKey key;
  Secret content;
};

// What is to be kept from one moment on, all of it or nothing, as it will stand in the file: so
// nobody copies it but to there. Made by RecordWriter (ike/core/sa/record_writer.h). Entries, one
// behind the other:
//   kind (u8), id (u64), size of the content (u32) or kForgotten, content
class RecordBatch {
 public:
  static constexpr std::size_t kHeadBytes = 13;
  static constexpr std::uint32_t kForgotten = std::numeric_limits<std::uint32_t>::max();

  RecordBatch() = default;
  explicit RecordBatch(Secret entries) : entries_(std::move(entries)) {}

  [[nodiscard]] ByteView view() const { return entries_.view(); }
  [[nodiscard]] bool empty() const { return entries_.empty(); }

 private:
  Secret entries_;
};

struct RecordEntry {
  RecordKey key;
  std::optional<ByteView> content;  // none: it is forgotten
  std::size_t offset = 0;           // of the content
};

// Reads the entries of a batch, of ours or from a file.
class RecordEntries {
 public:
  explicit RecordEntries(ByteView entries) : reader_(entries) {}
  // None: that was the last, or what follows makes no sense.
  [[nodiscard]] std::optional<RecordEntry> next();
  [[nodiscard]] bool ok() const { return reader_.ok(); }

 private:
  Reader reader_;
};

}  // namespace ipsec::core

template <>
struct std::hash<ipsec::core::RecordKey> {
  std::size_t operator()(const ipsec::core::RecordKey& key) const noexcept {
    return std::hash<std::uint64_t>{}(key.id) * 31 + static_cast<std::size_t>(key.kind);
  }
};
