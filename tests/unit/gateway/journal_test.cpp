// The log of connections: what was appended is there again after a kill; a broken file makes room
// and stays whole; any other trouble leaves the file alone; what is kept and found is held against
// a naive model.
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/gateway/store/journal.h"
#include "tests/support/folder.h"

using ipsec::gateway::Journal;
using ipsec::gateway::JournalEntry;
using ipsec::test::Folder;
using Entries = std::vector<JournalEntry>;
namespace fs = std::filesystem;

namespace {

constexpr std::string_view kFile = "journal.db";
constexpr std::int64_t kBegin = 1'800'000'000;  // s
constexpr uid_t kNobody = 65'534;

Journal::Opened opened(const fs::path& file, const Journal::Bounds& bounds = {}) {
  auto journal = Journal::open(file, bounds);
  if (!journal) FAIL(journal.error().where + ": " + journal.error().why);
  return *std::move(journal);
}

// What it says follows from its number.
JournalEntry entry(std::uint64_t number) {
  const std::string tunnel = std::to_string(number % 3);
  return {number,
          std::chrono::sys_seconds(std::chrono::seconds(kBegin + static_cast<int>(number))),
          "default",
          "tunnel-" + tunnel,
          "name " + tunnel,
          "1",
          "try-failed",
          "text " + std::to_string(number) + std::string(number % 90, '.')};
}

Entries entries(std::uint64_t first, std::uint64_t count) {
  Entries out;
  out.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) out.push_back(entry(first + i));
  return out;
}

void append(Journal& journal, const Entries& what) {
  const auto appended = journal.append(what);
  if (!appended) FAIL(appended.error().where + ": " + appended.error().why);
}

Entries read(Journal& journal, const Journal::Query& query) {
  auto found = journal.read(query);
  if (!found) FAIL(found.error().where + ": " + found.error().why);
  return *std::move(found);
}

Entries read_all(Journal& journal) { return read(journal, {"default", {}, {}, 1'000'000}); }

std::string bytes_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void overwrite(const fs::path& file, std::streamoff at, const std::string& bytes) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(at);
  stream << bytes;
  REQUIRE(stream.flush());
}

std::vector<std::string> names_in(const Folder& folder) {
  std::vector<std::string> out;
  for (const auto& file : fs::directory_iterator(folder.path())) {
    out.push_back(file.path().filename().string());
  }
  std::ranges::sort(out);
  return out;
}

// Some 60 pages, closed.
void make_journal(const fs::path& file) {
  Journal journal = opened(file).journal;
  append(journal, entries(1, 1500));
}

// As a process leaves it that ends without a word: with entries in its write-ahead log.
void leave_a_log_behind(const fs::path& file) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto journal = Journal::open(file, {});
    const bool done =
        journal && journal->journal.append(entries(journal->journal.last_number() + 1, 10));
    ::_exit(done ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  REQUIRE(fs::file_size(file.string() + "-wal") > 0);
}

std::string error_of(const fs::path& file) {
  const auto journal = Journal::open(file, {});
  return journal ? std::string("opened") : journal.error().why;
}

}  // namespace

// --- kills -------------------------------------------------------------------------------------

namespace {

constexpr std::uint64_t kBatch = 7;

// Appends for as long as it lives, and tells after each batch how far it came.
[[noreturn]] void append_without_end(const fs::path& file, int tell) {
  auto opened = Journal::open(file, {1'000'000, 1'000'000});
  if (!opened) ::_exit(1);
  Journal& journal = opened->journal;
  for (;;) {
    if (!journal.append(entries(journal.last_number() + 1, kBatch))) ::_exit(2);
    const std::uint64_t last = journal.last_number();
    if (::write(tell, &last, sizeof(last)) != sizeof(last)) ::_exit(3);
  }
}

// The last number that was told before the child died.
std::uint64_t killed_after(const fs::path& file, int batches, useconds_t then_us) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(ends[0]);
    append_without_end(file, ends[1]);
  }
  ::close(ends[1]);
  std::uint64_t told = 0;
  for (int i = 0; i < batches; ++i) REQUIRE(::read(ends[0], &told, sizeof(told)) == sizeof(told));
  ::usleep(then_us);
  ::kill(child, SIGKILL);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  while (::read(ends[0], &told, sizeof(told)) == sizeof(told)) {
  }
  ::close(ends[0]);
  return told;
}

}  // namespace

TEST_CASE("a kill at any instant loses no entry that was taken", "[gateway][journal]") {
  const Folder folder;
  std::mt19937 random(20);
  std::uint64_t known = 0;
  for (int round = 0; round < 20; ++round) {
    // Every fifth begins with no file, and is killed while it makes one.
    const bool fresh = round % 5 == 0;
    const fs::path file = folder / (fresh ? "new-" + std::to_string(round) : std::string(kFile));
    const int batches = fresh ? 0 : round % 4;
    const auto then_us = static_cast<useconds_t>(random() % (fresh ? 4000 : 15'000));
    const std::uint64_t told = killed_after(file, batches, then_us);

    auto [journal, moved] = opened(file, {1'000'000, 1'000'000});
    INFO("round " << round << ", killed " << then_us << " us after " << batches << " batches");
    CHECK_FALSE(moved.has_value());
    CHECK(journal.last_number() >= std::max(told, fresh ? 0 : known));
    // All of a batch or nothing of it.
    CHECK(journal.last_number() % kBatch == 0);
    CHECK(read_all(journal) == entries(1, journal.last_number()));
    if (!fresh) known = journal.last_number();
  }
  CHECK(known > 20 * kBatch);
}

// --- what is broken ----------------------------------------------------------------------------

TEST_CASE("a broken journal moves aside as it is, and another begins", "[gateway][journal]") {
  const Folder folder;
  const fs::path file = folder / kFile;
  make_journal(file);
  const auto size = fs::file_size(file);
  REQUIRE(size > 40 * 4096);
  SECTION("cut in the middle of a page") { fs::resize_file(file, size / 2 + 100); }
  SECTION("cut between two pages") { fs::resize_file(file, size / 8192 * 4096); }
  SECTION("cut in its header") { fs::resize_file(file, 60); }
  SECTION("its header is overwritten") { overwrite(file, 0, std::string(100, 'x')); }
  SECTION("a page in its middle is overwritten") {
    overwrite(file, static_cast<std::streamoff>(size / 8192 * 4096), std::string(4096, 'x'));
  }
  SECTION("a page in its middle is zeroed") {
    overwrite(file, static_cast<std::streamoff>(size / 8192 * 4096), std::string(4096, '\0'));
  }
  SECTION("its form is one that there never was") { overwrite(file, 60, std::string(4, '\xff')); }
  const std::string before = bytes_of(file);

  auto [journal, moved] = opened(file);
  REQUIRE(moved.has_value());
  CHECK(moved->to == folder / "journal.db.broken.1");
  CHECK(bytes_of(moved->to) == before);
  CHECK_FALSE(moved->why.empty());
  CHECK(moved->why.find('\n') == std::string::npos);
  CHECK(journal.last_number() == 0);
  CHECK(read_all(journal).empty());
  append(journal, entries(1, 3));
  CHECK(read_all(journal) == entries(1, 3));
}

TEST_CASE("what belongs to a broken journal goes with it", "[gateway][journal]") {
  const Folder folder;
  const fs::path file = folder / kFile;
  make_journal(file);
  leave_a_log_behind(file);
  // Not the header: that the log may mend.
  overwrite(file, 20 * 4096, std::string(4096, 'x'));
  const std::string log = bytes_of(file.string() + "-wal");
  auto [journal, moved] = opened(file);
  REQUIRE(moved.has_value());
  CHECK(bytes_of(moved->to.string() + "-wal") == log);
  // Nothing of the old log is played into the new file.
  CHECK(read_all(journal).empty());
}

TEST_CASE("of broken journals the newest three are kept", "[gateway][journal]") {
  const Folder folder;
  const fs::path file = folder / kFile;
  folder.write("journal.db.broken.note", "somebody's own");
  for (int i = 1; i <= 5; ++i) {
    folder.write(kFile, "nonsense " + std::to_string(i) + std::string(5000, 'x'));
    folder.write("journal.db-wal", "log " + std::to_string(i));
    const auto moved = opened(file).moved;
    REQUIRE(moved.has_value());
    CHECK(moved->to.filename() == "journal.db.broken." + std::to_string(i));
  }
  CHECK(names_in(folder) ==
        std::vector<std::string>{"journal.db", "journal.db.broken.3", "journal.db.broken.3-wal",
                                 "journal.db.broken.4", "journal.db.broken.4-wal",
                                 "journal.db.broken.5", "journal.db.broken.5-wal",
                                 "journal.db.broken.note"});
  CHECK_THAT(bytes_of(folder / "journal.db.broken.3"), Catch::StartsWith("nonsense 3"));
  CHECK(bytes_of(folder / "journal.db.broken.5-wal") == "log 5");
}

TEST_CASE("what cannot be moved aside stays, and that is said", "[gateway][journal]") {
  const Folder folder;
  folder.write(kFile, std::string(5000, 'x'));
  folder.write("journal.db.broken.4294967295", "the last there can be");
  CHECK(error_of(folder / kFile) ==
        "it is broken and cannot be moved aside: journal.db.broken.4294967295 is there; move it "
        "away, together with journal.db-wal");
  CHECK(bytes_of(folder / kFile) == std::string(5000, 'x'));
}

// --- what is not -------------------------------------------------------------------------------

TEST_CASE("a journal of a later form is refused and not touched", "[gateway][journal]") {
  const Folder folder;
  const fs::path file = folder / kFile;
  make_journal(file);
  overwrite(file, 60, std::string("\0\0\0\x63", 4));  // user_version, in SQLite's header
  const std::string before = bytes_of(file);
  CHECK_THAT(error_of(file), Catch::StartsWith("its form 99 is newer"));
  CHECK(bytes_of(file) == before);
  // Whatever a later version keeps there.
  folder.write("journal.db-wal", std::string(200, 'w'));
  CHECK(error_of(file) ==
        "its form 99 is newer than this daemon's 1; install the newer version, or use another "
        "--state-dir");
  CHECK(bytes_of(file) == before);
  CHECK(bytes_of(folder / "journal.db-wal") == std::string(200, 'w'));
  CHECK(names_in(folder) == std::vector<std::string>{"journal.db", "journal.db-wal"});
}

TEST_CASE("a journal that another daemon has stays with it", "[gateway][journal]") {
  const Folder folder;
  const fs::path file = folder / kFile;
  Journal first = opened(file).journal;
  append(first, entries(1, 5));
  CHECK_THAT(error_of(file), Catch::Contains("another daemon has it open"));
  append(first, entries(6, 5));
  CHECK(read_all(first) == entries(1, 10));
  CHECK(names_in(folder) == std::vector<std::string>{"journal.db", "journal.db-wal"});
}

// In a child, since root may write anything.
TEST_CASE("a journal that may not be written stays where it is", "[gateway][journal]") {
  const Folder folder;
  const fs::path file = folder / kFile;
  make_journal(file);
  const std::string before = bytes_of(file);
  // The folder would allow the move.
  REQUIRE(::chmod(folder.path().c_str(), 0777) == 0);
  REQUIRE(::chmod(file.c_str(), 0444) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) ::_exit(1);
    const std::string why = error_of(file);
    ::_exit(why.starts_with("cannot open it: Permission denied; ") ? 0 : 2);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(names_in(folder) == std::vector<std::string>{"journal.db"});
  CHECK(bytes_of(file) == before);
}

TEST_CASE("a database of another program stays, and that is said", "[gateway][journal]") {
  const Folder folder;
  const fs::path file = folder / kFile;
  make_journal(file);
  overwrite(file, 60, std::string(4, '\0'));  // tables are there, and no form of ours
  const std::string before = bytes_of(file);
  const std::string why = error_of(file);
  CHECK_THAT(why, Catch::Contains("already exists"));
  CHECK_THAT(why, Catch::EndsWith("move it away to begin with an empty one"));
  CHECK(bytes_of(file) == before);
}

// --- what is kept and found --------------------------------------------------------------------

namespace {

Entries naive(const Entries& all, const Journal::Query& query) {
  Entries out;
  for (const JournalEntry& it : all) {
    const auto& ids = query.tunnel_ids;
    const bool wanted = it.account == query.account && (!query.since || it.at >= *query.since) &&
                        (ids.empty() || std::ranges::find(ids, it.tunnel_id) != ids.end());
    if (wanted) out.push_back(it);
  }
  if (out.size() > query.most) out.erase(out.begin(), out.end() - static_cast<long>(query.most));
  return out;
}

// Of each tunnel that this batch is about, and then of all, the newest.
void naive_trim(Entries& all, const Journal::Bounds& bounds, const Entries& batch) {
  for (const JournalEntry& touched : batch) {
    auto of_it = static_cast<std::uint64_t>(
        std::ranges::count(all, touched.tunnel_id, &JournalEntry::tunnel_id));
    std::erase_if(all, [&](const JournalEntry& it) {
      return it.tunnel_id == touched.tunnel_id && of_it-- > bounds.entries_of_tunnel;
    });
  }
  if (all.size() > bounds.entries) {
    all.erase(all.begin(), all.end() - static_cast<long>(bounds.entries));
  }
}

JournalEntry random_entry(std::mt19937& random, std::uint64_t number) {
  JournalEntry out = entry(number);
  const auto tunnel = random() % 6;
  out.tunnel_id = "tunnel-" + std::to_string(tunnel);
  out.account = tunnel < 4 ? "default" : "other";
  // A clock that was set back in between.
  out.at = std::chrono::sys_seconds(std::chrono::seconds(kBegin + random() % 100));
  return out;
}

Journal::Query random_query(std::mt19937& random) {
  Journal::Query query{random() % 4 == 0 ? "other" : "default", {}, {}, random() % 60};
  for (auto i = random() % 4; i > 0; --i) {
    query.tunnel_ids.push_back("tunnel-" + std::to_string(random() % 7));
  }
  if (random() % 2 == 0) {
    query.since = std::chrono::sys_seconds(std::chrono::seconds(kBegin + random() % 110));
  }
  return query;
}

}  // namespace

TEST_CASE("what is kept and found is what a naive log keeps and finds", "[gateway][journal]") {
  const Folder folder;
  const Journal::Bounds bounds{20, 70};
  std::mt19937 random(7);
  Entries model;
  std::uint64_t number = 0;
  std::size_t found = 0;
  for (int round = 0; round < 40; ++round) {
    // Opened anew each time: what was trimmed does not come back.
    Journal journal = opened(folder / kFile, bounds).journal;
    CHECK(journal.last_number() == number);
    Entries batch;
    for (auto i = random() % 30; i > 0; --i) batch.push_back(random_entry(random, ++number));
    append(journal, batch);
    model.insert(model.end(), batch.begin(), batch.end());
    naive_trim(model, bounds, batch);
    for (int i = 0; i < 10; ++i) {
      const auto query = random_query(random);
      const Entries expected = naive(model, query);
      CHECK(read(journal, query) == expected);
      found += expected.size();
    }
  }
  CHECK(found > 1000);
}

TEST_CASE("a tunnel's ring keeps its newest, whatever the others do", "[gateway][journal]") {
  const Folder folder;
  Journal journal = opened(folder / kFile, {4, 1000}).journal;
  JournalEntry quiet = entry(1);
  quiet.tunnel_id = "quiet";
  append(journal, {quiet});
  for (std::uint64_t number = 2; number < 200; ++number) append(journal, {entry(number)});
  CHECK(read(journal, {"default", {"quiet"}, {}, 10}) == Entries{quiet});
  CHECK(read(journal, {"default", {"tunnel-0"}, {}, 10}) ==
        Entries{entry(189), entry(192), entry(195), entry(198)});
  CHECK(read(journal, {"default", {"tunnel-0"}, {}, 2}) == Entries{entry(195), entry(198)});
  CHECK(read(journal, {"default", {"tunnel-0"}, entry(192).at, 10}) ==
        Entries{entry(192), entry(195), entry(198)});
  CHECK(read(journal, {"other", {}, {}, 10}).empty());
}
