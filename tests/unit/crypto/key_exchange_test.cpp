// Goal: two sides agree in every group, and a public value that RFC 6989 forbids is refused with a
// reason. Method: fresh keys; the forbidden values of each kind of group one by one.
#include <catch2/catch.hpp>

#include <array>
#include <thread>
#include <vector>

#include "ike/crypto/openssl_provider.h"
#include "tests/support/vectors.h"
#include "tests/unit/crypto/openssl_fixture.h"

using ipsec::Bytes;
using ipsec::ByteView;
using ipsec::GroupId;
using ipsec::GroupKind;
using ipsec::PeerViolation;
using ipsec::crypto::KeyExchange;
using ipsec::crypto::Provider;
using ipsec::testing::openssl_provider;
using ipsec::testing::read_vectors;
using ipsec::testing::Vector;

namespace {

std::unique_ptr<KeyExchange> generated(const Provider& provider, GroupId group) {
  auto exchange = provider.generate(group);
  if (!exchange) FAIL(ipsec::describe(exchange.error()));
  return std::move(*exchange);
}

// What the refusal says; empty where the value was accepted or something else went wrong.
std::string refusal(const KeyExchange& exchange, ByteView value) {
  const auto shared = exchange.derive(value);
  if (shared) return "";
  const auto* violation = std::get_if<PeerViolation>(&shared.error());
  return violation == nullptr ? "" : violation->rule + ": " + violation->found;
}

Bytes bytes_of(std::string_view hex) {
  auto bytes = ipsec::from_hex(hex);
  REQUIRE(bytes.has_value());
  return std::move(*bytes);
}

Vector vector_of_group(std::string_view file, std::string_view group) {
  for (const auto& vector : read_vectors(file)) {
    if (vector.text("group") == group && vector.has("prime")) return vector;
  }
  throw std::runtime_error("no such vector");
}

// 0, 1, p-1, p, p+1: the primes end in bits that let the last byte carry the difference.
std::vector<Bytes> values_out_of_range(const Bytes& prime) {
  Bytes zero(prime.size());
  Bytes one = zero;
  one.back() = 1;
  Bytes below = prime;
  --below.back();
  Bytes above = prime;
  std::size_t at = above.size();
  while (++above[--at] == 0) {
  }
  return {zero, one, below, prime, above, Bytes(prime.size(), 0xff)};
}

}  // namespace

TEST_CASE("two sides agree in every group", "[crypto]") {
  const auto provider = openssl_provider();
  for (const auto& row : ipsec::all_groups()) {
    INFO(row.name);
    const auto ours = generated(*provider, row.id);
    const auto theirs = generated(*provider, row.id);
    CHECK(ours->group() == row.id);
    CHECK(ours->public_value().size() == row.public_bytes);
    CHECK_FALSE(ipsec::equal(ours->public_value(), theirs->public_value()));
    const auto first = ours->derive(theirs->public_value());
    const auto second = theirs->derive(ours->public_value());
    REQUIRE(first.has_value());
    REQUIRE(second.has_value());
    CHECK(first->size() == row.shared_bytes);
    CHECK(*first == *second);
  }
}

TEST_CASE("a public value of another length is refused in every group", "[crypto]") {
  const auto provider = openssl_provider();
  for (const auto& row : ipsec::all_groups()) {
    INFO(row.name);
    const auto exchange = generated(*provider, row.id);
    Bytes value = ipsec::to_bytes(exchange->public_value());
    value.push_back(1);
    CHECK_FALSE(refusal(*exchange, value).empty());
    value.resize(row.public_bytes - 1);
    CHECK_FALSE(refusal(*exchange, value).empty());
    CHECK_FALSE(refusal(*exchange, {}).empty());
  }
  CHECK(refusal(*generated(*provider, GroupId::modp2048), Bytes(255)) ==
        "modp2048 public value must have 256 bytes: 255 bytes");
}

TEST_CASE("MODP values outside 1 < y < p-1 are refused", "[crypto]") {
  // RFC 6989 2.1.
  const auto provider = openssl_provider();
  for (const auto& vector : read_vectors("modp.txt")) {
    INFO(vector.text("group"));
    const auto* row = ipsec::find_group(vector.text("group"));
    const auto exchange = generated(*provider, row->id);
    for (const Bytes& value : values_out_of_range(vector.hex("prime"))) {
      CHECK(refusal(*exchange, value).find("must be between 1 and p-1") != std::string::npos);
    }
  }
}

TEST_CASE("group 24 values outside the subgroup are refused", "[crypto]") {
  // RFC 6989 2.2. 2 and its like generate more than the subgroup of order q.
  const auto provider = openssl_provider();
  const Vector vector = vector_of_group("key_exchange.txt", "modp2048s256");
  const auto exchange = generated(*provider, GroupId::modp2048_256);
  for (const Bytes& value : values_out_of_range(vector.hex("prime"))) {
    CHECK(refusal(*exchange, value).find("must be between 1 and p-1") != std::string::npos);
  }
  for (const std::uint8_t small : std::initializer_list<std::uint8_t>{2, 3, 5, 7}) {
    Bytes value(256);
    value.back() = small;
    CHECK(refusal(*exchange, value).find("subgroup of order q") != std::string::npos);
  }
  CHECK(exchange->derive(vector.hex("generator")).has_value());
}

TEST_CASE("points off the curve are refused", "[crypto]") {
  // RFC 6989 2.3.
  const auto provider = openssl_provider();
  for (const auto& row : ipsec::all_groups()) {
    if (row.kind != GroupKind::ecp) continue;
    INFO(row.name);
    const auto exchange = generated(*provider, row.id);
    Bytes value = ipsec::to_bytes(exchange->public_value());
    CHECK(exchange->derive(value).has_value());
    value.back() ^= 1;
    CHECK(refusal(*exchange, value).find("must be a point of the curve") != std::string::npos);
    // Zeros would be the point at infinity to some; all ones exceed the field.
    CHECK_FALSE(refusal(*exchange, Bytes(row.public_bytes)).empty());
    CHECK_FALSE(refusal(*exchange, Bytes(row.public_bytes, 0xff)).empty());
  }
}

TEST_CASE("X25519 values of small order are refused", "[crypto]") {
  // The seven u-coordinates of small order and two that are the same modulo p (RFC 7748 7).
  static constexpr std::array kSmallOrder = {
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  };
  const auto provider = openssl_provider();
  const auto exchange = generated(*provider, GroupId::x25519);
  for (const char* hex : kSmallOrder) {
    Bytes value = bytes_of(hex);
    INFO(hex);
    CHECK(refusal(*exchange, value).find("small order") != std::string::npos);
    value.back() |= 0x80;  // the top bit is not looked at (RFC 7748 5)
    CHECK(refusal(*exchange, value).find("small order") != std::string::npos);
  }
}

TEST_CASE("groups that are not in the registry", "[crypto]") {
  const auto provider = openssl_provider();
  const auto none = provider->generate(GroupId::none);
  REQUIRE_FALSE(none.has_value());
  CHECK(ipsec::describe(none.error()) ==
        "internal error: key exchange with group 0, which is not in the registry");
  CHECK_FALSE(provider->generate(GroupId{22}).has_value());
}

TEST_CASE("a failure leaves no trace for the next operation", "[crypto]") {
  const auto provider = openssl_provider();
  const auto exchange = generated(*provider, GroupId::ecp256);
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(refusal(*exchange, Bytes(64, 1)).empty());
    CHECK(exchange->derive(generated(*provider, GroupId::ecp256)->public_value()).has_value());
  }
}

TEST_CASE("one provider serves several threads", "[crypto]") {
  // What the worker pool does; meant for the thread sanitizer.
  const auto provider = openssl_provider();
  const auto ours = generated(*provider, GroupId::modp1024);
  const auto curve = generated(*provider, GroupId::ecp256);
  std::vector<std::thread> workers;
  std::array<int, 3> agreed{};
  for (int& count : agreed) {
    workers.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        for (const auto& mine : {&ours, &curve}) {
          const auto theirs = provider->generate((*mine)->group());
          if (!theirs) continue;
          const auto first = (*mine)->derive((*theirs)->public_value());
          const auto second = (*theirs)->derive((*mine)->public_value());
          if (first && second && *first == *second) ++count;
        }
      }
    });
  }
  for (auto& worker : workers) worker.join();
  CHECK(agreed == std::array{20, 20, 20});
}
