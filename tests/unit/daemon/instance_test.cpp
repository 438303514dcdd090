#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

#include <catch2/catch.hpp>

#include "ike/daemon/instance.h"
#include "tests/support/folder.h"

using ipsec::UniqueFd;
using ipsec::daemon::Inheritance;
using ipsec::daemon::Instance;

namespace {

auto claim(const std::filesystem::path& directory) {
  Inheritance nothing;
  return Instance::claim(directory, ::getpid(), nothing);
}

std::string pid_in(const std::filesystem::path& directory) {
  std::string out;
  std::ifstream(directory / "ipsecd.pid") >> out;
  return out;
}

}  // namespace

TEST_CASE("one daemon on a run directory, and the second is told which", "[instance]") {
  const ipsec::test::Folder folder;
  std::optional<Instance> first;
  {
    auto claimed = claim(folder / "run");
    REQUIRE(claimed.has_value());
    first.emplace(*std::move(claimed));
  }
  const auto second = claim(folder / "run");
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().why == "another ipsecd, process " + std::to_string(::getpid()) +
                                  ", runs on it; stop that one, or name another directory with "
                                  "--run-dir");
  first.reset();
  CHECK_FALSE(std::filesystem::exists(folder / "run" / "ipsecd.pid"));
  CHECK(claim(folder / "run").has_value());
}

TEST_CASE("a run directory that cannot be made is named", "[instance]") {
  const ipsec::test::Folder folder;
  folder.write("file", "");
  const auto claimed = claim(folder / "file" / "run");
  REQUIRE_FALSE(claimed.has_value());
  CHECK_THAT(claimed.error().where, Catch::EndsWith("file/run"));
}

TEST_CASE("a lock that is inherited is the lock, and the keeper's process id stays", "[instance]") {
  const ipsec::test::Folder folder;
  const auto run = folder / "run";
  std::vector<UniqueFd> held;
  {
    Inheritance nothing;
    auto first = Instance::claim(run, 4711, nothing);
    REQUIRE(first.has_value());
    held.emplace_back(::dup(first->lock()));
    first->belongs_to_keeper();
  }
  CHECK(pid_in(run) == "4711");
  // Between two daemons.
  CHECK_FALSE(claim(run).has_value());
  Inheritance inherited(std::move(held), {});
  {
    auto second = Instance::claim(run, 4711, inherited);
    REQUIRE(second.has_value());
  }
  CHECK(pid_in(run) == "4711");
  CHECK(claim(run).has_value());
}

TEST_CASE("without its keeper a daemon answers for itself", "[instance]") {
  const ipsec::test::Folder folder;
  {
    Inheritance nothing;
    auto instance = Instance::claim(folder / "run", 4711, nothing);
    REQUIRE(instance.has_value());
    instance->belongs_to_keeper();
    REQUIRE(instance->belongs_to(::getpid()).has_value());
    CHECK(pid_in(folder / "run") == std::to_string(::getpid()));
  }
  CHECK_FALSE(std::filesystem::exists(folder / "run" / "ipsecd.pid"));
}
