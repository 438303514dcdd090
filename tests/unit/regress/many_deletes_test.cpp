// Found in review: more children due at once than one Delete payload holds made a request that
// could not be written, and with it an SA that never asked anything again.
#include <catch2/catch.hpp>

#include "ike/base/limits.h"
#include "ike/v2/schedule.h"
#include "tests/unit/v2/fixture.h"

TEST_CASE("more deletes than one payload holds take several exchanges", "[regress]") {
  using namespace ipsec;
  test::Fixture it;
  REQUIRE(it.shake_hands());
  auto& sa = it.peer.sa();
  auto& children = sa.association->children;
  children.front().phase = v2::Replaced{false, it.now};
  for (std::uint32_t n = 0; n < limits::kSpisPerDelete; ++n) {
    v2::Child child;
    child.id = ChildId{100000 + n};
    child.inbound = ChildSpi{0x10000 + n};
    child.phase = v2::Replaced{false, it.now};
    children.push_back(std::move(child));
  }
  test::SeededRandom random(3);
  const core::Directory directory;
  v2::Numbers numbers{1000};
  v2::Drops drops;
  core::Actions actions;
  core::RateLimit refusals{1};
  const core::CrashTokens tokens(it.crypto, {});
  v2::Turn turn{it.now,  it.crypto, random, directory, numbers, drops,
                actions, refusals,  tokens, {},        {}};
  v2::tick(turn, sa);
  REQUIRE(it.peer.up()->window.sent.has_value());
  const auto& request = std::get<v2::ChildDeleteRequest>(it.peer.up()->ours);
  CHECK(request.children.size() == limits::kSpisPerDelete);
}
