// scripts/route-exec-rest under the driver, opposite a server that the test starts on the loopback
// address and spoils as it likes (tests/support/rest_tables.py).
#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/unit/route_exec/rest_server.h"
#include "tests/unit/route_exec/surroundings.h"

namespace ipsec::route::exec {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;
using Kind = Trouble::Kind;
using test::Bench;
using test::route;
using test::table;
using test::three_changes;

struct Site {
  Site() : bench(test::kRestProgram), server(bench.folder()) {
    server.put("t", Json::array());
    server.start();
  }

  void spoil(std::string_view faults) const { bench.folder().write("faults", faults); }
  // A line for each change.
  [[nodiscard]] std::string apply(const Changes& changes) {
    std::string said;
    for (const Outcome& outcome : bench.apply(changes)) {
      if (!said.empty()) said += '\n';
      said += outcome ? "ok" : outcome.error().why;
    }
    return said;
  }

  Bench bench;
  test::RestServer server;
};

const Json kForeign = {{"destination", "10.0.2.0/24"}, {"metric", 100}, {"owner", "peering pcx-1"}};

TEST_CASE("routes go into the table, are changed there and go again") {
  Site site;
  Changes changes;
  changes.add = {route("10.0.2.0/24"), route("10.0.3.0/24"), route("fd00:2::/48", 7, "fd00::1")};
  changes.add[0].hops.push_back({Address::parse("10.0.1.2"), ""});
  changes.add[0].mtu = 1438;
  changes.add[0].advmss = 1398;
  CHECK(site.apply(changes) == "ok\nok\nok");
  CHECK(site.server.table("t").size() == 3);
  CHECK(site.server.table("t")[0]["owner"] == "ipsecd");
  auto listed = site.bench.list();
  REQUIRE(listed.has_value());
  CHECK(listed->routes == std::vector<Seen>{{changes.add[0], true, ""},
                                            {changes.add[1], true, ""},
                                            {changes.add[2], true, ""}});

  Changes next;
  next.replace = {changes.add[0], changes.add[1]};
  next.replace[0].mtu = 1400;
  next.replace[1].hops.clear();
  next.remove = {changes.add[2]};
  CHECK(site.apply(next) == "ok\nok\nok");
  listed = site.bench.list();
  REQUIRE(listed.has_value());
  CHECK(listed->routes ==
        std::vector<Seen>{{next.replace[0], true, ""}, {next.replace[1], true, ""}});

  // Once more, as after an answer that was lost: nothing is written.
  const std::string before = site.bench.read("calls");
  CHECK(site.apply(next) == "ok\nok\nok");
  CHECK(site.bench.read("calls") == before + "GET /tables/t/routes\n");
}

TEST_CASE("as many changes as are told at once fit into one run") {
  Site site;
  Changes changes;
  for (unsigned i = 0; i < site.bench.driver().capabilities().changes_at_once; ++i) {
    changes.add.push_back(route("10.1.1.1"));
    changes.add.back().key.destination = Cidr::host(Address::v4(0x0a010000 + i));
  }
  const Outcomes outcomes = site.bench.apply(changes);
  CHECK(std::ranges::all_of(outcomes, [](const Outcome& it) { return it.has_value(); }));
  CHECK(site.bench.list()->routes.size() == changes.add.size());
}

TEST_CASE("another's route is told, and stays what it is") {
  Site site;
  Json elsewhere = kForeign;
  elsewhere["destination"] = "192.168.0.0/16";
  site.server.put("t", Json::array({kForeign, elsewhere}));
  std::optional<test::Listed> said;
  site.bench.driver().list(table("t"), {*Cidr::parse("10.0.2.0/24")},
                           [&](test::Listed told) { said = std::move(told); });
  REQUIRE(site.bench.until([&] { return said.has_value(); }));
  Seen seen{route("10.0.2.0/24"), false, "peering pcx-1"};
  seen.route.hops.clear();
  CHECK((*said)->routes == std::vector<Seen>{seen});

  const auto conflict = [](const Outcome& outcome) {
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error() == Trouble{Kind::conflict, "rest: peering pcx-1 has 10.0.2.0/24"});
  };
  Changes changes;
  changes.add = {route("10.0.2.0/24"), route("10.0.3.0/24")};
  const Outcomes added = site.bench.apply(changes);
  conflict(added[0]);
  CHECK(added[1].has_value());
  Changes next;
  next.replace = {route("10.0.2.0/24")};
  conflict(site.bench.apply(next)[0]);
  Changes last;
  last.remove = {route("10.0.2.0/24")};
  CHECK(site.apply(last) == "ok");  // ours is not there
  CHECK(site.server.table("t")[0] == kForeign);
}

TEST_CASE("one that comes between looking and writing is not hit either") {
  Site site;
  // The table is told as empty first, and by then it is not.
  site.spoil("after 200\nslow 60\n");
  Changes changes;
  changes.add = {route("10.0.2.0/24")};
  std::optional<Outcomes> said;
  site.bench.driver().apply(table("t"), changes, [&](Outcomes told) { said = std::move(told); });
  REQUIRE(site.bench.until([&] { return site.bench.read("calls").contains("POST"); }));
  site.server.put("t", Json::array({kForeign}));
  std::filesystem::remove(site.bench.folder() / "faults");
  REQUIRE(site.bench.until([&] { return said.has_value(); }));
  CHECK((*said)[0].error().kind == Kind::conflict);
  CHECK(site.server.table("t") == Json::array({kForeign}));
}

TEST_CASE("what the server refuses has its kind") {
  Site site;
  const auto kind = [&](const std::string& name) { return site.bench.list(name).error().kind; };
  CHECK(kind("nowhere") == Kind::no_table);
  site.spoil("status 403\nstatus 418\n");
  CHECK(kind("t") == Kind::forbidden);
  CHECK(kind("t") == Kind::other);
  site.spoil("ok\nstatus 422\nok\nok\n");
  const Outcomes outcomes = site.bench.apply(three_changes());
  CHECK(outcomes[0].error().kind == Kind::unreachable);
  CHECK(outcomes[1].has_value());
  CHECK(outcomes[2].has_value());
  site.server.configure("open", 8);
  const auto refused = site.bench.list();
  CHECK(refused.error().kind == Kind::forbidden);
  CHECK(refused.error().why ==
        fmt::format(R"(rest: 127.0.0.1:{}: GET: 401 Unauthorized: {{"error": "who are you"}})",
                    site.server.port()));
}

TEST_CASE("a server that fails makes the program fail, and the next try mends it") {
  Site site;
  for (const char* fault : {"status 500", "status 429", "garbage", "huge", "hang up"}) {
    INFO(fault);
    site.spoil(std::string(fault) + "\n");
    const auto listed = site.bench.list();
    REQUIRE_FALSE(listed.has_value());
    CHECK(listed.error().kind == Kind::driver);
    CHECK(listed.error().why.starts_with(
        fmt::format("rest: it ended with status 1: 127.0.0.1:{}", site.server.port())));
  }
  site.spoil("ok\nok\nstatus 503\n");
  Changes changes;
  changes.add = {route("10.0.2.0/24"), route("10.0.3.0/24"), route("10.0.4.0/24")};
  const std::string why =
      fmt::format("rest: 127.0.0.1:{}: POST: 503 Service Unavailable", site.server.port());
  CHECK(site.apply(changes) == "ok\n" + why + "\n" + why);
  CHECK(site.server.table("t").size() == 1);
  // One that was done, and told as failed.
  site.spoil("ok\nafter 500\n");
  CHECK(site.apply(changes).starts_with("ok\nrest: "));
  CHECK(site.server.table("t").size() == 2);
  CHECK(site.apply(changes) == "ok\nok\nok");
  CHECK(site.server.table("t").size() == 3);
}

TEST_CASE("a slow server is given up by the program, or the program by the driver") {
  Site site;
  site.server.configure("sesame", 0.3);
  site.spoil("slow 60\n");
  const std::string why = site.bench.list().error().why;
  INFO(why);
  CHECK(why.starts_with(
      fmt::format("rest: it ended with status 1: 127.0.0.1:{}: GET: ", site.server.port())));
  CHECK((why.contains("timed out") || why.contains("no time is left")));
  std::filesystem::remove(site.bench.folder() / "faults");
  std::filesystem::remove(site.bench.folder() / "calls");
  site.server.configure("sesame", 60);
  site.spoil("slow 60\n");
  std::optional<test::Listed> said;
  site.bench.driver().list(table("t"), {}, [&](test::Listed told) { said = std::move(told); });
  REQUIRE(site.bench.until([&] { return site.bench.has("calls"); }));
  site.bench.skip(10s);
  REQUIRE(site.bench.until([&] { return said.has_value(); }));
  CHECK(said->error().why.starts_with("rest: it did not end within 10 s and was killed"));
  std::filesystem::remove(site.bench.folder() / "faults");
  CHECK(site.bench.list().has_value());
}

TEST_CASE("a server that goes and comes again is found again") {
  Site site;
  CHECK(site.apply(three_changes()) == "ok\nok\nok");
  site.server.stop();
  const std::string refused =
      fmt::format("rest: it ended with status 1: 127.0.0.1:{}: GET: Connection refused ({})",
                  site.server.port(), (site.bench.folder() / "program").string());
  CHECK(site.bench.list().error() == Trouble{Kind::driver, refused});
  CHECK(site.apply(three_changes()) == refused + "\n" + refused + "\n" + refused);
  site.server.start();
  CHECK(site.bench.list()->routes.size() == 2);
}

TEST_CASE("a configuration that cannot be used says so") {
  Site site;
  const auto why = [&] {
    const std::string said = site.bench.list().error().why;
    const std::string path = (site.bench.folder() / "rest.json").string();
    const auto at = said.find(path);
    return at == std::string::npos ? said : said.substr(at + path.size() + 2);
  };
  ::chmod((site.bench.folder() / "rest.json").c_str(), S_IRUSR | S_IWUSR | S_IRGRP);
  CHECK(why().starts_with("others may read the token; chmod 600 it"));
  site.bench.folder().write("rest.json", R"({"url":"http://127.0.0.1:1","tokn":""})");
  CHECK(why().starts_with("there is no 'tokn'"));
  site.bench.folder().write("rest.json", "url");
  CHECK(why().starts_with("Expecting value"));
  site.bench.folder().write("rest.json", "[]");
  CHECK(why().starts_with("needs an object with 'url'"));
  site.bench.folder().write("rest.json", R"({"url":"ftp://127.0.0.1"})");
  CHECK(why().starts_with("rest: it ended with status 1: 'url' must be like"));
  std::filesystem::remove(site.bench.folder() / "rest.json");
  CHECK(why().starts_with("No such file or directory"));
}

}  // namespace
}  // namespace ipsec::route::exec
