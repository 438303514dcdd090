// Loaded into ipsecd before everything else (LD_PRELOAD), it kills the daemon at a chosen write
// point: where something it does would be seen by others, a datagram, a word to the kernel or an
// answer to an operator, and its runtime store has changed since it did such a thing last. The
// store is memory, so that is where its order counts: the change stands there, and what depends on
// it has not left.
//
// $DIE_AT_WRITE is a directory: once there is a file `order` in it, "N HOW [PATTERN]", the Nth
// write point from then on, of those whose line in `calls` has the extended regular expression in
// it, is the daemon's last. HOW is
//
//   before   the changes are written, and the call is not made
//   torn     nor is the first of the changes finished: its checksum is zeros, and so is what was
//            written behind it. A store that was just written anew is whole, and stays so: of a
//            daemon that died in the middle of that the older log would be there
//   after    the call is made
//
// The count outlives a daemon, and the order is gone when it has been carried out. Each write point
// is a line in `calls`: the changes, of each the records in it, and how the daemon died there, if
// it did.
//
// The keeper's clock goes a thousand times as fast: one that dies again and again is started again
// at once.
#include <dlfcn.h>
#include <fcntl.h>
#include <regex.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace {

using Bytes = std::span<unsigned char>;

// Of the runtime store, see ike/daemon/runtime_file.h.
constexpr std::size_t kBootIdAt = 19;
constexpr std::size_t kChangeHeadBytes = 16;
constexpr std::size_t kChecksumAt = 8;
constexpr std::size_t kEntryHeadBytes = 13;
constexpr std::uint32_t kForgotten = 0xffffffff;

enum class When { never, before, torn, after };

template <typename Function>
Function next_of(const char* name) {
  Function out{};
  void* const found = ::dlsym(RTLD_NEXT, name);
  static_assert(sizeof(out) == sizeof(found));
  std::memcpy(&out, &found, sizeof(out));
  return out;
}

std::string read_small(const std::string& file) {
  std::array<char, 4096> room{};
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const ssize_t got = ::read(fd, room.data(), room.size());
  ::close(fd);
  return {room.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
}

void write_small(const std::string& file, int flags, std::string_view text) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
  if (fd < 0) return;
  (void)!::write(fd, text.data(), text.size());
  ::close(fd);
}

std::string directory() {
  const char* const name = std::getenv("DIE_AT_WRITE");
  return name == nullptr ? std::string() : std::string(name);
}

// The keeper's child is told of its channel.
bool is_keeper() {
  static const bool is = read_small("/proc/self/cmdline").find("--kept=") == std::string::npos;
  return is;
}

std::uint32_t u32(std::span<const unsigned char> bytes) {
  return static_cast<std::uint32_t>(bytes[0]) << 24 | static_cast<std::uint32_t>(bytes[1]) << 16 |
         static_cast<std::uint32_t>(bytes[2]) << 8 | bytes[3];
}

std::string_view kind_of(unsigned char number) {
  switch (number) {
    case 1:
      return "association";
    case 2:
      return "sa";
    case 3:
      return "window";
    case 16:
      return "tunnel";
    case 17:
      return "board";
    default:
      return "other";
  }
}

// "change +sa +window -board": what is kept, and what is forgotten.
std::string words_of(std::span<const unsigned char> entries) {
  std::string out = "change";
  while (entries.size() >= kEntryHeadBytes) {
    const std::uint32_t size = u32(entries.subspan(9));
    const std::size_t content = size == kForgotten ? 0 : size;
    out += size == kForgotten ? " -" : " +";
    out += kind_of(entries[0]);
    if (content > entries.size() - kEntryHeadBytes) break;
    entries = entries.subspan(kEntryHeadBytes + content);
  }
  return out;
}

// A number, and the same inverted.
std::optional<std::size_t> once(std::span<const unsigned char> word) {
  if (word.size() < 8 || u32(word) != ~u32(word.subspan(4))) return std::nullopt;
  return u32(word);
}

// The file, as it is for the daemon.
class Mapped {
 public:
  explicit Mapped(const std::string& file) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    struct stat about{};
    if (::fstat(fd, &about) == 0 && about.st_size > 0) {
      const auto size = static_cast<std::size_t>(about.st_size);
      void* const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      if (at != MAP_FAILED) bytes_ = {static_cast<unsigned char*>(at), size};
    }
    ::close(fd);
  }
  ~Mapped() {
    if (!bytes_.empty()) (void)::munmap(bytes_.data(), bytes_.size());
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;

  [[nodiscard]] Bytes bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

// What is new in the log since it was looked at last.
struct News {
  std::string words;  // none: nothing is
  // The first change that can be torn, if there is one, and where the last one ends.
  std::size_t torn_at = 0;
  std::size_t end = 0;
};

class Log {
 public:
  // From here on: `file` has become the store.
  void follow(const char* file) {
    file_ = file;
    const Mapped mapped(file_);
    (void)look(mapped.bytes());
  }
  [[nodiscard]] const std::string& file() const { return file_; }

  [[nodiscard]] News look(Bytes bytes) {
    News news;
    const auto begin = begin_of(bytes);
    if (!begin) return news;
    const bool anew = *begin != begin_;
    if (anew) begin_ = end_ = *begin;
    while (bytes.size() - end_ >= kChangeHeadBytes) {
      const auto size = once(bytes.subspan(end_));
      if (!size || *size > bytes.size() - end_ - kChangeHeadBytes) break;
      const bool is_whole_log = anew && end_ == begin_;
      if (!is_whole_log && news.torn_at == 0) news.torn_at = end_;
      if (!news.words.empty()) news.words += ", ";
      news.words +=
          is_whole_log ? "rewrite" : words_of(bytes.subspan(end_ + kChangeHeadBytes, *size));
      end_ += kChangeHeadBytes + *size;
    }
    news.end = end_;
    return news;
  }

 private:
  static std::optional<std::size_t> begin_of(Bytes bytes) {
    if (bytes.size() < kBootIdAt + 4) return std::nullopt;
    const std::size_t place = kBootIdAt + 4 + u32(bytes.subspan(kBootIdAt));
    if (place > bytes.size()) return std::nullopt;
    const auto begin = once(bytes.subspan(place));
    return begin && *begin <= bytes.size() ? begin : std::nullopt;
  }

  std::string file_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// Who writes to the store is who sends: one thread.
Log log_of_store;

bool has(const std::string& line, const char* pattern) {
  regex_t compiled{};
  if (::regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0) return false;
  const bool found = ::regexec(&compiled, line.c_str(), 0, nullptr, 0) == 0;
  ::regfree(&compiled);
  return found;
}

// What is to become of this call.
When ordered(const std::string& what) {
  const std::string file = directory() + "/order";
  std::array<char, 256> how{};
  std::array<char, 256> pattern{};
  unsigned long left = 0;
  const std::string order = read_small(file);
  if (std::sscanf(order.c_str(), "%lu %255s %255[^\n]", &left, how.data(), pattern.data()) < 2 ||
      !has(what, pattern.data())) {
    return When::never;
  }
  if (left > 1) {
    write_small(file, O_TRUNC, std::to_string(left - 1) + order.substr(order.find(' ')));
    return When::never;
  }
  ::unlink(file.c_str());
  const std::string_view when(how.data());
  if (when == "before") return When::before;
  return when == "torn" ? When::torn : When::after;
}

void note(std::string_view what, When when) {
  std::string line(what);
  if (when == When::before) line += " | before";
  if (when == When::torn) line += " | torn";
  if (when == When::after) line += " | after";
  write_small(directory() + "/calls", O_APPEND, line + "\n");
}

[[noreturn]] void die() {
  for (;;) (void)::raise(SIGKILL);
}

void tear(Bytes bytes, const News& news) {
  const Bytes torn = bytes.subspan(news.torn_at, news.end - news.torn_at);
  const std::size_t size = kChangeHeadBytes + once(torn).value_or(0);
  std::memset(torn.subspan(kChecksumAt, 8).data(), 0, 8);
  const Bytes behind = torn.subspan(size);
  if (!behind.empty()) std::memset(behind.data(), 0, behind.size());
}

// A call that others see.
template <typename Call>
auto carry_out(const Call& call) {
  if (log_of_store.file().empty()) return call();
  When when = When::never;
  {
    const Mapped mapped(log_of_store.file());
    const News news = log_of_store.look(mapped.bytes());
    if (!news.words.empty()) {
      when = ordered(news.words);
      if (when == When::torn && news.torn_at == 0) when = When::before;
      note(news.words, when);
      if (when == When::torn) tear(mapped.bytes(), news);
    }
  }
  if (when == When::before || when == When::torn) die();
  const auto result = call();
  if (when == When::after) die();
  return result;
}

}  // namespace

// The names and the types are the C library's.
extern "C" {

ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  static const auto next = next_of<ssize_t (*)(int, const void*, size_t, int)>("send");
  return carry_out([&] { return next(fd, bytes, size, flags); });
}

ssize_t sendto(int fd, const void* bytes, size_t size, int flags, const sockaddr* to,
               socklen_t length) {
  static const auto next =
      next_of<ssize_t (*)(int, const void*, size_t, int, const sockaddr*, socklen_t)>("sendto");
  return carry_out([&] { return next(fd, bytes, size, flags, to, length); });
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  static const auto next = next_of<ssize_t (*)(int, const msghdr*, int)>("sendmsg");
  return carry_out([&] { return next(fd, message, flags); });
}

int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  static const auto next = next_of<int (*)(int, mmsghdr*, unsigned, int)>("sendmmsg");
  return carry_out([&] { return next(fd, messages, count, flags); });
}

// So the store begins.
int rename(const char* from, const char* to) noexcept {
  static const auto next = next_of<int (*)(const char*, const char*)>("rename");
  const int result = next(from, to);
  if (result == 0 && std::string_view(to).ends_with("/run/runtime")) log_of_store.follow(to);
  return result;
}

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  static const auto next = next_of<int (*)(clockid_t, timespec*)>("clock_gettime");
  const int result = next(clock, now);
  if (result != 0 || clock != CLOCK_BOOTTIME || !is_keeper()) return result;
  constexpr std::int64_t kTimes = 1000;
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t fraction = now->tv_nsec * kTimes;
  now->tv_sec = now->tv_sec * kTimes + fraction / kSecond;
  now->tv_nsec = fraction % kSecond;
  return result;
}

}  // extern "C"
