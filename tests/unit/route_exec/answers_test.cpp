// Reading answers: what is right comes out whole, and each way of being wrong is named.
#include <catch2/catch.hpp>

#include <string>
#include <utility>
#include <vector>

#include "ike/base/limits.h"
#include "route/exec/codec.h"
#include "tests/unit/route_exec/surroundings.h"

namespace ipsec::route::exec {
namespace {

using Kind = Trouble::Kind;
using test::route;
using test::three_changes;

constexpr std::string_view kSenseless = "its answer makes no sense: ";

std::string listing(const std::string& routes) {
  return R"({"version":1,"routes":[)" + routes + "]}";
}
std::string results(const std::string& results) {
  return R"({"version":1,"results":[)" + results + "]}";
}

const std::string kOurs =
    R"({"destination":"10.0.2.0/24","metric":100,"ours":true,"type":"unicast",)"
    R"("next_hops":[{"via":"10.0.1.1"}]})";
const std::string kFirst = R"({"destination":"10.0.2.0/24","metric":100,"ok":true})";
const std::string kSecond = R"({"destination":"10.0.3.0/24","metric":100,"ok":true})";
const std::string kThird = R"({"destination":"10.0.4.0/24","metric":100,"ok":true})";

// What is said against it, without what is said against all.
std::string against(const Trouble& trouble) {
  CHECK(trouble.kind == Kind::driver);
  CHECK(trouble.why.starts_with(kSenseless));
  return trouble.why.substr(std::min(kSenseless.size(), trouble.why.size()));
}
std::string against_listing(const std::string& answer) {
  const auto read = read_listing(answer);
  return read ? "nothing" : against(read.error());
}
std::string against_results(const std::string& answer) {
  const auto read = read_outcomes(answer, three_changes());
  return read ? "nothing" : against(read.error());
}

TEST_CASE("a listing comes out whole") {
  const auto read = read_listing(listing(
      R"({"destination":"10.0.2.0/24","metric":100,"ours":true,"type":"unicast","mtu":1438,)"
      R"("advmss":1398,"next_hops":[{"via":"10.0.1.1"},{"via":"fd00::1","device":"eth1"}]},)"
      R"({"destination":"10.0.3.0/24","metric":4294967295,"ours":true,"type":"blackhole"},)"
      R"({"destination":"0.0.0.0/0","ours":false,"label":"internet gateway igw-1"},)"
      R"({"destination":"fd00::/8","metric":1,"ours":false,"type":"unicast",)"
      R"("next_hops":[{"device":"pcx-1"}]})"));
  REQUIRE(read);
  Route first = route("10.0.2.0/24");
  first.hops.push_back({Address::parse("fd00::1"), "eth1"});
  first.mtu = 1438;
  first.advmss = 1398;
  Route second = route("10.0.3.0/24", 4294967295);
  second.hops.clear();
  Route third = route("0.0.0.0/0", 0);
  third.hops.clear();
  Route fourth = route("fd00::/8", 1);
  fourth.hops = {{std::nullopt, "pcx-1"}};
  CHECK(read->routes == std::vector<Seen>{{first, true, ""},
                                          {second, true, ""},
                                          {third, false, "internet gateway igw-1"},
                                          {fourth, false, ""}});
  CHECK(read->rules.empty());
  CHECK(read_listing(listing(""))->routes.empty());
}

TEST_CASE("results come out in their order") {
  const auto read = read_outcomes(
      results(kFirst +
              R"(,{"destination":"10.0.3.0/24","metric":100,"ok":false,"kind":"conflict",)"
              R"("why":"pcx-1 has it\nhere"},)" +
              kThird),
      three_changes());
  REQUIRE(read);
  REQUIRE(read->size() == 3);
  CHECK((*read)[0].has_value());
  CHECK((*read)[1].error() == Trouble{Kind::conflict, "pcx-1 has it"});
  CHECK((*read)[2].has_value());
}

TEST_CASE("a program tells its trouble with the whole") {
  const auto trouble = [](const std::string& kind) {
    return R"({"version":1,"trouble":{"kind":")" + kind + R"(","why":"there is no rtb-1"}})";
  };
  for (const auto& [word, kind] :
       {std::pair{"conflict", Kind::conflict}, std::pair{"no_table", Kind::no_table},
        std::pair{"unreachable", Kind::unreachable}, std::pair{"forbidden", Kind::forbidden},
        std::pair{"other", Kind::other}}) {
    const Trouble told{kind, "there is no rtb-1"};
    CHECK(read_listing(trouble(word)).error() == told);
    CHECK(read_outcomes(trouble(word), three_changes()).error() == told);
  }
  CHECK(against_listing(trouble("driver")) ==
        "it.trouble.kind must be one of conflict, no_table, unreachable, forbidden, other");
  CHECK(against_listing(R"({"version":1,"trouble":{"kind":"other","why":" "}})") ==
        "it.trouble.why must say something");
  CHECK(against_listing(R"({"version":1,"trouble":{"kind":"other","why":"x"},"routes":[]})") ==
        "it has 'routes', which is none of version, trouble");
}

TEST_CASE("an answer that is none is refused with the place") {
  CHECK(against_listing("").starts_with("it is no JSON"));
  CHECK(against_listing("hello").starts_with("it is no JSON"));
  CHECK(against_listing(listing(kOurs) + "{}").starts_with("it is no JSON at byte"));
  CHECK(against_listing("{\"version\":1,\"routes\":[\"\xff\"]}").starts_with("it is no JSON"));
  CHECK(against_listing("[]") == "it must be an object");
  CHECK(against_listing("{}") == "it lacks 'version'");
  CHECK(against_listing(R"({"version":2,"routes":[]})") == "it.version must be 1");
  CHECK(against_listing(R"({"version":1})") == "it lacks 'routes'");
  CHECK(against_listing(R"({"version":1,"routes":{}})") == "it.routes must be an array");
  CHECK(against_listing(R"({"version":1,"results":[]})") == "it lacks 'routes'");
  CHECK(against_listing(R"({"version":1,"version":1,"routes":[]})") ==
        "'version' stands twice in one object");
  CHECK(against_listing(R"({"version":1,"routes":[],"\u001b[0m":1})") ==
        "it has '?[0m', which is none of version, trouble, routes");
}

TEST_CASE("bounds hold against depth, values and routes") {
  const std::string deep(limits::kProgramJsonDepth + 1, '[');
  CHECK(against_listing(deep) == "it is nested deeper than 8");
  CHECK(against_listing(std::string(limits::kProgramAnswerBytes, '[')) ==
        "it is nested deeper than 8");
  std::string many = R"({"version":1,"routes":[0)";
  for (std::size_t i = 0; i < limits::kProgramJsonValues; ++i) many += ",0";
  CHECK(against_listing(many + "]}") == "there are more than 200000 values in it");
  std::string routes;
  for (std::size_t i = 0; i <= limits::kProgramRoutes; ++i) routes += i == 0 ? "0" : ",0";
  CHECK(against_listing(listing(routes)) == "it has more than 10000 routes");
  std::string hops;
  for (std::size_t i = 0; i <= limits::kProgramHops; ++i) hops += i == 0 ? "{}" : ",{}";
  CHECK(
      against_listing(listing(
          R"({"destination":"10.0.2.0/24","metric":1,"ours":true,"type":"unicast","next_hops":[)" +
          hops + "]}")) == "routes[0].next_hops may have 64 elements");
}

TEST_CASE("a route that is none is refused with the place") {
  const auto with = [](std::string_view what, std::string_view instead) {
    std::string route = kOurs;
    route.replace(route.find(what), what.size(), instead);
    return against_listing(listing(route));
  };
  CHECK(with("10.0.2.0/24", "10.0.2.1/24") ==
        R"(routes[0].destination must be a range like "10.0.2.0/24")");
  CHECK(with(R"("10.0.2.0/24")", "7") == "routes[0].destination must be a string");
  CHECK(with(R"("metric":100,)", "") == "routes[0] lacks 'metric'");
  for (const char* metric : {"-1", "4294967296", "1.5", "\"1\"", "null", "1e400"}) {
    INFO(metric);
    const std::string said = with("100", metric);
    CHECK((said == "routes[0].metric must be a whole number from 0 to 4294967295" ||
           said.starts_with("it is no JSON")));
  }
  CHECK(with(R"("ours":true,)", "") == "routes[0] lacks 'ours'");
  CHECK(with("true", "1") == "routes[0].ours must be true or false");
  CHECK(with(R"("type":"unicast",)", "") == "routes[0] lacks 'type'");
  CHECK(with("unicast", "local") == "routes[0].type must be unicast or blackhole");
  CHECK(with("unicast", "blackhole") == "routes[0].next_hops must be empty in a blackhole");
  CHECK(with(R"({"via":"10.0.1.1"})", "") == "routes[0].next_hops must not be empty");
  CHECK(with(R"({"via":"10.0.1.1"})", "{}") == "routes[0].next_hops[0] needs 'via' or 'device'");
  CHECK(with("10.0.1.1", "igw-1") == "routes[0].next_hops[0].via must be an address");
  CHECK(with("\"via\"", "\"gw\"").starts_with("routes[0].next_hops[0] needs"));
  CHECK(with("next_hops", "hops") == "routes[0] lacks 'next_hops'");
  CHECK(with("\"ours\"", "\"note\":\"\",\"ours\"") ==
        "routes[0] has 'note', which is none of ours, destination, metric, type, next_hops, mtu, "
        "advmss, label");
  CHECK(against_listing(listing("7")) == "routes[0] must be an object");
}

TEST_CASE("a route twice is refused, whosever") {
  CHECK(against_listing(listing(kOurs + "," + kOurs)) ==
        "10.0.2.0/24 with metric 100 stands in it twice");
  CHECK(against_listing(
            listing(kOurs + R"(,{"destination":"10.0.2.0/24","metric":100,"ours":false})")) ==
        "10.0.2.0/24 with metric 100 stands in it twice");
  CHECK(
      read_listing(listing(kOurs + R"(,{"destination":"10.0.2.0/24","metric":99,"ours":false})")));
}

TEST_CASE("results must be about what was asked, all of it and in its order") {
  CHECK(against_results(results(kFirst + "," + kSecond)) == "it has 2 results for 3 changes");
  CHECK(against_results(results(kFirst + "," + kSecond + "," + kThird + "," + kThird)) ==
        "it has 4 results for 3 changes");
  CHECK(against_results(results(kFirst + "," + kThird + "," + kSecond)) ==
        "results[1] is about 10.0.4.0/24 with metric 100, where 10.0.3.0/24 with metric 100 was "
        "asked for");
  std::string metric = kSecond;
  metric.replace(metric.find("100"), 3, "101");
  CHECK(against_results(results(kFirst + "," + metric + "," + kThird))
            .starts_with("results[1] is about 10.0.3.0/24 with metric 101"));
  const std::string unsure = R"({"destination":"10.0.3.0/24","metric":100,"ok":false})";
  CHECK(against_results(results(kFirst + "," + unsure + "," + kThird)) == "results[1] lacks 'why'");
  const std::string yes_but =
      R"({"destination":"10.0.3.0/24","metric":100,"ok":true,"kind":"other","why":"x"})";
  CHECK(against_results(results(kFirst + "," + yes_but + "," + kThird)) ==
        "results[1] has 'kind', which is none of destination, metric, ok");
  const std::string text = R"({"destination":"10.0.3.0/24","metric":100,"ok":"true"})";
  CHECK(against_results(results(kFirst + "," + text + "," + kThird)) ==
        "results[1].ok must be true or false");
}

}  // namespace
}  // namespace ipsec::route::exec
