// Goal: a rekey of an IKE SA keeps its PRF: some peers come to other keys than ours where it
// changes. Method: two sides that prefer different PRFs, so that a free choice would change it.
#include <catch2/catch.hpp>

#include "tests/sim/crossing.h"

using ipsec::PrfId;
using ipsec::core::IkeOffers;
using ipsec::core::IkeRekeyed;
using ipsec::core::Order;
using ipsec::sim::Crossing;
using ipsec::sim::Pair;

namespace {

IkeOffers offers_of(std::initializer_list<PrfId> prfs) {
  IkeOffers offers;
  for (const PrfId prf : prfs) {
    ipsec::core::IkeOffer offer;
    offer.encryption = {ipsec::find_encryption("aes128gcm16")};
    offer.prfs = {ipsec::find_prf(prf)};
    offer.groups = {ipsec::find_group("x25519")};
    offers.push_back(offer);
  }
  return offers;
}

PrfId prf_of(Crossing& pair, std::size_t side) {
  const auto tunnel = pair.world.node(side).tunnel(1);
  REQUIRE(tunnel.ike.size() == 1);
  REQUIRE(tunnel.ike.front().algorithms);
  return tunnel.ike.front().algorithms->prf->id;
}

// Left begins and right decides, so the IKE SA has SHA-512.
void bring_up(Crossing& pair) {
  pair.left_config.offers = offers_of({PrfId::hmac_sha2_256, PrfId::hmac_sha2_512});
  pair.right_config.offers = offers_of({PrfId::hmac_sha2_512, PrfId::hmac_sha2_256});
  pair.right_config.start = ipsec::core::Start::respond;
  REQUIRE(pair.ready());
  REQUIRE(prf_of(pair, Pair::kLeft) == PrfId::hmac_sha2_512);
}

}  // namespace

TEST_CASE("a rekey of an IKE SA keeps its PRF", "[sim]") {
  const bool crossing = GENERATE(false, true);
  for (const std::size_t a : {Pair::kLeft, Pair::kRight}) {
    for (const auto lowest : ipsec::sim::kEveryWinner) {
      Crossing pair;
      bring_up(pair);
      pair.lowest_nonce(lowest);
      pair.order(a, Order::rekey_ike);
      if (crossing) pair.order(Crossing::other(a), Order::rekey_ike);
      CHECK(pair.in_the_end() == Pair::Problems{});
      CHECK(pair.world.node(a).count<IkeRekeyed>() == 1);
      for (const std::size_t side : {Pair::kLeft, Pair::kRight}) {
        CHECK(prf_of(pair, side) == PrfId::hmac_sha2_512);
      }
    }
  }
}
