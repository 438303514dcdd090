// Goal: what a peer can make us keep is limited, and the limit is said.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "ike/base/limits.h"
#include "tests/unit/v2/fixture.h"

namespace {

using namespace ipsec;
using test::Fixture;
using wire::ExchangeType;
using wire::NotifyType;

// An opening the tunnel accepts, with the cookie the engine asked for if it did.
class Opener {
 public:
  explicit Opener(Fixture& fixture) : fixture_(fixture) {
    const auto offers = core::default_ike_offers(core::Profile::automatic);
    const auto* group = offers.front().groups.front();
    payloads_ = {
        core::write_offers(offers, {}),
        wire::KePayload{static_cast<std::uint16_t>(group->id),
                        to_bytes(fixture.crypto.generate(group->id).value()->public_value())},
        wire::NoncePayload{Bytes(32, 1)}};
  }
  void open(std::uint64_t spi) {
    fixture_.host.sent.clear();
    fixture_.feed(message(spi, payloads_));
    const auto answer = fixture_.clear_answer();
    if (!answer || answer->type != NotifyType::cookie) return;
    auto again = payloads_;
    again.insert(again.begin(), *answer);
    fixture_.host.sent.clear();
    fixture_.feed(message(spi, again));
  }

 private:
  static Bytes message(std::uint64_t spi, const wire::Payloads& payloads) {
    wire::Header header;
    header.initiator_spi = IkeSpi{spi};
    header.exchange = ExchangeType::ike_sa_init;
    header.flags.initiator = true;
    return wire::write_message(header, payloads).value();
  }
  Fixture& fixture_;
  wire::Payloads payloads_;
};

}  // namespace

TEST_CASE("half-open SAs are capped, and go with age", "[engine]") {
  Fixture it;
  it.host.answers_come = test::Host::Answers::when_told;  // none is finished: quicker
  Opener opener(it);
  for (std::uint64_t spi = 1; spi <= limits::kHalfOpen; ++spi) {
    opener.open(spi);
    it.host.answers.clear();
  }
  CHECK(it.host.engine().snapshot().half_open == limits::kHalfOpen);
  opener.open(limits::kHalfOpen + 1);
  CHECK(it.host.engine().snapshot().half_open == limits::kHalfOpen);
  CHECK(it.host.dropped("too many half-open SAs") == 1);
  it.now += limits::kHalfOpenAge;
  while (it.host.engine().next_deadline() <= it.now) it.host.feed(core::Tick{}, it.now);
  CHECK(it.host.engine().snapshot().half_open == 0);
  CHECK(it.host.engine().snapshot().sas == 0);
}

TEST_CASE("children of one SA are capped with NO_ADDITIONAL_SAS", "[engine]") {
  Fixture it;
  REQUIRE(it.shake_hands());
  const auto& rule = it.peer.sa().tunnel().children.front();
  const auto ask = [&](std::size_t n) {
    // Each a host of its own, so that none takes another's place.
    const auto host = fmt::format("10.2.{}.{}/32", n / 256, n % 256);
    auto offers = rule.offers;
    for (auto& offer : offers) offer.groups.clear();
    const wire::Payloads payloads{
        core::write_offers(offers, ChildSpi{0x5000U + static_cast<std::uint32_t>(n)},
                           core::Pfs::negotiated),
        wire::NoncePayload{Bytes(32, 4)},
        wire::TsPayload{wire::Role::initiator, {TrafficSelector::of(Cidr::parse(host).value())}},
        wire::TsPayload{wire::Role::responder, rule.selectors.remote}};
    return it.peer.ask(it.host, ExchangeType::create_child_sa, payloads, it.now);
  };
  for (std::size_t n = 1; n < limits::kChildrenPerSa; ++n) {
    const auto answer = ask(n);
    REQUIRE(answer.has_value());
    REQUIRE(v2::find_error(*answer) == nullptr);
  }
  const auto refused = ask(limits::kChildrenPerSa);
  REQUIRE(refused.has_value());
  REQUIRE(v2::find_error(*refused) != nullptr);
  CHECK(v2::find_error(*refused)->type == NotifyType::no_additional_sas);
}
