#include <optional>
#include <string>

#include <unistd.h>

#include <catch2/catch.hpp>

#include "ike/daemon/instance.h"
#include "tests/support/folder.h"

using ipsec::daemon::Instance;

TEST_CASE("one daemon on a run directory, and the second is told which", "[instance]") {
  const ipsec::test::Folder folder;
  std::optional<Instance> first;
  {
    auto claimed = Instance::claim(folder / "run");
    REQUIRE(claimed.has_value());
    first.emplace(*std::move(claimed));
  }
  const auto second = Instance::claim(folder / "run");
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().why == "another ipsecd, process " + std::to_string(::getpid()) +
                                  ", runs on it; stop that one, or name another directory with "
                                  "--run-dir");
  first.reset();
  CHECK_FALSE(std::filesystem::exists(folder / "run" / "ipsecd.pid"));
  CHECK(Instance::claim(folder / "run").has_value());
}

TEST_CASE("a run directory that cannot be made is named", "[instance]") {
  const ipsec::test::Folder folder;
  folder.write("file", "");
  const auto claimed = Instance::claim(folder / "file" / "run");
  REQUIRE_FALSE(claimed.has_value());
  CHECK_THAT(claimed.error().where, Catch::EndsWith("file/run"));
}
