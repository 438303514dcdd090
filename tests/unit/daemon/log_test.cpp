#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/daemon/log.h"
#include "tests/support/folder.h"

using ipsec::daemon::Level;
using ipsec::daemon::Log;

namespace {

// Without the time that each begins with.
std::vector<std::string> lines_of(const std::filesystem::path& file) {
  static const std::regex time(R"(^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z )");
  std::vector<std::string> out;
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    REQUIRE(std::regex_search(line, time));
    out.push_back(std::regex_replace(line, time, ""));
  }
  return out;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a line says how bad, of which tunnel, in which phase, what", "[log]") {
  const ipsec::test::Folder folder;
  auto log = Log::open((folder / "log").string());
  REQUIRE(log.has_value());
  log->write(Level::info, "ready");
  log->write(Level::warning, "the peer is silent",
             {.tunnel = "hq", .phase = "1", .event = "try-failed"});
  log->write(Level::debug, "not asked for");
  CHECK(lines_of(folder / "log") ==
        Lines{"info: ready", "warning tunnel=hq phase=1 event=try-failed: the peer is silent"});
}

TEST_CASE("a peer's bytes make no second line", "[log]") {
  const ipsec::test::Folder folder;
  auto log = Log::open((folder / "log").string());
  REQUIRE(log.has_value());
  log->write(Level::error, "it says 'a\nb\x1b[31m'", {.tunnel = "x\ny"});
  CHECK(lines_of(folder / "log") == Lines{R"(error tunnel=x\x0ay: it says 'a\x0ab\x1b[31m')"});
}

TEST_CASE("a tunnel may have a level of its own", "[log]") {
  const ipsec::test::Folder folder;
  auto log = Log::open((folder / "log").string());
  REQUIRE(log.has_value());
  log->set_level(Level::error);
  log->set_level("hq", Level::debug);
  CHECK(log->wants(Level::debug, "hq"));
  CHECK_FALSE(log->wants(Level::warning, "other"));
  CHECK(log->wants(Level::error));
  log->set_level("hq", std::nullopt);
  CHECK_FALSE(log->wants(Level::warning, "hq"));
}

TEST_CASE("a file that was moved away is begun anew when asked", "[log]") {
  const ipsec::test::Folder folder;
  auto log = Log::open((folder / "log").string());
  REQUIRE(log.has_value());
  log->write(Level::info, "before");
  std::filesystem::rename(folder / "log", folder / "log.1");
  log->write(Level::info, "between");
  REQUIRE(log->reopen().has_value());
  log->write(Level::info, "after");
  CHECK(lines_of(folder / "log.1") == Lines{"info: before", "info: between"});
  CHECK(lines_of(folder / "log") == Lines{"info: after"});
}

TEST_CASE("where a log cannot be written is said", "[log]") {
  const auto log = Log::open("/nowhere/at/all");
  REQUIRE_FALSE(log.has_value());
  CHECK(log.error().where == "log file /nowhere/at/all");
  CHECK_THAT(log.error().why, Catch::StartsWith("No such file or directory; "));
}

TEST_CASE("levels have names", "[log]") {
  for (const char* word : {"error", "warning", "info", "debug"}) {
    const auto level = ipsec::daemon::parse_level(word);
    REQUIRE(level.has_value());
    CHECK(ipsec::daemon::name_of(*level) == word);
  }
  CHECK_FALSE(ipsec::daemon::parse_level("loud").has_value());
}
