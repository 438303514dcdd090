// Goal: quick mode says what RFC 2409 5.5 says, in both roles: hashes, IVs, nonces, keys. What
// comes again is answered the same; what is not authentic, late or out of order is counted, moves
// nothing, and the right message is still taken. Method: the far end is made by hand, and checks
// every hash and key by the formulas.
#include <algorithm>

#include "ike/base/limits.h"
#include "tests/unit/v1/fixture.h"

namespace {

using namespace ipsec;
using namespace std::chrono_literals;
using test::Begins;
using test::Fixture;
using test::hand_nonce;
using test::kHandSpi;
using test::kQuickId;
using wire::ExchangeType;
namespace v1 = wire::v1;

constexpr std::size_t kKeyBytes = 16;
constexpr std::size_t kAuthBytes = 32;

bool has_key(const xfrm::SaSpec& sa, const Bytes& material) {
  return equal(sa.encryption_key.view(), ByteView(material).first(kKeyBytes)) &&
         equal(sa.integrity_key.view(), ByteView(material).subspan(kKeyBytes));
}

const xfrm::SaSpec* installed(const Fixture& it, ChildSpi spi) {
  const auto found = std::ranges::find(it.host.installed, spi, &xfrm::SaSpec::spi);
  return found == it.host.installed.end() ? nullptr : &*found;
}

// The SA under that SPI has the keys of the formula.
bool keys_fit(const Fixture& it, std::uint32_t id, ChildSpi spi) {
  const auto* sa = installed(it, spi);
  return sa != nullptr && has_key(*sa, it.hand.key_material(id, spi, kKeyBytes + kAuthBytes));
}

// The engine answers: its message 2, read.
struct Answered {
  Bytes bytes;
  ChildSpi spi;
};
Answered ask(Fixture& it, std::uint32_t id = kQuickId, ChildSpi spi = kHandSpi) {
  it.host.sent.clear();
  it.feed(it.hand.quick_1(id, it.hand.quick_payloads(spi, hand_nonce(), {})));
  Answered answer{it.heard(), {}};
  const auto opened = it.hand.open(answer.bytes);
  REQUIRE(opened);
  CHECK(it.hand.hash_2_fits(*opened));
  it.hand.quick(id).responder_nonce = test::nonce_of(*opened);
  answer.spi = test::spi_of(*opened);
  return answer;
}

// The engine asks, as it does once phase 1 is over.
struct Asked {
  std::uint32_t id = 0;
  ChildSpi spi;
};
Asked asked(Fixture& it) {
  const auto opened = it.opened();
  REQUIRE(opened);
  CHECK(it.hand.hash_1_fits(*opened));
  const Asked found{opened->header.message_id.value, test::spi_of(*opened)};
  it.hand.quick(found.id).initiator_nonce = test::nonce_of(*opened);
  return found;
}

// A message that was sealed, but does not count: the right one comes under the same IV.
template <typename Seal>
Bytes not_counted(Fixture& it, std::uint32_t id, Seal seal) {
  const Bytes iv = it.hand.iv_of(id);
  Bytes sealed = seal();
  it.hand.iv_of(id) = iv;
  return sealed;
}

// In the order that a quick mode of the hand's has.
v1::Payloads for_the_engine(Fixture& it, ChildSpi spi) {
  auto payloads = it.hand.quick_payloads(spi, hand_nonce(), {});
  std::swap(payloads[2], payloads[3]);
  return payloads;
}

}  // namespace

TEST_CASE("quick mode as responder: hashes and keys are those of RFC 2409 5.5", "[v1][quick]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  const auto answer = ask(it);
  CHECK(keys_fit(it, kQuickId, answer.spi));
  // What goes out waits for the peer's word.
  CHECK(installed(it, kHandSpi) == nullptr);
  it.feed(it.hand.quick_3(kQuickId));
  CHECK(keys_fit(it, kQuickId, kHandSpi));
  CHECK(it.children().size() == 1);
}

TEST_CASE("quick mode as initiator: hashes and keys are those of RFC 2409 5.5", "[v1][quick]") {
  Fixture it(Begins::engine);
  REQUIRE(it.shake_hands());
  const auto quick = asked(it);
  it.feed(it.hand.quick_2(quick.id, for_the_engine(it, kHandSpi)));
  const auto proof = it.opened();
  REQUIRE(proof);
  CHECK(it.hand.hash_3_fits(*proof));
  CHECK(keys_fit(it, quick.id, quick.spi));
  CHECK(keys_fit(it, quick.id, kHandSpi));
}

TEST_CASE("a message of quick mode that comes again is answered the same again", "[v1][quick]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  it.host.sent.clear();
  const Bytes offer = it.hand.quick_1(kQuickId, it.hand.quick_payloads(kHandSpi, hand_nonce(), {}));
  it.feed(offer);
  const Bytes answer = it.heard();
  it.feed(offer);
  CHECK(it.heard() == answer);
  CHECK(it.host.installed.size() == 1);

  Fixture other(Begins::engine);
  REQUIRE(other.shake_hands());
  const auto quick = asked(other);
  const Bytes theirs = other.hand.quick_2(quick.id, for_the_engine(other, kHandSpi));
  other.feed(theirs);
  const Bytes proof = other.heard();
  REQUIRE(!proof.empty());
  other.feed(theirs);
  CHECK(other.heard() == proof);
  CHECK(other.host.installed.size() == 2);
}

TEST_CASE("what is not answered in quick mode is sent again unchanged", "[v1][quick]") {
  Fixture it(Begins::engine);
  REQUIRE(it.shake_hands());
  const Bytes offer = it.heard();
  REQUIRE(!offer.empty());
  it.wait(3s);
  REQUIRE(!it.host.sent.empty());
  for (const auto& sent : it.host.sent) CHECK(sent.bytes == offer);

  // As responder too: not every initiator repeats its third message.
  Fixture other(Begins::hand);
  REQUIRE(other.shake_hands());
  const auto answer = ask(other);
  other.wait(3s);
  REQUIRE(!other.host.sent.empty());
  for (const auto& sent : other.host.sent) CHECK(sent.bytes == answer.bytes);
}

TEST_CASE("a quick mode with a wrong hash moves nothing, and the right one is taken",
          "[v1][quick]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  it.host.sent.clear();
  const auto payloads = it.hand.quick_payloads(kHandSpi, hand_nonce(), {});
  const auto before = it.state();
  it.feed(not_counted(it, kQuickId, [&] {
    return it.hand.seal(ExchangeType::quick_mode, kQuickId, Bytes(32, 1), payloads);
  }));
  CHECK(it.host.dropped("not authentic") == 1);
  CHECK(it.host.sent.empty());
  CHECK(it.host.kernel_sas.empty());
  const auto answer = ask(it);
  it.feed(not_counted(it, kQuickId, [&] {
    return it.hand.seal(ExchangeType::quick_mode, kQuickId, Bytes(32, 1), {});
  }));
  CHECK(it.host.dropped("not authentic") == 2);
  CHECK(installed(it, kHandSpi) == nullptr);
  CHECK(it.state() != before);
  it.feed(it.hand.quick_3(kQuickId));
  CHECK(keys_fit(it, kQuickId, kHandSpi));

  Fixture other(Begins::engine);
  REQUIRE(other.shake_hands());
  const auto quick = asked(other);
  const auto rest = for_the_engine(other, kHandSpi);
  other.feed(not_counted(other, quick.id, [&] {
    return other.hand.seal(ExchangeType::quick_mode, quick.id, Bytes(32, 1), rest);
  }));
  CHECK(other.host.dropped("not authentic") == 1);
  CHECK(other.host.sent.empty());
  other.feed(other.hand.quick_2(quick.id, rest));
  CHECK(keys_fit(other, quick.id, kHandSpi));
}

TEST_CASE("noise under a message id is not authentic", "[v1][quick]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  const auto before = it.state();
  for (std::uint8_t fill = 0; fill < 8; ++fill) {
    it.feed(it.hand.seal_chain(ExchangeType::quick_mode, 500U + fill, v1::PayloadType::hash,
                               Bytes(64, fill)));
    it.feed(it.hand.seal_chain(ExchangeType::informational_v1, 600U + fill, v1::PayloadType::hash,
                               Bytes(64, fill)));
  }
  CHECK(it.host.dropped("not authentic") == 16);
  CHECK(it.state() == before);
}

TEST_CASE("the id of an exchange that is over is not taken again", "[v1][quick]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  ask(it);
  it.feed(it.hand.quick_3(kQuickId));
  const auto before = it.state();
  const auto count = it.host.installed.size();
  it.host.sent.clear();
  it.hand.forget(kQuickId);
  it.feed(
      it.hand.quick_1(kQuickId, it.hand.quick_payloads(ChildSpi{0xd0000009}, hand_nonce(), {})));
  CHECK(it.host.dropped("quick mode that is over") == 1);
  CHECK(it.host.sent.empty());
  CHECK(it.host.installed.size() == count);
  CHECK(it.state() == before);
}

TEST_CASE("messages of a quick mode in a wrong place come to nothing", "[v1][quick]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  // A third message of none that was begun.
  it.hand.quick(9) = {hand_nonce(), hand_nonce()};
  const auto before = it.state();
  it.feed(it.hand.quick_3(9));
  CHECK(it.host.dropped("not authentic") == 1);
  // In clear.
  it.feed(it.hand.clear(ExchangeType::quick_mode, 10,
                        it.hand.quick_payloads(kHandSpi, hand_nonce(), {})));
  CHECK(it.host.dropped("quick mode in clear") == 1);
  // Without what it needs, though authentic.
  it.feed(it.hand.quick_1(11, {v1::NoncePayload{hand_nonce()}}));
  CHECK(it.host.dropped("quick mode without SA, nonce or identities") == 1);
  CHECK(it.state() == before);
  CHECK(it.host.kernel_sas.empty());
}

TEST_CASE("what quick mode cannot have is refused by a notification, under our hash",
          "[v1][quick]") {
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  it.host.sent.clear();
  auto ranges = it.hand.quick_payloads(kHandSpi, hand_nonce(), {});
  std::get<v1::IdPayload>(ranges[2]).data = {10, 77, 0, 0, 255, 255, 0, 0};
  it.feed(it.hand.quick_1(21, ranges));
  auto refusal = it.opened();
  REQUIRE(refusal);
  CHECK(it.hand.hash_1_fits(*refusal));
  const auto* why = test::find_in<v1::NotificationPayload>(refusal->payloads);
  REQUIRE(why != nullptr);
  CHECK(why->type == v1::NotifyType::invalid_id_information);

  auto algorithms = it.hand.quick_payloads(kHandSpi, hand_nonce(), {});
  std::get<v1::SaPayload>(algorithms[0]).proposals[0].transforms[0].id = 2;  // DES
  it.feed(it.hand.quick_1(22, algorithms));
  refusal = it.opened();
  REQUIRE(refusal);
  CHECK(it.hand.hash_1_fits(*refusal));
  why = test::find_in<v1::NotificationPayload>(refusal->payloads);
  REQUIRE(why != nullptr);
  CHECK(why->type == v1::NotifyType::no_proposal_chosen);
  CHECK(it.host.kernel_sas.empty());
}

TEST_CASE("unknown payloads and notifications in quick mode are passed over", "[v1][quick]") {
  const v1::NotificationPayload notify{v1::Doi::ipsec, v1::ProtocolId::esp, Bytes(4, 9),
                                       v1::NotifyType{40002}, Bytes(2, 1)};
  const v1::UnknownPayload unknown{v1::PayloadType{99}, Bytes(7, 7)};
  Fixture it(Begins::hand);
  REQUIRE(it.shake_hands());
  it.host.sent.clear();
  auto payloads = it.hand.quick_payloads(kHandSpi, hand_nonce(), {});
  payloads.insert(payloads.end(), {notify, unknown});
  it.feed(it.hand.quick_1(kQuickId, payloads));
  const auto answer = it.opened();
  REQUIRE(answer);
  CHECK(it.hand.hash_2_fits(*answer));

  Fixture other(Begins::engine);
  REQUIRE(other.shake_hands());
  const auto quick = asked(other);
  auto rest = for_the_engine(other, kHandSpi);
  rest.insert(rest.end(), {notify, unknown});
  other.feed(other.hand.quick_2(quick.id, rest));
  CHECK(keys_fit(other, quick.id, kHandSpi));
}

TEST_CASE("a refusal in a notification fails the quick mode it names, in words", "[v1][quick]") {
  Fixture it(Begins::engine);
  REQUIRE(it.shake_hands());
  const auto quick = asked(it);
  Writer spi;
  spi.u32(quick.spi.value);
  it.feed(it.hand.inform(31, {v1::NotificationPayload{v1::Doi::ipsec,
                                                      v1::ProtocolId::esp,
                                                      to_bytes(spi.view()),
                                                      v1::NotifyType::no_proposal_chosen,
                                                      {}}}));
  const auto failed = it.host.told<core::TryFailed>();
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].failure.stage == core::Stage::v1_quick);
  CHECK(failed[0].failure.cause == core::Cause::no_proposal_chosen);
  // Its answer, late, is of nothing any more.
  it.host.sent.clear();
  it.feed(it.hand.quick_2(quick.id, for_the_engine(it, kHandSpi)));
  CHECK(it.host.sent.empty());
  CHECK(installed(it, kHandSpi) == nullptr);
}
