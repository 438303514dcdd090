// Goal: a child lives as long as the shorter of both sides' lifetimes, in seconds and in kilobytes:
// they are offered, answered as they came, and where one side has less it says so by
// RESPONDER-LIFETIME (RFC 2407 4.6.3.1); then the child is made anew.
#include <algorithm>

#include "tests/unit/v1/fixture.h"

namespace {

using namespace ipsec;
using namespace std::chrono_literals;
using test::Begins;
using test::Fixture;
using test::hand_nonce;
using test::kHandSpi;
using test::kQuickId;
namespace v1 = wire::v1;
using v1::Phase2Attribute;

// RFC 2407 4.5: the type, 1 for seconds and 2 for kilobytes, then the duration.
std::vector<wire::Attribute> life(std::uint32_t seconds, std::uint32_t kilobytes = 0) {
  std::vector<wire::Attribute> attributes;
  const auto add = [&](std::uint32_t unit, std::uint32_t amount) {
    if (amount == 0) return;
    attributes.push_back(v1::attribute_of(Phase2Attribute::life_type, unit));
    attributes.push_back(v1::attribute_of(Phase2Attribute::life_duration, amount));
  };
  add(1, seconds);
  add(2, kilobytes);
  return attributes;
}

core::TunnelConfig config(Duration lifetime, std::uint64_t bytes) {
  auto tunnel = test::v1_left_config(false);
  tunnel.children.front().lifetime = lifetime;
  tunnel.children.front().lifetime_bytes = bytes;
  return tunnel;
}

// The engine's answer to an offer with these lifetimes.
test::V1Hand::Opened answer_to(Fixture& it, const std::vector<wire::Attribute>& lifetimes) {
  REQUIRE(it.shake_hands());
  it.host.sent.clear();
  it.feed(it.hand.quick_1(kQuickId, it.hand.quick_payloads(kHandSpi, hand_nonce(), lifetimes)));
  auto answer = it.opened();
  REQUIRE(answer);
  CHECK(it.hand.hash_2_fits(*answer));
  it.hand.quick(kQuickId).responder_nonce = test::nonce_of(*answer);
  it.feed(it.hand.quick_3(kQuickId));
  return *std::move(answer);
}

// Message 2 to what the engine asks, with a RESPONDER-LIFETIME of these bytes.
void answer_with(Fixture& it, const Bytes& lifetimes) {
  REQUIRE(it.shake_hands());
  const auto offer = it.opened();
  REQUIRE(offer);
  const std::uint32_t id = offer->header.message_id.value;
  it.hand.quick(id).initiator_nonce = test::nonce_of(*offer);
  auto payloads = it.hand.quick_payloads(kHandSpi, hand_nonce(), {});
  std::swap(payloads[2], payloads[3]);
  payloads.emplace_back(v1::NotificationPayload{v1::Doi::ipsec,
                                                v1::ProtocolId::esp,
                                                {0xd0, 0, 0, 1},
                                                v1::NotifyType::responder_lifetime,
                                                lifetimes});
  it.feed(it.hand.quick_2(id, payloads));
  REQUIRE(it.host.installed.size() == 2);
  it.host.sent.clear();
}

// Whether the engine asks for a new child within this time. The peer is there, and says so.
bool asks_within(Fixture& it, Duration limit) {
  const Time end = it.now + limit;
  while (it.now < end) {
    it.wait(1s);
    for (const auto& sent : std::exchange(it.host.sent, {})) {
      const auto header = v1::parse_header(sent.bytes);
      if (header->exchange == wire::ExchangeType::quick_mode) return true;
    }
    const auto id = static_cast<std::uint32_t>(it.now.time_since_epoch() / 1s);
    it.feed(it.hand.inform(id, {v1::NotificationPayload{v1::Doi::ipsec,
                                                        v1::ProtocolId::isakmp,
                                                        it.hand.cookies(),
                                                        v1::NotifyType{40000},
                                                        {}}}));
  }
  return false;
}

// The soft limits of what was installed: the child is made anew before the hard ones.
bool volume_is_below(const Fixture& it, std::uint64_t bytes) {
  return !it.host.installed.empty() &&
         std::ranges::all_of(it.host.installed, [&](const xfrm::SaSpec& sa) {
           return sa.soft_limit_bytes > bytes / 2 && sa.soft_limit_bytes < bytes;
         });
}

}  // namespace

TEST_CASE("both lifetimes are offered, as they are configured", "[v1][lifetime]") {
  Fixture it(Begins::engine, {}, config(3600s, 5'000 * 1024));
  REQUIRE(it.shake_hands());
  const auto offer = it.opened();
  REQUIRE(offer);
  const auto* sa = test::find_in<v1::SaPayload>(offer->payloads);
  REQUIRE(sa != nullptr);
  const auto& transform = sa->proposals.front().transforms.front();
  CHECK(v1::phase2_life(transform, v1::LifeType::seconds) == 3600);
  CHECK(v1::phase2_life(transform, v1::LifeType::kilobytes) == 5'000);
}

TEST_CASE("as responder a shorter lifetime of ours is told, as RFC 2407 4.6.3.1 has it",
          "[v1][lifetime]") {
  Fixture it(Begins::hand, {}, config(3600s, 5'000 * 1024));
  const auto answer = answer_to(it, life(28800, 10'000));
  // The transform goes back as it came.
  const auto* sa = test::find_in<v1::SaPayload>(answer.payloads);
  REQUIRE(sa != nullptr);
  CHECK(v1::phase2_life(sa->proposals[0].transforms[0], v1::LifeType::seconds) == 28800);
  const auto* notify = test::find_in<v1::NotificationPayload>(answer.payloads);
  REQUIRE(notify != nullptr);
  CHECK(notify->type == v1::NotifyType::responder_lifetime);
  CHECK(notify->doi == v1::Doi::ipsec);
  CHECK(notify->protocol == v1::ProtocolId::esp);
  CHECK(notify->spi == sa->proposals[0].spi);
  // Life type 1 in the short form, duration in the long one; then 2.
  CHECK(to_hex(notify->data) ==
        "80010001"
        "00020004"
        "00000e10"
        "80010002"
        "00020004"
        "00001388");
  CHECK(volume_is_below(it, 5'000 * 1024));
}

TEST_CASE("as responder a longer lifetime of ours is not told, and the peer's is kept",
          "[v1][lifetime]") {
  Fixture it(Begins::hand, {}, config(24h, 0));
  const auto answer = answer_to(it, life(600, 1'000));
  CHECK(test::find_in<v1::NotificationPayload>(answer.payloads) == nullptr);
  CHECK(volume_is_below(it, 1'000 * 1024));
  CHECK_FALSE(it.host.installed.empty());
  for (const auto& sa : it.host.installed) CHECK(sa.hard_limit_s < 24 * 3600);
}

TEST_CASE("what the peer says nothing of has a default of eight hours", "[v1][lifetime]") {
  {
    Fixture it(Begins::hand, {}, config(3600s, 0));
    const auto answer = answer_to(it, {});
    const auto* notify = test::find_in<v1::NotificationPayload>(answer.payloads);
    REQUIRE(notify != nullptr);
    CHECK(to_hex(notify->data) ==
          "80010001"
          "00020004"
          "00000e10");
  }
  Fixture it(Begins::hand, {}, config(28800s, 0));
  const auto answer = answer_to(it, {});
  CHECK(test::find_in<v1::NotificationPayload>(answer.payloads) == nullptr);
}

TEST_CASE("as initiator the peer's shorter lifetime is taken, and the child made anew before it",
          "[v1][lifetime]") {
  Fixture it(Begins::engine, {}, config(24h, 0));
  // 600 s, in the short form and in the long one.
  answer_with(it, *from_hex("8001000180020258"));
  CHECK(asks_within(it, 600s));
  Fixture other(Begins::engine, {}, config(24h, 0));
  answer_with(other, *from_hex("800100010002000400000258"));
  CHECK(asks_within(other, 600s));
}

TEST_CASE("a longer lifetime of the responder, or one that cannot be read, changes nothing",
          "[v1][lifetime]") {
  for (const auto* bytes : {"80010001000200040fffffff", "8001000100020004", "80010001", "8001",
                            "8001000180020000", "800100078002003c"}) {
    INFO(bytes);
    Fixture it(Begins::engine, {}, config(900s, 0));
    answer_with(it, *from_hex(bytes));
    CHECK_FALSE(asks_within(it, 500s));
    CHECK(asks_within(it, 400s));
    CHECK(std::ranges::all_of(it.host.installed,
                              [](const auto& sa) { return sa.soft_limit_bytes == 0; }));
  }
}

TEST_CASE("as initiator the peer's fewer kilobytes are taken", "[v1][lifetime]") {
  for (const std::uint64_t ours : {std::uint64_t{0}, std::uint64_t{10'000 * 1024}}) {
    Fixture it(Begins::engine, {}, config(24h, ours));
    answer_with(it, *from_hex("800100020002000400000400"));
    CHECK(volume_is_below(it, 1'024 * 1024));
  }
  // And more of them are not.
  Fixture it(Begins::engine, {}, config(24h, 10'000 * 1024));
  answer_with(it, *from_hex("8001000200020008ffffffffffffffff"));
  CHECK(volume_is_below(it, 10'000 * 1024));
  Fixture unlimited(Begins::engine, {}, config(24h, 0));
  answer_with(unlimited, *from_hex("8001000200020008ffffffffffffffff"));
  CHECK(volume_is_below(unlimited, ~std::uint64_t{0}));
}

TEST_CASE("a child whose kilobytes are nearly used is made anew, in either role",
          "[v1][lifetime]") {
  for (const Begins who : test::kBegins) {
    Fixture it(who, {}, config(24h, 10'000 * 1024));
    if (who == Begins::hand) {
      (void)answer_to(it, life(28800));
    } else {
      answer_with(it, {});
    }
    it.wait(limits::kV1FollowsAfter);
    it.host.sent.clear();
    const auto children = it.children();
    REQUIRE(children.size() == 1);
    const xfrm::SaKey inbound{it.hand.theirs.address, xfrm::Protocol::esp, children[0].inbound};
    it.host.feed(core::KernelExpired{inbound, false}, it.now);
    CHECK(it.host.settle(it.now));
    const auto offer = it.opened();
    REQUIRE(offer);
    CHECK(offer->header.exchange == wire::ExchangeType::quick_mode);
    CHECK(it.hand.hash_1_fits(*offer));
  }
}
