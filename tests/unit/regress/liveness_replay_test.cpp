// Found in review: whoever replayed the peer's last request kept a dead peer alive.
#include <catch2/catch.hpp>

#include "tests/unit/v2/fixture.h"

using ipsec::test::Fixture;
using ipsec::wire::ExchangeType;

TEST_CASE("a replayed request is answered again and proves no liveness", "[regress]") {
  Fixture it;
  REQUIRE(it.shake_hands());
  const auto id = it.peer.up()->window.next_id;
  const auto request = it.peer.seal({ExchangeType::informational, false, id}, {});
  it.host.feed(request, it.now);
  REQUIRE(it.host.sent.size() == 1);
  const auto answer = it.host.sent.front().bytes;
  // Every second until the peer's silence has to be found: DPD of 8 s, 13 s of probes.
  for (int s = 1; s <= 25; ++s) {
    it.now += std::chrono::seconds(1);
    it.host.sent.clear();
    it.host.feed(request, it.now);
    if (s == 1) CHECK(it.host.sent.front().bytes == answer);
    CHECK(it.host.settle(it.now));
  }
  CHECK(it.state().empty());
}
