// Goal: in IKEv1, which has no cookie before there is an SA, openings from addresses that are not
// the sender's cost a bounded number of key exchanges and a bounded room, and keep out none whose
// address is configured, and none of another tunnel.
// Method: openings that the tunnels would accept, from as many addresses as it takes.
#include <algorithm>

#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "ike/base/limits.h"
#include "ike/core/proposal_v1.h"
#include "ike/wire/v1/identity.h"
#include "ike/wire/v1/message.h"
#include "tests/unit/v2/fixture.h"

namespace {

using namespace ipsec;
using namespace std::chrono_literals;
using test::Fixture;
using wire::ExchangeType;

core::IkeOffers offers() {
  return {{{find_encryption("aes128")},
           {find_integrity("sha256")},
           {find_prf("prfsha256")},
           {find_group("modp2048")}}};
}

enum class Mode : std::uint8_t { main, aggressive };

Identity name(std::string_view text) { return Identity::parse(text).value(); }

void add_tunnel(Fixture& it, std::uint64_t id, std::string_view remote, Mode mode,
                std::string_view peer) {
  auto config = test::tunnel_between(id, "192.0.2.1", remote, fmt::format("10.3.{}.0/24", id % 256),
                                     fmt::format("10.4.{}.0/24", id % 256));
  config.version = core::IkeVersion::v1;
  config.aggressive = mode == Mode::aggressive;
  config.start = core::Start::respond;
  config.offers = offers();
  config.remote_identity = name(peer);
  it.host.feed(test::set(std::move(config)), it.now);
}

class V1Opener {
 public:
  explicit V1Opener(Fixture& fixture) : fixture_(fixture) {
    public_ = to_bytes(fixture.crypto.generate(find_group("modp2048")->id).value()->public_value());
  }
  //   HDR, SA, [KE, Ni, IDii] -->
  void open(Mode mode, const Address& from, std::string_view peer = "") {
    std::vector<wire::v1::Payload> payloads{core::proposal_v1::write_offers(offers(), 24h)};
    if (mode == Mode::aggressive) {
      payloads.emplace_back(wire::v1::KePayload{public_});
      payloads.emplace_back(wire::v1::NoncePayload{Bytes(32, 1)});
      payloads.emplace_back(wire::v1::id_of(name(peer)).value());
    }
    wire::v1::Header header;
    header.initiator_cookie = IkeSpi{++last_cookie_};
    header.exchange =
        mode == Mode::aggressive ? ExchangeType::aggressive : ExchangeType::identity_protection;
    fixture_.feed(wire::v1::write_message(header, payloads).value(), Endpoint{from, kIkePort});
  }
  // From an address that nobody has used yet.
  void open_from_anywhere(Mode mode, std::string_view peer = "") {
    ++last_address_;
    const auto text = fmt::format("198.{}.{}.{}", 18 + last_address_ / 65536,
                                  last_address_ / 256 % 256, last_address_ % 256);
    open(mode, Address::parse(text).value(), peer);
  }

 private:
  Fixture& fixture_;
  Bytes public_;
  std::uint64_t last_cookie_ = 0;
  unsigned last_address_ = 0;
};

Address at(std::string_view text) { return Address::parse(text).value(); }
std::size_t held_half_open(const Fixture& it) { return it.host.engine().snapshot().half_open; }
bool is_withheld(const Fixture& it) { return it.host.engine().openings().withheld > 0; }

// One second after another, in each of which so many openings come.
template <typename Step>
void seconds_of(Fixture& it, int seconds, int a_second, Step step) {
  for (int i = 0; i < seconds * a_second; ++i) {
    it.now += std::chrono::microseconds(1'000'000 / a_second);
    it.host.feed(core::Tick{}, it.now);
    step();
    it.host.sent.clear();
  }
}

constexpr int kSecondsOfFlood = 5;

std::size_t in_seconds(int seconds, int a_second) {
  return static_cast<std::size_t>(seconds * a_second);
}

}  // namespace

TEST_CASE("a flood of aggressive mode costs so many key exchanges a second and no more",
          "[engine][v1]") {
  Fixture it;
  for (std::uint64_t n = 2; n < 12; ++n) {
    add_tunnel(it, n, "0.0.0.0", Mode::aggressive, fmt::format("peer{}.example.com", n));
  }
  V1Opener opener(it);
  it.now += 10s;
  std::uint64_t turn = 0;
  seconds_of(it, kSecondsOfFlood, 2000, [&] {
    opener.open_from_anywhere(Mode::aggressive, fmt::format("peer{}.example.com", 2 + ++turn % 10));
  });
  CHECK(it.host.jobs >= in_seconds(kSecondsOfFlood, limits::kAgreementsOfStrangersPerSecond));
  CHECK(it.host.jobs <= in_seconds(kSecondsOfFlood + 1, limits::kAgreementsOfStrangersPerSecond));
  CHECK(is_withheld(it));
  CHECK(held_half_open(it) == it.host.jobs);
}

TEST_CASE("who says the identity of one tunnel does not use up what the others have",
          "[engine][v1]") {
  Fixture it;
  add_tunnel(it, 2, "0.0.0.0", Mode::aggressive, "heard.example.com");
  add_tunnel(it, 3, "0.0.0.0", Mode::aggressive, "honest.example.com");
  V1Opener opener(it);
  it.now += 10s;
  seconds_of(it, kSecondsOfFlood, 2000,
             [&] { opener.open_from_anywhere(Mode::aggressive, "heard.example.com"); });
  const auto jobs = it.host.jobs;
  CHECK(jobs <= in_seconds(kSecondsOfFlood + 1, limits::kAgreementsPerTunnel));
  opener.open(Mode::aggressive, at("198.51.100.1"), "honest.example.com");
  CHECK(it.host.jobs == jobs + 1);
}

TEST_CASE("who says an identity that nobody has costs no key exchange", "[engine][v1]") {
  Fixture it;
  add_tunnel(it, 2, "0.0.0.0", Mode::aggressive, "peer.example.com");
  V1Opener opener(it);
  it.now += 10s;
  seconds_of(it, 1, 1000,
             [&] { opener.open_from_anywhere(Mode::aggressive, "stranger.example.com"); });
  CHECK(it.host.jobs == 0);
  CHECK(it.host.events.size() <= 2 * limits::kClearRefusalsPerSecond);
  CHECK_FALSE(is_withheld(it));
  opener.open(Mode::aggressive, at("198.51.100.1"), "peer.example.com");
  CHECK(it.host.jobs == 1);
}

TEST_CASE("who speaks the other version is refused, and it is told once each", "[engine][v1]") {
  const auto told = [](const Fixture& it, std::string_view ours) {
    return std::ranges::count_if(it.host.events, [&](const core::Event& event) {
      const auto* failed = std::get_if<core::ExchangeFailed>(&event);
      return failed != nullptr && failed->failure.ours == ours;
    });
  };
  Fixture it;  // its tunnel is of IKEv2
  it.now += 10s;
  V1Opener opener(it);
  opener.open(Mode::main, test::right_end().address);
  REQUIRE(it.host.sent.size() == 1);
  const auto answer = wire::v1::parse_message(it.host.sent.front().bytes).value();
  const auto& notify = std::get<wire::v1::NotificationPayload>(answer.payloads.front().payload);
  CHECK(notify.type == wire::v1::NotifyType::no_proposal_chosen);
  CHECK(told(it, "IKEv2") == 1);
  // Nor is it more than what may be said to strangers.
  for (int i = 0; i < 1000; ++i) opener.open(Mode::main, test::right_end().address);
  CHECK(told(it, "IKEv2") == limits::kClearRefusalsPerSecond);

  add_tunnel(it, 2, "203.0.113.9", Mode::main, "peer.example.com");
  it.now += 10s;
  test::BarePeer peer(it.crypto, test::right_config(), 3);
  peer.begin(it.now);
  it.feed(peer.sent.front().bytes, Endpoint{at("203.0.113.9"), kIkePort});
  CHECK(told(it, "IKEv1") == 1);
  CHECK(it.host.jobs == 0);
}

TEST_CASE("a flood from anywhere does not keep configured addresses out in aggressive mode",
          "[engine][v1]") {
  Fixture it;
  for (std::uint64_t n = 2; n < 12; ++n) {
    add_tunnel(it, n, "0.0.0.0", Mode::aggressive, fmt::format("peer{}.example.com", n));
  }
  for (std::uint64_t n = 1; n <= 100; ++n) {
    add_tunnel(it, 100 + n, fmt::format("203.0.113.{}", 100 + n), Mode::aggressive,
               fmt::format("site{}.example.com", n));
  }
  V1Opener opener(it);
  it.now += 10s;
  std::uint64_t turn = 0;
  const auto flood = [&] {
    opener.open_from_anywhere(Mode::aggressive, fmt::format("peer{}.example.com", 2 + ++turn % 10));
  };
  seconds_of(it, kSecondsOfFlood, 2000, flood);
  REQUIRE(is_withheld(it));
  const auto jobs = it.host.jobs;
  for (int n = 1; n <= 100; ++n) {
    opener.open(Mode::aggressive, at(fmt::format("203.0.113.{}", 100 + n)),
                fmt::format("site{}.example.com", n));
  }
  CHECK(it.host.jobs == jobs + 100);
}

TEST_CASE("key exchanges for nobody in particular do not pile up on a slow machine",
          "[engine][v1]") {
  Fixture it;
  it.host.answers_come = test::Host::Answers::when_told;
  for (std::uint64_t n = 2; n < 12; ++n) {
    add_tunnel(it, n, "0.0.0.0", Mode::aggressive, fmt::format("peer{}.example.com", n));
  }
  add_tunnel(it, 20, "203.0.113.2", Mode::aggressive, "site.example.com");
  V1Opener opener(it);
  it.now += 10s;
  std::uint64_t turn = 0;
  seconds_of(it, kSecondsOfFlood, 2000, [&] {
    opener.open_from_anywhere(Mode::aggressive, fmt::format("peer{}.example.com", 2 + ++turn % 10));
  });
  CHECK(it.host.jobs == limits::kAgreementsOfStrangersAtOnce);
  opener.open(Mode::aggressive, at("203.0.113.2"), "site.example.com");
  CHECK(it.host.jobs == limits::kAgreementsOfStrangersAtOnce + 1);
}

TEST_CASE("a flood of main mode costs nothing, and every honest peer has its turn",
          "[engine][v1]") {
  Fixture it;
  add_tunnel(it, 2, "0.0.0.0", Mode::main, "peer.example.com");
  V1Opener opener(it);
  it.now += 10s;
  seconds_of(it, kSecondsOfFlood, 5000, [&] { opener.open_from_anywhere(Mode::main); });
  CHECK(it.host.jobs == 0);
  CHECK(held_half_open(it) == limits::kHalfOpenUnproven);
  CHECK(it.host.dropped("half-open SA gave way to a younger one") ==
        in_seconds(kSecondsOfFlood, 5000) - limits::kHalfOpenUnproven);
  // It is answered, and still there a tenth of a second of flood later.
  it.host.sent.clear();
  opener.open(Mode::main, at("198.51.100.1"));
  REQUIRE(it.host.sent.size() == 1);
  const auto answered = wire::v1::parse_message(it.host.sent.front().bytes).value();
  for (int i = 0; i < 500; ++i) opener.open_from_anywhere(Mode::main);
  it.host.sent.clear();
  const std::vector<wire::v1::Payload> keys{
      wire::v1::KePayload{
          to_bytes(it.crypto.generate(find_group("modp2048")->id).value()->public_value())},
      wire::v1::NoncePayload{Bytes(32, 1)}};
  it.feed(wire::v1::write_message(answered.header, keys).value(),
          Endpoint{at("198.51.100.1"), kIkePort});
  CHECK(it.host.jobs == 1);
  CHECK(it.host.sent.size() == 1);
  // And now that it has shown that it receives, no flood makes it go.
  seconds_of(it, 2, 5000, [&] { opener.open_from_anywhere(Mode::main); });
  it.host.sent.clear();
  it.feed(wire::v1::write_message(answered.header, keys).value(),
          Endpoint{at("198.51.100.1"), kIkePort});
  CHECK(it.host.sent.size() == 1);
}
