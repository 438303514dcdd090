// Goal: reading and writing are inverse for every value, and no bytes whatever break a rule of the
// oracle. Method: seeded random values, and random mutations of what they are written as. A failure
// names its seed.
#include "ike/base/limits.h"
#include "tests/support/message_oracle.h"
#include "tests/support/random_message.h"
#include "tests/unit/wire/wire_check.h"

namespace ipsec::wire {

using test::Random;

namespace {

constexpr std::uint64_t kValues = 2'000;
constexpr std::uint64_t kMutations = 20'000;

void set_length(Bytes& message) {
  if (message.size() < kHeaderSize) return;
  for (std::size_t i = 0; i < 4; ++i) {
    message[24 + i] = static_cast<std::uint8_t>(message.size() >> (24 - 8 * i));
  }
}

}  // namespace

TEST_CASE("every kind of payload reads as it was written", "[property]") {
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
      REQUIRE(read->front() == payload);
    }
  }
}

TEST_CASE("every message reads as it was written", "[property]") {
  for (std::uint64_t seed = 0; seed < kValues; ++seed) {
    Random random(seed);
    const Header header = random_header(random);
    const Payloads payloads = random_payloads(random, 12);
    const auto written = write_message(header, payloads);
    INFO("seed " << seed);
    REQUIRE(written.has_value());
    const auto read = parse_message(*written);
    REQUIRE(read.has_value());
    REQUIRE(read->payloads == payloads);
    REQUIRE(broken_message_rule(*written).empty());
  }
}

TEST_CASE("mutated messages break no rule", "[property]") {
  std::size_t accepted = 0;
  for (std::uint64_t seed = 0; seed < kMutations; ++seed) {
    Random random(seed);
    const Header header = random_header(random);
    Bytes bytes = write_message(header, random_payloads(random, 4)).value();
    mutate(random, bytes);
    if (!random.one_in(8)) set_length(bytes);
    const std::string broken = broken_message_rule(bytes);
    INFO("seed " << seed << ": " << to_hex(bytes));
    REQUIRE(broken == "");
    if (parse_message(bytes)) ++accepted;
  }
  // Mutations that nothing survives, or everything, would test little.
  CHECK(accepted > kMutations / 10);
  CHECK(accepted < kMutations * 9 / 10);
}

TEST_CASE("mutated sealed messages break no rule", "[property]") {
  for (std::uint64_t seed = 0; seed < kMutations / 10; ++seed) {
    Random random(seed);
    std::optional<FragmentNumber> fragment;
    if (random.one_in(2)) fragment = FragmentNumber{.number = 1, .total = 3};
    const Bytes body = random.some_bytes();
    const auto head =
        write_sealed_head(random_header(random), PayloadType::notify, fragment, body.size());
    Bytes bytes = concat({head.value(), body});
    INFO("seed " << seed << ": " << to_hex(bytes));
    REQUIRE(broken_message_rule(bytes) == "");
    mutate(random, bytes);
    if (!random.one_in(8)) set_length(bytes);
    REQUIRE(broken_message_rule(bytes) == "");
  }
}

TEST_CASE("noise as a chain breaks no rule", "[property]") {
  for (std::uint64_t seed = 0; seed < kMutations; ++seed) {
    Random random(seed);
    const PayloadType first{static_cast<std::uint8_t>(33 + random.below(21))};
    const Bytes bytes = random.bytes(random.below(64));
    INFO("seed " << seed << ": " << to_hex(bytes));
    REQUIRE(broken_chain_rule(first, bytes) == "");
  }
}

}  // namespace ipsec::wire
