// Goal: openings that end otherwise than usual: EAP is refused in both roles, an IKE SA without a
// child is asked for only where the peer says that it takes one, and what a peer can make an
// exchange begin anew is bounded.
// Method: an engine opposite a far end without an engine, whose messages are kept back, written
// anew or answered by hand.
#include <catch2/catch.hpp>

#include "ike/base/limits.h"
#include "tests/unit/v2/fixture.h"

namespace {

using namespace ipsec;
using namespace std::chrono_literals;
using core::Cause;
using core::Stage;
using test::BarePeer;
using test::Fixture;
using test::Host;
using wire::ExchangeType;
using wire::NotifyType;

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// IKE_SA_INIT there and back; the peer's IKE_AUTH waits in peer.sent.
void exchange_init(Fixture& it) {
  it.peer.begin(it.now);
  for (const auto& request : std::exchange(it.peer.sent, {})) {
    it.host.feed(BarePeer::arriving(request), it.now);
  }
  for (const auto& answer : std::exchange(it.host.sent, {})) it.peer.receive(answer, it.now);
  REQUIRE(it.peer.sent.size() == 1);
}

// The engine asks, and the peer has answered its IKE_SA_INIT, in peer.sent.
struct Asked {
  crypto::FakeProvider crypto{1};
  Host host{crypto, 1};
  BarePeer peer{crypto, test::right_config(), 2};
  Time now{};

  explicit Asked(core::TunnelConfig left = test::left_config()) {
    host.feed(test::set(std::move(left)), now);
    REQUIRE(host.sent.size() == 1);
    peer.receive(host.sent.front(), now);
    REQUIRE(peer.sent.size() == 1);
  }
  void run_for(Duration span) {
    for (const Time end = now + span; now < end;) {
      now += 100ms;
      REQUIRE(host.settle(now));
    }
  }
  // In clear, to the last message that the engine sent.
  void answer(const wire::Payloads& payloads) {
    auto header = wire::parse_header(host.sent.back().bytes).value();
    header.flags = {false, true, false};
    host.feed(core::Datagram{test::left_end(), test::right_end(),
                             wire::write_message(header, payloads).value()},
              now);
  }
  [[nodiscard]] std::vector<core::TryFailed> failed() const { return host.told<core::TryFailed>(); }
};

wire::Payloads without_auth() {
  const core::ChildConfig rule = test::right_config().children.front();
  const auto identity = Identity::of(test::right_end().address);
  return {wire::IdPayload{wire::Role::initiator, identity.type, identity.data},
          core::write_offers(rule.offers, ChildSpi{0x1234}, core::Pfs::left_out),
          wire::TsPayload{wire::Role::initiator, rule.selectors.local},
          wire::TsPayload{wire::Role::responder, rule.selectors.remote}};
}

}  // namespace

// RFC 7296 2.16: EAP is asked for by leaving AUTH out; 2.21.2: what is refused is refused for good.
TEST_CASE("an initiator that wants EAP is refused, and told of", "[v2]") {
  Fixture it;
  exchange_init(it);
  const auto wants_eap = it.peer.seal({ExchangeType::ike_auth, false, 1}, without_auth());
  it.host.feed(wants_eap, it.now);
  REQUIRE(it.host.sent.size() == 1);
  const auto refusal = it.host.sent.front().bytes;
  const auto answer = it.peer.open(refusal);
  REQUIRE(answer.has_value());
  REQUIRE(answer->size() == 1);
  const auto* notify = std::get_if<wire::NotifyPayload>(&answer->front());
  REQUIRE(notify != nullptr);
  CHECK(notify->type == NotifyType::authentication_failed);
  const auto failed = it.host.told<core::ExchangeFailed>();
  REQUIRE(failed.size() == 1);
  CHECK(failed.front().failure.stage == Stage::ike_auth);
  CHECK(failed.front().failure.cause == Cause::authentication_failed);
  CHECK(failed.front().failure.theirs == "EAP");
  CHECK(has(failed.front().failure.detail, "203.0.113.2 at 203.0.113.2:500 asked for EAP"));

  // The same again draws the same answer; a right IKE_AUTH comes too late.
  it.host.feed(wants_eap, it.now);
  REQUIRE(it.host.sent.size() == 2);
  CHECK(it.host.sent.back().bytes == refusal);
  it.host.feed(BarePeer::arriving(it.peer.sent.front()), it.now);
  CHECK(it.host.told<core::IkeUp>().empty());
  CHECK(it.host.jobs == 1);
  it.now += limits::kHalfOpenAge;
  REQUIRE(it.host.settle(it.now));
  CHECK(it.host.engine().snapshot().sas == 0);
}

//   IKE_AUTH -->   <-- IDr, EAP   although we have sent AUTH
TEST_CASE("a responder that wants EAP of us ends the try, and the reason says so", "[v2]") {
  Asked it;
  it.host.sent.clear();
  it.host.feed(BarePeer::arriving(it.peer.sent.front()), it.now);
  REQUIRE(it.host.sent.size() == 1);
  const auto identity = Identity::of(test::right_end().address);
  const wire::Payloads wants_eap{
      wire::IdPayload{wire::Role::responder, identity.type, identity.data},
      wire::EapPayload{{1, 1, 0, 5, 1}}};  // an EAP-Request/Identity
  it.host.feed(it.peer.seal({ExchangeType::ike_auth, true, 1}, wants_eap), it.now);
  REQUIRE(it.failed().size() == 1);
  CHECK(it.failed().front().failure.stage == Stage::ike_auth);
  CHECK(it.failed().front().failure.cause == Cause::protocol_violation);
  CHECK(has(it.failed().front().failure.detail, "missing: AUTH; unexpected: EAP"));
  CHECK(it.host.told<core::IkeUp>().empty());
}

// RFC 6023 3, as responder: announced, taken, and a child made later.
TEST_CASE("a peer may begin without a child and ask for one later", "[v2]") {
  auto right = test::right_config();
  right.children.clear();
  Fixture it(test::left_config(), right);
  REQUIRE(it.shake_hands());
  const auto childless = it.host.tunnel(1);
  REQUIRE(childless.ike.size() == 1);
  CHECK(childless.ike.front().established);
  CHECK(childless.ike.front().children.empty());
  const core::ChildConfig rule = test::right_config().children.front();
  auto offers = rule.offers;
  for (auto& offer : offers) offer.groups.clear();
  const auto answer = it.peer.ask(
      it.host, ExchangeType::create_child_sa,
      wire::Payloads{core::write_offers(offers, ChildSpi{0x5001}, core::Pfs::negotiated),
                     wire::NoncePayload{Bytes(32, 4)},
                     wire::TsPayload{wire::Role::initiator, rule.selectors.local},
                     wire::TsPayload{wire::Role::responder, rule.selectors.remote}},
      it.now);
  REQUIRE(answer.has_value());
  CHECK(v2::find_error(*answer) == nullptr);
  const auto whole = it.host.tunnel(1);
  REQUIRE(whole.ike.front().children.size() == 1);
  CHECK(whole.ike.front().children.front().usable);
}

// RFC 6023 3, as initiator: only where the peer has said that it takes one.
TEST_CASE("no IKE_AUTH without a child goes to a peer that does not take one", "[v2]") {
  for (const bool announced : {true, false}) {
    auto left = test::left_config();
    left.children.clear();
    Asked it(left);
    auto answer = wire::parse_message(it.peer.sent.front().bytes).value();
    if (!announced) {
      std::erase_if(answer.payloads, [](const wire::Payload& payload) {
        const auto* notify = std::get_if<wire::NotifyPayload>(&payload);
        return notify != nullptr && notify->type == NotifyType::childless_ikev2_supported;
      });
    }
    it.host.sent.clear();
    it.host.feed(core::Datagram{test::left_end(), test::right_end(),
                                wire::write_message(answer.header, answer.payloads).value()},
                 it.now);
    INFO(announced);
    REQUIRE(it.host.sent.size() == (announced ? 1 : 0));
    if (announced) continue;
    it.run_for(13s);
    REQUIRE_FALSE(it.failed().empty());
    CHECK(it.failed().front().failure.stage == Stage::ike_sa_init);
    CHECK(it.failed().front().failure.cause == Cause::peer_refused);
    CHECK(it.failed().front().failure.theirs == "no CHILDLESS_IKEV2_SUPPORTED");
    for (const auto& datagram : it.host.sent) {
      CHECK(wire::parse_header(datagram.bytes)->exchange == ExchangeType::ike_sa_init);
    }
  }
}

// RFC 6023: an IKE_AUTH that is refused for having no child.
TEST_CASE("a peer that refuses an IKE SA without a child ends the try", "[v2]") {
  auto left = test::left_config();
  left.children.clear();
  Asked it(left);
  it.host.feed(BarePeer::arriving(it.peer.sent.front()), it.now);
  it.host.feed(it.peer.seal({ExchangeType::ike_auth, true, 1},
                            wire::Payloads{v2::make_notify(NotifyType::invalid_syntax)}),
               it.now);
  REQUIRE(it.failed().size() == 1);
  CHECK(it.failed().front().failure.stage == Stage::ike_auth);
  CHECK(has(it.failed().front().failure.theirs, "INVALID_SYNTAX"));
  CHECK(it.host.told<core::IkeUp>().empty());
}
