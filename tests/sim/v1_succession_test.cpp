// Goal: in IKEv1 another phase 1 comes in time, whatever holds it up: the IKE SA never ends of its
// age, which would take its children at many a peer. And a peer that is slow to prove a child, or
// remembers few exchanges, loses nothing. Method: the left side has the least lifetime there is;
// messages that are swallowed, and deaths, come at the worst time.
#include <catch2/catch.hpp>

#include "ike/base/limits.h"
#include "tests/sim/pair.h"

using namespace std::chrono_literals;
using namespace ipsec;
using core::IkeDown;
using core::IkeRekeyed;
using core::Order;
using sim::is_of;
using sim::Pair;
using wire::ExchangeType;

namespace {

// Of the first IKE SA, with some room.
constexpr Time kEnd = Time{} + 59s;

void come_up_in_v1(Pair& pair, std::chrono::seconds ike_lifetime = 60s) {
  for (auto* config : {&pair.left_config, &pair.right_config}) {
    config->version = core::IkeVersion::v1;
  }
  pair.right_config.start = core::Start::respond;
  pair.right_config.remote = Address::any(Family::v4);  // who begins no phase 1
  pair.left_config.ike_lifetime = ike_lifetime;
  pair.configure();
  REQUIRE(pair.up_within(5s));
  pair.world.run_for(1s);
}

// Of the quick modes that the right side begins the third messages, which have a HASH and no more.
void lose_proofs(Pair& pair) {
  pair.world.swallows = [](std::size_t from, ByteView bytes) {
    return from == Pair::kRight && is_of(bytes, ExchangeType::quick_mode) && bytes.size() < 200;
  };
}

void expect_another(Pair& pair) {
  CHECK(pair.left().count<IkeRekeyed>() >= 1);
  CHECK(pair.left().count<IkeDown>() + pair.right().count<IkeDown>() == 0);
}

}  // namespace

TEST_CASE("a peer that always makes children does not keep the IKE SA until its end", "[sim][v1]") {
  Pair pair;
  come_up_in_v1(pair);
  lose_proofs(pair);
  while (pair.world.now() < kEnd) {
    pair.world.order(Pair::kRight, 1, Order::rekey_children);
    pair.world.run_for(1s);
  }
  expect_another(pair);
  pair.world.swallows = {};
  pair.world.run_for(2 * limits::kV1SettlesAfter);
  CHECK(pair.at_rest() == Pair::Problems{});
}

TEST_CASE("traffic proves a child to who waits for that with another phase 1", "[sim][v1]") {
  for (const bool traffic : {true, false}) {
    Pair pair;
    come_up_in_v1(pair);
    auto flows = pair.start_flows();
    if (!traffic) pair.stop(flows);
    lose_proofs(pair);
    pair.world.order(Pair::kRight, 1, Order::rekey_children);
    // Who asks sends with the new one after a while, if nothing has come through it.
    pair.world.run_for(limits::kV1SwitchesAfter + 500ms);
    pair.world.order(Pair::kLeft, 1, Order::reauthenticate);
    pair.world.run_for(100ms);
    CHECK(pair.left().count<IkeRekeyed>() == (traffic ? 1 : 0));
    pair.world.swallows = {};
    pair.world.run_for(20s);
    CHECK(pair.left().count<IkeRekeyed>() == 1);
    pair.stop(flows);
    CHECK(flows.lost() == 0);
    CHECK(pair.at_rest() == Pair::Problems{});
  }
}

// charon forgets the IV of an exchange that three others have followed. The datagrams that wait in
// the socket are taken meanwhile.
TEST_CASE("in IKEv1 who comes back hears what was said before it says anything",
          "[sim][v1][resume]") {
  Pair pair;
  come_up_in_v1(pair);
  pair.world.order(Pair::kLeft, 1, Order::rekey_children);
  pair.world.run_for(limits::kV1DeletesAfter + 500ms);  // a Delete to be said again
  std::size_t said = 0;
  pair.world.swallows = [&](std::size_t from, ByteView) {
    if (from == Pair::kLeft) ++said;
    return false;
  };
  pair.world.kill(Pair::kLeft);
  pair.world.run_for(1s);
  pair.revive(Pair::kLeft);
  pair.world.run_for(limits::kV1SilentAfterComeback - 1ms);
  CHECK(said == 0);
  pair.world.run_for(100ms);
  CHECK(said >= 2);
  pair.world.run_for(20s);
  CHECK(pair.at_rest() == Pair::Problems{});
}

// The nonce would have it kept: but the peer never had it.
TEST_CASE("of two children in IKEv1 the one without proof is not kept", "[sim][v1]") {
  Pair pair;
  pair.left_config.dpd_timeout = 60s;
  come_up_in_v1(pair);
  auto flows = pair.start_flows();
  pair.right().random.nonce_first_byte = 0xff;
  pair.world.swallows = [](std::size_t from, ByteView bytes) {
    return from == Pair::kLeft && is_of(bytes, ExchangeType::quick_mode);
  };
  pair.world.order(Pair::kRight, 1, Order::rekey_children);
  pair.world.run_for(2 * limits::kV1SettlesAfter);
  pair.stop(flows);
  CHECK(flows.lost() == 0);
}

TEST_CASE("a daemon that dies in another phase 1 begins it again in time", "[sim][v1][resume]") {
  Pair pair;
  come_up_in_v1(pair);
  bool begun = false;
  pair.world.swallows = [&](std::size_t from, ByteView bytes) {
    begun = begun || (from == Pair::kLeft && is_of(bytes, ExchangeType::identity_protection));
    return false;
  };
  for (int deaths = 0; deaths < 2; ++deaths) {
    REQUIRE(pair.world.run_until([&] { return begun; }, 60s));
    pair.world.kill(Pair::kLeft);
    pair.world.run_for(1s);
    begun = false;
    pair.revive(Pair::kLeft);
  }
  pair.world.run_for(kEnd - pair.world.now());
  expect_another(pair);
  pair.world.run_for(limits::kAwaitDelete);
  CHECK(pair.at_rest() == Pair::Problems{});
}

// charon lets a child go with the ISAKMP SA that it has asked for it under, if that was after
// another took its place.
TEST_CASE("an IKEv1 SA goes once what was asked for under it has been made anew",
          "[sim][v1][resume]") {
  enum class Hindered { proof, another, daemon };
  for (const auto hindered : {Hindered::proof, Hindered::another, Hindered::daemon}) {
    INFO("hindered is what proves it, what makes it anew, or who does: " << int(hindered));
    Pair pair;
    come_up_in_v1(pair);
    pair.world.run_for(limits::kV1SettlesAfter);
    bool asked = false;
    bool hinders = true;
    std::optional<IkeSpi> old;
    pair.world.swallows = [&](std::size_t from, ByteView bytes) {
      if (!is_of(bytes, ExchangeType::quick_mode)) return false;
      const auto under = wire::parse_header(bytes)->initiator_spi;
      if (!old) old = under;
      if (from == Pair::kLeft) return hinders && under != *old;
      const bool is_proof = bytes.size() < 200;
      return under == *old && (is_proof ? hinders && hindered == Hindered::proof : !asked);
    };
    // Unheard the first time: so it asks again after another has taken the place of the old one.
    pair.world.order(Pair::kRight, 1, Order::rekey_children);
    pair.world.run_for(100ms);
    pair.world.order(Pair::kLeft, 1, Order::reauthenticate);
    REQUIRE(pair.world.run_until([&] { return pair.left().count<IkeRekeyed>() == 1; }, 3s));
    asked = true;
    const std::size_t there = hindered == Hindered::proof ? 1 : 2;
    REQUIRE(pair.world.run_until([&] { return pair.left().usable(1).size() == there; }, 5s));
    const auto until = pair.world.now() + 2 * limits::kRefusedRetry;
    if (hindered == Hindered::daemon) {
      pair.world.kill(Pair::kLeft);
      pair.world.run_for(2 * limits::kRefusedRetry);
      pair.revive(Pair::kLeft);
    }
    pair.world.run_for(until + 1s - pair.world.now());
    CHECK(pair.left().established(1) == 2);
    CHECK(pair.right().established(1) == 2);
    hinders = false;
    const auto gone = [&] { return pair.right().established(1) == 1; };
    CHECK(pair.world.run_until(gone, 10s));
    CHECK(pair.left().count<core::ChildRekeyed>() >= 2);
    pair.world.run_for(2 * limits::kV1SettlesAfter);
    CHECK(pair.at_rest() == Pair::Problems{});
  }
}

TEST_CASE("but not for ever, where nothing comes of that", "[sim][v1]") {
  Pair pair;
  come_up_in_v1(pair, 3600s);
  pair.world.swallows = [&](std::size_t, ByteView bytes) {
    return is_of(bytes, ExchangeType::quick_mode);
  };
  pair.world.order(Pair::kLeft, 1, Order::rekey_children);
  pair.world.order(Pair::kLeft, 1, Order::reauthenticate);
  REQUIRE(pair.world.run_until([&] { return pair.left().count<IkeRekeyed>() == 1; }, 20s));
  pair.world.run_for(limits::kAwaitDelete);
  CHECK(pair.left().established(1) == 2);
  pair.world.run_for(limits::kAwaitDelete + 5s);
  CHECK(pair.left().established(1) == 1);
}
