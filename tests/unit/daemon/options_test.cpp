#include <string>
#include <variant>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/daemon/options.h"

using ipsec::daemon::Options;
using ipsec::daemon::Print;

namespace {

auto parse(std::vector<const char*> words) {
  words.insert(words.begin(), "ipsecd");
  return ipsec::daemon::parse_options(static_cast<int>(words.size()), words.data());
}

std::string error_of(const std::vector<const char*>& words) {
  const auto parsed = parse(words);
  return parsed ? std::string("taken") : parsed.error();
}

}  // namespace

TEST_CASE("without arguments everything is where Debian has it", "[options]") {
  const auto parsed = parse({});
  REQUIRE(parsed.has_value());
  const auto& options = std::get<Options>(*parsed);
  CHECK(options.run_dir == "/run/ipsecd");
  CHECK(options.state_dir == "/var/lib/ipsecd");
  CHECK(options.conf_dir == "/etc/ipsecd/conf.d");
  CHECK(options.config == "/etc/ipsecd/ipsecd.toml");
  CHECK_FALSE(options.config_named);
  CHECK_FALSE(options.log_level.has_value());
  CHECK_FALSE(options.no_keeper);
  CHECK_FALSE(options.kept.has_value());
}

TEST_CASE("values stand behind their option or in it", "[options]") {
  const auto parsed = parse({"--run-dir", "/a", "--state-dir=/b", "--conf-dir", "/c", "--config=/d",
                             "--log", "journal", "--log-level=debug", "--check-config"});
  REQUIRE(parsed.has_value());
  const auto& options = std::get<Options>(*parsed);
  CHECK(options.run_dir == "/a");
  CHECK(options.state_dir == "/b");
  CHECK(options.conf_dir == "/c");
  CHECK(options.config == "/d");
  CHECK(options.config_named);
  CHECK(options.log_to == "journal");
  CHECK(options.log_level == ipsec::daemon::Level::debug);
  CHECK(options.check_config);
}

TEST_CASE("what keeper and daemon tell each other reads, and is in no help", "[options]") {
  const auto parsed = parse({"--no-keeper", "--kept=7", "--held=3,14,15"});
  REQUIRE(parsed.has_value());
  const auto& options = std::get<Options>(*parsed);
  CHECK(options.no_keeper);
  CHECK(options.kept == 7);
  CHECK(options.held == std::vector{3, 14, 15});
  for (const char* word : {"--kept=-1", "--kept=x", "--held=3,", "--held=3,,4", "--held=1x"}) {
    CAPTURE(word);
    CHECK_FALSE(parse({word}).has_value());
  }
  CHECK(ipsec::daemon::usage().find("--kept") == std::string_view::npos);
  CHECK(ipsec::daemon::usage().find("--held") == std::string_view::npos);
}

TEST_CASE("what is wrong is said in a line", "[options]") {
  CHECK(error_of({"--rundir", "/a"}) == "unknown argument '--rundir'; is '--run-dir' meant?");
  CHECK(error_of({"start"}) == "unknown argument 'start'");
  CHECK(error_of({"--run-dir"}) == "--run-dir needs a value");
  CHECK(error_of({"--run-dir="}) == "--run-dir needs a value");
  CHECK(error_of({"--log-level", "loud"}) == "--log-level: 'loud' is no value for it; see --help");
}

TEST_CASE("help names every option", "[options]") {
  const auto parsed = parse({"--help"});
  REQUIRE(parsed.has_value());
  const std::string& text = std::get<Print>(*parsed).text;
  for (const char* option :
       {"--config", "--run-dir", "--state-dir", "--conf-dir", "--log", "--log-level",
        "--check-config", "--no-keeper", "--version", "--help"}) {
    CHECK_THAT(text, Catch::Contains(option));
  }
  CHECK_THAT(std::get<Print>(*parse({"--version"})).text, Catch::StartsWith("ipsecd "));
}
