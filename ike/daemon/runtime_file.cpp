#include "ike/daemon/runtime_file.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>

#include "ike/base/checksum.h"
#include "ike/base/reader.h"
#include "ike/base/secret.h"
#include "ike/base/writer.h"

namespace ipsec::daemon {
namespace {

constexpr std::string_view kMagic = "ipsecd runtime\n";
// Rises when a record is read in another way than before.
constexpr std::uint32_t kVersion = 2;
constexpr std::size_t kWordBytes = 8;

// A number, and the same inverted: what is broken is not taken for another one.
std::uint64_t twice(std::uint64_t number) {
  const auto once = static_cast<std::uint32_t>(number);
  return std::uint64_t{once} << 32 | ~once;
}

std::optional<std::uint32_t> once(std::uint64_t word) {
  const auto number = static_cast<std::uint32_t>(word >> 32);
  return word == twice(number) ? std::optional(number) : std::nullopt;
}

// What a dead process has done last is in the file, and what it was about to do is not: so each
// step has to stand before the next one in what the compiler makes of it, too. The processor's
// order is no matter, and a word is one store, which is done or not.
void write_word(std::uint8_t* at, std::uint64_t word) {
  if constexpr (std::endian::native == std::endian::little) word = std::byteswap(word);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  std::memcpy(at, &word, sizeof word);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

bool is_zeros(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

struct Found {
  core::RecordEntry entry;
  std::uint64_t offset = 0;  // of the content
};

// The entries of a change, behind its head; its checksum has fitted. All of them or none.
bool read_entries(ByteView change, std::uint64_t offset, std::vector<Found>& found) {
  const auto before = static_cast<std::ptrdiff_t>(found.size());
  core::RecordEntries entries(change);
  while (const auto entry = entries.next()) found.push_back({*entry, offset + entry->offset});
  if (!entries.ok()) found.erase(found.begin() + before, found.end());
  return entries.ok();
}

// The last word on each.
std::vector<std::pair<core::Record, std::uint64_t>> newest(const std::vector<Found>& found) {
  std::unordered_map<core::RecordKey, std::size_t> last;
  for (std::size_t i = 0; i < found.size(); ++i) last[found[i].entry.key] = i;
  std::vector<std::pair<core::Record, std::uint64_t>> records;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto& [entry, offset] = found[i];
    if (!entry.content || last.at(entry.key) != i) continue;
    records.emplace_back(core::Record{entry.key, Secret::copy_of(*entry.content)}, offset);
  }
  return records;
}

std::expected<RuntimeFile, std::string> read_log(ByteView bytes, std::uint64_t begin) {
  RuntimeFile file;
  std::vector<Found> found;
  file.whole_bytes = begin;
  for (;;) {
    Reader reader(bytes.subspan(file.whole_bytes));
    if (reader.remaining() < kChangeHeadBytes) {
      file.unfinished = reader.more();
      break;
    }
    const auto length = once(reader.u64("length"));
    const std::uint64_t sum = reader.u64("checksum");
    if (!length && is_zeros(bytes.subspan(file.whole_bytes))) break;
    // A wrong length would hide what follows, and what is older be taken for the last word.
    if (!length) return std::unexpected(fmt::format("it is broken at byte {}", file.whole_bytes));
    // The daemon died as it wrote this one: nothing that hangs on it has left.
    if (*length > reader.remaining()) {
      file.unfinished = true;
      break;
    }
    const ByteView change = reader.bytes(*length, "change");
    const std::uint64_t offset = file.whole_bytes + kChangeHeadBytes;
    if (checksum(change) != sum || !read_entries(change, offset, found)) {
      file.unfinished = is_zeros(bytes.subspan(offset + *length));
      if (file.unfinished) break;
      return std::unexpected(fmt::format("it is broken at byte {}", file.whole_bytes));
    }
    file.whole_bytes = offset + *length;
  }
  file.records = newest(found);
  return file;
}

}  // namespace

std::expected<RuntimeFile, std::string> read_runtime_file(ByteView bytes,
                                                          std::string_view boot_id) {
  Reader head(bytes);
  const bool ours = as_text(head.bytes(kMagic.size(), "magic")) == kMagic;
  if (!ours) return std::unexpected("it is no runtime store");
  const std::uint32_t version = head.u32("version");
  if (head.ok() && version != kVersion) {
    return std::unexpected(
        fmt::format("its format is {}, and this ipsecd reads {}", version, kVersion));
  }
  const std::uint32_t size = head.u32("boot id");
  const std::string_view boot = as_text(head.bytes(size, "boot id"));
  const std::uint64_t place = head.u64("place of the log");
  const std::uint64_t older = head.u64("place of an older log");
  if (!head.ok()) return std::unexpected("its head is cut short");
  if (boot != boot_id) return std::unexpected("it is from before the machine was started");
  const auto begin = once(place);
  const auto wiped = once(older);
  const bool sound = begin && *begin >= head.offset() && (wiped || older == 0);
  if (!sound) return std::unexpected("its head is broken");
  if (*begin > bytes.size()) return std::unexpected("it is cut short");
  const bool is_behind = wiped && *wiped > *begin && *wiped < bytes.size();
  return read_log(is_behind ? bytes.first(*wiped) : bytes, *begin);
}

Bytes make_runtime_head(std::string_view boot_id) {
  Writer writer;
  writer.bytes(to_bytes(kMagic));
  writer.u32(kVersion);
  writer.u32(static_cast<std::uint32_t>(boot_id.size()));
  writer.bytes(to_bytes(boot_id));
  writer.u64(twice(writer.size() + 2 * kWordBytes));
  writer.u64(0);
  return *writer.take();
}

void begin_change(MutableBytes change, std::size_t size) { write_word(change.data(), twice(size)); }

void end_change(MutableBytes change, std::size_t size) {
  const ByteView entries = change.subspan(kChangeHeadBytes, size);
  write_word(change.data() + kWordBytes, checksum(entries));
}

void turn_to_log(MutableBytes file, std::size_t head_bytes, Span old, std::uint64_t begin) {
  std::uint8_t* const older = &file[head_bytes - kWordBytes];
  if (begin < old.begin) write_word(older, twice(old.begin));
  write_word(older - kWordBytes, twice(begin));
  wipe(file.subspan(old.begin, old.end - old.begin));
  write_word(older, 0);
}

}  // namespace ipsec::daemon
