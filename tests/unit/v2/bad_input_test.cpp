// Goal: what is malformed, out of state or from strangers is counted and answered as the RFC says,
// and never moves an established SA.
#include <catch2/catch.hpp>

#include "ike/base/limits.h"
#include "tests/unit/v2/fixture.h"

namespace {

using namespace ipsec;
using test::Fixture;
using wire::ExchangeType;
using wire::NotifyType;

wire::Header strange_request() {
  wire::Header header;
  header.initiator_spi = IkeSpi{0x1111};
  header.responder_spi = IkeSpi{0x2222};
  header.exchange = ExchangeType::informational;
  header.flags.initiator = true;
  header.message_id = MessageId{7};
  return header;
}

Bytes write(const wire::Header& header, const wire::Payloads& payloads = {}) {
  return wire::write_message(header, payloads).value();
}

// What the engine's tunnel would accept.
Bytes opening(std::uint64_t spi, wire::Payloads more = {}) {
  const crypto::FakeProvider crypto(5);
  const auto offers = core::default_ike_offers(core::Profile::automatic);
  const auto* group = offers.front().groups.front();
  wire::Payloads payloads = std::move(more);
  payloads.emplace_back(core::write_offers(offers, {}));
  payloads.emplace_back(
      wire::KePayload{static_cast<std::uint16_t>(group->id),
                      to_bytes(crypto.generate(group->id).value()->public_value())});
  payloads.emplace_back(wire::NoncePayload{Bytes(32, 1)});
  wire::Header header;
  header.initiator_spi = IkeSpi{spi};
  header.exchange = ExchangeType::ike_sa_init;
  header.flags.initiator = true;
  return write(header, payloads);
}

}  // namespace

TEST_CASE("datagrams that come to nothing are counted and move nothing", "[v2]") {
  Fixture it;
  REQUIRE(it.shake_hands());
  const auto before = it.state();
  auto& peer = it.peer;
  const auto next = peer.up()->window.next_id;

  struct Row {
    const char* what;
    Bytes bytes;
    const char* reason;
  };
  Bytes corrupt = peer.seal({ExchangeType::informational, false, next}, {}).bytes;
  corrupt.back() ^= 1;
  Bytes short_one = peer.seal({ExchangeType::informational, false, next}, {}).bytes;
  short_one.pop_back();
  auto reflected = strange_request();
  reflected.initiator_spi = peer.sa().spis().initiator;
  reflected.responder_spi = peer.sa().spis().responder;
  auto wrong_role = reflected;
  wrong_role.flags.initiator = false;
  wrong_role.initiator_spi = peer.sa().spis().responder;
  auto wrong_peer = reflected;
  wrong_peer.initiator_spi = IkeSpi{0x3333};
  auto response = strange_request();
  response.flags.response = true;
  const Row rows[] = {
      {"too short for a header", Bytes(27, 0), "malformed"},
      {"truncated", short_one, "malformed"},
      {"forged", corrupt, "not authentic"},
      {"clear", write(reflected), "clear message for a protected SA"},
      {"old id", peer.seal({ExchangeType::informational, false, next + 1}, {}).bytes,
       "message id outside the window"},
      {"answer to nothing", peer.seal({ExchangeType::informational, true, 0}, {}).bytes,
       "message id outside the window"},
      {"wrong role", write(wrong_role), "SPIs or roles do not fit"},
      {"wrong peer SPI", write(wrong_peer), "SPIs or roles do not fit"},
      {"response for nobody", write(response), "unknown IKE SPI"}};
  for (const Row& row : rows) {
    INFO(row.what);
    const auto count = it.host.dropped(row.reason);
    it.feed(row.bytes);
    CHECK(it.host.dropped(row.reason) == count + 1);
    CHECK(it.host.sent.empty());
    CHECK(it.state() == before);
  }
}

TEST_CASE("NAT keepalives are not even counted", "[v2]") {
  Fixture it;
  it.feed({0xff});
  CHECK(it.host.engine().drops().empty());
  CHECK(it.host.sent.empty());
}

// RFC 7296 1.5: same SPIs, same exchange and id, flag R, unprotected.
TEST_CASE("a request for an unknown SA is answered INVALID_IKE_SPI, so often a second", "[v2]") {
  Fixture it;
  it.feed(write(strange_request()));
  REQUIRE(it.clear_answer().has_value());
  CHECK(it.clear_answer()->type == NotifyType::invalid_ike_spi);
  const auto header = wire::parse_header(it.host.sent.front().bytes).value();
  CHECK(header.initiator_spi == strange_request().initiator_spi);
  CHECK(header.responder_spi == strange_request().responder_spi);
  CHECK(header.message_id == MessageId{7});
  CHECK(header.flags.response);
  CHECK_FALSE(header.flags.initiator);
  for (int i = 0; i < 200; ++i) it.feed(write(strange_request()));
  CHECK(it.host.sent.size() == limits::kClearRefusalsPerSecond);
  it.now += std::chrono::seconds(1);
  it.feed(write(strange_request()));
  CHECK(it.host.sent.size() == limits::kClearRefusalsPerSecond + 1);
}

// RFC 7296 2.5.
TEST_CASE("a higher major version is told ours", "[v2]") {
  Fixture it;
  Bytes bytes = write(strange_request());
  bytes[17] = 0x30;
  it.feed(bytes);
  REQUIRE(it.clear_answer().has_value());
  CHECK(it.clear_answer()->type == NotifyType::invalid_major_version);
  CHECK(wire::parse_header(it.host.sent.front().bytes)->major_version == 2);
  it.host.sent.clear();
  bytes[17] = 0x00;
  it.feed(bytes);
  CHECK(it.host.sent.empty());
  CHECK(it.host.dropped("unsupported IKE version") == 2);
}

TEST_CASE("an unknown peer is refused before any Diffie-Hellman", "[v2]") {
  Fixture it;
  it.feed(opening(1), {Address::parse("198.51.100.9").value(), kIkePort});
  REQUIRE(it.clear_answer().has_value());
  CHECK(it.clear_answer()->type == NotifyType::no_proposal_chosen);
  CHECK(it.host.jobs == 0);
  CHECK(it.host.engine().snapshot().sas == 0);
  CHECK(it.host.dropped("no tunnel for this peer address") == 1);
}

// RFC 7296 2.6.
TEST_CASE("with many half-open SAs a cookie is asked for, and is enough", "[v2]") {
  Fixture it;
  for (std::uint64_t spi = 1; spi <= limits::kCookieThreshold; ++spi) it.feed(opening(spi));
  const auto jobs = it.host.jobs;
  it.host.sent.clear();
  it.feed(opening(5000));
  REQUIRE(it.clear_answer().has_value());
  const auto cookie = *it.clear_answer();
  CHECK(cookie.type == NotifyType::cookie);
  CHECK_FALSE(wire::parse_header(it.host.sent.front().bytes)->responder_spi);
  CHECK(it.host.jobs == jobs);
  it.host.sent.clear();
  it.feed(opening(5001, {cookie}));  // another's
  CHECK(it.host.jobs == jobs);
  it.feed(opening(5000, {cookie}));
  CHECK(it.host.jobs == jobs + 1);
}

// RFC 7296 2.21.3: authentic, but against the protocol.
TEST_CASE("an authentic request that breaks the rules is answered and the SA stays", "[v2]") {
  Fixture it;
  REQUIRE(it.shake_hands());
  const auto before = it.state();
  const auto ask = [&](ExchangeType exchange, const wire::Payloads& payloads) {
    it.host.events.clear();
    const auto answer = it.peer.ask(it.host, exchange, payloads, it.now);
    REQUIRE(answer.has_value());
    REQUIRE(v2::find_error(*answer) != nullptr);
    CHECK(it.state() == before);
    const auto failed = it.host.told<core::ExchangeFailed>();
    REQUIRE(failed.size() == 1);
    CHECK(failed.front().tunnel == TunnelId{1});
    return std::pair(v2::find_error(*answer)->type, failed.front().failure);
  };
  const auto [syntax, missing] =
      ask(ExchangeType::create_child_sa, {wire::NoncePayload{Bytes(32, 1)}});
  CHECK(syntax == NotifyType::invalid_syntax);
  CHECK(missing.cause == core::Cause::protocol_violation);
  CHECK(missing.detail.find("missing: SA") != std::string::npos);
  CHECK(ask(ExchangeType::ike_auth, {}).first == NotifyType::invalid_syntax);
  const auto [critical, unknown] =
      ask(ExchangeType::informational, {wire::UnknownPayload{wire::PayloadType{200}, true, {}}});
  CHECK(critical == NotifyType::unsupported_critical_payload);
  CHECK(unknown.theirs == "critical payload 200");
  // And it still answers what is in order.
  CHECK(it.peer.ask(it.host, ExchangeType::informational, {}, it.now).has_value());
}
