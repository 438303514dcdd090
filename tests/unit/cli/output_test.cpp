// Goal: files are read back by other programs as what they say, and run nothing there. Method:
// known bytes; the Excel file is opened again by tests/cli/xlsx_test.py, here it is told from
// others.
#include "cli/output.h"

#include <catch2/catch.hpp>

namespace ipsec::cli {
namespace {

control::ObjectsReply two_peers() {
  control::ObjectView one;
  one.kind = Kind::peer;
  one.id = "peer-1";
  one.name = "hq";
  one.created = control::Moment(std::chrono::seconds(1764000000));
  one.fields = {{"address", {"203.0.113.9"}}, {"remarks", {R"(say "hi", all)"}}};
  one.derived = {{"tunnels", "3"}};
  control::ObjectView two = one;
  two.id = "peer-2";
  two.name = "=cmd|'/c calc'!A1";
  two.fields = {{"address", {"0.0.0.0"}}, {"remarks", {"two\nlines"}}};
  return {Kind::peer, {one, two}};
}

}  // namespace

TEST_CASE("CSV is quoted as RFC 4180 says and bears no formula") {
  CHECK(csv(sheet_of(two_peers(), false)) ==
        "name,id,address,vendor,region,tunnels,created,remarks\r\n"
        "hq,peer-1,203.0.113.9,,,3,2025-11-24T16:00:00Z,\"say \"\"hi\"\", all\"\r\n"
        "'=cmd|'/c calc'!A1,peer-2,0.0.0.0,,,3,2025-11-24T16:00:00Z,\"two\nlines\"\r\n");
  for (const char* begin : {"=", "+", "-", "@", "\t", "\r"}) {
    const Sheet sheet{"x", {{"a", "A"}}, {{{std::string(begin) + "1"}}}};
    INFO(begin);
    CHECK(csv(sheet).find(std::string("'") + begin) != std::string::npos);
  }
}

TEST_CASE("TOML is what apply reads") {
  control::ObjectView tunnel;
  tunnel.kind = Kind::tunnel;
  tunnel.name = R"(a "b"\c)";
  tunnel.fields = {{"gateway", {"gw"}},
                   {"local_cidrs", {"10.0.1.0/24", "10.0.2.0/24"}},
                   {"ike.lifetime_s", {"3600"}},
                   {"enabled", {"true"}},
                   {"group", {}},
                   {"remarks", {"a\nb"}}};
  CHECK(toml({Kind::tunnel, {tunnel, tunnel}}) ==
        R"([[tunnel]]
name = "a \"b\"\\c"
gateway = "gw"
local_cidrs = ["10.0.1.0/24", "10.0.2.0/24"]
ike.lifetime_s = 3600
enabled = true
remarks = "a\u000Ab"

[[tunnel]]
name = "a \"b\"\\c"
gateway = "gw"
local_cidrs = ["10.0.1.0/24", "10.0.2.0/24"]
ike.lifetime_s = 3600
enabled = true
remarks = "a\u000Ab"
)");
}

TEST_CASE("each answer has the forms that fit it") {
  const control::Result objects = two_peers();
  const control::Result text = control::TextReply{"hello\n", {}};
  for (const Format format :
       {Format::table, Format::json, Format::csv, Format::xlsx, Format::toml}) {
    CHECK(written(objects, format, false, {}));
  }
  CHECK(written(text, Format::toml, false, {}) == "hello\n");
  CHECK_FALSE(written(text, Format::csv, false, {}));
  CHECK_FALSE(written(control::Result{control::LimitsReply{}}, Format::toml, false, {}));
  CHECK(written(objects, Format::xlsx, false, {})->starts_with("PK"));
  CHECK(written(objects, Format::json, false, {})->ends_with("\n"));
}

TEST_CASE("a list of many is an Excel file, and of too many a sentence") {
  Sheet sheet{"x", {{"a", "A"}}, {}};
  sheet.rows.assign(1048576, {{std::string("v")}});
  CHECK_FALSE(xlsx(sheet));
  CHECK(xlsx(sheet).error().find("csv") != std::string::npos);
}

TEST_CASE("a plan tells what goes and what reconnects") {
  control::PlanReply plan;
  plan.steps = {{"remove", Kind::tunnel, "tun-1", "hq", {}, true, true},
                {"change",
                 Kind::peer,
                 "peer-1",
                 "p",
                 {{"address", {"1.2.3.4"}, {"1.2.3.5"}}, {"psk", {}, {}}},
                 false,
                 false}};
  CHECK(text(plan, {}) ==
        "- would delete tunnel hq (tun-1); it carries traffic, which would be "
        "interrupted\n"
        "~ would change peer p (peer-1)\n"
        "    address: 1.2.3.4 -> 1.2.3.5\n"
        "    psk: changed\n"
        "nothing has been changed yet\n");
  plan.steps.clear();
  CHECK(text(plan, {}) == "nothing to change\n");
}

}  // namespace ipsec::cli
