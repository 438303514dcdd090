// Goal: what the note says after a restart is what was written before, and a note that is broken or
// cannot be written keeps nobody from starting.
#include "ike/daemon/route_note.h"

#include <fstream>

#include <catch2/catch.hpp>

#include "tests/support/folder.h"

using ipsec::daemon::RouteNote;
using ipsec::route::Table;

namespace {

const std::set<Table> kTables{
    {.driver = "kernel", .name = "101", .netns = "", .vrf = ""},
    {.driver = "kernel", .name = "102", .netns = "blue", .vrf = ""},
    {.driver = "kernel", .name = "", .netns = "", .vrf = "red"},
    {.driver = "rest", .name = "rtb-0a1b", .netns = "", .vrf = ""},
};

}  // namespace

TEST_CASE("tables of every kind come back as they were noted") {
  const ipsec::test::Folder folder;
  const RouteNote note(folder.path() / "route-tables");
  CHECK(note.read().value().empty());
  REQUIRE(note.write(kTables));
  CHECK(note.read().value() == kTables);
  REQUIRE(note.write({*kTables.begin()}));
  CHECK(note.read().value() == std::set{*kTables.begin()});
  REQUIRE(note.write({}));
  CHECK_FALSE(std::filesystem::exists(folder.path() / "route-tables"));
  REQUIRE(note.write({}));
}

TEST_CASE("lines of a note that name no table are passed over") {
  const ipsec::test::Folder folder;
  const auto file = folder.path() / "route-tables";
  std::ofstream(file) << "101\nno such:table\n\n4294967296\n102,netns=blue";
  const auto tables = RouteNote(file).read().value();
  CHECK(tables.size() == 2);
  CHECK(tables.contains(Table{.driver = "kernel", .name = "102", .netns = "blue", .vrf = ""}));
}

TEST_CASE("a note that cannot be kept says what that means") {
  const ipsec::test::Folder folder;
  const auto file = folder.path() / "there" / "route-tables";
  const auto written = RouteNote(file).write(kTables);
  REQUIRE_FALSE(written);
  CHECK(written.error().where == file.string());
  CHECK(written.error().why.find("No such file") != std::string::npos);
  std::filesystem::create_directories(file);
  CHECK_FALSE(RouteNote(file).read());
}
