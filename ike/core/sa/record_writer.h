// Writes what is to be kept straight into what goes to the store.
#pragma once

#include "ike/base/bytes.h"
#include "ike/core/record.h"
#include "ike/core/sa/archive.h"

namespace ipsec::core {

class RecordWriter {
 public:
  // What is written there until end() or take_back() is the record's content.
  [[nodiscard]] Saver& begin(RecordKey key);
  [[nodiscard]] ByteView content() const;
  void end();
  void take_back();

  void forget(RecordKey key);
  // All that is in another one, behind what is there.
  void add(const RecordBatch& batch) { archive_.raw(batch.view()); }

  [[nodiscard]] bool empty() const { return archive_.size() == 0; }
  // All of it; what is written next begins anew, in the same memory.
  [[nodiscard]] RecordBatch take();

 private:
  Saver archive_;
  std::size_t begun_at_ = 0;
};

}  // namespace ipsec::core
