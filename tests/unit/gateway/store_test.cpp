// The store: what was answered is there again, whatever happened meanwhile.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/gateway/store/database.h"
#include "ike/gateway/store/store.h"
#include "tests/support/folder.h"
#include "tests/unit/gateway/site.h"

using ipsec::ConfigError;
using ipsec::Kind;
using ipsec::gateway::Database;
using ipsec::gateway::Site;
using ipsec::gateway::Store;
using ipsec::gateway::tunnel_fields;
using ipsec::test::Folder;
namespace fs = std::filesystem;

namespace {

constexpr std::string_view kFile = "store.sqlite";

using Lines = std::vector<std::string>;

Store opened(const fs::path& file) {
  auto store = Store::open(file);
  if (!store) FAIL(store.error().where + ": " + store.error().why);
  return *std::move(store);
}

void save(Store& store, const Site& site) {
  const auto saved = store.save(site.plan, "root (uid 0)", site.now);
  if (!saved) FAIL(saved.error().where + ": " + saved.error().why);
}

void check_same(const ipsec::gateway::Inventory& a, const ipsec::gateway::Inventory& b) {
  REQUIRE(a.size() == b.size());
  for (const auto& [id, object] : a.objects()) {
    const auto other = b.find(id);
    REQUIRE(other != nullptr);
    CHECK(*object == *other);
  }
}

std::string bytes_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string error_of(const fs::path& file) {
  const auto store = Store::open(file);
  return store ? std::string("opened") : store.error().why;
}

}  // namespace

TEST_CASE("what was saved is loaded again, to the last field", "[gateway][store]") {
  const Folder folder;
  Site site;
  {
    Store store = opened(folder / kFile);
    save(store, site);
    REQUIRE(site.set(Kind::tunnel, "hq",
                     {{"psk", {"caf\xc3\xa9-\xe5\xaf\x86"}},
                      {"local_cidrs", {}},
                      {"peer_cidrs", {}},
                      {"rules", {"10.0.2.0/24=192.168.9.0/24", "10.0.1.0/24=192.168.2.0/24"}},
                      {"ike.dh", {"x25519", "modp2048"}}}) == Lines{});
    save(store, site);
    REQUIRE(site.create(Kind::peer, "gone", {{"address", {"203.0.113.99"}}}) == Lines{});
    save(store, site);
    REQUIRE(site.remove(Kind::peer, "gone") == Lines{});
    save(store, site);
  }
  Store again = opened(folder / kFile);
  const auto loaded = again.load();
  REQUIRE(loaded.has_value());
  check_same(site.inventory, *loaded);
  CHECK((fs::status(folder / kFile).permissions() & fs::perms::all) ==
        (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("the audit log tells who changed what, and no secret", "[gateway][store]") {
  const Folder folder;
  Site site;
  Store store = opened(folder / kFile);
  save(store, site);
  REQUIRE(site.set(Kind::tunnel, "hq", {{"psk", {"a-new-secret-key"}}, {"dpd.delay_s", {"9"}}}) ==
          Lines{});
  save(store, site);
  REQUIRE(site.set(Kind::peer, "office", {{"address", {"203.0.113.10"}}}) == Lines{});
  save(store, site);
  const auto audit = store.audit(2);
  REQUIRE(audit.has_value());
  REQUIRE(audit->size() == 2);
  // The tunnel that follows its peer was not changed by anybody.
  CHECK((*audit)[0].what == "change peer 'office' (" + site.id(Kind::peer, "office").to_string() +
                                "): address 203.0.113.9 -> 203.0.113.10");
  CHECK((*audit)[1].what == "change tunnel 'hq' (" + site.id(Kind::tunnel, "hq").to_string() +
                                "): psk, dpd.delay_s 8 -> 9");
  CHECK((*audit)[1].who == "root (uid 0)");
  CHECK((*audit)[1].at == site.now);
  const auto all = store.audit(100);
  REQUIRE(all.has_value());
  for (const auto& entry : *all) {
    CHECK_THAT(entry.what, !Catch::Contains("secret") && !Catch::Contains("battery"));
  }
}

// The child saves for as long as it lives and says so after each; what it said must be there.
TEST_CASE("what the audit log has stays, whoever has the file open", "[gateway][store]") {
  const Folder folder;
  Site site;
  {
    Store store = opened(folder / kFile);
    save(store, site);
  }
  {
    auto hand = Database::open((folder / kFile).string());
    REQUIRE(hand.has_value());
    for (const char* sql :
         {"DELETE FROM audit", "DELETE FROM audit WHERE number = 1",
          "UPDATE audit SET who = 'nobody'",
          "INSERT OR REPLACE INTO audit (number, at_s, who, what) VALUES (1, 0, 'nobody', 'x')",
          "REPLACE INTO audit (number, at_s, who, what) VALUES (1, 0, 'nobody', 'x')"}) {
      INFO(sql);
      const auto done = hand->run(sql);
      REQUIRE_FALSE(done.has_value());
      CHECK(done.error().why.find("the audit log is append-only") != std::string::npos);
    }
    REQUIRE(hand->run("INSERT INTO audit (at_s, who, what) VALUES (0, 'by hand', 'x')"));
  }
  Store store = opened(folder / kFile);
  const auto entries = store.audit(100);
  REQUIRE(entries.has_value());
  REQUIRE(entries->size() >= 2);
  for (const auto& entry : *entries) CHECK((entry.who == "root (uid 0)" || entry.who == "by hand"));
}

namespace {

// As the first form was, before there was a second one.
constexpr const char* kFirstForm =
    "CREATE TABLE object (id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL,"
    "  created_s INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE field (object TEXT NOT NULL, name TEXT NOT NULL, position INTEGER NOT NULL,"
    "  value TEXT NOT NULL, PRIMARY KEY (object, name, position)) WITHOUT ROWID;"
    "CREATE TABLE secret (object TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,"
    "  PRIMARY KEY (object, name)) WITHOUT ROWID;"
    "CREATE TABLE audit (number INTEGER PRIMARY KEY AUTOINCREMENT, at_s INTEGER NOT NULL,"
    "  who TEXT NOT NULL, what TEXT NOT NULL);"
    "CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN"
    "  SELECT RAISE(ABORT, 'the audit log is append-only'); END;"
    "CREATE TRIGGER audit_is_final BEFORE UPDATE ON audit BEGIN"
    "  SELECT RAISE(ABORT, 'the audit log is append-only'); END;"
    "PRAGMA user_version = 1;"
    "INSERT INTO object VALUES ('peer-0123456789abcdef', 'default', 'berlin', 1700000000);"
    "INSERT INTO field VALUES ('peer-0123456789abcdef', 'address', 0, '198.51.100.2');"
    "INSERT INTO audit (at_s, who, what) VALUES (1700000000, 'root (uid 0)', 'create it');";

std::int64_t form_of(const fs::path& file) {
  auto database = Database::open(file.string());
  REQUIRE(database.has_value());
  ipsec::gateway::Statement ask(*database, "PRAGMA user_version");
  REQUIRE(ask.step());
  return ask.number(0);
}

void make_by_hand(const fs::path& file, const char* sql) {
  auto database = Database::open(file.string());
  REQUIRE(database.has_value());
  const auto made = database->run(sql);
  if (!made) FAIL(made.error().why);
}

}  // namespace

TEST_CASE("a store of the first form becomes one of the newest, with all that is in it",
          "[gateway][store]") {
  const Folder folder;
  const fs::path file = folder / kFile;
  make_by_hand(file, kFirstForm);
  {
    Store store = opened(file);
    const auto inventory = store.load();
    REQUIRE(inventory.has_value());
    REQUIRE(inventory->size() == 1);
    const auto id = inventory->resolve("default", Kind::peer, "berlin");
    REQUIRE(id);
    CHECK(inventory->get<ipsec::gateway::Peer>(*id)->address.to_string() == "198.51.100.2");
    const auto entries = store.audit(10);
    REQUIRE(entries.has_value());
    REQUIRE(entries->size() == 1);
    CHECK(entries->front().what == "create it");
  }
  CHECK(form_of(file) == 2);
  // What came with the second form is there.
  auto hand = Database::open(file.string());
  REQUIRE(hand.has_value());
  CHECK_FALSE(hand->run("REPLACE INTO audit (number, at_s, who, what) VALUES (1, 0, 'x', 'x')"));
}

// Something of another form's name stands in the way: the change of the form fails in its middle.
TEST_CASE("a store that cannot be brought to the newest form stays as it is", "[gateway][store]") {
  const Folder folder;
  const fs::path file = folder / kFile;
  make_by_hand(file, kFirstForm);
  make_by_hand(file,
               "CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit BEGIN SELECT 1; END");
  CHECK(error_of(file).find("audit_is_not_replaced") != std::string::npos);
  CHECK(form_of(file) == 1);
  make_by_hand(file, "DROP TRIGGER audit_is_not_replaced");
  CHECK(error_of(file) == "opened");
  CHECK(form_of(file) == 2);
}

TEST_CASE("a kill at any instant loses nothing that was answered", "[gateway][store]") {
  const Folder folder;
  Site site;
  {
    Store store = opened(folder / kFile);
    save(store, site);
  }
  std::uint8_t answered = 0;
  for (int round = 0; round < 12; ++round) {
    int pipe_ends[2];
    REQUIRE(::pipe(pipe_ends) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      auto store = Store::open(folder / kFile);
      if (!store) ::_exit(1);
      for (std::uint8_t next = static_cast<std::uint8_t>(answered + 1);; ++next) {
        if (!site.set(Kind::tunnel, "hq", {{"remarks", {std::to_string(next)}}}).empty()) break;
        if (!store->save(site.plan, "child", site.now)) break;
        if (::write(pipe_ends[1], &next, 1) != 1) break;
      }
      ::_exit(2);
    }
    ::close(pipe_ends[1]);
    // Some are killed in the midst of opening, others after a few changes.
    const int wanted = round % 4;
    for (int i = 0; i < wanted; ++i) REQUIRE(::read(pipe_ends[0], &answered, 1) == 1);
    ::usleep(static_cast<useconds_t>(round * 700));
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    while (::read(pipe_ends[0], &answered, 1) == 1) {
    }
    ::close(pipe_ends[0]);

    Store store = opened(folder / kFile);
    const auto loaded = store.load();
    REQUIRE(loaded.has_value());
    const auto remarks = get_field(*loaded->find(site.id(Kind::tunnel, "hq")), "remarks");
    const int found = remarks.empty() ? 0 : std::stoi(remarks.front());
    // One more than was answered may have been written before the answer was.
    CHECK(found >= answered);
    CHECK(found <= answered + 1);
    answered = static_cast<std::uint8_t>(found);
    REQUIRE(site.set(Kind::tunnel, "hq", {{"remarks", remarks}}) == Lines{});
  }
  CHECK(answered > 12);
}

TEST_CASE("a store that cannot be used says so in one line", "[gateway][store]") {
  const Folder folder;
  SECTION("it is something else") {
    std::ofstream(folder / kFile) << std::string(5000, 'x');
    CHECK(error_of(folder / kFile) ==
          "cannot use it: file is not a database; keep it for salvage, put back a copy, or move it "
          "away to begin with an empty one");
  }
  SECTION("another daemon has it open") {
    Store first = opened(folder / kFile);
    REQUIRE(first.load().has_value());
    CHECK_THAT(error_of(folder / kFile), Catch::Contains("another daemon has it open"));
  }
  SECTION("its folder is not there") {
    CHECK_THAT(error_of(folder / kFile / "deeper" / "store.sqlite"),
               Catch::Contains("cannot open it: Not a directory") ||
                   Catch::Contains("cannot open it: No such file"));
  }
  const auto with_form = [&](const std::string& form) {
    {
      Site site;
      Store store = opened(folder / kFile);
      save(store, site);
    }
    std::fstream file(folder / kFile, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(60);  // user_version, in SQLite's header
    file << form;
  };
  SECTION("it is of a later version, and is not touched") {
    with_form(std::string("\0\0\0\x63", 4));
    const std::string before = bytes_of(folder / kFile);
    CHECK(error_of(folder / kFile) ==
          "its form 99 is newer than this daemon's 2; install the newer version, or use another "
          "--state-dir");
    CHECK(bytes_of(folder / kFile) == before);
  }
  SECTION("it is of a version that there never was") {
    with_form("\xff\xff\xff\xf0");
    CHECK_THAT(error_of(folder / kFile), Catch::StartsWith("it is broken: there is no form -16; "));
  }
}

TEST_CASE("a full disk refuses the change and keeps what was", "[gateway][store]") {
  const Folder folder;
  Site site;
  Store store = opened(folder / kFile);
  save(store, site);
  const auto before = site.inventory;
  // The database may grow no further: SQLite's own word for a disk without room.
  std::string long_text(4000, 'x');
  bool refused = false;
  ::rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
  const ::rlimit small{100'000, limit.rlim_max};
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::string why;
  for (int i = 0; i < 100 && !refused; ++i) {
    long_text[static_cast<std::size_t>(i)] = 'y';
    const auto kept = site.inventory;
    REQUIRE(site.set(Kind::tunnel, "hq", {{"remarks", {long_text}}}) == Lines{});
    const auto saved = store.save(site.plan, "root", site.now);
    refused = !saved;
    if (refused) {
      why = saved.error().why;
      site.inventory = kept;
    }
  }
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  ::signal(SIGXFSZ, old_handler);
  REQUIRE(refused);
  CHECK_THAT(why, Catch::EndsWith("; look at the disk, and try again"));
  const auto loaded = store.load();
  REQUIRE(loaded.has_value());
  check_same(site.inventory, *loaded);
  REQUIRE(site.set(Kind::tunnel, "hq", {{"remarks", {"room again"}}}) == Lines{});
  save(store, site);
}
