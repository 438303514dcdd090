// The driver with programs that do what they should: what they are told, what surrounds them, how
// many run at once and in which order.
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "ike/base/limits.h"
#include "ike/base/unique_fd.h"
#include "route/exec/codec.h"
#include "tests/unit/route_exec/surroundings.h"

namespace ipsec::route::exec {
namespace {

using test::Bench;
using test::route;
using test::table;
using test::three_changes;

constexpr std::string_view kEmptyListing = R"(echo '{"version":1,"routes":[]}')"
                                           "\n";
constexpr std::string_view kThreeOk =
    R"(echo '{"version":1,"results":[{"destination":"10.0.2.0/24","metric":100,"ok":true},)"
    R"({"destination":"10.0.3.0/24","metric":100,"ok":true},)"
    R"({"destination":"10.0.4.0/24","metric":100,"ok":true}]}')"
    "\n";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST_CASE("a listing and changes go there and back") {
  Bench bench("cat >$HERE/request\n" + std::string(kThreeOk));
  const Outcomes outcomes = bench.apply(three_changes());
  CHECK(outcomes.size() == 3);
  CHECK(std::ranges::all_of(outcomes, [](const Outcome& it) { return it.has_value(); }));
  CHECK(bench.read("request") == write_apply_request(table("t"), three_changes()));

  bench.write_program(
      "cat >$HERE/request\n"
      R"(echo '{"version":1,"routes":[{"destination":"10.0.2.0/24","ours":true,"metric":100,)"
      R"("type":"unicast","next_hops":[{"via":"10.0.1.1"}]}]}')"
      "\n");
  const auto listing = bench.list();
  REQUIRE(listing);
  CHECK(listing->routes == std::vector<Seen>{{route("10.0.2.0/24"), true, ""}});
  CHECK(bench.read("request") == write_list_request(table("t"), {}));
  CHECK(bench.driver().next_deadline() == kNever);
  CHECK(bench.reactor().watched() == 0);
}

TEST_CASE("a request beyond what a pipe holds arrives whole, and need not be read") {
  std::set<Cidr> destinations;
  for (unsigned i = 0; i < 20'000; ++i) destinations.insert(Cidr::host(Address::v4(i)));
  const std::string request = write_list_request(table("t"), destinations);
  REQUIRE(request.size() > 200'000);
  Bench bench("cat >$HERE/request\n" + std::string(kEmptyListing));
  const auto list = [&] {
    std::optional<test::Listed> said;
    bench.driver().list(table("t"), destinations, [&](test::Listed told) { said = told; });
    CHECK(bench.until([&] { return said.has_value(); }));
    return said && said->has_value();
  };
  CHECK(list());
  CHECK(bench.read("request") == request);
  bench.write_program("exec <&-\n" + std::string(kEmptyListing));
  CHECK(list());
}

// Says yes to everything, but not in its third run.
constexpr std::string_view kYes = R"(#!/usr/bin/env python3
import json, os, sys
here = os.path.dirname(sys.argv[0])
request = json.load(sys.stdin)
routes = request["add"] + request["replace"] + request["remove"]
with open(here + "/runs", "a+") as runs:
    runs.seek(0)
    number = len(runs.readlines())
    runs.write(" ".join(str(len(request[it])) for it in ("add", "replace", "remove")) + "\n")
if number == 2:
    sys.exit("no more")
print(json.dumps({"version": 1, "results": [
    {"destination": it["destination"], "metric": it["metric"], "ok": True} for it in routes]}))
)";

TEST_CASE("many changes are told in parts, until one fails") {
  Bench bench(kYes);
  Changes changes;
  for (unsigned i = 0; i < 250; ++i) {
    changes.add.push_back({{Cidr::host(Address::v4(i)), 100}, {}, 0, 0});
    changes.replace.push_back({{Cidr::host(Address::v4(i)), 200}, {}, 0, 0});
    changes.remove.push_back({{Cidr::host(Address::v4(i)), 300}, {}, 0, 0});
  }
  std::string order;
  std::optional<Outcomes> outcomes;
  bench.driver().apply(table("t"), changes, [&](Outcomes told) {
    outcomes = std::move(told);
    order += "changes ";
  });
  bench.driver().apply(table("t"), three_changes(), [&](const Outcomes& told) {
    CHECK(told.size() == 3);
    order += "three";
  });
  REQUIRE(bench.until([&] { return order == "changes three"; }));
  CHECK(bench.read("runs") == "200 0 0\n50 150 0\n0 100 100\n1 1 1\n");
  REQUIRE(outcomes->size() == 750);
  for (std::size_t i = 0; i < 750; ++i) CHECK((*outcomes)[i].has_value() == (i < 400));
  CHECK((*outcomes)[749].error().why.starts_with("rest: it ended with status 1: no more ("));
}

TEST_CASE("rules are no program's affair") {
  Bench bench("touch $HERE/ran\n" + std::string(kThreeOk));
  Changes changes;
  changes.add_rules.push_back({*Cidr::parse("10.9.0.0/16")});
  const Outcomes alone = bench.apply(changes);
  REQUIRE(alone.size() == 1);
  CHECK(alone.front().error().kind == Trouble::Kind::other);
  CHECK(bench.apply({}).empty());
  CHECK_FALSE(bench.has("ran"));

  Changes mixed = three_changes();
  mixed.remove_rules = changes.add_rules;
  const Outcomes outcomes = bench.apply(mixed);
  REQUIRE(outcomes.size() == 4);
  CHECK(outcomes[2].has_value());
  CHECK_FALSE(outcomes[3].has_value());
  CHECK_FALSE(bench.driver().capabilities().rules);
}

TEST_CASE("the program's surroundings are always the same") {
  ::setenv("IPSEC_SECRET", "hunter2", 1);
  const UniqueFd leaking(::open("/dev/null", O_RDONLY));  // as a library might: without O_CLOEXEC
  sigset_t usr1;
  sigset_t before;
  ::sigemptyset(&usr1);
  ::sigaddset(&usr1, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &usr1, &before);
  const auto was = ::signal(SIGPIPE, SIG_IGN);
  {
    Bench bench(
        "tr '\\0' '\\n' </proc/$$/environ >$HERE/environment\n"
        "cat /proc/self/status | grep -E '^(SigBlk|SigIgn|SigCgt|NoNewPrivs|CapAmb):' "
        ">$HERE/status\n"
        "ls /proc/self/fd >$HERE/descriptors\n"
        "{ pwd; umask; cut -d' ' -f5 /proc/$$/stat; echo $$; } >$HERE/others\n" +
        std::string(kEmptyListing));
    CHECK(bench.list());
    CHECK(lines_of(bench.read("environment")) ==
          std::vector<std::string>{
              "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C"});
    CHECK(lines_of(bench.read("status")) ==
          std::vector<std::string>{"SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000",
                                   "SigCgt:\t0000000000000000", "CapAmb:\t0000000000000000",
                                   "NoNewPrivs:\t1"});
    // The last is the directory that is listed.
    CHECK(bench.read("descriptors") == "0\n1\n2\n3\n");
    const auto others = lines_of(bench.read("others"));
    REQUIRE(others.size() == 4);
    CHECK(others[0] == "/");
    CHECK(others[1] == "0077");
    CHECK(others[2] == others[3]);  // it leads its process group
  }
  ::signal(SIGPIPE, was);
  sigset_t now;
  ::sigprocmask(SIG_SETMASK, &before, &now);
  CHECK(::sigismember(&now, SIGUSR1) == 1);
  ::unsetenv("IPSEC_SECRET");
}

// Says when it begins and when it ends, and goes on when the test lets it.
constexpr std::string_view kSlow =
    "request=$(cat)\n"
    "table=${request#*\\\"table\\\":\\\"}; table=${table%%\\\"*}\n"
    "first=${request#*destinations\\\":[\\\"}; first=${first%%\\\"*}\n"
    "echo \"begin $table $first\" >>$HERE/log\n"
    "while [ ! -e $HERE/go ]; do sleep 0.01; done\n"
    "echo \"end $table $first\" >>$HERE/log\n";

TEST_CASE("at most so many programs run at once, and each table's one after another") {
  Bench bench(std::string(kSlow) + std::string(kEmptyListing), {.concurrency = 3});
  std::vector<std::string> answered;
  for (int round = 0; round < 3; ++round) {
    for (const char* name : {"a", "b", "c", "d", "e"}) {
      const std::string first = "10.0." + std::to_string(round) + ".0/24";
      bench.driver().list(table(name), {*Cidr::parse(first)},
                          [&, line = std::string(name) + " " + first](test::Listed said) {
                            CHECK(said.has_value());
                            answered.push_back(line);
                          });
    }
  }
  const auto begun = [&] { return lines_of(bench.read("log")).size(); };
  REQUIRE(bench.until([&] { return begun() == 3; }));
  for (int turn = 0; turn < 20; ++turn) bench.reactor().turn();
  CHECK(begun() == 3);
  CHECK(bench.read("log").find("10.0.1.0/24") == std::string::npos);
  CHECK(answered.empty());

  bench.folder().write("go", "");
  REQUIRE(bench.until([&] { return answered.size() == 15; }));
  std::set<std::string> running;
  std::size_t most = 0;
  std::vector<std::string> of_a;
  for (const std::string& line : lines_of(bench.read("log"))) {
    std::string word;
    std::string name;
    std::istringstream(line) >> word >> name;
    if (name == "a") of_a.push_back(line);
    if (word == "begin") {
      CHECK(running.insert(name).second);
    } else {
      running.erase(name);
    }
    most = std::max(most, running.size());
  }
  CHECK(most == 3);
  CHECK(of_a == std::vector<std::string>{"begin a 10.0.0.0/24", "end a 10.0.0.0/24",
                                         "begin a 10.0.1.0/24", "end a 10.0.1.0/24",
                                         "begin a 10.0.2.0/24", "end a 10.0.2.0/24"});
}

TEST_CASE("a call that can no longer wait is answered at once") {
  Bench bench(kSlow, {.concurrency = 1});
  std::size_t refused = 0;
  const auto call = [&] {
    bench.driver().list(table("t"), {}, [&](test::Listed said) {
      CHECK(said.error().why.starts_with("rest: too many calls wait"));
      ++refused;
    });
  };
  for (std::size_t i = 0; i < limits::kProgramCalls + 1; ++i) call();
  CHECK(refused == 0);
  call();
  CHECK(refused == 1);
  bench.drop_driver();
  CHECK(refused == 1);  // none is answered once the driver is gone
}

TEST_CASE("who is answered may ask again, or take the driver away") {
  Bench bench(kEmptyListing);
  bool done = false;
  bench.driver().list(table("a"), {}, [&](test::Listed first) {
    CHECK(first.has_value());
    bench.driver().list(table("a"), {}, [&](test::Listed second) {
      CHECK(second.has_value());
      bench.drop_driver();
      done = true;
    });
  });
  CHECK(bench.until([&] { return done; }));
  CHECK(bench.reactor().watched() == 0);
}

TEST_CASE("the driver's end is the end of what it runs") {
  Bench bench("sleep 1000 & echo $! >$HERE/child\necho $$ >$HERE/pid\nwait\n");
  bool answered = false;
  bench.driver().list(table("a"), {}, [&](test::Listed) { answered = true; });
  const int child = bench.number_in("child");
  const int pid = bench.number_in("pid");
  bench.drop_driver();
  CHECK(test::is_dead(pid));
  CHECK(bench.until([&] { return test::is_dead(child); }));
  CHECK_FALSE(answered);
  CHECK(bench.reactor().watched() == 0);
}

}  // namespace
}  // namespace ipsec::route::exec
