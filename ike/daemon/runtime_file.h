// What the runtime store's file looks like. Pure: bytes in memory, for the store, tests and the
// fuzzer.
//
//   head    "ipsecd runtime\n", version (u32), boot id (u32 length, text)
//   where   the log begins (u32, and the same inverted); where an older one begins behind it, which
//           counts no more and is being wiped (the same, or zeros)
//   log     changes one behind the other; all else is zeros, and room for more
//   change  length of the entries (u32), the same inverted (u32), checksum of the entries (u64),
//           entries (ike/core/record.h)
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ike/base/bytes.h"
#include "ike/core/record.h"

namespace ipsec::daemon {

inline constexpr std::size_t kChangeHeadBytes = 16;

// What a file says, from its first byte. `whole_bytes` is where the last whole change ends.
struct RuntimeFile {
  std::vector<std::pair<core::Record, std::uint64_t>> records;  // with the offset of the content
  std::uint64_t whole_bytes = 0;
  // Behind that stands a change that the daemon before did not finish, or that was cut.
  bool unfinished = false;
};
[[nodiscard]] std::expected<RuntimeFile, std::string> read_runtime_file(ByteView bytes,
                                                                        std::string_view boot_id);

// Of a file whose log begins right behind it, and is empty.
[[nodiscard]] Bytes make_runtime_head(std::string_view boot_id);

// Into zeros at the end of a log; between the two the entries are written, behind the head. Whoever
// dies before the second has ended leaves a change that is no whole one, and counts for nothing.
void begin_change(MutableBytes change, std::size_t size);
void end_change(MutableBytes change, std::size_t size);

// To a log that is whole: from then on it is the one. The old one is wiped; whoever dies meanwhile
// leaves the new one.
struct Span {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};
void turn_to_log(MutableBytes file, std::size_t head_bytes, Span old, std::uint64_t begin);

}  // namespace ipsec::daemon
