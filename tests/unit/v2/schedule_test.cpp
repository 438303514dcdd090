// Goal: an SA's deadline is the earliest thing it has to do, and a free window takes the most
// urgent. Method: a real established SA whose agenda is then set by hand.
#include <catch2/catch.hpp>

#include "ike/v2/schedule.h"
#include "tests/unit/v2/fixture.h"

namespace {

using namespace ipsec;
using namespace std::chrono_literals;
using test::Fixture;

// Ticks a bare SA as an engine would, and says which exchange it began.
std::size_t begun(v2::Sa& sa, const crypto::Provider& crypto, Time now) {
  test::SeededRandom random(3);
  const core::Directory directory;
  v2::Numbers numbers{1000};
  v2::Drops drops;
  core::Actions actions;
  core::RateLimit refusals{1};
  const core::CrashTokens tokens(crypto, {});
  v2::Turn turn{now, crypto, random, directory, numbers, drops, actions, refusals, tokens, {}, {}};
  v2::tick(turn, sa);
  return sa.established()->ours.index();
}

template <typename T>
std::size_t index_of() {
  return v2::OurExchange(T{}).index();
}

}  // namespace

TEST_CASE("the deadline is the earliest of all there is to do", "[v2]") {
  Fixture it;
  REQUIRE(it.shake_hands());
  v2::Sa& sa = it.peer.sa();
  auto& up = *it.peer.up();
  auto& child = sa.association->children.front();
  CHECK(v2::deadline(sa) == core::probe_time(up.window.heard_at, sa.tunnel().dpd_delay));
  up.rekey_at = Time{} + 5s;
  CHECK(v2::deadline(sa) == Time{} + 5s);
  child.rekey_at = Time{} + 4s;
  CHECK(v2::deadline(sa) == Time{} + 4s);
  child.expires_at = Time{} + 3s;
  CHECK(v2::deadline(sa) == Time{} + 3s);
  up.keepalive_at = Time{} + 2s;
  CHECK(v2::deadline(sa) == Time{} + 2s);
  up.delete_wanted = true;
  CHECK(v2::deadline(sa) == Time{});
}

TEST_CASE("while a request is on the wire only its timer and housekeeping count", "[v2]") {
  Fixture it;
  REQUIRE(it.shake_hands());
  v2::Sa& sa = it.peer.sa();
  auto& up = *it.peer.up();
  up.probe_wanted = true;
  CHECK(begun(sa, it.crypto, it.now) == index_of<v2::ProbeRequest>());
  REQUIRE(up.window.sent.has_value());
  up.rekey_at = Time{};
  CHECK(v2::deadline(sa) == up.window.sent->timer.deadline());
}

TEST_CASE("a free window takes the most urgent first", "[v2]") {
  Fixture it;
  REQUIRE(it.shake_hands());
  v2::Sa& sa = it.peer.sa();
  auto& up = *it.peer.up();
  auto& child = sa.association->children.front();
  up.probe_wanted = true;
  SECTION("a child's rekey before a probe") {
    child.rekey_at = it.now;
    CHECK(begun(sa, it.crypto, it.now) == index_of<v2::ChildRequest>());
  }
  SECTION("the IKE SA's rekey before a child's") {
    child.rekey_at = it.now;
    up.rekey_wanted = true;
    CHECK(begun(sa, it.crypto, it.now) == index_of<v2::IkeRekeyRequest>());
  }
  SECTION("a child's Delete before rekeys") {
    up.rekey_wanted = true;
    child.phase = v2::Replaced{false, it.now};
    CHECK(begun(sa, it.crypto, it.now) == index_of<v2::ChildDeleteRequest>());
  }
  SECTION("the IKE SA's Delete before all") {
    up.rekey_wanted = true;
    child.phase = v2::Replaced{false, it.now};
    up.delete_wanted = true;
    CHECK(begun(sa, it.crypto, it.now) == index_of<v2::IkeDeleteRequest>());
  }
}
