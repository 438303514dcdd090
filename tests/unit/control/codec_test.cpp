// What is written must be read as the same, for every request and every answer there is; and what
// stands between is one line of JSON in a stable order.
#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "ike/control/types/codec.h"
#include "ike/gateway/schema/fields.h"
#include "tests/support/control_examples.h"

namespace ipsec::control {
namespace {

bool is_one_line(const std::string& line) {
  return line.ends_with('\n') && std::ranges::count(line, '\n') == 1;
}

Request request_of(std::string_view line) {
  auto request = read_request(line);
  INFO(line);
  REQUIRE(request.has_value());
  return *std::move(request);
}

Fields fields_read(std::string_view fields) {
  const Request request = request_of(
      R"({"v":1,"op":"create","kind":"tunnel","name":"hq","fields":)" + std::string(fields) + "}");
  return std::get<Create>(request.operation).fields;
}

std::string written(const Fields& fields) {
  const std::string line = write(Request{0, "", Create{Kind::tunnel, "hq", fields, false}});
  const auto begin = line.find(R"("fields":)") + 9;
  return line.substr(begin, line.find(R"(,"dry_run")") - begin);
}

TEST_CASE("every request is read as it was written") {
  std::set<std::size_t> seen;
  for (const Request& request : test::all_requests()) {
    const std::string line = write(request);
    INFO(line);
    CHECK(is_one_line(line));
    const auto read = read_request(line);
    REQUIRE(read.has_value());
    CHECK(*read == request);
    CHECK(line.contains('"' + std::string(name_of(request.operation)) + '"'));
    seen.insert(request.operation.index());
  }
  CHECK(seen.size() == std::variant_size_v<Operation>);
}

TEST_CASE("every answer is read as it was written") {
  std::set<std::size_t> seen;
  for (const Reply& reply : test::all_replies()) {
    const std::string line = write(reply);
    INFO(line);
    CHECK(is_one_line(line));
    const auto read = read_answer(line);
    REQUIRE(read.has_value());
    REQUIRE(std::holds_alternative<Reply>(*read));
    CHECK(std::get<Reply>(*read) == reply);
    if (reply.result) seen.insert(reply.result->index());
  }
  CHECK(seen.size() == std::variant_size_v<Result>);

  const auto event = read_answer(write(test::an_event()));
  REQUIRE(event.has_value());
  CHECK(std::get<EventView>(*event) == test::an_event());
}

TEST_CASE("what was not there comes back as not there") {
  const Result bare =
      ObjectsReply{Kind::peer, {{Kind::peer, "peer-1", "p", Moment{}, {}, {}, std::nullopt}}};
  const auto read = read_answer(write(Reply{1, bare}));
  REQUIRE(read.has_value());
  CHECK(std::get<Reply>(*read).result == bare);
  CHECK(write(Reply{1, bare}).contains(R"("created":"1970-01-01T00:00:00Z")"));
  CHECK(write(Reply{1, bare}).contains(R"("status":null)"));
}

TEST_CASE("the lines are those that the description shows") {
  CHECK(write(Request{7, "", Create{Kind::tunnel, "hq", {{"ike.version", {"2"}}}, false}}) ==
        R"({"v":1,"id":7,"op":"create","kind":"tunnel","name":"hq",)"
        R"("fields":{"ike":{"version":"2"}},"dry_run":false})"
        "\n");
  CHECK(
      write(Reply{7, std::unexpected(Error{ErrorCode::not_found, "no tunnel 'x'", {}})}) ==
      R"({"v":1,"id":7,"ok":false,"error":{"code":"not_found","message":"no tunnel 'x'","problems":[]}})"
      "\n");
  CHECK(write(test::an_event()) ==
        R"({"v":1,"event":{"at":"2026-11-23T10:00:03Z","number":12,)"
        R"("tunnel_id":"tun-0123456789abcdef","tunnel":"hq","phase":"1","event":"ike-up",)"
        R"("text":"phase 1 is up"}})"
        "\n");
  CHECK(to_json(DoneReply{{"a", "b"}}) ==
        "{\n  \"type\": \"done\",\n  \"warnings\": [\n    \"a\",\n    \"b\"\n  ]\n}");
  CHECK(to_json(DoneReply{}) == "{\n  \"type\": \"done\",\n  \"warnings\": []\n}");
}

TEST_CASE("a list in parts is the list in one piece") {
  ObjectView plain{Kind::peer, "peer-1", "p", Moment{}, {{"address", {"192.0.2.1"}}}, {}, {}};
  ObjectView busy{Kind::tunnel, "tun-1", "t", Moment{}, {}, {{"vpc", "a"}}, TunnelStatusView{}};
  busy.status->note = "a \"note\"";
  for (const auto& [kind, objects] : {std::pair(Kind::peer, std::vector{plain, plain}),
                                      std::pair(Kind::tunnel, std::vector{busy}),
                                      std::pair(Kind::vpc, std::vector<ObjectView>{})}) {
    auto parts = ListWriter::objects(9, kind);
    std::string text = parts.take();
    for (const ObjectView& object : objects) {
      const std::string standing = print_standing(object);
      parts.add({standing, object.status});
      text += parts.take();
    }
    parts.end();
    text += parts.take();
    CHECK(text == write(Reply{9, ObjectsReply{kind, objects}}));
  }
}

TEST_CASE("a result is printed while its line still comes, wherever it is cut") {
  const Result result = DoneReply{{"a", R"(quoted: "b\", {}[], 0)", "", "\u00e9\n"}};
  const std::string whole = write(Reply{7, result});
  const std::string_view line = std::string_view(whole).substr(0, whole.size() - 1);
  for (std::size_t cut = 0; cut <= line.size(); ++cut) {
    JsonPrinter printer(7);
    printer.take(line.substr(0, cut));
    CHECK(printer.end(line) == to_json(result));
  }
  JsonPrinter by_bytes(7);
  for (std::size_t size = 1; size < line.size(); ++size) by_bytes.take(line.substr(0, size));
  CHECK(by_bytes.end(line) == to_json(result));
}

TEST_CASE("a line that is no result of the request is not printed") {
  const auto printed = [](std::string_view line) { return JsonPrinter(7).end(line); };
  constexpr std::string_view kGood = R"({"v":1,"id":7,"ok":true,"result":{"n":[1,-2.5e3,null]}})";
  CHECK(printed(kGood) == "{\n  \"n\": [\n    1,\n    -2.5e3,\n    null\n  ]\n}");
  CHECK_FALSE(JsonPrinter(8).end(kGood));
  CHECK_FALSE(printed(R"({"v":1,"id":7,"ok":false,"error":{}})"));
  for (const std::string_view broken :
       {R"({"n":[1,])", R"({"n" 1})", R"({"n":1)", R"("n)", R"([1 2])", R"({1:2})", R"([})", "x",
        "", "1,", R"({"n":1}])"}) {
    CAPTURE(broken);
    CHECK_FALSE(printed(fmt::format(R"({{"v":1,"id":7,"ok":true,"result":{}}})", broken)));
  }
}

TEST_CASE("fields have the types of their table") {
  CHECK(written({{"enabled", {"true"}},
                 {"ike.lifetime_s", {"7200"}},
                 {"ike.dh", {"14"}},
                 {"fragment_bytes", {"007"}},
                 {"psk", {"123456"}},
                 {"remarks", {}}}) ==
        R"({"enabled":true,"ike":{"lifetime_s":7200,"dh":["14"]},"fragment_bytes":"007",)"
        R"("psk":"123456","remarks":null})");

  CHECK(fields_read(R"({"enabled":false})") == Fields{{"enabled", {"false"}}});
  CHECK(fields_read(R"({"enabled":"false"})") == Fields{{"enabled", {"false"}}});
  CHECK(fields_read(R"({"fragment_bytes":1200})") == Fields{{"fragment_bytes", {"1200"}}});
  CHECK(fields_read(R"({"fragment_bytes":"1200"})") == Fields{{"fragment_bytes", {"1200"}}});
  CHECK(fields_read(R"({"fragment_bytes":-5})") == Fields{{"fragment_bytes", {"-5"}}});
  CHECK(fields_read(R"({"ike":{"version":2,"dh":[14,"x25519"]}})") ==
        Fields{{"ike.version", {"2"}}, {"ike.dh", {"14", "x25519"}}});
  CHECK(fields_read(R"({"peer_cidrs":"10.0.0.0/8"})") == Fields{{"peer_cidrs", {"10.0.0.0/8"}}});
  CHECK(fields_read(R"({"remarks":null,"peer_cidrs":[]})") ==
        Fields{{"remarks", {}}, {"peer_cidrs", {}}});
}

TEST_CASE("every field of every kind goes to the daemon and back") {
  for (const Kind kind : kKinds) {
    for (const Field& field : fields_of(kind)) {
      const bool flag = field.shape == Shape::flag;
      const std::string text = flag ? "true" : field.shape == Shape::number ? "42" : "text";
      FieldValue value{text};
      if (field.many) value.push_back(text);
      const Request request{1, "", Set{kind, {"x"}, {{std::string(field.name), value}}, false}};
      INFO(write(request));
      CHECK(request_of(write(request)) == request);
    }
  }
}

TEST_CASE("an older program passes over what a newer daemon adds") {
  const auto read = read_answer(
      R"({"v":1,"id":3,"ok":true,"new":{"a":[1]},"result":{"type":"plan","done":true,"new":1,)"
      R"("steps":[{"what":"create","kind":"vpc","new":null,"changes":[{"field":"f","after":"x","n":1}]}]}})");
  REQUIRE(read.has_value());
  const Reply& reply = std::get<Reply>(*read);
  CHECK(reply.id == 3);
  const auto& plan = std::get<PlanReply>(*reply.result);
  CHECK(plan.done);
  REQUIRE(plan.steps.size() == 1);
  CHECK(plan.steps[0].changes == std::vector<ChangeView>{{"f", {}, {"x"}}});

  const auto failed =
      read_answer(R"({"v":1,"id":3,"ok":false,"error":{"code":"brand_new","message":"m"}})");
  REQUIRE(failed.has_value());
  CHECK(std::get<Reply>(*failed).result.error() == Error{ErrorCode::failed, "m", {}});

  const auto fields =
      read_answer(R"({"v":1,"id":3,"ok":true,"result":{"type":"objects","kind":"peer","objects":[)"
                  R"({"kind":"peer","fields":{"new":{"deep":{"er":[1,true,"x"]}}}}]}})");
  REQUIRE(fields.has_value());
  CHECK(std::get<ObjectsReply>(*std::get<Reply>(*fields).result).objects[0].fields ==
        Fields{{"new.deep.er", {"1", "true", "x"}}});
}

TEST_CASE("times are those of the calendar") {
  using std::chrono::sys_days;
  using std::chrono::year;
  const auto event_at = [](Moment at) { return EventView{at, 0, "", "", "", "", ""}; };
  const std::pair<Moment, std::string_view> known[] = {
      {sys_days(year(2000) / 2 / 29), "2000-02-29T00:00:00Z"},
      {Moment(std::chrono::seconds(-1)), "1969-12-31T23:59:59Z"},
      {Moment(std::chrono::seconds(1'000'000'000)), "2001-09-09T01:46:40Z"},
      {sys_days(year(9999) / 12 / 31), "9999-12-31T00:00:00Z"},
  };
  for (const auto& [moment, text] : known) {
    const std::string line = write(event_at(moment));
    CHECK(line.contains('"' + std::string(text) + '"'));
    CHECK(std::get<EventView>(read_answer(line).value()).at == moment);
  }
  CHECK(write(event_at(sys_days(year(20'000) / 1 / 1))).contains(R"("9999-12-31T23:59:59Z")"));
}

TEST_CASE("text that is no UTF-8 still makes a line of JSON") {
  EventView event = test::an_event();
  event.text = "vendor \xff\xfe\n end";
  const std::string line = write(event);
  CHECK(is_one_line(line));
  CHECK(std::get<EventView>(read_answer(line).value()).text ==
        "vendor \xef\xbf\xbd\xef\xbf\xbd\n end");
}

TEST_CASE("keys in a request can be wiped") {
  Request create{1, "",
                 Create{Kind::tunnel, "hq", {{"psk", {"geheim"}}, {"remarks", {"r"}}}, false}};
  wipe(create);
  CHECK(std::get<Create>(create.operation).fields == Fields{{"psk", {""}}, {"remarks", {"r"}}});
  Request apply{1, "", Apply{"psk = \"geheim\"", "f", false, false}};
  wipe(apply);
  CHECK(std::get<Apply>(apply.operation).text.empty());
}

}  // namespace
}  // namespace ipsec::control
