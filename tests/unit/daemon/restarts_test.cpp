#include <csignal>

#include <catch2/catch.hpp>

#include "ike/daemon/restarts.h"

using namespace std::chrono_literals;
using ipsec::daemon::Restarts;
using ipsec::daemon::words_of_end;

TEST_CASE("a daemon that dies again and again is waited for ever longer", "[restarts]") {
  Restarts restarts;
  for (const auto wanted : {0ms, 100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 6400ms, 10000ms}) {
    CHECK(restarts.after(1s) == wanted);
  }
  for (int i = 0; i < 100; ++i) CHECK(restarts.after(std::nullopt) == 10s);
}

TEST_CASE("one that was ready for a minute is started at once", "[restarts]") {
  Restarts restarts;
  CHECK(restarts.after(1s) == 0ms);
  CHECK(restarts.after(59s) == 100ms);
  CHECK(restarts.after(60s) == 0ms);
  CHECK(restarts.after(std::nullopt) == 100ms);
}

TEST_CASE("an end is told by signal or status", "[restarts]") {
  CHECK(words_of_end(SIGKILL) == "died by SIGKILL");
  CHECK(words_of_end(SIGRTMIN + 1) == "died by signal " + std::to_string(SIGRTMIN + 1));
  CHECK(words_of_end(3 << 8) == "ended with status 3");
}
