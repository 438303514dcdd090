// Goal: every family says in one line what happened, to what, and both sides' view.
#include <catch2/catch.hpp>

#include <cerrno>

#include "ike/base/error.h"

TEST_CASE("errors describe themselves in one line", "[error]") {
  using ipsec::describe;
  CHECK(describe(ipsec::Malformed{"payload length", 28}) == "malformed payload length at byte 28");
  CHECK(describe(ipsec::NoCommonGround{"DH group", "14", "2"}) ==
        "no common DH group: ours 14; theirs 2");
  CHECK(describe(ipsec::KernelError{"add SA", EEXIST}) == "add SA: File exists (errno 17)");
  CHECK(describe(ipsec::KernelError{"add SA", 99999}) == "add SA: unknown error (errno 99999)");
  CHECK(describe(ipsec::ConfigError{"tunnel t1", "no peer"}) == "tunnel t1: no peer");
  CHECK(describe(ipsec::PeerViolation{"one KE payload", "2"}) ==
        "peer broke a rule: one KE payload; found 2");
  CHECK(describe(ipsec::Misuse{"no key"}) == "internal error: no key");
}
