// Goal: RFC 6290 both ways. A token is given for each SA and kept; one that fits ends the SA
// without a word, any other is a hint and no more. Of an SA that we have no token is given to
// anybody. Method: an engine and the far end of its tunnel, whose messages in clear are written by
// hand.
#include "ike/v2/crash_detection.h"

#include <catch2/catch.hpp>

#include "ike/base/limits.h"
#include "tests/unit/v2/fixture.h"

namespace {

using namespace ipsec;
using namespace std::chrono_literals;
using test::Fixture;
using wire::ExchangeType;
using wire::NotifyType;

wire::Payload token_payload(Bytes token) {
  return v2::make_notify(NotifyType::quick_crash_detection, std::move(token));
}

// "I do not know this SA", from its peer or somebody who has seen its SPIs.
Bytes denial(Fixture& it, wire::Payloads more = {}) {
  wire::Header header;
  header.initiator_spi = it.peer.sa().spis().initiator;
  header.responder_spi = it.peer.sa().spis().responder;
  header.exchange = ExchangeType::informational;
  header.flags = {true, true, false};
  more.insert(more.begin(), v2::make_notify(NotifyType::invalid_ike_spi));
  return wire::write_message(header, more).value();
}

// Nobody's, and yet it looks protected.
Bytes sealed_request(const crypto::SpiPair& spis, bool from_initiator,
                     ExchangeType exchange = ExchangeType::informational) {
  wire::Header header;
  header.initiator_spi = spis.initiator;
  header.responder_spi = spis.responder;
  header.exchange = exchange;
  header.flags.initiator = from_initiator;
  header.message_id = MessageId{7};
  const Bytes body(48, 0xab);
  auto head = wire::write_sealed_head(header, wire::PayloadType::none, {}, body.size()).value();
  return concat({head, body});
}

// Those of the test's engine: see test::Host.
Bytes engines_token(const Fixture& it, const crypto::SpiPair& spis) {
  return core::CrashTokens(it.crypto, Secret(Bytes(core::kCrashSecretBytes, 1))).make(spis);
}
Bytes peers_token(Fixture& it) {
  return core::CrashTokens(it.crypto, Secret(Bytes(core::kCrashSecretBytes, 2)))
      .make(it.peer.sa().spis());
}

std::vector<Bytes> tokens_in(ByteView datagram) {
  std::vector<Bytes> tokens;
  const auto message = wire::parse_message(datagram);
  for (const auto& payload : message ? message->payloads : wire::Payloads{}) {
    const auto* notify = std::get_if<wire::NotifyPayload>(&payload);
    if (notify != nullptr && notify->type == NotifyType::quick_crash_detection) {
      tokens.push_back(notify->data);
    }
  }
  return tokens;
}

constexpr std::string_view kBare = "INVALID_IKE_SPI in clear";
constexpr std::string_view kWrong = "INVALID_IKE_SPI in clear, its token is not the peer's";

}  // namespace

TEST_CASE("a token has 16 to 128 bytes", "[v2]") {
  for (const std::size_t size : {0U, 1U, 15U, 129U, 200U}) {
    CHECK(v2::token_in(wire::Payloads{token_payload(Bytes(size, 7))}).empty());
  }
  for (const std::size_t size : {16U, 32U, 128U}) {
    const auto token = v2::token_in(wire::Payloads{token_payload(Bytes(size, 7))});
    CHECK(equal(token.view(), Bytes(size, 7)));
  }
  CHECK(v2::token_in(wire::Payloads{v2::make_notify(NotifyType::initial_contact)}).empty());
}

TEST_CASE("a token's notify bears the protocol that RFC 6290 4.1 asks for", "[v2]") {
  const auto chain = wire::write_chain(wire::Payloads{token_payload(Bytes(16, 7))}).value();
  CHECK(chain[4] == 1);
  CHECK(chain[5] == 0);
}

TEST_CASE("both sides give their token in IKE_AUTH, and the one that fits ends the SA", "[v2]") {
  Fixture it;
  REQUIRE(it.shake_hands());
  CHECK(equal(it.peer.up()->peer_token.view(), engines_token(it, it.peer.sa().spis())));
  // RFC 6290 4.5: one of several is enough.
  wire::Payloads several(3, token_payload(Bytes(32, 9)));
  several.push_back(token_payload(peers_token(it)));
  it.feed(denial(it, several));
  CHECK(it.state().empty());
  CHECK(it.host.sent.empty());
  const auto down = it.host.told<core::IkeDown>();
  REQUIRE(down.size() == 1);
  CHECK(down.front().reason ==
        "203.0.113.2:500 has restarted and lost this IKE SA, which its token proves (RFC 6290)");
}

// RFC 6290 4.4.
TEST_CASE("another token may come in any protected exchange", "[v2]") {
  Fixture it;
  REQUIRE(it.shake_hands());
  const wire::Payloads fresh{token_payload(Bytes(128, 3))};
  REQUIRE(it.peer.ask(it.host, ExchangeType::informational, fresh, it.now).has_value());
  const wire::Payloads too_long{token_payload(Bytes(129, 3))};
  REQUIRE(it.peer.ask(it.host, ExchangeType::informational, too_long, it.now).has_value());
  it.feed(denial(it, {token_payload(peers_token(it))}));
  CHECK_FALSE(it.state().empty());
  it.feed(denial(it, {token_payload(Bytes(128, 3))}));
  CHECK(it.state().empty());
}

TEST_CASE("what does not fit is a hint: one question, and none again for a while", "[v2]") {
  const auto [what, reason] =
      GENERATE(table<int, std::string_view>({{0, kBare}, {1, kWrong}, {2, kWrong}, {3, kWrong}}));
  auto config = test::left_config();
  config.dpd_delay = 60s;  // it asks nothing by itself
  Fixture it(config);
  REQUIRE(it.shake_hands());
  const auto before = it.state();
  wire::Payloads more;
  Bytes token = peers_token(it);
  token.back() ^= 1;
  if (what == 1) more.push_back(token_payload(token));
  if (what == 2) more.push_back(token_payload({}));
  token = peers_token(it);
  token.pop_back();
  if (what == 3) more.push_back(token_payload(token));
  it.feed(denial(it, more));
  CHECK(it.host.dropped(reason) == 1);
  CHECK(it.state() == before);
  REQUIRE(it.host.sent.size() == 1);
  // The engine's first request, and the peer that lives answers it.
  const auto answer = it.peer.seal({ExchangeType::informational, true, 0}, {});
  it.feed(answer.bytes);
  it.now += limits::kDoubtInterval - 1ms;
  it.feed(denial(it, more));
  CHECK(it.host.sent.size() == 1);
  it.now += 1ms;
  it.feed(denial(it, more));
  CHECK(it.host.sent.size() == 2);
  CHECK(it.state() == before);
}

TEST_CASE("a peer in doubt that is silent is dead after 4 s", "[v2]") {
  Fixture it;
  REQUIRE(it.shake_hands());
  it.feed(denial(it));
  const Time end = it.now + limits::kDoubtPatience;
  while (it.host.engine().next_deadline() < end) {
    it.now = it.host.engine().next_deadline();
    it.feed({0xff});
    it.feed(denial(it));  // does not make it sooner, nor later
  }
  CHECK(it.host.sent.size() == 8);
  CHECK_FALSE(it.state().empty());
  it.now = end;
  it.feed({0xff});
  CHECK(it.state().empty());
}

TEST_CASE("an SA that is not known is answered with its token", "[v2]") {
  Fixture it;
  constexpr crypto::SpiPair kLost{IkeSpi{0x1111}, IkeSpi{0x2222}};
  for (const bool from_initiator : {true, false}) {
    it.host.sent.clear();
    it.feed(sealed_request(kLost, from_initiator));
    REQUIRE(it.host.sent.size() == 1);
    const Bytes& bytes = it.host.sent.front().bytes;
    CHECK(tokens_in(bytes) == std::vector<Bytes>{engines_token(it, kLost)});
    const auto message = wire::parse_message(bytes).value();
    CHECK(v2::find_notify(message.payloads, NotifyType::invalid_ike_spi) != nullptr);
    CHECK(message.header.flags.response);
    CHECK(message.header.message_id == MessageId{7});
  }
  // Nothing that an SA could have said.
  it.host.sent.clear();
  it.feed(sealed_request(kLost, true, ExchangeType::ike_sa_init));
  wire::Header clear;
  clear.initiator_spi = kLost.initiator;
  clear.responder_spi = kLost.responder;
  clear.flags.initiator = true;
  it.feed(wire::write_message(clear, {}).value());
  REQUIRE(it.host.sent.size() == 2);
  for (const auto& sent : it.host.sent) CHECK(tokens_in(sent.bytes).empty());
}

// RFC 6290 9.2.
TEST_CASE("the token of an SA that is there is given to nobody", "[v2]") {
  Fixture it;
  const auto ask = [&](const crypto::SpiPair& spis) {
    for (const IkeSpi other : {spis.initiator, spis.responder, IkeSpi{0x77}}) {
      for (const crypto::SpiPair asked : {spis,
                                          {spis.responder, spis.initiator},
                                          {other, spis.responder},
                                          crypto::SpiPair{spis.responder, other}}) {
        for (const bool from_initiator : {true, false})
          it.feed(sealed_request(asked, from_initiator));
      }
    }
  };
  const auto count = [&] {
    std::size_t tokens = 0;
    for (const auto& sent : it.host.sent) tokens += tokens_in(sent.bytes).size();
    return tokens;
  };
  it.peer.begin(it.now);
  SECTION("half-open") {
    REQUIRE(it.peer.sent.size() == 1);
    it.host.feed(test::BarePeer::arriving(it.peer.sent.front()), it.now);
    REQUIRE(it.host.sent.size() == 1);
    const auto header = wire::parse_header(it.host.sent.front().bytes).value();
    REQUIRE(it.host.engine().snapshot().half_open == 1);
    ask({header.initiator_spi, header.responder_spi});
  }
  SECTION("established") {
    REQUIRE(it.peer.shake_hands(it.host, it.now));
    ask(it.peer.sa().spis());
  }
  CHECK(count() == 0);
}
