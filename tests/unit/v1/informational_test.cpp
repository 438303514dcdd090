// Goal: informational exchanges (RFC 2409 5.7): deletes, notifications, and whether the peer lives
// (RFC 3706), both ways; what comes again, is not authentic or in clear moves nothing.
// Method: the far end is made by hand, and checks every hash by the formula.
#include "ike/base/limits.h"
#include "tests/unit/v1/fixture.h"

namespace {

using namespace ipsec;
using namespace std::chrono_literals;
using test::Begins;
using test::Fixture;
using test::kHandSpi;
using test::kQuickId;
using test::V1Hand;
using wire::ExchangeType;
namespace v1 = wire::v1;

v1::NotificationPayload liveness(const Fixture& it, v1::NotifyType type, std::uint8_t sequence) {
  return {v1::Doi::ipsec, v1::ProtocolId::isakmp, it.hand.cookies(), type, {0, 0, 0, sequence}};
}

// The child that the engine asks for.
void answer_quick(Fixture& it) {
  const auto offer = it.opened();
  REQUIRE(offer);
  const std::uint32_t id = offer->header.message_id.value;
  it.hand.quick(id).initiator_nonce = test::nonce_of(*offer);
  auto payloads = it.hand.quick_payloads(kHandSpi, test::hand_nonce(), {});
  std::swap(payloads[2], payloads[3]);
  it.feed(it.hand.quick_2(id, payloads));
  REQUIRE(it.children().size() == 1);
  it.host.sent.clear();
}

v1::DeletePayload delete_of(const v1::CookiePair& cookies) {
  return {v1::Doi::ipsec, v1::ProtocolId::isakmp, {cookies}, {}};
}

v1::CookiePair cookies_of(const V1Hand& hand) {
  const Bytes both = hand.cookies();
  Reader reader(both);
  const IkeSpi initiator{reader.u64("initiator's")};
  return {initiator, IkeSpi{reader.u64("responder's")}};
}

std::size_t usable(const Fixture& it) {
  std::size_t count = 0;
  for (const auto& child : it.children()) count += child.usable ? 1U : 0U;
  return count;
}

// The engine's next notification, its hash checked.
v1::NotificationPayload notification(Fixture& it) {
  const auto opened = it.opened();
  REQUIRE(opened);
  CHECK(opened->header.exchange == ExchangeType::informational_v1);
  CHECK(it.hand.hash_1_fits(*opened));
  const auto* found = test::find_in<v1::NotificationPayload>(opened->payloads);
  REQUIRE(found != nullptr);
  return *found;
}

}  // namespace

TEST_CASE("R-U-THERE is answered with its cookies and its number", "[v1][dpd]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  it.host.sent.clear();
  it.feed(it.hand.inform(5, {liveness(it, v1::NotifyType::r_u_there, 42)}));
  CHECK(notification(it) == liveness(it, v1::NotifyType::r_u_there_ack, 42));
}

TEST_CASE("a quiet peer is asked, with a number that rises; the right answer ends it",
          "[v1][dpd]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  it.host.sent.clear();
  it.wait(8s);
  const auto first = notification(it);
  CHECK(first.type == v1::NotifyType::r_u_there);
  CHECK(first.spi == it.hand.cookies());
  REQUIRE(first.data.size() == 4);
  // Another number is no answer.
  auto wrong = first;
  wrong.type = v1::NotifyType::r_u_there_ack;
  wrong.data.back() ^= 1;
  it.feed(it.hand.inform(6, {wrong}));
  CHECK(it.host.dropped("answer to no question of ours") == 1);
  auto right = first;
  right.type = v1::NotifyType::r_u_there_ack;
  it.feed(it.hand.inform(7, {right}));
  it.host.sent.clear();
  it.wait(8s);
  const auto second = notification(it);
  CHECK(second.data.back() == first.data.back() + 1);
}

TEST_CASE("a peer that does not answer is asked again with the same message, and given up",
          "[v1][dpd]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  it.host.sent.clear();
  it.wait(8s);
  const Bytes question = it.heard();
  std::size_t again = 0;
  // Each wait counts from when the one before was noticed to be over.
  for (const Time end = it.now + 13s + 500ms; it.now < end;) {
    it.wait(50ms);
    for (const auto& sent : std::exchange(it.host.sent, {})) {
      CHECK(sent.bytes == question);
      ++again;
    }
  }
  CHECK(again == 6);
  CHECK_FALSE(it.ike().established);
  REQUIRE(it.host.told<core::IkeDown>().size() == 1);
}

TEST_CASE("a peer that does not know of it is not asked whether it lives", "[v1][dpd]") {
  V1Hand::Wishes wishes;
  wishes.vendor_ids = {test::kNatRfc};
  Fixture it(Begins::hand, wishes);
  REQUIRE(it.shake_hands());
  it.host.sent.clear();
  it.wait(60s);
  CHECK(it.host.sent.empty());
  CHECK(it.ike().established);
}

TEST_CASE("an informational exchange that comes again is not taken again", "[v1]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  it.host.sent.clear();
  const Bytes question = it.hand.inform(5, {liveness(it, v1::NotifyType::r_u_there, 42)});
  it.feed(question);
  REQUIRE(!it.heard().empty());
  it.feed(it.hand.inform(6, {liveness(it, v1::NotifyType::r_u_there, 43)}));
  REQUIRE(!it.heard().empty());
  it.feed(question);
  CHECK(it.heard().empty());
  CHECK(it.host.dropped("informational exchange that is over") == 1);
}

// The answer may have been lost, and the peer asks in the same words until it has one.
TEST_CASE("the last question whether we are there is answered as often as it comes", "[v1]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  it.host.sent.clear();
  const Bytes question = it.hand.inform(5, {liveness(it, v1::NotifyType::r_u_there, 42)});
  it.feed(question);
  REQUIRE(it.host.sent.size() == 1);
  const Bytes answer = it.host.sent.front().bytes;
  it.feed(question);
  REQUIRE(it.host.sent.size() == 2);
  CHECK(it.host.sent.back().bytes == answer);
  CHECK(it.host.dropped("informational exchange that is over") == 0);
}

TEST_CASE("the peer's delete takes the child, and only the one it names", "[v1]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  test::make_child(it);
  // An SPI of ours is none of the peer's.
  it.feed(it.hand.inform(
      8, {v1::DeletePayload{v1::Doi::ipsec, v1::ProtocolId::esp, {}, {ChildSpi{0xd00000ff}}}}));
  CHECK(usable(it) == 1);
  it.feed(
      it.hand.inform(9, {v1::DeletePayload{v1::Doi::ipsec, v1::ProtocolId::esp, {}, {kHandSpi}}}));
  CHECK(usable(it) == 0);
  CHECK(it.host.told<core::ChildDown>().size() == 1);
  CHECK(it.ike().established);
  // Nothing answers it.
  CHECK(it.host.sent.empty());
}

TEST_CASE("the peer's delete of another ISAKMP SA changes nothing", "[v1]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  test::make_child(it);
  const auto before = it.state();
  it.feed(it.hand.inform(8, {delete_of({IkeSpi{1}, IkeSpi{2}})}));
  CHECK(it.state() == before);
}

TEST_CASE("the peer's delete of the ISAKMP SA, after that of its children, takes all", "[v1]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  test::make_child(it);
  it.feed(
      it.hand.inform(8, {v1::DeletePayload{v1::Doi::ipsec, v1::ProtocolId::esp, {}, {kHandSpi}}}));
  it.feed(it.hand.inform(9, {delete_of(cookies_of(it.hand))}));
  CHECK_FALSE(it.ike().established);
  CHECK(it.host.told<core::ChildDown>().size() == 1);
  CHECK(it.host.told<core::IkeDown>().size() == 1);
}

TEST_CASE("children whose ISAKMP SA alone was deleted wait for another one, but not for ever",
          "[v1]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  test::make_child(it);
  it.feed(it.hand.inform(9, {delete_of(cookies_of(it.hand))}));
  // It is for the peer to begin: nothing is said, not even whether it lives.
  it.wait(limits::kAwaitDelete - 1s);
  CHECK(it.host.sent.empty());
  CHECK(usable(it) == 1);
  CHECK(it.host.told<core::IkeDown>().empty());
  it.wait(2s);
  CHECK(it.children().empty());
  CHECK(it.host.told<core::ChildDown>().size() == 1);
  REQUIRE(it.host.told<core::IkeDown>().size() == 1);
  CHECK(it.host.told<core::IkeDown>().front().reason == "deleted by the peer");
}

TEST_CASE("another phase 1 adopts children whose ISAKMP SA was deleted, whoever begins it",
          "[v1]") {
  for (const Begins who : test::kBegins) {
    INFO((who == Begins::engine ? "the engine" : "the peer"));
    Fixture it(who);
    REQUIRE(it.shake_hands());
    who == Begins::engine ? answer_quick(it) : test::make_child(it);
    const auto before = it.children();
    it.feed(it.hand.inform(9, {delete_of(cookies_of(it.hand))}));
    // Where the engine may begin it has done so at once.
    CHECK(it.host.sent.size() == (who == Begins::engine ? 1 : 0));
    V1Hand next(test::openssl(), 3, {});
    REQUIRE(next.shake_hands(it.host, it.now));
    CHECK(it.host.told<core::IkeRekeyed>().size() == 1);
    CHECK(it.host.told<core::IkeDown>().empty());
    CHECK(it.host.told<core::ChildDown>().empty());
    REQUIRE(it.children().size() == 1);
    CHECK(it.children().front().inbound == before.front().inbound);
    CHECK(usable(it) == 1);
    // The peer may have deleted it too, in a message that was lost: it is made anew, under the new
    // keys.
    it.wait(limits::kV1FollowsAfter);
    const Bytes offer = it.heard();
    REQUIRE_FALSE(offer.empty());
    const auto opened = next.open(offer);
    REQUIRE(opened);
    CHECK(opened->header.exchange == ExchangeType::quick_mode);
    CHECK(next.hash_1_fits(*opened));
    // And the new ISAKMP SA is one that can be deleted alone in its turn.
    it.feed(next.inform(9, {delete_of(cookies_of(next))}));
    CHECK(usable(it) == 1);
  }
}

TEST_CASE("taken down, the engine deletes its child by the SPI it receives on, then the SA",
          "[v1]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  test::make_child(it);
  const auto inbound = it.children().front().inbound;
  it.host.feed(core::Command{TunnelId{1}, core::Order::down}, it.now);
  REQUIRE(it.host.sent.size() == 2);
  const auto first = it.hand.open(it.host.sent[0].bytes);
  const auto second = it.hand.open(it.host.sent[1].bytes);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(it.hand.hash_1_fits(*first));
  CHECK(it.hand.hash_1_fits(*second));
  const auto* child = test::find_in<v1::DeletePayload>(first->payloads);
  const auto* sa = test::find_in<v1::DeletePayload>(second->payloads);
  REQUIRE(child != nullptr);
  REQUIRE(sa != nullptr);
  CHECK(child->protocol == v1::ProtocolId::esp);
  CHECK(child->child_sas == std::vector{inbound});
  REQUIRE(sa->isakmp_sas.size() == 1);
  Writer writer;
  writer.u64(sa->isakmp_sas[0].initiator.value);
  writer.u64(sa->isakmp_sas[0].responder.value);
  CHECK(equal(writer.view(), it.hand.cookies()));
}

TEST_CASE("a wrong hash, and what is in clear, deletes nothing", "[v1]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  test::make_child(it);
  const auto before = it.state();
  const v1::DeletePayload gone{v1::Doi::ipsec, v1::ProtocolId::esp, {}, {kHandSpi}};
  it.feed(it.hand.seal(ExchangeType::informational_v1, 9, Bytes(32, 1), {gone}));
  CHECK(it.host.dropped("not authentic") == 1);
  // Without any hash at all.
  it.feed(it.hand.seal_chain(ExchangeType::informational_v1, 10, v1::PayloadType::delete_,
                             v1::write_chain(v1::Payloads{gone}).value()));
  CHECK(it.host.dropped("not authentic") == 2);
  CHECK(it.host.sent.empty());
  // In clear it is a reason to ask whether the peer still knows the SA, and no more.
  it.feed(it.hand.clear(ExchangeType::informational_v1, 11, {gone}));
  CHECK(it.host.dropped("informational exchange in clear") == 1);
  CHECK(it.state() == before);
  CHECK(notification(it).type == v1::NotifyType::r_u_there);
}

TEST_CASE("what is in clear draws a question now and then, and hurries one that waits",
          "[v1][dpd]") {
  auto config = test::v1_left_config(false);
  config.dpd_delay = 60s;  // it asks nothing by itself
  Fixture it(Begins::hand, {}, config);
  REQUIRE(it.shake_hands());
  test::make_child(it);
  it.host.sent.clear();
  const v1::NotificationPayload lost{
      v1::Doi::ipsec, v1::ProtocolId::isakmp, {}, v1::NotifyType::invalid_cookie, {}};
  const Bytes denial = it.hand.clear(ExchangeType::informational_v1, 11, {lost});
  const auto ask = [&] {
    for (int i = 0; i < 100; ++i) it.feed(denial);
    return notification(it);
  };
  for (int round = 0; round < 3; ++round) {
    auto answer = ask();
    REQUIRE(answer.type == v1::NotifyType::r_u_there);
    answer.type = v1::NotifyType::r_u_there_ack;
    it.feed(it.hand.inform(20 + static_cast<std::uint32_t>(round), {answer}));
    it.wait(limits::kDoubtInterval - 1ms);
    it.feed(denial);
    CHECK(it.host.sent.empty());
    it.wait(1ms);
  }
  const auto before = it.state();
  CHECK(ask().type == v1::NotifyType::r_u_there);
  const auto live_through = [&](Duration span) {
    for (Duration waited{}; waited < span; waited += 50ms) it.wait(50ms);
  };
  live_through(limits::kDoubtPatience - 100ms);
  CHECK(it.state() == before);
  // Each wait counts from when the one before was noticed to be over.
  live_through(600ms);
  CHECK(it.state().empty());
}

// RFC 2408 5.2.
TEST_CASE("what is encrypted under cookies that nobody knows is answered so in clear", "[v1]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  const Bytes sealed = it.hand.inform(5, {liveness(it, v1::NotifyType::r_u_there, 1)});
  Fixture rebooted(Begins::hand);
  rebooted.feed(sealed);
  REQUIRE(rebooted.host.sent.size() == 1);
  const auto answer = v1::parse_message(rebooted.host.sent.front().bytes).value();
  CHECK_FALSE(answer.sealed);
  CHECK(answer.header.exchange == ExchangeType::informational_v1);
  CHECK(answer.header.initiator_cookie == v1::parse_header(sealed)->initiator_cookie);
  CHECK(answer.header.responder_cookie == v1::parse_header(sealed)->responder_cookie);
  CHECK(answer.header.message_id.value != 0);
  const auto* notify = test::find_in<v1::NotificationPayload>(answer.payloads);
  REQUIRE(notify != nullptr);
  CHECK(notify->type == v1::NotifyType::invalid_cookie);
  // Not so what is in clear, which may be such an answer itself; and not without end.
  rebooted.feed(rebooted.host.sent.front().bytes);
  CHECK(rebooted.host.sent.size() == 1);
  for (int i = 0; i < 200; ++i) rebooted.feed(sealed);
  CHECK(rebooted.host.sent.size() == limits::kClearRefusalsPerSecond);
}

TEST_CASE("unknown notifications and payloads are passed over, and what is known beside them heard",
          "[v1]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  it.host.sent.clear();
  const auto before = it.state();
  it.feed(it.hand.inform(
      5, {v1::NotificationPayload{
              v1::Doi::ipsec, v1::ProtocolId::isakmp, {}, v1::NotifyType{40007}, Bytes(9, 1)},
          v1::NotificationPayload{
              v1::Doi::ipsec, v1::ProtocolId::isakmp, {}, v1::NotifyType{8000}, {}},
          v1::NotificationPayload{
              v1::Doi::ipsec, v1::ProtocolId::esp, Bytes(4, 1), v1::NotifyType::connected, {}},
          v1::UnknownPayload{v1::PayloadType{200}, Bytes(3, 3)},
          liveness(it, v1::NotifyType::r_u_there, 1)}));
  CHECK(it.state() == before);
  CHECK(notification(it) == liveness(it, v1::NotifyType::r_u_there_ack, 1));
}

TEST_CASE("messages of phase 1 that come when it is over move nothing", "[v1]") {
  Fixture it(Begins::hand);
  const Bytes first = it.hand.begin();
  it.feed(first);
  const Bytes third = it.hand.hear(it.heard()).value();
  it.feed(third);
  const Bytes fifth = it.hand.hear(it.heard()).value();
  it.feed(fifth);
  const Bytes sixth = it.heard();
  REQUIRE(it.ike().established);
  const auto before = it.state();
  it.feed(third);
  CHECK(it.heard().empty());
  CHECK(it.host.dropped("message not expected") == 1);
  it.feed(fifth);
  CHECK(it.heard() == sixth);
  CHECK(it.state() == before);
}

TEST_CASE("of exchanges that are over a bounded number is remembered", "[v1]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  it.host.sent.clear();
  const auto said = [&](std::uint32_t id) {
    it.hand.forget(id);
    it.feed(it.hand.inform(id, {liveness(it, v1::NotifyType::r_u_there, 1)}));
    return !std::exchange(it.host.sent, {}).empty();
  };
  for (std::uint32_t id = 1; id <= limits::kV1ExchangesRemembered + 1; ++id) REQUIRE(said(id));
  CHECK_FALSE(said(limits::kV1ExchangesRemembered));
  CHECK_FALSE(said(2));
  CHECK(said(1));
}
