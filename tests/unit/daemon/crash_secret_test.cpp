// Goal: the secret of crash detection outlives the daemon, is nobody else's to read, and its loss
// is told but stops nothing. Method: a directory of its own, as a daemon finds it at its starts.
#include "ike/daemon/crash_secret.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/support/counting_random.h"
#include "tests/support/folder.h"

namespace {

using namespace ipsec;
using daemon::CrashSecret;
using daemon::load_crash_secret;
namespace fs = std::filesystem;

struct Fixture {
  test::Folder folder;
  fs::path file = folder / "qcd-secret";
  core::CountingRandom random;

  CrashSecret load() { return load_crash_secret(file, random); }
};

}  // namespace

TEST_CASE("the secret is made once, and is the daemon's alone", "[crash_secret]") {
  Fixture it;
  const CrashSecret first = it.load();
  CHECK(first.warnings.empty());
  CHECK(first.secret.size() == 32);
  CHECK(fs::status(it.file).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(fs::file_size(it.file) == 32);
  const auto drawn = it.random.drawn();
  const CrashSecret second = it.load();
  CHECK(second.warnings.empty());
  CHECK(second.secret == first.secret);
  CHECK(it.random.drawn() == drawn);
  // Nothing half-written stays beside it.
  CHECK(std::distance(fs::directory_iterator(it.folder.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("a secret of no use gives way to another, and the log says so", "[crash_secret]") {
  Fixture it;
  const CrashSecret first = it.load();
  std::string why;
  SECTION("cut short") {
    fs::resize_file(it.file, 31);
    why = "does not hold 32 bytes";
  }
  SECTION("longer") {
    fs::resize_file(it.file, 33);
    why = "does not hold 32 bytes";
  }
  SECTION("open to others") {
    fs::permissions(it.file, fs::perms::group_read, fs::perm_options::add);
    why = "is open to others";
  }
  SECTION("a link to somewhere else") {
    fs::rename(it.file, it.folder / "elsewhere");
    fs::create_symlink(it.folder / "elsewhere", it.file);
    why = "cannot be read: Too many levels of symbolic links";
  }
  const CrashSecret second = it.load();
  REQUIRE(second.warnings.size() == 1);
  CHECK(second.warnings.front() ==
        "the secret " + it.file.string() + " " + why +
            ", and another takes its place; peers that hold SAs of before a restart find it out in "
            "seconds, not at once");
  CHECK(second.secret.size() == 32);
  CHECK_FALSE(second.secret == first.secret);
  const CrashSecret third = it.load();
  CHECK(third.warnings.empty());
  CHECK(third.secret == second.secret);
}

TEST_CASE("a secret that cannot be kept is good for one run", "[crash_secret]") {
  Fixture it;
  it.file = it.folder / "missing" / "qcd-secret";
  const CrashSecret loaded = it.load();
  CHECK(loaded.secret.size() == 32);
  REQUIRE(loaded.warnings.size() == 1);
  CHECK(
      loaded.warnings.front() ==
      "the secret " + it.file.string() +
          " cannot be written: No such file or directory; it is good for this run, and after the "
          "next start peers that hold SAs of before a restart find it out in seconds, not at once");
}
