// What a program is told, byte for byte.
#include <catch2/catch.hpp>

#include "route/exec/codec.h"
#include "tests/unit/route_exec/surroundings.h"

namespace ipsec::route::exec {
namespace {

using test::route;
using test::table;

TEST_CASE("the request for a listing names table, owner and destinations") {
  CHECK(
      write_list_request(table("rtb-1"), {*Cidr::parse("10.0.2.0/24"), *Cidr::parse("fd00::/8")}) ==
      R"({"version":1,"operation":"list","owner":"ipsecd","table":"rtb-1",)"
      R"("destinations":["10.0.2.0/24","fd00::/8"]})"
      "\n");
  CHECK(write_list_request(table("rtb-1"), {})
            .ends_with(R"("destinations":[]})"
                       "\n"));
}

TEST_CASE("the request for changes says all of each route") {
  Changes changes;
  changes.add.push_back(route("10.0.2.0/24"));
  changes.add.back().hops.push_back({std::nullopt, "eth1"});
  changes.add.back().mtu = 1438;
  changes.add.back().advmss = 1398;
  changes.replace.push_back(route("10.0.3.0/24", 200));
  changes.replace.back().hops.clear();
  changes.add_rules.push_back({*Cidr::parse("10.9.0.0/16")});
  CHECK(write_apply_request(table("rtb-1"), changes) ==
        R"({"version":1,"operation":"apply","owner":"ipsecd","table":"rtb-1",)"
        R"("add":[{"destination":"10.0.2.0/24","metric":100,"type":"unicast",)"
        R"("next_hops":[{"via":"10.0.1.1"},{"device":"eth1"}],"mtu":1438,"advmss":1398}],)"
        R"("replace":[{"destination":"10.0.3.0/24","metric":200,"type":"blackhole",)"
        R"("next_hops":[],"mtu":0,"advmss":0}],"remove":[]})"
        "\n");
}

TEST_CASE("a name of a table is text, whatever stands in it") {
  CHECK(write_list_request(table("a\"b\\c\xff"), {})
            .starts_with(R"({"version":1,"operation":"list","owner":"ipsecd","table":"a\"b\\c)"
                         "\xef\xbf\xbd\""));
}

}  // namespace
}  // namespace ipsec::route::exec
