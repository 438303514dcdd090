// Goal: a rekey of an IKE SA keeps its PRF as long as the peer takes it, in both roles.
// Method: a peer that offers two PRFs, or no longer wants the one that the SA has.
#include <catch2/catch.hpp>

#include "tests/unit/v2/fixture.h"

namespace {

using namespace ipsec;
using core::IkeOffers;
using test::Fixture;
using wire::ExchangeType;

IkeOffers offers_of(std::initializer_list<PrfId> prfs) {
  IkeOffers offers;
  for (const PrfId prf : prfs) {
    core::IkeOffer offer;
    offer.encryption = {find_encryption("aes128gcm16")};
    offer.prfs = {find_prf(prf)};
    offer.groups = {find_group("x25519")};
    offers.push_back(offer);
  }
  return offers;
}

// We prefer SHA-256; the SA has SHA-512, since the peer offered nothing else.
struct Sha512Fixture : Fixture {
  Sha512Fixture() : Fixture(left(), right()) { REQUIRE(shake_hands()); }
  static core::TunnelConfig left() {
    auto config = test::left_config();
    config.offers = offers_of({PrfId::hmac_sha2_256, PrfId::hmac_sha2_512});
    return config;
  }
  static core::TunnelConfig right() {
    auto config = test::right_config();
    config.offers = offers_of({PrfId::hmac_sha2_512});
    return config;
  }
};

// What the newest message of the engine offers.
std::string offered(Fixture& it) {
  REQUIRE_FALSE(it.host.sent.empty());
  const auto payloads = it.peer.open(it.host.sent.back().bytes);
  REQUIRE(payloads.has_value());
  const auto* offer = v2::find<wire::SaPayload>(*payloads);
  REQUIRE(offer != nullptr);
  return core::describe(*offer);
}

std::string described(std::initializer_list<PrfId> prfs) {
  return core::describe(core::write_offers(offers_of(prfs), Bytes(8)));
}

}  // namespace

TEST_CASE("the responder of a rekey chooses the PRF of the SA first", "[v2]") {
  Sha512Fixture it;
  const auto offers = offers_of({PrfId::hmac_sha2_256, PrfId::hmac_sha2_512});
  const auto group = find_group("x25519")->id;
  const Bytes spi(8, 7);
  const auto answer = it.peer.ask(
      it.host, ExchangeType::create_child_sa,
      wire::Payloads{core::write_offers(offers, spi), wire::NoncePayload{Bytes(32, 1)},
                     wire::KePayload{static_cast<std::uint16_t>(group),
                                     to_bytes(it.crypto.generate(group).value()->public_value())}},
      it.now);
  REQUIRE(answer.has_value());
  const auto choice = core::accept(offers, *v2::find<wire::SaPayload>(*answer), spi);
  REQUIRE(choice.has_value());
  CHECK(choice->algorithms.prf->id == PrfId::hmac_sha2_512);
}

//   rekey, the PRF of the SA -->   <-- NO_PROPOSAL_CHOSEN   rekey, all PRFs -->   <-- the same
TEST_CASE("a rekey offers other PRFs once the peer has refused that of the SA", "[v2]") {
  Sha512Fixture it;
  it.host.feed(core::Command{TunnelId{1}, core::Order::rekey_ike}, it.now);
  REQUIRE(it.host.settle(it.now));
  CHECK(offered(it) == described({PrfId::hmac_sha2_512}));
  const wire::Payloads refusal{v2::make_notify(wire::NotifyType::no_proposal_chosen)};
  for (const bool again : {false, true}) {
    const auto header = wire::parse_header(it.host.sent.back().bytes);
    REQUIRE(header.has_value());
    it.host.feed(
        it.peer.seal({ExchangeType::create_child_sa, true, header->message_id.value}, refusal),
        it.now);
    REQUIRE(it.host.settle(it.now));
    CHECK(offered(it) == described({PrfId::hmac_sha2_256, PrfId::hmac_sha2_512}));
    CHECK(it.host.told<core::ExchangeFailed>().size() == (again ? 1 : 0));
  }
}
