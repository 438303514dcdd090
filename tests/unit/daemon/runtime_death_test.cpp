// Goal: a process that dies at any moment leaves in the runtime store what was there before a
// change or what is there after it. Method: a child appends, and is halted after each of its
// instructions while the log is written to, and moved to behind the old one and to before it; each
// time the file is read as who comes next would.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/base/unique_fd.h"
#include "ike/core/sa/record_writer.h"
#include "ike/daemon/runtime_file.h"
#include "ike/daemon/runtime_store.h"
#include "tests/support/folder.h"

namespace {

using namespace ipsec;
using core::RecordKey;
using core::RecordKind;
using daemon::RuntimeStore;

constexpr std::string_view kBoot = "boot";
constexpr RecordKey kFirst{RecordKind::sa, 1};
constexpr RecordKey kSecond{RecordKind::window, 1};
// By then it has been moved twice.
constexpr std::size_t kMost = 2000;
constexpr std::size_t kEachState = 500;
constexpr std::size_t kStepsThen = 61;

// The first record is the number of its change, the second the same and some more.
core::RecordBatch change(std::uint64_t number) {
  core::RecordWriter writer;
  writer.begin(kFirst)(number);
  writer.end();
  writer.begin(kSecond)(number, std::string(150, 'w'));
  writer.end();
  return writer.take();
}

// None: it is empty, or its records are of different changes.
std::optional<std::uint64_t> number_in(ByteView file) {
  const auto read = daemon::read_runtime_file(file, kBoot);
  if (!read || read->records.size() != 2) return std::nullopt;
  std::vector<std::uint64_t> numbers;
  for (const auto& [record, offset] : read->records) {
    core::Loader archive(record.content.view());
    archive(numbers.emplace_back());
  }
  return numbers[0] == numbers[1] ? std::optional(numbers[0]) : std::nullopt;
}

// As another process has it in memory.
class Seen {
 public:
  explicit Seen(const std::filesystem::path& file)
      : fd_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
    REQUIRE(fd_);
    size_ = std::filesystem::file_size(file);
    begin_ = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd_.get(), 0);
    REQUIRE(begin_ != MAP_FAILED);
  }
  ~Seen() { ::munmap(begin_, size_); }
  Seen(const Seen&) = delete;
  Seen& operator=(const Seen&) = delete;

  [[nodiscard]] ByteView bytes() const { return {static_cast<const std::uint8_t*>(begin_), size_}; }
  // Where the log begins.
  [[nodiscard]] ByteView place() const { return bytes().subspan(23 + kBoot.size(), 4); }

 private:
  UniqueFd fd_;
  void* begin_ = nullptr;
  std::size_t size_ = 0;
};

// The changes at which the log is moved for the first time and for the second.
std::vector<std::uint64_t> moves() {
  const test::Folder folder;
  auto opened = RuntimeStore::open(folder.path(), std::string(kBoot));
  REQUIRE(opened.has_value());
  const Seen file(folder / "runtime");
  std::vector<std::uint64_t> found;
  Bytes place = to_bytes(file.place());
  for (std::uint64_t number = 1; number < kMost && found.size() < 2; ++number) {
    REQUIRE(opened->store.append(change(number)).has_value());
    if (equal(place, file.place())) continue;
    place = to_bytes(file.place());
    found.push_back(number);
  }
  REQUIRE(found.size() == 2);
  REQUIRE(opened->store.size_bytes() == file.bytes().size());
  return found;
}

// Halts before and after each change that is to be watched.
[[noreturn]] void append(const std::filesystem::path& folder,
                         const std::vector<std::uint64_t>& watched) {
  auto opened = RuntimeStore::open(folder, std::string(kBoot));
  if (!opened || ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(1);
  for (std::uint64_t number = 1; number <= watched.back(); ++number) {
    const core::RecordBatch batch = change(number);
    const bool halts = std::ranges::count(watched, number) > 0;
    if (halts) (void)::raise(SIGSTOP);
    if (!opened->store.append(batch)) ::_exit(2);
    if (halts) (void)::raise(SIGSTOP);
  }
  ::_exit(0);
}

int wait_for(pid_t child) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}
bool halted_by(int status, int signal) { return WIFSTOPPED(status) && WSTOPSIG(status) == signal; }

// Until it halts by itself. How many different files there were.
std::size_t step_through(pid_t child, const Seen& file, std::uint64_t number) {
  Bytes last;
  std::size_t states = 0;
  bool is_new = false;
  for (std::size_t steps = 0;; ++steps) {
    // An old log is wiped byte by byte: it is enough to look now and then.
    const bool looks = states < kEachState || steps % kStepsThen == 0;
    if (looks &&
        (last.empty() || std::memcmp(last.data(), file.bytes().data(), last.size()) != 0)) {
      last = to_bytes(file.bytes());
      ++states;
      const auto has = number_in(last);
      INFO("change " << number << ", state " << states);
      REQUIRE(has.has_value());
      REQUIRE((*has == number || (!is_new && *has == number - 1)));
      is_new = *has == number;
    }
    int status = 0;
    const bool stepped = ::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0 &&
                         ::waitpid(child, &status, 0) == child;
    if (!stepped) FAIL("it cannot be watched");
    if (halted_by(status, SIGSTOP)) break;
    if (!halted_by(status, SIGTRAP)) FAIL("it has ended");
  }
  CHECK(number_in(file.bytes()) == number);
  return states;
}

}  // namespace

TEST_CASE("whoever dies in a change of the runtime store leaves the one before it",
          "[runtime_store]") {
  auto watched = moves();
  watched.insert(watched.begin(), 2);
  const test::Folder folder;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) append(folder.path(), watched);
  int status = wait_for(child);
  for (const std::uint64_t number : watched) {
    REQUIRE(halted_by(status, SIGSTOP));
    const Seen file(folder / "runtime");
    CHECK(step_through(child, file, number) > 4);
    REQUIRE(::ptrace(PTRACE_CONT, child, nullptr, nullptr) == 0);
    status = wait_for(child);
  }
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}
