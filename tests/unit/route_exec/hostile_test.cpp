// Programs that hang, die or lie: each becomes Trouble that says what it did, and nothing of it is
// left: every Bench looks for children and descriptors at its end.
#include <catch2/catch.hpp>

#include <signal.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "tests/unit/route_exec/surroundings.h"

namespace ipsec::route::exec {
namespace {

using namespace std::chrono_literals;
using test::Bench;
using test::table;
using test::three_changes;

// Without what is said of all: who, and which program.
std::string said_of(const Bench& bench, const Trouble& trouble) {
  CHECK(trouble.kind == Trouble::Kind::driver);
  std::string why = trouble.why;
  CHECK(why.starts_with("rest: "));
  if (why.starts_with("rest: ")) why.erase(0, 6);
  const std::string place = " (" + (bench.folder() / "program").string() + ")";
  if (why.ends_with(place)) why.erase(why.size() - place.size());
  return why;
}

std::string trouble_of(std::string_view program) {
  Bench bench(program);
  const Outcomes outcomes = bench.apply(three_changes());
  REQUIRE(outcomes.size() == 3);
  for (const Outcome& outcome : outcomes) {
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome == outcomes.front());
  }
  const auto listed = bench.list();
  REQUIRE_FALSE(listed.has_value());
  CHECK(listed.error().kind == Trouble::Kind::driver);
  return said_of(bench, outcomes.front().error());
}

constexpr std::string_view kGood = R"(echo '{"version":1,"routes":[]}')"
                                   "\n";

TEST_CASE("a program that fails is quoted") {
  CHECK(trouble_of("exit 3\n") == "it ended with status 3");
  CHECK(trouble_of("printf '\\n  \\033[1mno\\033[0m route\\nmore\\n' >&2; exit 1\n") ==
        "it ended with status 1: ?[1mno?[0m route");
  CHECK(trouble_of("echo bad >&2; kill -SEGV $$\n") == "it was ended by SIGSEGV: bad");
  // What it wrote before is worth nothing.
  CHECK(trouble_of(fmt::format("{}exit 1\n", kGood)) == "it ended with status 1");
  CHECK(trouble_of("yes '' | head -c 100000 >&2; echo late >&2; exit 2\n") ==
        "it ended with status 2");
  // Chatter beside a good answer is none.
  Bench bench("echo warning >&2\n" + std::string(kGood));
  CHECK(bench.list());
}

TEST_CASE("a program that cannot be started is named with the reason") {
  Bench missing("", {.program = "/nowhere/program"});
  CHECK(missing.list().error() ==
        Trouble{Trouble::Kind::driver,
                "rest: it cannot be started: execve: No such file or directory (errno 2) "
                "(/nowhere/program)"});
  Bench folder("", {.program = "/proc"});
  CHECK(folder.list().error().why ==
        "rest: it cannot be started: execve: Permission denied (errno 13) (/proc)");
  CHECK(trouble_of("#!/nowhere/interpreter\n") ==
        "it cannot be started: execve: No such file or directory (errno 2)");
}

TEST_CASE("garbage, silence and answers to another question are told apart") {
  CHECK(trouble_of("true\n").starts_with("its answer makes no sense: it is no JSON"));
  CHECK(trouble_of("head -c 5000 /dev/urandom\n").starts_with("its answer makes no sense: "));
  CHECK(trouble_of("cat\n").starts_with("its answer makes no sense: it lacks 'results'"));
  CHECK(trouble_of("exec >&-\n").starts_with("its answer makes no sense: it is no JSON"));
  Bench bench(kGood);
  CHECK(said_of(bench, bench.apply(three_changes()).front().error()) ==
        "its answer makes no sense: it lacks 'results'");
}

TEST_CASE("a program that writes without end is stopped") {
  CHECK(trouble_of("yes\n") == "it wrote more than 1048576 bytes");
  CHECK(trouble_of("yes >&2\n") == "it wrote more than 1048576 bytes to stderr: y");
  CHECK(trouble_of("trap '' PIPE TERM; yes 2>&1 & head -c 2000000 /dev/zero 2>&1\n") ==
        "it wrote more than 1048576 bytes");
}

TEST_CASE("as much as is allowed is read") {
  const std::string program =
      "printf '{\"version\":1,\"routes\":[]'\n"
      "head -c 1048551 /dev/zero | tr '\\0' ' '\nprintf '}'\n";
  Bench bench(program);
  CHECK(bench.list());  // 24 + 1048551 + 1 bytes
  std::string more = program;
  more.replace(more.find("1048551"), 7, "1048552");
  bench.write_program(more);
  CHECK(bench.list().error().why.starts_with("rest: it wrote more than 1048576 bytes"));
}

// Its processes' numbers are in the files pid and child.
constexpr std::string_view kHangs =
    "echo on my way >&2\nsleep 1000 & echo $! >$HERE/child\necho $$ >$HERE/pid\nwait\n";

TEST_CASE("one that does not end is asked to, with all it has started") {
  Bench bench(kHangs, {.timeout = 7s});
  std::optional<test::Listed> said;
  bench.driver().list(table("t"), {}, [&](test::Listed told) { said = std::move(told); });
  const int child = bench.number_in("child");
  const int pid = bench.number_in("pid");
  CHECK(bench.driver().next_deadline() == bench.reactor().now() + 7s);
  bench.skip(7s - 1us);
  CHECK_FALSE(test::is_dead(pid));
  bench.skip(1us);
  REQUIRE(bench.until([&] { return said.has_value(); }));
  CHECK(said_of(bench, said->error()) == "it did not end within 7 s and was killed: on my way");
  CHECK(test::is_dead(pid));
  CHECK(bench.until([&] { return test::is_dead(child); }));
}

TEST_CASE("one that will not hear is killed, with all it has started") {
  Bench bench("trap '' TERM\n" + std::string(kHangs));
  std::optional<test::Listed> said;
  bench.driver().list(table("t"), {}, [&](test::Listed told) { said = std::move(told); });
  const int child = bench.number_in("child");
  const int pid = bench.number_in("pid");
  bench.skip(10s);
  for (int turn = 0; turn < 10; ++turn) bench.reactor().turn();
  CHECK_FALSE(test::is_dead(pid));
  CHECK_FALSE(said.has_value());
  bench.skip(1s);
  REQUIRE(bench.until([&] { return said.has_value(); }));
  CHECK(said_of(bench, said->error()) == "it did not end within 10 s and was killed: on my way");
  CHECK(test::is_dead(pid));
  CHECK(bench.until([&] { return test::is_dead(child); }));
  // The table is free for the next one.
  bench.write_program(kGood);
  CHECK(bench.list());
}

TEST_CASE("an answer that comes after the time is none") {
  Bench bench(
      "trap \"echo '{\\\"version\\\":1,\\\"routes\\\":[]}'; exit 0\" TERM\n"
      "echo $$ >$HERE/pid\nwhile :; do sleep 0.01; done\n");
  std::optional<test::Listed> said;
  bench.driver().list(table("t"), {}, [&](test::Listed told) { said = std::move(told); });
  (void)bench.number_in("pid");
  bench.skip(10s);
  REQUIRE(bench.until([&] { return said.has_value(); }));
  CHECK(said_of(bench, said->error()).starts_with("it did not end within 10 s and was killed"));
}

TEST_CASE("one that leaves others with its output is not waited for") {
  Bench bench("sleep 1000 & echo $! >$HERE/child\n" + std::string(kGood));
  std::optional<test::Listed> said;
  bench.driver().list(table("t"), {}, [&](test::Listed told) { said = std::move(told); });
  const int child = bench.number_in("child");
  // As soon as it has ended the deadline is near.
  REQUIRE(bench.until([&] { return bench.driver().next_deadline() < bench.reactor().now() + 2s; }));
  CHECK_FALSE(said.has_value());
  bench.skip(1s);
  REQUIRE(bench.until([&] { return said.has_value(); }));
  CHECK(said_of(bench, said->error()) ==
        "it ended, but what it has started goes on and holds its output open");
  CHECK(bench.until([&] { return test::is_dead(child); }));
}

TEST_CASE("one that ends a moment before its helper is heard to the end") {
  Bench bench("(sleep 0.1; echo '{\"version\":1,\"routes\":[]}') &\n");
  CHECK(bench.list());
}

TEST_CASE("what it leaves without its output is killed, and no matter") {
  Bench bench("sleep 1000 >/dev/null 2>&1 & echo $! >$HERE/child\n" + std::string(kGood));
  CHECK(bench.list());
  const int child = bench.number_in("child");
  CHECK(bench.until([&] { return test::is_dead(child); }));
}

TEST_CASE("one that left the group to keep its output is let go") {
  // Its number is only told when it has left.
  Bench bench("setsid sh -c \"echo \\$\\$ >$HERE/child; exec sleep 1000\" &\n" +
              std::string(kGood));
  std::optional<test::Listed> said;
  bench.driver().list(table("t"), {}, [&](test::Listed told) { said = std::move(told); });
  const int child = bench.number_in("child");
  REQUIRE(bench.until([&] { return bench.driver().next_deadline() < bench.reactor().now() + 2s; }));
  bench.skip(1s);
  REQUIRE(bench.until([&] { return said.has_value(); }));
  CHECK_FALSE(said->has_value());
  CHECK_FALSE(test::is_dead(child));
  ::kill(child, SIGKILL);
}

// A process that is traced stops on its way out, as one does that hangs in the kernel: after KILL
// it is neither alive nor gone, until the file `release` is there.
constexpr std::string_view kUndying = R"(#!/usr/bin/env python3
import ctypes, os, time
here = "HERE"
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(0x59616d61, ctypes.c_ulong(2**64 - 1), 0, 0, 0)  # PR_SET_PTRACER: anybody
parent = os.getpid()
if os.fork() == 0:
    os.setsid()
    for fd in (0, 1, 2):
        os.close(fd)
    done = libc.ptrace(0x4206, parent, None, ctypes.c_void_p(0x40))  # PTRACE_SEIZE, TRACEEXIT
    with open(here + "/pid.new", "w") as told:
        told.write(f"{parent if done == 0 else 0}\n")
    os.rename(here + "/pid.new", here + "/pid")
    for _ in range(2000):
        if os.path.exists(here + "/release"):
            break
        time.sleep(0.01)
    os._exit(0)
time.sleep(1000)
)";

TEST_CASE("one that does not die holds up its table and nobody else") {
  Bench bench("", {.concurrency = 2});
  std::string program(kUndying);
  program.replace(program.find("\"HERE\"") + 1, 4, bench.folder().path().string());
  bench.write_program(program);
  std::optional<test::Listed> said;
  bench.driver().list(table("t"), {}, [&](test::Listed told) { said = std::move(told); });
  const int pid = bench.number_in("pid");
  REQUIRE(pid != 0);
  bench.write_program(kGood);
  bench.skip(10s);
  bench.skip(1s);
  bench.skip(1s);
  REQUIRE(said.has_value());
  CHECK(said_of(bench, said->error()) ==
        "it did not end within 10 s and was killed, but does not die");
  CHECK(bench.driver().next_deadline() == kNever);

  const auto same = bench.list("t");
  CHECK(said_of(bench, same.error()) == "it was killed before and does not die");
  CHECK(bench.list("another"));

  bench.folder().write("release", "");
  REQUIRE(bench.until([&] { return bench.reactor().watched() == 0; }));
  CHECK(test::is_dead(pid));
  CHECK(bench.list("t"));
}

}  // namespace
}  // namespace ipsec::route::exec
