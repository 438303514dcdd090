// Goal: reading and writing are inverse for every IKEv1 value, and no bytes whatever break a rule
// of the oracle. Method: seeded random values, and random mutations of what they are written as. A
// failure names its seed.
#include "tests/support/random_v1_message.h"
#include "tests/support/v1_message_oracle.h"
#include "tests/unit/wire/v1_wire_check.h"

namespace ipsec::wire::v1 {

using test::Random;

namespace {

constexpr std::uint64_t kV1Values = 2'000;
constexpr std::uint64_t kV1Mutations = 20'000;

void set_v1_length(Bytes& message) {
  if (message.size() < kHeaderSize) return;
  for (std::size_t i = 0; i < 4; ++i) {
    message[24 + i] = static_cast<std::uint8_t>(message.size() >> (24 - 8 * i));
  }
}

}  // namespace

TEST_CASE("v1: every kind of payload reads as it was written", "[v1][property]") {
  for (std::size_t kind = 0; kind < kPayloadKinds; ++kind) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      Random random(seed);
      const Payload payload = random_payload(random, kind);
      REQUIRE(payload.index() == kind);
      const auto written = write_chain({&payload, 1});
      INFO("kind " << kind << " seed " << seed);
      REQUIRE(written.has_value());
      const auto read = parse_chain(type_of(payload), *written);
      INFO((read ? "" : describe(Error{read.error()})));
      REQUIRE(read.has_value());
      REQUIRE(read->front() == Placed{payload, 0, written->size()});
    }
  }
}

TEST_CASE("v1: every message reads as it was written", "[v1][property]") {
  for (std::uint64_t seed = 0; seed < kV1Values; ++seed) {
    Random random(seed);
    const Header header = random_header(random);
    const Payloads payloads = random_payloads(random, 12);
    const auto written = write_message(header, payloads);
    INFO("seed " << seed);
    REQUIRE(written.has_value());
    const auto read = parse_message(*written);
    REQUIRE(read.has_value());
    REQUIRE(payloads_of(read->payloads) == payloads);
    REQUIRE(broken_message_rule(*written).empty());
  }
}

TEST_CASE("v1: mutated messages break no rule", "[v1][property]") {
  std::size_t accepted = 0;
  for (std::uint64_t seed = 0; seed < kV1Mutations; ++seed) {
    Random random(seed);
    const Header header = random_header(random);
    Bytes bytes = write_message(header, random_payloads(random, 4)).value();
    test::mutate(random, bytes);
    if (!random.one_in(8)) set_v1_length(bytes);
    const std::string broken = broken_message_rule(bytes);
    INFO("seed " << seed << ": " << to_hex(bytes));
    REQUIRE(broken == "");
    if (parse_message(bytes)) ++accepted;
  }
  // Mutations that nothing survives, or everything, would test little.
  CHECK(accepted > kV1Mutations / 10);
  CHECK(accepted < kV1Mutations * 9 / 10);
}

TEST_CASE("v1: mutated chains with padding break no rule", "[v1][property]") {
  for (std::uint64_t seed = 0; seed < kV1Mutations / 4; ++seed) {
    Random random(seed);
    const Payloads payloads = random_payloads(random, 4);
    Bytes bytes = write_chain(payloads).value();
    append(bytes, random.bytes(random.below(300)));
    INFO("seed " << seed << ": " << to_hex(bytes));
    REQUIRE(broken_chain_rule(first_type(payloads), bytes) == "");
    test::mutate(random, bytes);
    REQUIRE(broken_chain_rule(first_type(payloads), bytes) == "");
  }
}

// What a wrong key makes of a message.
TEST_CASE("v1: noise as a chain breaks no rule, and is seldom taken for one", "[v1][property]") {
  std::size_t accepted = 0;
  for (std::uint64_t seed = 0; seed < kV1Mutations; ++seed) {
    Random random(seed);
    const PayloadType first{static_cast<std::uint8_t>(1 + random.below(22))};
    const Bytes bytes = random.bytes(random.below(64));
    INFO("seed " << seed << ": " << to_hex(bytes));
    REQUIRE(broken_chain_rule(first, bytes) == "");
    if (parse_chain(first, bytes)) ++accepted;
  }
  CHECK(accepted < kV1Mutations / 1'000);
}

}  // namespace ipsec::wire::v1
