#include "ike/core/sa/record_writer.h"

#include <cstddef>
#include <cstdint>

#include "ike/base/secret.h"

namespace ipsec::core {

Saver& RecordWriter::begin(RecordKey key) {
  begun_at_ = archive_.size();
  archive_(key.kind, key.id, RecordBatch::kForgotten);
  return archive_;
}

ByteView RecordWriter::content() const {
  return archive_.view().subspan(begun_at_ + RecordBatch::kHeadBytes);
}

void RecordWriter::end() {
  const std::size_t size_at = begun_at_ + RecordBatch::kHeadBytes - sizeof(std::uint32_t);
  archive_.set_u32(size_at, static_cast<std::uint32_t>(content().size()));
}

void RecordWriter::take_back() { archive_.cut(begun_at_); }

// As begin() has it until there is a content.
void RecordWriter::forget(RecordKey key) { (void)begin(key); }

RecordBatch RecordWriter::take() {
  RecordBatch batch(Secret::copy_of(archive_.view()));
  archive_.cut(0);
  return batch;
}

}  // namespace ipsec::core
