// Goal: what could stand where a word is being typed. Method: lines as a shell hands them over.
#include "cli/completion.h"

#include <algorithm>

#include <catch2/catch.hpp>

namespace ipsec::cli {
namespace {

Candidates at(const std::vector<std::string>& words) { return complete(make_grammar(), words); }

bool offers(const Candidates& candidates, std::string_view word) {
  return std::ranges::find(candidates.known, word, &Candidate::word) != candidates.known.end();
}

}  // namespace

TEST_CASE("commands, and the commands behind them") {
  CHECK(offers(at({""}), "tunnel"));
  CHECK(offers(at({"tun"}), "status"));  // the shell sees to the beginning
  CHECK(std::ranges::count(at({""}).known, "tunnel", &Candidate::word) == 1);
  CHECK(offers(at({"tunnel", ""}), "export"));
  CHECK_FALSE(offers(at({"vpc", ""}), "export"));
  CHECK(at({"nonsense", ""}).known.empty());
}

TEST_CASE("options of the command, and those of every command") {
  const Candidates options = at({"tunnel", "create", "x", "--"});
  CHECK(offers(options, "--ike-lifetime-s"));
  CHECK(offers(options, "--psk-file"));
  CHECK(offers(options, "--run-dir"));
  CHECK_FALSE(offers(at({"vpc", "create", "x", "--"}), "--psk-file"));
}

TEST_CASE("values of options") {
  CHECK(offers(at({"tunnel", "set", "x", "--start", ""}), "traffic"));
  CHECK(offers(at({"version", "-o", ""}), "xlsx"));
  CHECK(at({"apply", "-f", ""}).what == Choices::What::file);
  CHECK(at({"version", "--run-dir", ""}).what == Choices::What::directory);
  const Candidates gateways = at({"tunnel", "create", "x", "--gateway", ""});
  CHECK(gateways.what == Choices::What::objects);
  CHECK(gateways.kind == Kind::gateway);
  CHECK(at({"tunnel", "create", "x", "--ike-dh", ""}).known.empty());
}

TEST_CASE("names of objects, of the daemon that was named") {
  const Candidates names = at({"--run-dir", "/tmp/x", "peer", "show", "a", ""});
  CHECK(names.what == Choices::What::objects);
  CHECK(names.kind == Kind::peer);
  CHECK(names.run_dir == "/tmp/x");
  CHECK(at({"--run-dir=/y", "status", ""}).run_dir == "/y");
  CHECK(at({"peer", "rename", "a", ""}).what == Choices::What::unknown);
  CHECK(offers(at({"import", ""}), "swanctl"));
  CHECK(at({"import", "swanctl", ""}).what == Choices::What::file);
  CHECK(at({"import", "swanctl", "f", ""}).what == Choices::What::unknown);
}

}  // namespace ipsec::cli
