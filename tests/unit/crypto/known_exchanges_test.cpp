// Goal: key exchanges give the published answers. Method: known private values, both sides; the
// padding cases are in the vectors (secrets and public values that begin with zeros).
#include <catch2/catch.hpp>

#include "ike/crypto/openssl_provider.h"
#include "tests/support/vectors.h"
#include "tests/unit/crypto/openssl_fixture.h"

using ipsec::Bytes;
using ipsec::Secret;
using ipsec::to_hex;
using ipsec::crypto::OpensslProvider;
using ipsec::testing::openssl_provider;
using ipsec::testing::read_vectors;
using ipsec::testing::Vector;

namespace {

std::unique_ptr<ipsec::crypto::KeyExchange> imported(const OpensslProvider& provider,
                                                     const Vector& vector, std::string_view field) {
  const auto* row = ipsec::find_group(vector.text("group"));
  REQUIRE(row != nullptr);
  auto exchange = provider.import_private(row->id, Secret(vector.hex(field)));
  if (!exchange) FAIL(ipsec::describe(exchange.error()));
  CHECK((*exchange)->group() == row->id);
  return std::move(*exchange);
}

}  // namespace

TEST_CASE("X25519, ECP and group 24 give the published answers", "[crypto]") {
  const auto provider = openssl_provider();
  for (const auto& vector : read_vectors("key_exchange.txt")) {
    INFO(vector.text("source") << " " << vector.text("group"));
    const auto exchange = imported(*provider, vector, "private");
    if (vector.has("public")) CHECK(to_hex(exchange->public_value()) == vector.text("public"));
    const auto shared = exchange->derive(vector.hex("peer"));
    REQUIRE(shared.has_value());
    CHECK(to_hex(shared->view()) == vector.text("shared"));
  }
}

TEST_CASE("MODP exchanges give the answers of independent arithmetic", "[crypto]") {
  const auto provider = openssl_provider();
  for (const auto& vector : read_vectors("modp.txt")) {
    INFO(vector.text("group"));
    const auto initiator = imported(*provider, vector, "initiator_private");
    const auto responder = imported(*provider, vector, "responder_private");
    CHECK(to_hex(initiator->public_value()) == vector.text("initiator_public"));
    CHECK(to_hex(responder->public_value()) == vector.text("responder_public"));
    const auto ours = initiator->derive(vector.hex("responder_public"));
    const auto theirs = responder->derive(vector.hex("initiator_public"));
    REQUIRE(ours.has_value());
    REQUIRE(theirs.has_value());
    CHECK(to_hex(ours->view()) == vector.text("shared"));
    CHECK(to_hex(theirs->view()) == vector.text("shared"));
  }
}

TEST_CASE("the MODP primes are those of the formula", "[crypto]") {
  // p-1 is refused and p-2 is not: so the provider's p is the vector's.
  const auto provider = openssl_provider();
  for (const auto& vector : read_vectors("modp.txt")) {
    INFO(vector.text("group"));
    const auto exchange = imported(*provider, vector, "initiator_private");
    Bytes value = vector.hex("prime");
    value.back() = static_cast<std::uint8_t>(value.back() - 1);
    CHECK_FALSE(exchange->derive(value).has_value());
    value.back() = static_cast<std::uint8_t>(value.back() - 1);
    CHECK(exchange->derive(value).has_value());
  }
}

TEST_CASE("a private value that is none is not imported", "[crypto]") {
  const auto provider = openssl_provider();
  CHECK_FALSE(provider->import_private(ipsec::GroupId::x25519, Secret(31)).has_value());
  CHECK_FALSE(provider->import_private(ipsec::GroupId::ecp256, Secret(32)).has_value());
  CHECK_FALSE(provider->import_private(ipsec::GroupId{22}, Secret(32)).has_value());
}
