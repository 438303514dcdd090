// Events on their way into the journal: written together, read in their order, kept while the disk
// is full, lost beyond a bound and that told; and a daemon without a journal says so once.
#include <signal.h>
#include <sys/resource.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/daemon/chronicle.h"
#include "tests/support/folder.h"

using ipsec::ConfigError;
using ipsec::control::EventView;
using ipsec::daemon::Chronicle;
using ipsec::daemon::Log;
using ipsec::daemon::Loop;
using ipsec::gateway::Journal;
using ipsec::test::Folder;

namespace {

constexpr std::size_t kMostWaiting = 50'000;

template <typename Made>
auto made(Made result) {
  REQUIRE(result.has_value());
  return *std::move(result);
}

EventView event(std::uint64_t number) {
  return {ipsec::control::Moment(std::chrono::seconds(1'800'000'000 + static_cast<int>(number))),
          number,
          "tun-1",
          "hq",
          "1",
          "try-failed",
          "try " + std::to_string(number)};
}

std::vector<EventView> events(std::uint64_t first, std::uint64_t last) {
  std::vector<EventView> out;
  for (std::uint64_t number = first; number <= last; ++number) out.push_back(event(number));
  return out;
}

// No file of this process grows beyond so much: what SQLite sees is a disk without room.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit_) == 0);
    const ::rlimit small{bytes, limit_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &limit_);
    ::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  ::sighandler_t handler_;
  ::rlimit limit_{};
};

struct Desk {
  Journal journal() const {
    return made(Journal::open(folder / "journal.db", {1'000'000, 1'000'000})).journal;
  }
  std::string logged() const {
    std::ifstream stream(folder / "log");
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  std::size_t times_logged(const std::string& words) const {
    std::size_t times = 0;
    const std::string text = logged();
    for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) {
      ++times;
    }
    return times;
  }

  Folder folder;
  Log log = made(Log::open((folder / "log").string()));
  Loop loop = made(Loop::create());
  Journal::Query all{"default", {}, {}, 1'000'000};
};

}  // namespace

TEST_CASE("what is added is read at once, in its order and by account", "[chronicle]") {
  Desk desk;
  Chronicle chronicle(desk.loop, desk.log, desk.journal());
  chronicle.add(event(1), "default");
  chronicle.add(event(2), "other");
  chronicle.add(event(3), "default");
  const auto found = chronicle.read(desk.all);
  REQUIRE(found.has_value());
  CHECK(*found == std::vector{event(1), event(3)});
  CHECK(chronicle.last_number() == 3);
  CHECK(desk.logged().empty());
}

TEST_CASE("what is added is written a moment later, together", "[chronicle]") {
  Desk desk;
  Chronicle chronicle(desk.loop, desk.log, desk.journal());
  CHECK(chronicle.next_deadline() == ipsec::kNever);
  chronicle.add(event(1), "default");
  const auto due = chronicle.next_deadline();
  CHECK(due > desk.loop.now());
  CHECK(due <= desk.loop.now() + std::chrono::seconds(1));
  chronicle.add(event(2), "default");
  CHECK(chronicle.next_deadline() == due);
  CHECK(chronicle.last_number() == 0);
  chronicle.tick(due);
  CHECK(chronicle.last_number() == 2);
  CHECK(chronicle.next_deadline() == ipsec::kNever);
}

TEST_CASE("what still waits at the end is written", "[chronicle]") {
  Desk desk;
  {
    Chronicle chronicle(desk.loop, desk.log, desk.journal());
    chronicle.add(event(1), "default");
  }
  Chronicle chronicle(desk.loop, desk.log, desk.journal());
  CHECK(chronicle.last_number() == 1);
  CHECK(made(chronicle.read(desk.all)) == std::vector{event(1)});
}

TEST_CASE("without a journal the rest goes on, and why is told once", "[chronicle]") {
  Desk desk;
  Chronicle chronicle(desk.loop, desk.log,
                      std::unexpected(ConfigError{"/state/journal.db", "cannot open it: because"}));
  chronicle.add(event(1), "default");
  CHECK(chronicle.next_deadline() == ipsec::kNever);
  CHECK(chronicle.last_number() == 0);
  const auto found = chronicle.read(desk.all);
  REQUIRE_FALSE(found.has_value());
  CHECK(found.error() == ConfigError{"/state/journal.db", "cannot open it: because"});
  CHECK_THAT(desk.logged(),
             Catch::EndsWith("error: the log of connections is not kept until a restart: "
                             "/state/journal.db: cannot open it: because\n"));
  CHECK(desk.times_logged("\n") == 1);
}

TEST_CASE("a full disk delays the journal, and loses nothing", "[chronicle]") {
  Desk desk;
  Chronicle chronicle(desk.loop, desk.log, desk.journal());
  chronicle.add(event(1), "default");
  chronicle.tick(desk.loop.now());
  {
    const FullDisk full(4096);
    for (const EventView& it : events(2, 500)) chronicle.add(it, "default");
    for (int i = 0; i < 3; ++i) chronicle.tick(desk.loop.now());
    CHECK(chronicle.last_number() == 1);
    CHECK(chronicle.next_deadline() > desk.loop.now() + std::chrono::seconds(20));
    // What is there is still read.
    CHECK(made(chronicle.read(desk.all)) == std::vector{event(1)});
  }
  CHECK(desk.times_logged("the log of connections cannot be written, which is tried again every "
                          "30 s: ") == 1);
  CHECK(desk.times_logged("journal.db: ") == 1);
  chronicle.tick(desk.loop.now());
  CHECK(made(chronicle.read(desk.all)) == events(1, 500));
  CHECK(desk.times_logged("written again, and nothing was lost") == 1);
  CHECK(desk.times_logged("\n") == 2);
}

TEST_CASE("what waits too long is bounded, and how much was lost is told", "[chronicle]") {
  Desk desk;
  Chronicle chronicle(desk.loop, desk.log, desk.journal());
  {
    const FullDisk full(4096);
    for (std::uint64_t number = 1; number <= kMostWaiting + 3; ++number) {
      chronicle.add(event(number), "default");
    }
    chronicle.tick(desk.loop.now());
  }
  chronicle.tick(desk.loop.now());
  CHECK(chronicle.last_number() == kMostWaiting);
  CHECK(desk.times_logged("written again; 3 events were lost") == 1);
}
