// Goal: a NAT is seen on the side where it is, and forced encapsulation looks like one to the peer.
#include "ike/core/nat.h"

#include <catch2/catch.hpp>

#include "ike/base/reader.h"
#include "tests/support/fake_crypto.h"
#include "tests/support/vectors.h"
#include "tests/unit/crypto/openssl_fixture.h"

namespace ipsec::core {
namespace {

constexpr IkeSpi kInitiator{0x0102030405060708};
constexpr IkeSpi kResponder{0};

Endpoint endpoint(std::string_view address, std::uint16_t port) {
  return {*Address::parse(address), port};
}

const Endpoint kGateway = endpoint("192.0.2.1", 500);
const Endpoint kFarEnd = endpoint("203.0.113.2", 500);
const Endpoint kTranslated = endpoint("198.51.100.7", 31001);

wire::Payloads notifies(const Endpoint& local, const Endpoint& remote,
                        ForceEncapsulation force = ForceEncapsulation::no) {
  const crypto::FakeProvider crypto(1);
  wire::Payloads payloads{wire::NoncePayload{Bytes(16)}};
  for (const auto& notify : nat_notifies(crypto, kInitiator, kResponder, local, remote, force)) {
    payloads.emplace_back(notify);
  }
  return payloads;
}

NatState detect(const Endpoint& local, const Endpoint& remote, const wire::Payloads& payloads) {
  return detect_nat(crypto::FakeProvider(2), kInitiator, kResponder, local, remote, payloads);
}

TEST_CASE("the hash is that of RFC 7296 2.23") {
  const auto crypto = testing::openssl_provider();
  for (const auto& vector : testing::read_vectors("nat_detection.txt")) {
    const auto number = [&](std::string_view name) {
      const Bytes bytes = vector.hex(name);
      return bytes.size() == 2 ? Reader(bytes).u16("port") : Reader(bytes).u64("SPI");
    };
    const auto hash =
        nat_hash(*crypto, IkeSpi{number("spi_i")}, IkeSpi{number("spi_r")},
                 endpoint(vector.text("address"), static_cast<std::uint16_t>(number("port"))));
    REQUIRE(hash == vector.hex("hash"));
  }
}

TEST_CASE("without a NAT both hashes fit") {
  REQUIRE(detect(kFarEnd, kGateway, notifies(kGateway, kFarEnd)) == NatState{false, false});
  REQUIRE_FALSE(detect(kFarEnd, kGateway, notifies(kGateway, kFarEnd)).any());
}

TEST_CASE("a NAT before the sender changes its source") {
  REQUIRE(detect(kFarEnd, kTranslated, notifies(kGateway, kFarEnd)) == NatState{false, true});
  const Endpoint other_port = endpoint("192.0.2.1", 1024);
  REQUIRE(detect(kFarEnd, other_port, notifies(kGateway, kFarEnd)) == NatState{false, true});
}

TEST_CASE("a NAT before us changes the destination") {
  REQUIRE(detect(kFarEnd, kGateway, notifies(kGateway, kTranslated)) == NatState{true, false});
  REQUIRE(detect(kFarEnd, kTranslated, notifies(kGateway, kTranslated)) == NatState{true, true});
}

TEST_CASE("one of several source hashes is enough") {
  wire::Payloads payloads = notifies(endpoint("192.0.2.99", 500), kFarEnd);
  REQUIRE(detect(kFarEnd, kGateway, payloads) == NatState{false, true});
  const auto more = notifies(kGateway, kFarEnd);
  payloads.insert(payloads.end(), more.begin(), more.end());
  REQUIRE(detect(kFarEnd, kGateway, payloads) == NatState{false, false});
}

TEST_CASE("no notify, no verdict") {
  REQUIRE(detect(kFarEnd, kGateway, {}) == NatState{false, false});
  REQUIRE(detect(kFarEnd, kGateway, {wire::NoncePayload{Bytes(16)}}) == NatState{false, false});
}

TEST_CASE("a hash of another size fits nothing") {
  const wire::Payloads payloads{
      wire::NotifyPayload{{}, {}, wire::NotifyType::nat_detection_source_ip, {}}};
  REQUIRE(detect(kFarEnd, kGateway, payloads) == NatState{false, true});
}

TEST_CASE("forced encapsulation makes the peer see a NAT on our side only") {
  for (const Endpoint& ours : {kGateway, endpoint("2001:db8::1", 500)}) {
    REQUIRE(detect(kFarEnd, ours, notifies(ours, kFarEnd, ForceEncapsulation::yes)) ==
            NatState{false, true});
  }
}

TEST_CASE("the SPIs are in the hash") {
  const crypto::FakeProvider crypto(1);
  const auto payloads = notifies(kGateway, kFarEnd);
  REQUIRE(detect_nat(crypto, kInitiator, IkeSpi{9}, kFarEnd, kGateway, payloads) ==
          NatState{true, true});
}

}  // namespace
}  // namespace ipsec::core
