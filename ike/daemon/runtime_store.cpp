#include "ike/daemon/runtime_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include <fmt/format.h>

#include "ike/base/bytes.h"
#include "ike/base/secret.h"
#include "ike/base/unique_fd.h"
#include "ike/core/sa/record_writer.h"

namespace ipsec::daemon {
namespace {

// The log is written anew when it is twice as long as it has to be, and this much in any case: so
// little that what is written to again and again stays in the processor's cache.
constexpr std::uint64_t kRewriteBytes = 1 << 16;
// More than any right file of ours has: 10,000 tunnels take 40 MB.
constexpr std::uint64_t kLargestFile = 1 << 30;
// What it grows by.
constexpr std::uint64_t kRoomBytes = 1 << 18;

std::unexpected<KernelError> failed(std::string_view doing, const std::filesystem::path& file,
                                    int error = errno) {
  return std::unexpected(KernelError{fmt::format("{} {}", doing, file.string()), error});
}

void copy_to(MutableBytes to, ByteView from) {
  if (!from.empty()) std::memcpy(to.first(from.size()).data(), from.data(), from.size());
}

std::uint64_t with_room(std::uint64_t size) {
  return (size + kRoomBytes - 1) / kRoomBytes * kRoomBytes;
}

std::expected<Bytes, KernelError> read_whole(int fd, const std::filesystem::path& file) {
  struct stat about{};
  if (::fstat(fd, &about) != 0) return failed("read", file);
  if (about.st_size > static_cast<off_t>(kLargestFile)) {
    return std::unexpected(KernelError{"read " + file.string(), EFBIG});
  }
  Bytes bytes(static_cast<std::size_t>(about.st_size));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got =
        ::pread(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", file);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

}  // namespace

std::expected<RuntimeStore::Opened, KernelError> RuntimeStore::open(
    const std::filesystem::path& run_dir, const std::string& boot_id) {
  Opened opened{RuntimeStore(run_dir / "runtime", boot_id), {}, {}, false};
  auto done = opened.store.read(opened);
  // Who comes next is not to find what this one could not go on with.
  if (!done) opened.store.remove();
  if (!done) return std::unexpected(done.error());
  return opened;
}

RuntimeStore::Opened RuntimeStore::none() { return {RuntimeStore({}, {}), {}, {}, false}; }

std::expected<void, KernelError> RuntimeStore::read(Opened& opened) {
  const UniqueFd fd(::open(file_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (fd) {
    auto bytes = read_whole(fd.get(), file_);
    auto file = bytes ? read_runtime_file(*bytes, boot_id_)
                      : std::unexpected(describe(Error(bytes.error())));
    // Ours end with room. What is shorter has lost its last changes, and some may be lost unseen.
    if (file && bytes->size() % kRoomBytes != 0) file = std::unexpected("it is cut short");
    if (bytes) wipe(*bytes);
    if (file) {
      opened.unfinished = file->unfinished;
      for (auto& [record, offset] : file->records) opened.records.push_back(std::move(record));
    } else {
      opened.why_empty = fmt::format("{}: {}", file_.string(), file.error());
    }
  } else if (errno != ENOENT) {
    opened.why_empty = describe(Error(failed("open", file_).error()));
  }
  return begin(opened.records);
}

// A file of our own making takes the place of what was there: what was cut short there, or has
// somebody else's eyes on it, is no matter then.
std::expected<void, KernelError> RuntimeStore::begin(const std::vector<core::Record>& records) {
  core::RecordWriter writer;
  for (const core::Record& record : records) {
    writer.begin(record.key).raw(record.content.view());
    writer.end();
  }
  const core::RecordBatch batch = writer.take();
  const Bytes head = make_runtime_head(boot_id_);
  auto made = make_beside(head.size() + kChangeHeadBytes + batch.view().size());
  if (!made) return std::unexpected(made.error());
  mapped_ = *std::move(made);
  copy_to(mapped_.bytes(), head);
  head_bytes_ = head.size();
  log_ = {head_bytes_, head_bytes_};
  if (auto kept = append(batch); !kept) return kept;
  const std::filesystem::path beside = file_.string() + ".new";
  if (::rename(beside.c_str(), file_.c_str()) == 0) return {};
  auto error = failed("replace", file_);
  wipe(mapped_.bytes());
  (void)::unlink(beside.c_str());
  return error;
}

// What comes to nothing is taken away.
std::expected<MappedFile, KernelError> RuntimeStore::make_beside(std::uint64_t size) {
  const std::filesystem::path beside = file_.string() + ".new";
  (void)::unlink(beside.c_str());
  UniqueFd fd(::open(beside.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                     S_IRUSR | S_IWUSR));
  if (!fd) return failed("make", beside);
  MappedFile made(std::move(fd));
  if (auto grown = made.grow(with_room(size)); !grown) {
    (void)::unlink(beside.c_str());
    return failed("make room in", beside, grown.error());
  }
  return made;
}

std::expected<void, KernelError> RuntimeStore::append(const core::RecordBatch& batch) {
  if (!mapped_ || batch.empty()) return {};
  const std::uint64_t bytes = kChangeHeadBytes + batch.view().size();
  if (auto made = make_room(bytes); !made) {
    remove();
    return made;
  }
  const MutableBytes change = mapped_.bytes().subspan(log_.end, bytes);
  begin_change(change, batch.view().size());
  copy_to(change.subspan(kChangeHeadBytes), batch.view());
  end_change(change, batch.view().size());
  core::RecordEntries entries(batch.view());
  while (const auto entry = entries.next()) {
    note(*entry, log_.end + kChangeHeadBytes + entry->offset);
  }
  log_.end += bytes;
  if (log_.end - log_.begin < 2 * live_ + kRewriteBytes) return {};
  auto rewritten = rewrite();
  if (!rewritten) remove();
  return rewritten;
}

// Where its content is from now on.
void RuntimeStore::note(const core::RecordEntry& entry, std::uint64_t offset) {
  if (!entry.content) {
    const auto found = places_.find(entry.key);
    if (found == places_.end()) return;
    live_ -= core::RecordBatch::kHeadBytes + found->second.size;
    places_.erase(found);
    return;
  }
  const auto size = static_cast<std::uint32_t>(entry.content->size());
  const auto [place, is_new] = places_.try_emplace(entry.key);
  if (is_new) live_ += core::RecordBatch::kHeadBytes;
  live_ = live_ - place->second.size + size;
  place->second = {offset, size};
}

// Behind the log.
std::expected<void, KernelError> RuntimeStore::make_room(std::uint64_t bytes) {
  const std::uint64_t size = log_.end + bytes;
  if (size <= mapped_.bytes().size()) return {};
  if (size > kLargestFile) return failed("make room in", file_, EFBIG);
  if (auto grown = mapped_.grow(with_room(size)); !grown) {
    return failed("make room in", file_, grown.error());
  }
  return {};
}

// What counts, as one change: before the log where it fits there, else behind it.
std::expected<void, KernelError> RuntimeStore::rewrite() {
  const std::uint64_t bytes = kChangeHeadBytes + live_;
  const bool before = log_.begin - head_bytes_ >= bytes;
  if (!before) {
    if (auto made = make_room(bytes); !made) return made;
  }
  const std::uint64_t begin = before ? head_bytes_ : log_.end;
  const MutableBytes file = mapped_.bytes();
  begin_change(file.subspan(begin, bytes), live_);
  std::uint64_t at = begin + kChangeHeadBytes;
  for (auto& [key, place] : places_) {
    const std::uint64_t size = core::RecordBatch::kHeadBytes + place.size;
    copy_to(file.subspan(at, size),
            file.subspan(place.offset - core::RecordBatch::kHeadBytes, size));
    place.offset = at + core::RecordBatch::kHeadBytes;
    at += size;
  }
  end_change(file.subspan(begin, bytes), live_);
  turn_to_log(file, head_bytes_, log_, begin);
  log_ = {begin, at};
  // After many tunnels there may be few.
  const std::uint64_t plenty = with_room(8 * (live_ + kRewriteBytes));
  if (before && file.size() > plenty) mapped_.shrink(plenty);
  return {};
}

// It would be read as what it was before: rather none.
void RuntimeStore::remove() {
  (void)::unlink(file_.c_str());
  wipe(mapped_.bytes());
  mapped_ = {};
  places_.clear();
  log_ = {};
  live_ = 0;
}

}  // namespace ipsec::daemon
