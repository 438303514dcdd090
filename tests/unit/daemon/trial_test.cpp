// Goal: what would not do as the next daemon is found out, and why. Method: programs that are
// scripts in its place.
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "ike/daemon/trial.h"
#include "tests/support/folder.h"

using ipsec::daemon::Program;
using ipsec::daemon::try_program;

namespace {

class Candidate {
 public:
  Candidate() = default;
  explicit Candidate(std::string_view text) {
    folder_.write("ipsecd", text);
    ::chmod(path().c_str(), 0755);
  }
  [[nodiscard]] std::string path() const { return folder_ / "ipsecd"; }
  // Without the path it begins with.
  [[nodiscard]] std::string why_not() const {
    const auto tried = try_program({path(), {"ipsecd", "--run-dir", "/a b"}});
    if (tried) return "it does: " + *tried;
    REQUIRE(tried.error().starts_with(path() + " "));
    return tried.error().substr(path().size() + 1);
  }

 private:
  ipsec::test::Folder folder_;
};

}  // namespace

TEST_CASE("a program that knows its version and likes the configuration will do", "[trial]") {
  const Candidate candidate(
      "#!/bin/sh\n"
      "[ \"$1 $2\" = '--run-dir /a b' ] || exit 9\n"
      "[ -z \"$NOTIFY_SOCKET\" ] || exit 8\n"
      "case $3 in --version) echo ipsecd 9.8.7 ;; --check-config) echo fine ;; *) exit 7 ;; "
      "esac\n");
  ::setenv("NOTIFY_SOCKET", "/nowhere", 1);
  const auto tried = try_program({candidate.path(), {"ipsecd", "--run-dir", "/a b"}});
  ::unsetenv("NOTIFY_SOCKET");
  REQUIRE(tried.has_value());
  CHECK(*tried == "9.8.7");
}

TEST_CASE("what will not do is told in a line", "[trial]") {
  CHECK(Candidate().why_not() == "cannot be started: No such file or directory");
  CHECK(Candidate("no program\n").why_not() == "cannot be started: Exec format error");
  CHECK(Candidate("#!/bin/sh\nexit 1\n").why_not() == "--version ended with status 1");
  CHECK(Candidate("#!/bin/sh\nkill -SEGV $$\n").why_not() == "--version died by SIGSEGV");
  CHECK(Candidate("#!/bin/sh\necho true 1.0\n").why_not() ==
        "is no ipsecd: its version is 'true 1.0'");
  CHECK(Candidate("#!/bin/sh\n[ $3 = --version ] && echo ipsecd 2 && exit\n"
                  "echo 'ipsecd: f.toml:2:1: bad'; echo more; exit 1\n")
            .why_not() == "--check-config ended with status 1: ipsecd: f.toml:2:1: bad");
}

TEST_CASE("one that hangs is not waited for", "[trial]") {
  CHECK(Candidate("#!/bin/sh\nexec sleep 100\n").why_not() == "--version takes longer than 10 s");
}
