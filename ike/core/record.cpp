#include "ike/core/record.h"

namespace ipsec::core {

std::optional<RecordEntry> RecordEntries::next() {
  if (!reader_.more()) return std::nullopt;
  RecordEntry entry;
  entry.key.kind = static_cast<RecordKind>(reader_.u8("kind"));
  entry.key.id = reader_.u64("id");
  const std::uint32_t size = reader_.u32("size");
  entry.offset = reader_.offset();
  if (size != RecordBatch::kForgotten) entry.content = reader_.bytes(size, "content");
  if (!reader_.ok()) return std::nullopt;
  return entry;
}

}  // namespace ipsec::core
