// Goal: a failure says both sides' view, so that a person can mend it.
#include <catch2/catch.hpp>

#include "tests/unit/v2/fixture.h"

namespace {

using namespace ipsec;
using core::Cause;
using core::ExchangeFailed;
using core::TryFailed;
using test::Fixture;

core::IkeOffers only(std::string_view cipher) {
  core::IkeOffer offer;
  offer.encryption = {find_encryption(cipher)};
  offer.prfs = {find_prf(PrfId::hmac_sha2_256)};
  offer.groups = {find_group("x25519")};
  return {offer};
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("NO_PROPOSAL_CHOSEN names both offers", "[v2]") {
  auto left = test::left_config();
  auto right = test::right_config();
  left.offers = only("aes256gcm16");
  right.offers = only("aes128gcm16");
  Fixture it(left, right);
  it.peer.begin(it.now);
  CHECK_FALSE(it.peer.shake_hands(it.host, it.now));
  const auto failed = it.host.told<ExchangeFailed>();
  REQUIRE(failed.size() == 1);
  CHECK(failed.front().failure.cause == Cause::no_proposal_chosen);
  CHECK(has(failed.front().failure.ours, "aes256gcm16"));
  CHECK(has(failed.front().failure.theirs, "aes128gcm16"));
}

TEST_CASE("AUTHENTICATION_FAILED names identities and the number of keys tried", "[v2]") {
  auto right = test::right_config();
  right.credential = core::make_shared_key_credential(Secret::copy_of("another"));
  Fixture it(test::left_config(), right);
  it.peer.begin(it.now);
  CHECK_FALSE(it.peer.shake_hands(it.host, it.now));
  const auto failed = it.host.told<ExchangeFailed>();
  REQUIRE(failed.size() == 1);
  CHECK(failed.front().failure.cause == Cause::authentication_failed);
  CHECK(has(failed.front().failure.ours, "192.0.2.1"));
  CHECK(has(failed.front().failure.theirs, "203.0.113.2"));
  CHECK(has(failed.front().failure.detail, "1 keys tried"));
}

TEST_CASE("TS_UNACCEPTABLE names both selectors", "[v2]") {
  auto right = test::right_config();
  right.children.front().selectors.remote = {
      TrafficSelector::of(Cidr::parse("10.9.0.0/16").value())};
  Fixture it(test::left_config(), right);
  it.peer.begin(it.now);
  (void)it.peer.shake_hands(it.host, it.now);
  const auto failed = it.host.told<ExchangeFailed>();
  REQUIRE(failed.size() == 1);
  CHECK(failed.front().failure.cause == Cause::selectors_unacceptable);
  CHECK(has(failed.front().failure.ours, "10.1.0.0/16"));
  CHECK(has(failed.front().failure.theirs, "10.9.0.0/16"));
}

TEST_CASE("silence names the last message and how often it was sent", "[v2]") {
  const crypto::FakeProvider crypto(1);
  test::Host host(crypto, 1);
  host.feed(test::set(test::left_config()), Time{});
  for (int s = 1; s <= 12; ++s) REQUIRE(host.settle(Time{} + std::chrono::seconds(s)));
  const auto failed = host.told<TryFailed>();
  REQUIRE(failed.size() == 1);
  CHECK(failed.front().failure.cause == Cause::peer_silent);
  CHECK(has(failed.front().failure.theirs, "203.0.113.2"));
  CHECK(failed.front().failure.detail == "IKE_SA_INIT sent 3 times without an answer");
}
