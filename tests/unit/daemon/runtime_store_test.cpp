// Goal: what was appended is there for who comes next, all of a change or nothing; what is broken,
// foreign or from another boot is no use to anybody, and is told. Method: a directory of its own, a
// store that is closed, its file changed by hand, and opened again.
#include "ike/daemon/runtime_store.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>

#include <catch2/catch.hpp>

#include "ike/core/sa/record_writer.h"
#include "ike/daemon/runtime_file.h"
#include "tests/support/effort.h"
#include "tests/support/folder.h"
#include "tests/support/random.h"

namespace {

using namespace ipsec;
using core::Record;
using core::RecordBatch;
using core::RecordKey;
using core::RecordKind;
using daemon::read_runtime_file;
using daemon::RuntimeStore;
namespace fs = std::filesystem;

const std::string kThisBoot = "0d6f1f4e-boot";
using Contents = std::map<RecordKey, std::string>;

RecordKey sa(std::uint64_t id) { return {RecordKind::sa, id}; }
RecordKey window(std::uint64_t id) { return {RecordKind::window, id}; }

struct RecordChange {
  RecordKey key;
  std::optional<std::string> content;
};
RecordChange set(RecordKey key, std::string_view text) { return {key, std::string(text)}; }
RecordChange gone(RecordKey key) { return {key, std::nullopt}; }

template <typename... Changes>
RecordBatch changes(const Changes&... each) {
  core::RecordWriter writer;
  const auto add = [&writer](const RecordChange& change) {
    if (!change.content) return writer.forget(change.key);
    writer.begin(change.key).raw(to_bytes(*change.content));
    writer.end();
  };
  (add(each), ...);
  return writer.take();
}

Contents contents(const std::vector<Record>& records) {
  Contents all;
  for (const Record& record : records) all[record.key] = as_text(record.content.view());
  CHECK(all.size() == records.size());
  return all;
}

std::vector<Record> records_of(ByteView bytes) {
  std::vector<Record> records;
  auto file = read_runtime_file(bytes, kThisBoot);
  REQUIRE(file.has_value());
  for (auto& [record, offset] : file->records) records.push_back(std::move(record));
  return records;
}

struct Fixture {
  test::Folder folder;
  fs::path file = folder / "runtime";

  [[nodiscard]] RuntimeStore::Opened open(const std::string& boot = kThisBoot) const {
    auto opened = RuntimeStore::open(folder.path(), boot);
    REQUIRE(opened.has_value());
    return *std::move(opened);
  }
  [[nodiscard]] Contents read() const {
    const auto opened = open();
    CHECK(opened.why_empty.empty());
    return contents(opened.records);
  }
  [[nodiscard]] Bytes bytes() const {
    std::ifstream stream(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    return to_bytes(to_bytes(text));
  }
  // Of the file, up to where its last whole change ends.
  [[nodiscard]] Bytes log() const {
    Bytes all = bytes();
    const auto read_back = read_runtime_file(all, kThisBoot);
    REQUIRE(read_back.has_value());
    all.resize(read_back->whole_bytes);
    return all;
  }
  void write(ByteView bytes) const { folder.write("runtime", as_text(bytes)); }
  // Empty, and why; what is appended then is kept as ever.
  void expect_empty(std::string_view why, const std::string& boot = kThisBoot) const {
    {
      auto opened = open(boot);
      CHECK(opened.records.empty());
      CHECK_THAT(opened.why_empty, Catch::StartsWith(file.string() + ": "));
      CHECK_THAT(opened.why_empty, Catch::Contains(std::string(why)));
      CHECK(opened.store.append(changes(set(sa(9), "after"))).has_value());
    }
    const auto again = open(boot);
    CHECK(again.why_empty.empty());
    CHECK(contents(again.records) == Contents{{sa(9), "after"}});
  }
};

// Two SAs, then a change of three entries.
void fill(const Fixture& it) {
  auto opened = it.open();
  REQUIRE(opened.store.append(changes(set(sa(1), "one"), set(window(1), "w1"))).has_value());
  REQUIRE(opened.store.append(changes(set(sa(2), "two"))).has_value());
}
// Of the file, and of a change.
const std::size_t kHeadBytes = 15 + 4 + 4 + kThisBoot.size() + 16;
constexpr std::size_t kChangeBytes = 16;
const Contents kFilled{{sa(1), "one"}, {window(1), "w1"}, {sa(2), "two"}};

}  // namespace

TEST_CASE("what was appended is there for who comes next", "[runtime_store]") {
  const Fixture it;
  {
    auto opened = it.open();
    CHECK(opened.records.empty());
    CHECK(opened.why_empty.empty());
    RuntimeStore store = std::move(opened.store);
    REQUIRE(store.append(changes(set(sa(1), "one"), set(window(1), "old"))).has_value());
    REQUIRE(store.append(changes(set(sa(2), "two"), set(window(1), "new"))).has_value());
    REQUIRE(store.append({}).has_value());
    REQUIRE(store.append(changes(gone(sa(2)), gone(sa(77)), set(sa(3), "three"))).has_value());
    CHECK(store.size_bytes() == fs::file_size(it.file));
    // Before it is closed: there is no more to be done.
    CHECK(contents(records_of(it.bytes())) ==
          Contents{{sa(1), "one"}, {window(1), "new"}, {sa(3), "three"}});
  }
  CHECK(it.read() == Contents{{sa(1), "one"}, {window(1), "new"}, {sa(3), "three"}});
  {
    auto opened = it.open();
    const std::uint64_t live = opened.store.live_bytes();
    REQUIRE(opened.store.append(changes(gone(sa(1)), set(sa(2), "again"))).has_value());
    CHECK(opened.store.live_bytes() == live + 2);
  }
  CHECK(it.read() == Contents{{window(1), "new"}, {sa(2), "again"}, {sa(3), "three"}});
}

TEST_CASE("it is its owner's alone, and nothing lies beside it", "[runtime_store]") {
  const Fixture it;
  const mode_t before = ::umask(0);
  fill(it);
  ::umask(before);
  CHECK(fs::status(it.file).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(std::distance(fs::directory_iterator(it.folder.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("a log that grew is rewritten within its file, and keeps what counts",
          "[runtime_store]") {
  const Fixture it;
  test::Random random(1);
  Contents model;
  std::uint64_t largest = 0;
  {
    auto opened = it.open();
    for (std::size_t round = 0; round < test::some_of(6000); ++round) {
      const RecordKey key = sa(random.below(40));
      if (random.one_in(5)) {
        model.erase(key);
        REQUIRE(opened.store.append(changes(gone(key))).has_value());
      } else {
        const Bytes some = random.bytes(1 + random.below(700));
        const std::string text(as_text(some));
        model[key] = text;
        REQUIRE(opened.store.append(changes(set(key, text), set(window(1), "hot"))).has_value());
        model[window(1)] = "hot";
      }
      largest = std::max(largest, opened.store.size_bytes());
      if (round % 16 == 0) CHECK(contents(records_of(it.bytes())) == model);
      REQUIRE(opened.store.size_bytes() == fs::file_size(it.file));
    }
  }
  CHECK(largest < 600'000);
  CHECK(it.read() == model);
  CHECK(fs::status(it.file).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(std::distance(fs::directory_iterator(it.folder.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("what is out of date is wiped, and room for much is given back", "[runtime_store]") {
  const Fixture it;
  auto opened = it.open();
  const std::string old = "a key of old";
  REQUIRE(opened.store.append(changes(set(sa(1), old))).has_value());
  REQUIRE(as_text(it.bytes()).find(old) != std::string_view::npos);
  REQUIRE(opened.store.append(changes(gone(sa(1)))).has_value());
  const std::string large(200'000, 'x');
  for (std::uint64_t id = 2; id < 40; ++id) {
    REQUIRE(opened.store.append(changes(set(sa(id), large))).has_value());
  }
  CHECK(opened.store.size_bytes() > 7'000'000);
  for (std::uint64_t id = 2; id < 40; ++id) {
    REQUIRE(opened.store.append(changes(gone(sa(id)))).has_value());
  }
  for (int round = 0; round < 2000; ++round) {
    REQUIRE(opened.store.append(changes(set(sa(1), std::string(100, 'y')))).has_value());
  }
  CHECK(opened.store.size_bytes() < 1'000'000);
  CHECK(fs::file_size(it.file) == opened.store.size_bytes());
  CHECK(as_text(it.bytes()).find(old) == std::string_view::npos);
  CHECK(as_text(it.bytes()).find("xxxx") == std::string_view::npos);
  CHECK(it.read() == Contents{{sa(1), std::string(100, 'y')}});
}

TEST_CASE("a last change that is cut short leaves those before it whole", "[runtime_store]") {
  const Fixture it;
  fill(it);
  const Bytes before = it.log();
  {
    auto opened = it.open();
    REQUIRE(opened.store.append(changes(set(sa(1), "newer"), gone(sa(2)))).has_value());
  }
  const Bytes all = it.bytes();
  const Bytes after = it.log();
  // As the file is written anew by who opens it, so is what `before` was.
  const std::size_t whole = after.size() - (kChangeBytes + 13 + 5 + 13);
  REQUIRE(whole > kHeadBytes);
  for (std::size_t size = whole; size < after.size(); ++size) {
    INFO("cut at " << size << " of " << after.size());
    // Eight bytes are written at once.
    const std::size_t length_end = whole + 8;
    if (size > whole && size < length_end) continue;
    Bytes cut = to_bytes(ByteView(after).first(size));
    it.write(cut);
    it.expect_empty("it is cut short");
    cut.resize(all.size(), 0);
    // The sum comes last.
    std::fill_n(cut.begin() + static_cast<std::ptrdiff_t>(length_end), 8, std::uint8_t{0});
    it.write(cut);
    CHECK(it.read() == kFilled);
    it.write(cut);
    auto opened = it.open();
    CHECK(opened.unfinished == (size > whole));
    REQUIRE(opened.store.append(changes(set(sa(5), "five"))).has_value());
    CHECK(it.read().at(sa(5)) == "five");
  }
  it.write(all);
  CHECK(it.read() == Contents{{sa(1), "newer"}, {window(1), "w1"}});
}

// Nobody dies like that: somebody else has written it, sum and all.
TEST_CASE("of a last change that cannot be read to its end nothing counts", "[runtime_store]") {
  const Fixture it;
  fill(it);
  const RecordBatch good = changes(set(sa(1), "other"), set(sa(5), "five"));
  const ByteView entries = good.view().first(good.view().size() - 1);
  Bytes file = it.log();
  const std::size_t whole = file.size();
  file.resize(it.bytes().size(), 0);
  const MutableBytes change = MutableBytes(file).subspan(whole);
  daemon::begin_change(change, entries.size());
  std::ranges::copy(entries, change.subspan(daemon::kChangeHeadBytes).begin());
  daemon::end_change(change, entries.size());
  it.write(file);
  const auto opened = it.open();
  CHECK(opened.unfinished);
  CHECK(contents(opened.records) == kFilled);
}

TEST_CASE("a broken byte before the last change is refused", "[runtime_store]") {
  const Fixture it;
  {
    auto opened = it.open();
    REQUIRE(opened.store.append(changes(set(sa(1), "one"), set(window(1), "w1"))).has_value());
    REQUIRE(opened.store.append(changes(set(sa(2), "two"))).has_value());
  }
  const Bytes good = it.bytes();
  // Its length too: one that points behind the end would hide what follows.
  const std::size_t first_end = kHeadBytes + kChangeBytes + 2 * 13 + 5;
  for (std::size_t at = kHeadBytes; at < first_end; ++at) {
    Bytes broken = good;
    broken[at] ^= 0x10;
    const auto read = read_runtime_file(broken, kThisBoot);
    INFO("byte " << at);
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error() == "it is broken at byte " + std::to_string(kHeadBytes));
  }
  // As if nothing had been written from there on.
  Bytes broken = good;
  std::fill_n(broken.begin() + static_cast<std::ptrdiff_t>(kHeadBytes), 8, std::uint8_t{0});
  CHECK_FALSE(read_runtime_file(broken, kThisBoot).has_value());
  // Nor is the room behind the log anybody's.
  broken = good;
  broken[good.size() - 1] ^= 1;
  CHECK_FALSE(read_runtime_file(broken, kThisBoot).has_value());
  broken = good;
  broken[first_end - 1] ^= 1;
  it.write(broken);
  it.expect_empty("it is broken at byte");
}

TEST_CASE("where the log is has to make sense", "[runtime_store]") {
  const Fixture it;
  fill(it);
  const Bytes good = it.bytes();
  for (std::size_t at = kHeadBytes - 16; at < kHeadBytes; ++at) {
    Bytes broken = good;
    broken[at] ^= 1;
    const auto read = read_runtime_file(broken, kThisBoot);
    INFO("byte " << at);
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error() == "its head is broken");
  }
  const auto cut = read_runtime_file(ByteView(good).first(kHeadBytes), kThisBoot);
  CHECK((cut.has_value() && cut->records.empty()));
}

TEST_CASE("what is not ours to read is told, and begins anew", "[runtime_store]") {
  const Fixture it;
  fill(it);
  Bytes bytes = it.bytes();
  SECTION("of another format") {
    bytes[18] = 1;
    it.write(bytes);
    it.expect_empty("its format is 1, and this ipsecd reads 2");
  }
  SECTION("of another boot") {
    it.expect_empty("it is from before the machine was started", "another-boot");
  }
  SECTION("of another program") {
    it.folder.write("runtime", "SQLite format 3, and what follows it in such a file");
    it.expect_empty("it is no runtime store");
  }
  SECTION("empty") {
    it.folder.write("runtime", "");
    it.expect_empty("it is no runtime store");
  }
  SECTION("no more than a part of its head") {
    for (std::size_t size = 15; size < kHeadBytes; ++size) {
      const auto read = read_runtime_file(ByteView(bytes).first(size), kThisBoot);
      REQUIRE_FALSE(read.has_value());
      CHECK(read.error() == "its head is cut short");
    }
    bytes.resize(20);
    it.write(bytes);
    it.expect_empty("its head is cut short");
  }
}

TEST_CASE("a link in its place is not followed", "[runtime_store]") {
  const Fixture it;
  fill(it);
  const fs::path elsewhere = it.folder / "elsewhere";
  fs::rename(it.file, elsewhere);
  const auto size = fs::file_size(elsewhere);
  fs::create_symlink(elsewhere, it.file);
  {
    auto opened = it.open();
    CHECK(opened.records.empty());
    CHECK_THAT(opened.why_empty, Catch::Contains(it.file.string()));
    REQUIRE(opened.store.append(changes(set(sa(1), "mine"))).has_value());
  }
  CHECK_FALSE(fs::is_symlink(it.file));
  CHECK(fs::file_size(elsewhere) == size);
  CHECK(it.read() == Contents{{sa(1), "mine"}});
}

TEST_CASE("once removed it keeps nothing", "[runtime_store]") {
  const Fixture it;
  fill(it);
  auto opened = it.open();
  opened.store.remove();
  CHECK_FALSE(fs::exists(it.file));
  CHECK(opened.store.append(changes(set(sa(4), "four"))).has_value());
  CHECK_FALSE(fs::exists(it.file));
  CHECK(opened.store.size_bytes() == 0);
  CHECK(opened.store.live_bytes() == 0);
  CHECK(it.read().empty());
}

// The directory has gone, or is somebody else's: the daemon says so, and works without.
TEST_CASE("where no file can be made is said", "[runtime_store]") {
  const Fixture it;
  const auto opened = RuntimeStore::open(it.folder / "missing", kThisBoot);
  REQUIRE_FALSE(opened.has_value());
  CHECK_THAT(opened.error().operation, Catch::Contains("missing/runtime.new"));
  CHECK(opened.error().error_number == ENOENT);
  auto none = RuntimeStore::none();
  CHECK(none.records.empty());
  CHECK(none.store.append(changes(set(sa(1), "one"))).has_value());
  CHECK(none.store.live_bytes() == 0);
}

TEST_CASE("a store that cannot be begun anew leaves nothing to go on from", "[runtime_store]") {
  const Fixture it;
  it.write(to_bytes("spoilt"));
  fs::create_directories(it.folder / "runtime.new" / "in the way");
  const auto opened = RuntimeStore::open(it.folder.path(), kThisBoot);
  REQUIRE_FALSE(opened.has_value());
  CHECK_THAT(opened.error().operation, Catch::Contains("runtime.new"));
  CHECK_FALSE(fs::exists(it.file));
}

TEST_CASE("a directory in the store's place is said", "[runtime_store]") {
  const Fixture it;
  fs::create_directory(it.file);
  const auto opened = RuntimeStore::open(it.folder.path(), kThisBoot);
  REQUIRE_FALSE(opened.has_value());
  CHECK_THAT(opened.error().operation, Catch::Contains("replace " + it.file.string()));
  CHECK(opened.error().error_number == EISDIR);
  CHECK_FALSE(fs::exists(it.folder / "runtime.new"));
}

// A full file system says so when room is asked for, and not by a signal when it is used.
TEST_CASE("a file that cannot grow is removed", "[runtime_store]") {
  const Fixture it;
  auto opened = it.open();
  REQUIRE(opened.store.append(changes(set(sa(1), "one"))).has_value());
  const std::string text(100'000, 'x');
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit low{600'000, before.rlim_max};
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &low) == 0);
  std::expected<void, KernelError> appended;
  for (std::uint64_t id = 2; id < 40 && appended; ++id) {
    appended = opened.store.append(changes(set(sa(id), text)));
  }
  CHECK(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  REQUIRE_FALSE(appended.has_value());
  CHECK(appended.error() == KernelError{"make room in " + it.file.string(), EFBIG});
  CHECK_FALSE(fs::exists(it.file));
  CHECK(opened.store.append(changes(set(sa(1), text))).has_value());
}
