// Goal: a daemon whose cryptography gives wrong answers does not start, and says in one line which
// algorithm it was; one whose cryptography is right gets past that.
// Method: the daemon itself, with a provider that has all of the right sizes and none of the
// answers, and then with the real one and a log that cannot be opened, which is the next to fail.
#include <filesystem>
#include <memory>
#include <string>

#include <catch2/catch.hpp>

#include "ike/crypto/openssl_provider.h"
#include "ike/daemon/daemon.h"
#include "tests/support/fake_crypto.h"
#include "tests/support/folder.h"

using ipsec::Misuse;
using ipsec::daemon::CryptoSource;
using ipsec::daemon::Options;

namespace {

Options options_in(const ipsec::test::Folder& folder) {
  Options options;
  options.config = folder / "ipsecd.toml";
  options.run_dir = folder / "run";
  options.state_dir = folder / "state";
  options.conf_dir = folder / "conf.d";
  options.log_to = (folder / "missing" / "log").string();
  return options;
}

std::string refusal_of(const CryptoSource& source) {
  const ipsec::test::Folder folder;
  const auto ended = ipsec::daemon::run(options_in(folder), source);
  REQUIRE_FALSE(ended.has_value());
  // Refused before anything was claimed or begun.
  CHECK(std::filesystem::is_empty(folder.path()));
  return ended.error().line;
}

}  // namespace

TEST_CASE("a daemon does not start on cryptography that errs", "[start]") {
  const auto line = refusal_of([] { return std::make_unique<ipsec::crypto::FakeProvider>(1); });
  INFO(line);
  CHECK(line.find("self-test of prfsha256: wrong digest") != std::string::npos);
  CHECK(line.find("libssl3") != std::string::npos);
  CHECK(line.find('\n') == std::string::npos);
}

TEST_CASE("a daemon does not start without its cryptography", "[start]") {
  const auto line =
      refusal_of([]() -> std::expected<std::unique_ptr<const ipsec::crypto::Provider>, Misuse> {
        return std::unexpected(Misuse{"no legacy provider"});
      });
  CHECK(line == "no legacy provider");
}

TEST_CASE("a daemon whose cryptography is right goes on to its log", "[start]") {
  const auto line = refusal_of(ipsec::crypto::OpensslProvider::create);
  INFO(line);
  CHECK(line.find("missing/log") != std::string::npos);
}
