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
  void open(std::uint64_t spi, const Endpoint& from = test::right_end()) {
    fixture_.host.sent.clear();
    ask(spi, from);
    const auto answer = fixture_.clear_answer();
    if (!answer || answer->type != NotifyType::cookie) return;
    auto again = payloads_;
    again.insert(again.begin(), *answer);
    fixture_.host.sent.clear();
    fixture_.feed(message(spi, again), from);
  }
  // Without a cookie, as one does who is not at the address he says.
  void ask(std::uint64_t spi, const Endpoint& from) {
    fixture_.feed(message(spi, payloads_), from);
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

Endpoint end_at(std::string_view address) { return {Address::parse(address).value(), kIkePort}; }

// Tunnels of one peer that only answer, with ranges of their own.
void add_tunnels(Fixture& it, std::size_t first_id, std::size_t count, std::string_view remote) {
  for (std::size_t id = first_id; id < first_id + count; ++id) {
    auto config =
        test::tunnel_between(id, "192.0.2.1", remote, fmt::format("10.3.{}.0/24", id % 256),
                             fmt::format("10.4.{}.0/24", id % 256));
    config.start = core::Start::respond;
    it.host.feed(test::set(std::move(config)), it.now);
  }
}

std::size_t half_open(const Fixture& it) { return it.host.engine().snapshot().half_open; }

}  // namespace

TEST_CASE("half-open SAs are capped, and go with age", "[engine]") {
  Fixture it;
  add_tunnels(it, 2, limits::kHalfOpen / limits::kHalfOpenPerTunnel, "203.0.113.2");
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

TEST_CASE("a hub may begin all its tunnels at once, several times over", "[engine]") {
  Fixture it;
  add_tunnels(it, 2, 199, "203.0.113.2");
  it.host.answers_come = test::Host::Answers::when_told;
  Opener opener(it);
  const std::size_t room = 200 * limits::kHalfOpenPerTunnel;
  for (std::uint64_t spi = 1; spi <= room; ++spi) opener.open(spi);
  CHECK(half_open(it) == room);
  opener.open(room + 1);
  CHECK(half_open(it) == room);
  CHECK(it.host.dropped("too many half-open SAs of one peer") == 1);
}

TEST_CASE("a flood from one configured peer does not keep another out", "[engine]") {
  Fixture it;
  add_tunnels(it, 2, 1, "203.0.113.3");
  it.host.answers_come = test::Host::Answers::when_told;
  Opener opener(it);
  for (std::uint64_t spi = 1; spi <= 1000; ++spi) opener.open(spi);
  CHECK(half_open(it) == limits::kHalfOpenPerTunnel);
  const auto jobs = it.host.jobs;
  opener.open(1001, end_at("203.0.113.3"));
  CHECK(it.host.jobs == jobs + 1);
  CHECK(half_open(it) == limits::kHalfOpenPerTunnel + 1);
}

TEST_CASE("who only pretends to be at a peer's address does not keep the peer out", "[engine]") {
  Fixture it;
  it.host.answers_come = test::Host::Answers::when_told;
  Opener opener(it);
  for (std::uint64_t spi = 1; spi <= 100; ++spi) opener.ask(spi, test::right_end());
  CHECK(half_open(it) == 1);
  opener.open(101);  // it gets the cookie and brings it back
  CHECK(half_open(it) == 2);
}

TEST_CASE("addresses that no tunnel names share a part of the room", "[engine]") {
  Fixture it;
  add_tunnels(it, 2, limits::kHalfOpenPerStranger, "0.0.0.0");
  it.host.answers_come = test::Host::Answers::when_told;
  Opener opener(it);
  std::uint64_t spi = 0;
  const auto flood = [&](std::string_view address, std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
      opener.open(++spi, end_at(address));
      it.host.answers.clear();
    }
  };
  flood("198.51.100.1", limits::kHalfOpenPerStranger + 1);
  CHECK(half_open(it) == limits::kHalfOpenPerStranger);
  CHECK(it.host.dropped("too many half-open SAs of one peer") == 1);
  for (int n = 2; half_open(it) < limits::kHalfOpenStrangers; ++n) {
    flood(fmt::format("198.51.100.{}", n), 1000);
  }
  CHECK(half_open(it) == limits::kHalfOpenStrangers);
  flood("198.51.100.200", 1);
  CHECK(half_open(it) == limits::kHalfOpenStrangers);
  CHECK(it.host.dropped("too many half-open SAs of addresses not configured") > 0);
  opener.open(++spi);  // the peer whose address is configured
  CHECK(half_open(it) == limits::kHalfOpenStrangers + 1);
}

TEST_CASE("an opening from an address no tunnel is for costs no key exchange", "[engine]") {
  Fixture it;
  Opener opener(it);
  for (std::uint64_t spi = 1; spi <= 200; ++spi) opener.open(spi, end_at("198.51.100.1"));
  CHECK(it.host.jobs == 0);
  CHECK(half_open(it) == 0);
  CHECK(it.host.dropped("no tunnel for this peer address") == 200);
}

// RFC 7296 2.21: one limit for all refusals that go to anyone.
TEST_CASE("refusals in clear are limited to so many a second, whatever they say", "[engine]") {
  Fixture it;
  Opener opener(it);
  wire::Header unknown;
  unknown.initiator_spi = IkeSpi{1};
  unknown.responder_spi = IkeSpi{2};
  unknown.exchange = ExchangeType::informational;
  unknown.flags.initiator = true;
  auto unknown_spi = wire::write_message(unknown, {}).value();
  auto version_3 = unknown_spi;
  version_3[17] = 0x30;
  const std::size_t limit = limits::kClearRefusalsPerSecond;
  const auto flood = [&](std::size_t times) {
    it.host.sent.clear();
    for (std::size_t i = 0; i < times; ++i) {
      it.feed(unknown_spi);
      it.feed(version_3);
      opener.ask(i + 1, end_at("198.51.100.1"));  // NO_PROPOSAL_CHOSEN
    }
    return it.host.sent.size();
  };
  it.now += std::chrono::seconds(10);
  CHECK(flood(4) == 12);
  CHECK(flood(limit) == limit - 12);
  CHECK(it.host.dropped("refusal withheld, too many a second") == 3 * limit - (limit - 12));
  it.now += std::chrono::milliseconds(999);
  CHECK(flood(1) == 0);
  it.now += std::chrono::milliseconds(1);
  CHECK(flood(limit) == limit);
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
