// Goal: what one side seals the other opens, whole or in fragments of any size, and nothing else
// opens. Method: both sides of an SA over both providers, for every pair of algorithms; then sizes
// around every boundary.
#include "ike/core/protection.h"

#include <set>

#include <catch2/catch.hpp>

#include "ike/base/limits.h"
#include "tests/support/fake_crypto.h"
#include "tests/support/sa_sides.h"
#include "tests/unit/crypto/openssl_fixture.h"

namespace ipsec::core {
namespace {

using crypto::IkeAlgorithms;

wire::Header header() {
  return {.initiator_spi = IkeSpi{0x0102030405060708},
          .responder_spi = IkeSpi{0x1112131415161718},
          .next_payload = {},
          .exchange = wire::ExchangeType::ike_auth,
          .flags = {.initiator = true, .response = false, .higher_version = false},
          .message_id = MessageId{1}};
}

// A chain of `4 + size` bytes.
wire::Payloads payloads(std::size_t size) {
  return {wire::VendorIdPayload{testing::counting(size, 7)}};
}

// Every pair that IKE can be protected with.
std::vector<IkeAlgorithms> all_pairs() {
  std::vector<IkeAlgorithms> pairs;
  for (const EncryptionRow& encryption : all_encryption()) {
    if (!encryption.usable_for_ike) continue;
    if (encryption.is_aead()) pairs.push_back({&encryption, nullptr, nullptr, nullptr});
    if (encryption.is_aead()) continue;
    for (const IntegrityRow& integrity : all_integrity()) {
      pairs.push_back({&encryption, &integrity, nullptr, nullptr});
    }
  }
  return pairs;
}

std::optional<Protection::Opened> open(const Protection& side, ByteView datagram) {
  const auto message = wire::parse_message(datagram);
  if (!message || !message->sealed) return std::nullopt;
  return side.open(datagram, *message->sealed);
}

// Puts the datagrams together as a receiver does.
std::optional<wire::Payloads> open_all(const Protection& side,
                                       const std::vector<Bytes>& datagrams) {
  wire::Reassembly reassembly;
  for (const Bytes& datagram : datagrams) {
    const auto message = wire::parse_message(datagram);
    REQUIRE(message);
    REQUIRE(message->sealed);
    const auto opened = side.open(datagram, *message->sealed);
    if (!opened) return std::nullopt;
    if (!message->sealed->fragment) {
      REQUIRE(datagrams.size() == 1);
      return *wire::parse_chain(opened->first_inner, opened->chain);
    }
    REQUIRE(reassembly.add(*message->sealed->fragment, opened->first_inner, opened->chain) ==
            wire::Reassembly::Verdict::stored);
  }
  const auto whole = reassembly.take();
  REQUIRE(whole);
  return *wire::parse_chain(whole->first_inner, whole->chain);
}

void check_both_ways(const crypto::Provider& crypto) {
  for (const IkeAlgorithms& algorithms : all_pairs()) {
    INFO(algorithms.encryption->name
         << " " << (algorithms.integrity == nullptr ? "" : algorithms.integrity->name));
    SaSides sides(crypto, algorithms);
    for (const std::size_t size : {0U, 1U, 7U, 8U, 11U, 12U, 13U, 100U, 1500U}) {
      const auto there = sides.initiator().seal(header(), payloads(size), 0);
      REQUIRE(there);
      REQUIRE(there->size() == 1);
      REQUIRE(*open_all(sides.responder(), *there) == payloads(size));
      // A reflected message must not be taken for one of the peer's.
      REQUIRE_FALSE(open(sides.initiator(), there->front()));

      const auto back = sides.responder().seal(header(), payloads(size), 200);
      REQUIRE(back);
      REQUIRE(*open_all(sides.initiator(), *back) == payloads(size));
      REQUIRE_FALSE(open(sides.responder(), back->front()));
    }
  }
}

const IkeAlgorithms kGcm = algorithms_named("aes256gcm16");
const IkeAlgorithms kCbc = algorithms_named("aes128", "sha256");
const IkeAlgorithms kCtr = algorithms_named("aes128ctr", "sha1");

TEST_CASE("what one side seals the other opens, with every pair of algorithms") {
  check_both_ways(*testing::openssl_provider());
  check_both_ways(crypto::FakeProvider(1));
}

TEST_CASE("an empty message is one sealed payload with nothing in it") {
  for (const IkeAlgorithms& algorithms : {kGcm, kCbc}) {
    SaSides sides(crypto::FakeProvider(1), algorithms);
    // Even where the limit is absurd: there is nothing to part.
    for (const std::size_t limit : {0U, 1U, 10000U}) {
      const auto sealed = sides.initiator().seal(header(), {}, limit);
      REQUIRE(sealed);
      REQUIRE(sealed->size() == 1);
      const auto opened = open(sides.responder(), sealed->front());
      REQUIRE(opened);
      REQUIRE(opened->first_inner == wire::PayloadType::none);
      REQUIRE(opened->chain.empty());
    }
  }
}

TEST_CASE("the header goes out as given") {
  SaSides sides(crypto::FakeProvider(1), kGcm);
  wire::Header given = header();
  given.flags = {.initiator = false, .response = true, .higher_version = false};
  given.exchange = wire::ExchangeType::informational;
  given.message_id = MessageId{77};
  for (const std::size_t limit : {0U, 100U}) {
    const auto sealed = sides.responder().seal(given, payloads(300), limit);
    for (const Bytes& datagram : *sealed) {
      const auto read = wire::parse_header(datagram);
      REQUIRE(read);
      REQUIRE(read->flags == given.flags);
      REQUIRE(read->exchange == given.exchange);
      REQUIRE(read->message_id == given.message_id);
      REQUIRE(read->initiator_spi == given.initiator_spi);
      REQUIRE(read->responder_spi == given.responder_spi);
      REQUIRE(read->length == datagram.size());
    }
  }
}

TEST_CASE("fragments are as long as they may be, and none is longer") {
  for (const IkeAlgorithms& algorithms : {kGcm, kCbc, kCtr}) {
    SaSides sides(crypto::FakeProvider(1), algorithms);
    const wire::Payloads sent = payloads(3000);
    const std::size_t whole = sides.initiator().seal(header(), sent, 0)->front().size();
    const std::size_t block = algorithms.encryption->block_bytes;
    for (std::size_t limit = 110; limit <= whole + 1; ++limit) {
      INFO(algorithms.encryption->name << " in pieces of " << limit);
      const auto sealed = sides.initiator().seal(header(), sent, limit);
      REQUIRE(sealed);
      for (const Bytes& datagram : *sealed) REQUIRE(datagram.size() <= limit);
      REQUIRE((sealed->size() == 1) == (limit >= whole));
      if (sealed->size() > 1) REQUIRE(sealed->front().size() + block > limit);
      // Opening is the costly part: around the ends and at some places between.
      if (limit % 97 == 0 || limit < 130 || limit + 20 > whole) {
        REQUIRE(*open_all(sides.responder(), *sealed) == sent);
      }
    }
  }
}

TEST_CASE("only the first fragment names the first payload") {
  SaSides sides(crypto::FakeProvider(1), kGcm);
  const auto sealed = sides.initiator().seal(header(), payloads(1000), 300);
  REQUIRE(sealed->size() > 3);
  for (std::size_t i = 0; i < sealed->size(); ++i) {
    const auto message = wire::parse_message((*sealed)[i]);
    REQUIRE(message->sealed->fragment ==
            wire::FragmentNumber{static_cast<std::uint16_t>(i + 1),
                                 static_cast<std::uint16_t>(sealed->size())});
    REQUIRE(message->sealed->first_inner ==
            (i == 0 ? wire::PayloadType::vendor_id : wire::PayloadType::none));
  }
}

TEST_CASE("what cannot be sent is our own fault, not a wrong message") {
  SaSides sides(crypto::FakeProvider(1), kGcm);
  // Too small for a single byte; too many; longer than a datagram; longer than a peer reassembles.
  REQUIRE_FALSE(sides.initiator().seal(header(), payloads(100), 1));
  REQUIRE_FALSE(sides.initiator().seal(header(), payloads(100), 61));
  REQUIRE(sides.initiator().seal(header(), payloads(100), 62)->size() == 104);
  REQUIRE_FALSE(sides.initiator().seal(header(), payloads(200), 62));
  REQUIRE_FALSE(sides.initiator().seal(header(), payloads(65500), 0));
  const wire::Payloads two{wire::VendorIdPayload{Bytes(40000)},
                           wire::VendorIdPayload{Bytes(40000)}};
  REQUIRE_FALSE(sides.initiator().seal(header(), two, 1200));
}

TEST_CASE("nothing that was changed or cut opens") {
  const auto real = testing::openssl_provider();
  const crypto::FakeProvider fake(1);
  for (const crypto::Provider* crypto : {static_cast<const crypto::Provider*>(real.get()),
                                         static_cast<const crypto::Provider*>(&fake)}) {
    for (const IkeAlgorithms& algorithms : {kGcm, kCbc, kCtr}) {
      SaSides sides(*crypto, algorithms);
      for (const std::size_t limit : {0U, 120U}) {
        const Bytes good = sides.initiator().seal(header(), payloads(200), limit)->front();
        REQUIRE(open(sides.responder(), good));
        const wire::SealedBody body = *wire::parse_message(good)->sealed;
        for (std::size_t i = 0; i < good.size(); ++i) {
          Bytes bad = good;
          bad[i] ^= 0x40;
          // Whatever the parser makes of it, the place of the body stays what it was.
          REQUIRE_FALSE(sides.responder().open(bad, body));
          REQUIRE_FALSE(sides.responder().open(ByteView(good).first(i), body));
        }
      }
    }
  }
}

TEST_CASE("counted IVs never repeat, drawn ones come from the random source") {
  const auto ivs = [](Protection& side, std::size_t iv_size) {
    std::set<Bytes> seen;
    for (int i = 0; i < 300; ++i) {
      const auto sealed = side.seal(header(), payloads(200), 150);
      for (const Bytes& datagram : *sealed) {
        const std::size_t at = wire::parse_message(datagram)->sealed->offset;
        REQUIRE(seen.insert(to_bytes(ByteView(datagram).subspan(at, iv_size))).second);
      }
    }
    return seen.size();
  };
  for (const IkeAlgorithms& algorithms : {kGcm, kCtr}) {
    SaSides counted(crypto::FakeProvider(1), algorithms);
    REQUIRE(ivs(counted.initiator(), 8) >= 600);
    REQUIRE(counted.random().drawn() == 0);
  }
  SaSides drawn(crypto::FakeProvider(1), kCbc);
  const std::size_t count = ivs(drawn.initiator(), 16);
  REQUIRE(drawn.random().drawn() == 16 * count);
}

TEST_CASE("algorithms that do not go together make no protection") {
  const crypto::FakeProvider crypto(1);
  CountingRandom random;
  const auto make = [&](const IkeAlgorithms& algorithms, const crypto::IkeKeys& keys) {
    return Protection::make(crypto, algorithms, keys, wire::Role::initiator, random).has_value();
  };
  REQUIRE(make(kCbc, fixed_keys(kCbc)));
  REQUIRE_FALSE(make(kCbc, fixed_keys(kGcm)));
  REQUIRE_FALSE(make({nullptr, kCbc.integrity, nullptr, nullptr}, fixed_keys(kCbc)));
  REQUIRE_FALSE(make({kCbc.encryption, nullptr, nullptr, nullptr}, fixed_keys(kCbc)));
  REQUIRE_FALSE(make({kGcm.encryption, kCbc.integrity, nullptr, nullptr}, fixed_keys(kGcm)));
}

}  // namespace
}  // namespace ipsec::core
