// Goal: what an initiator says of a failed try names both sides' view, whatever the peer said no
// to. Method: an engine that only answers, with one thing configured otherwise.
#include <catch2/catch.hpp>

#include "tests/sim/pair.h"

using namespace std::chrono_literals;
using ipsec::core::Cause;
using ipsec::core::Failure;
using ipsec::core::Stage;
using ipsec::sim::Pair;

namespace {

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

ipsec::core::IkeOffers only(std::string_view cipher) {
  ipsec::core::IkeOffer offer;
  offer.encryption = {ipsec::find_encryption(cipher)};
  offer.prfs = {ipsec::find_prf(ipsec::PrfId::hmac_sha2_256)};
  offer.groups = {ipsec::find_group("x25519")};
  return {offer};
}

// What the left side has to say after its first failed try.
Failure first_failure(Pair& pair) {
  pair.right_config.start = ipsec::core::Start::respond;
  pair.configure();
  const auto failed = [&] { return pair.left().tunnel(1).last_failure.has_value(); };
  REQUIRE(pair.world.run_until(failed, 30s));
  return *pair.left().tunnel(1).last_failure;
}

}  // namespace

TEST_CASE("an initiator names its offer when the peer chose none", "[sim]") {
  Pair pair;
  pair.left_config.offers = only("aes256gcm16");
  pair.right_config.offers = only("aes128gcm16");
  const auto failure = first_failure(pair);
  CHECK(failure.stage == Stage::ike_sa_init);
  CHECK(failure.cause == Cause::no_proposal_chosen);
  CHECK(has(failure.ours, "aes256gcm16"));
  CHECK(failure.theirs == "NO_PROPOSAL_CHOSEN");
}

TEST_CASE("an initiator names identities when the peer would not have it", "[sim]") {
  Pair pair;
  pair.right_config.credential =
      ipsec::core::make_shared_key_credential(ipsec::Secret::copy_of(std::string_view("other")));
  const auto failure = first_failure(pair);
  CHECK(failure.stage == Stage::ike_auth);
  CHECK(failure.cause == Cause::authentication_failed);
  CHECK(has(failure.ours, "192.0.2.1"));
  CHECK(failure.theirs == "AUTHENTICATION_FAILED");
}

TEST_CASE("an initiator names its selectors when the peer has none of them", "[sim]") {
  Pair pair;
  pair.right_config.children.front().selectors.remote = {
      ipsec::TrafficSelector::of(ipsec::Cidr::parse("10.9.0.0/16").value())};
  const auto failure = first_failure(pair);
  CHECK(failure.stage == Stage::child);
  CHECK(failure.cause == Cause::selectors_unacceptable);
  CHECK(has(failure.ours, "10.1.0.0/16"));
  CHECK(has(failure.ours, "10.2.0.0/16"));
  CHECK(failure.theirs == "TS_UNACCEPTABLE");
}

TEST_CASE("an initiator names the group the peer asked for in vain", "[sim]") {
  Pair pair;
  pair.right_config.start = ipsec::core::Start::respond;
  pair.world.hold = true;
  pair.configure();
  pair.world.run_for(0s);
  // The answer of a peer that wants a group we do not offer.
  auto header = ipsec::wire::parse_header(pair.world.held.front().bytes).value();
  header.flags = {false, true, false};
  const ipsec::wire::Payloads payloads{ipsec::wire::NotifyPayload{
      {}, {}, ipsec::wire::NotifyType::invalid_ke_payload, ipsec::Bytes{0, 99}}};
  const auto& asked = pair.world.held.front();
  pair.world.feed(Pair::kLeft,
                  ipsec::core::Datagram{asked.source, asked.target,
                                        ipsec::wire::write_message(header, payloads).value()});
  pair.world.run_for(12s);
  REQUIRE(pair.left().tunnel(1).last_failure.has_value());
  const auto failure = *pair.left().tunnel(1).last_failure;
  CHECK(failure.cause == Cause::invalid_ke);
  CHECK(failure.theirs == "group 99");
}

TEST_CASE("silence after IKE_SA_INIT names IKE_AUTH as the last message", "[sim]") {
  Pair pair;
  pair.right_config.start = ipsec::core::Start::respond;
  pair.world.hold = true;
  pair.configure();
  pair.world.run_for(0s);
  pair.world.deliver(0);
  pair.world.deliver(0);
  pair.world.run_for(12s);
  REQUIRE(pair.left().tunnel(1).last_failure.has_value());
  const auto failure = *pair.left().tunnel(1).last_failure;
  CHECK(failure.stage == Stage::ike_auth);
  CHECK(failure.cause == Cause::peer_silent);
  CHECK(failure.detail == "IKE_AUTH sent 3 times without an answer");
}
