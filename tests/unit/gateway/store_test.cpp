// The store: what was answered is there again, whatever happened meanwhile.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/gateway/store/store.h"
#include "tests/unit/gateway/site.h"

using ipsec::ConfigError;
using ipsec::Kind;
using ipsec::gateway::Site;
using ipsec::gateway::Store;
using ipsec::gateway::tunnel_fields;
namespace fs = std::filesystem;

namespace {

using Lines = std::vector<std::string>;

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "store-test.XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] fs::path file() const { return path_ / "store.sqlite"; }

 private:
  fs::path path_;
};

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

std::string error_of(const fs::path& file) {
  const auto store = Store::open(file);
  return store ? std::string("opened") : store.error().why;
}

}  // namespace

TEST_CASE("what was saved is loaded again, to the last field", "[gateway][store]") {
  const Folder folder;
  Site site;
  {
    Store store = opened(folder.file());
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
  Store again = opened(folder.file());
  const auto loaded = again.load();
  REQUIRE(loaded.has_value());
  check_same(site.inventory, *loaded);
  CHECK((fs::status(folder.file()).permissions() & fs::perms::all) ==
        (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("the audit log tells who changed what, and no secret", "[gateway][store]") {
  const Folder folder;
  Site site;
  Store store = opened(folder.file());
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
TEST_CASE("a kill at any instant loses nothing that was answered", "[gateway][store]") {
  const Folder folder;
  Site site;
  {
    Store store = opened(folder.file());
    save(store, site);
  }
  std::uint8_t answered = 0;
  for (int round = 0; round < 12; ++round) {
    int pipe_ends[2];
    REQUIRE(::pipe(pipe_ends) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      auto store = Store::open(folder.file());
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

    Store store = opened(folder.file());
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
    std::ofstream(folder.file()) << std::string(5000, 'x');
    CHECK(
        error_of(folder.file()) ==
        "cannot write it: file is not a database; keep it for salvage, put back a copy, or move it "
        "away to begin with an empty one");
  }
  SECTION("another daemon has it open") {
    Store first = opened(folder.file());
    REQUIRE(first.load().has_value());
    CHECK_THAT(error_of(folder.file()), Catch::Contains("another daemon has it open"));
  }
  SECTION("its folder is not there") {
    CHECK_THAT(error_of(folder.file() / "deeper" / "store.sqlite"),
               Catch::Contains("cannot open it: Not a directory") ||
                   Catch::Contains("cannot open it: No such file"));
  }
  SECTION("it is of a later version") {
    {
      Store store = opened(folder.file());
    }
    std::fstream file(folder.file(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(60);  // user_version, in SQLite's header
    file.write("\0\0\0\x63", 4);
    file.close();
    CHECK(error_of(folder.file()) ==
          "its form 99 is newer than this daemon's 1; install the newer version, or use another "
          "--state-dir");
  }
}

TEST_CASE("a full disk refuses the change and keeps what was", "[gateway][store]") {
  const Folder folder;
  Site site;
  Store store = opened(folder.file());
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
  CHECK_THAT(why, Catch::Contains("nothing was changed"));
  const auto loaded = store.load();
  REQUIRE(loaded.has_value());
  check_same(site.inventory, *loaded);
  REQUIRE(site.set(Kind::tunnel, "hq", {{"remarks", {"room again"}}}) == Lines{});
  save(store, site);
}
