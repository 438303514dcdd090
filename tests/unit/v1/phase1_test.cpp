// Goal: main mode and aggressive mode say what RFC 2409 5.4 says, in both roles: hashes, IVs, keys,
// cookies; what is lost is said again, what is late, forged or of another key moves nothing.
// Method: the far end is made by hand, and checks every hash by the formulas.
#include "ike/base/limits.h"
#include "tests/unit/v1/fixture.h"

namespace {

using namespace ipsec;
using namespace std::chrono_literals;
using test::Begins;
using test::Fixture;
using test::V1Hand;
using wire::ExchangeType;
namespace v1 = wire::v1;

V1Hand::Wishes mode(bool aggressive) {
  V1Hand::Wishes wishes;
  wishes.aggressive = aggressive;
  return wishes;
}

v1::NotificationPayload initial_contact() {
  return {
      v1::Doi::ipsec, v1::ProtocolId::isakmp, Bytes(16, 0), v1::NotifyType::initial_contact, {}};
}

}  // namespace

TEST_CASE("phase 1 keeps to the formulas of RFC 2409, in both modes and roles", "[v1]") {
  for (const bool aggressive : {false, true}) {
    for (const Begins who : test::kBegins) {
      INFO("aggressive " << aggressive << ", who begins " << static_cast<int>(who));
      Fixture it(who, mode(aggressive));
      CHECK(it.shake_hands());
      CHECK(it.hand.faults() == std::vector<std::string>{});
      // Under the keys of phase 1: nothing else would be heard.
      it.host.sent.clear();
      it.feed(it.hand.inform(77, {v1::NotificationPayload{v1::Doi::ipsec,
                                                          v1::ProtocolId::isakmp,
                                                          it.hand.cookies(),
                                                          v1::NotifyType::r_u_there,
                                                          {0, 0, 0, 5}}}));
      const auto answer = it.opened();
      REQUIRE(answer);
      CHECK(it.hand.hash_1_fits(*answer));
    }
  }
}

TEST_CASE("a message of phase 1 that comes again is answered the same again", "[v1]") {
  for (const bool aggressive : {false, true}) {
    INFO("aggressive " << aggressive);
    Fixture it(Begins::hand, mode(aggressive));
    Bytes said = it.hand.begin();
    while (!said.empty()) {
      it.feed(said);
      const Bytes answer = it.heard();
      const bool last = it.hand.up();
      it.feed(said);
      const Bytes again = it.heard();
      CHECK(again == answer);
      if (last) break;
      said = it.hand.hear(answer).value_or(Bytes{});
    }
    CHECK(it.hand.up());
    CHECK(it.ike().established);
  }
}

TEST_CASE("what is not answered in phase 1 is sent three times, unchanged, then given up", "[v1]") {
  for (const bool aggressive : {false, true}) {
    Fixture it(Begins::engine, mode(aggressive));
    const Bytes first = it.heard();
    REQUIRE(!first.empty());
    std::size_t again = 0;
    for (int second = 0; second < 11; ++second) {
      it.wait(1s);
      for (const auto& sent : std::exchange(it.host.sent, {})) {
        CHECK(sent.bytes == first);
        ++again;
      }
    }
    CHECK(again == 2);
    it.wait(2s);
    REQUIRE(it.host.told<core::TryFailed>().size() == 1);
    CHECK(it.host.told<core::TryFailed>()[0].failure.cause == core::Cause::peer_silent);
  }
}

TEST_CASE("a hash of phase 1 that is wrong establishes nothing, and the right one still does",
          "[v1]") {
  Fixture it(Begins::hand);
  it.feed(it.hand.begin());
  it.feed(it.hand.hear(it.heard()).value());
  const Bytes proof = it.hand.hear(it.heard()).value();
  Bytes forged = proof;
  forged.back() ^= 1;
  it.feed(forged);
  CHECK(it.host.dropped("not authentic") == 1);
  CHECK_FALSE(it.ike().established);
  it.feed(proof);
  CHECK(it.ike().established);
}

TEST_CASE("another key opens no message 5, which is told of once", "[v1]") {
  V1Hand::Wishes wishes;
  wishes.key = "another";
  Fixture it(Begins::hand, wishes);
  it.feed(it.hand.begin());
  it.feed(it.hand.hear(it.heard()).value());
  const Bytes proof = it.hand.hear(it.heard()).value();
  it.feed(proof);
  it.feed(proof);
  CHECK(it.host.dropped("not authentic") == 2);
  REQUIRE(it.host.told<core::ExchangeFailed>().size() == 1);
  CHECK(it.host.told<core::ExchangeFailed>()[0].failure.cause ==
        core::Cause::authentication_failed);
  CHECK(it.host.sent.empty());
}

TEST_CASE("errors in clear are hints: the right answer is still taken", "[v1]") {
  Fixture it(Begins::engine);
  const Bytes first = it.heard();
  const auto answer = it.hand.hear(first);
  REQUIRE(answer);
  it.feed(it.hand.clear(
      ExchangeType::informational_v1, 0,
      {v1::NotificationPayload{
          v1::Doi::ipsec, v1::ProtocolId::isakmp, {}, v1::NotifyType::no_proposal_chosen, {}}}));
  CHECK(it.host.told<core::TryFailed>().empty());
  it.feed(*answer);
  it.feed(it.hand.hear(it.heard()).value());
  it.feed(it.hand.hear(it.heard()).value());
  CHECK(it.hand.faults().empty());
  CHECK(it.ike().established);
}

TEST_CASE("the commit bit, which asks for a notification, is tolerated in every message", "[v1]") {
  for (const bool aggressive : {false, true}) {
    for (const Begins who : test::kBegins) {
      auto wishes = mode(aggressive);
      wishes.flags = 2;  // RFC 2408 3.1
      Fixture it(who, wishes);
      CHECK(it.shake_hands());
      CHECK(it.ike().established);
    }
  }
}

TEST_CASE("unknown payloads, vendor ids and notifications of phase 1 are passed over", "[v1]") {
  for (const bool aggressive : {false, true}) {
    for (const Begins who : test::kBegins) {
      auto wishes = mode(aggressive);
      wishes.vendor_ids.push_back("00112233445566778899aabbccddeeff00112233");
      wishes.last = {v1::NotificationPayload{v1::Doi::ipsec, v1::ProtocolId::isakmp, Bytes(16, 0),
                                             v1::NotifyType{40001}, Bytes(3, 7)},
                     v1::UnknownPayload{v1::PayloadType{77}, Bytes(5, 1)}};
      Fixture it(who, wishes);
      CHECK(it.shake_hands());
      CHECK(it.ike().established);
    }
  }
}

TEST_CASE("INITIAL-CONTACT takes the peer's older SAs away, with their children", "[v1]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  test::make_child(it);
  const auto old = it.ike().id;
  it.wait(40s);  // a peer that starts anew takes a while
  it.host.sent.clear();

  V1Hand::Wishes wishes;
  wishes.last = {initial_contact()};
  V1Hand fresh(test::openssl(), 3, wishes);
  CHECK(fresh.shake_hands(it.host, it.now));
  CHECK(it.ike().established);
  CHECK(it.ike().id != old);
  CHECK(it.host.tunnel(1).ike.size() == 1);
  CHECK(it.children().empty());
  // Nobody is there who could be told.
  for (const auto& sent : it.host.sent) CHECK_FALSE(it.hand.open(sent.bytes));
}

TEST_CASE("INITIAL-CONTACT in an exchange behind phase 1 has older children made anew", "[v1]") {
  for (const bool said : {false, true}) {
    INFO("said " << said);
    Fixture it(Begins::hand);
    REQUIRE(it.shake_hands());
    test::make_child(it);
    it.wait(40s);
    it.host.sent.clear();
    V1Hand fresh(test::openssl(), 3, {});
    REQUIRE(fresh.shake_hands(it.host, it.now));
    it.host.sent.clear();
    if (said) it.host.feed(fresh.arriving(fresh.inform(71, {initial_contact()})), it.now);
    it.wait(limits::kV1FollowsAfter);
    const auto is_quick = [](const core::SendDatagram& sent) { return sent.bytes[18] == 32; };
    CHECK(std::ranges::any_of(it.host.sent, is_quick) == said);
    CHECK(it.children().size() == 1);
  }
}

// It goes with that one, at charon.
TEST_CASE("a child that the peer makes under a superseded ISAKMP SA is made again", "[v1]") {
  for (const bool superseded : {false, true}) {
    INFO("superseded " << superseded);
    Fixture it(Begins::hand);
    REQUIRE(it.shake_hands());
    V1Hand fresh(test::openssl(), 3, {});
    if (superseded) REQUIRE(fresh.shake_hands(it.host, it.now));
    it.wait(limits::kV1FollowsAfter);
    it.host.sent.clear();
    it.feed(it.hand.quick_1(test::kQuickId,
                            it.hand.quick_payloads(test::kHandSpi, test::hand_nonce(), {})));
    const auto answer = it.opened();
    REQUIRE(answer);
    it.hand.quick(test::kQuickId).responder_nonce = test::nonce_of(*answer);
    it.feed(it.hand.quick_3(test::kQuickId));
    it.wait(0s);
    CHECK(it.children().size() == 1);
    const auto offer = it.heard();
    REQUIRE(offer.empty() != superseded);
    if (superseded) CHECK(fresh.open(offer)->header.exchange == ExchangeType::quick_mode);
  }
}

TEST_CASE("phase 1 that is half open goes after a while", "[v1]") {
  Fixture it(Begins::hand);
  it.feed(it.hand.begin());
  CHECK(it.host.engine().snapshot().half_open == 1);
  it.wait(limits::kHalfOpenAge);
  CHECK(it.host.engine().snapshot().half_open == 0);
  CHECK(it.host.dropped("half-open SA expired") == 1);
}
