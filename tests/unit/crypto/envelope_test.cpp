// Goal: the SK payload's body is that of RFC 7296 3.14, RFC 5282, 5930 and 7634, and nothing that
// was changed opens. Method: vectors; every pair of algorithms over sizes 0 to 100; every bit of a
// message flipped; every truncation.
#include <catch2/catch.hpp>

#include <functional>

#include "ike/crypto/openssl_provider.h"
#include "tests/support/fake_crypto.h"
#include "tests/support/vectors.h"
#include "tests/unit/crypto/openssl_fixture.h"

using ipsec::Bytes;
using ipsec::ByteView;
using ipsec::EncryptionRow;
using ipsec::IntegrityId;
using ipsec::IntegrityRow;
using ipsec::to_hex;
using ipsec::crypto::Envelope;
using ipsec::crypto::Provider;
using ipsec::testing::counting;
using ipsec::testing::openssl_provider;
using ipsec::testing::read_vectors;
using ipsec::testing::Vector;

namespace {

std::unique_ptr<Envelope> keyed(const Provider& provider, const EncryptionRow& encryption,
                                const IntegrityRow* integrity) {
  return provider.envelope(encryption,
                           counting(std::size_t{encryption.key_bytes} + encryption.salt_bytes, 3),
                           integrity == nullptr ? IntegrityId::none : integrity->id,
                           counting(integrity == nullptr ? 0 : integrity->key_bytes, 100));
}

using Pair = std::function<void(const EncryptionRow&, const IntegrityRow*)>;

// Every pair of algorithms that can protect IKE.
void for_each_pair(const Pair& visit) {
  for (const auto& encryption : ipsec::all_encryption()) {
    if (!encryption.usable_for_ike) continue;
    if (encryption.is_aead()) {
      visit(encryption, nullptr);
      continue;
    }
    for (const auto& integrity : ipsec::all_integrity()) visit(encryption, &integrity);
  }
}

std::string name(const EncryptionRow& encryption, const IntegrityRow* integrity) {
  return std::string(encryption.name) + "-" +
         std::string(integrity == nullptr ? "none" : integrity->name);
}

std::unique_ptr<Envelope> of_vector(const Provider& provider, const Vector& vector) {
  const auto* encryption = ipsec::find_encryption(vector.text("encryption"));
  const auto* integrity = ipsec::find_integrity(vector.text("integrity"));
  REQUIRE(encryption != nullptr);
  auto envelope = provider.envelope(*encryption, vector.hex("key"),
                                    integrity == nullptr ? IntegrityId::none : integrity->id,
                                    vector.hex("integrity_key"));
  REQUIRE(envelope != nullptr);
  return envelope;
}

// Checked through both providers: the fake one stands in for the real one in the simulator.
void check_round_trips(const Provider& provider) {
  const Bytes head = counting(32, 50);
  for_each_pair([&](const EncryptionRow& encryption, const IntegrityRow* integrity) {
    INFO(name(encryption, integrity));
    const auto envelope = keyed(provider, encryption, integrity);
    REQUIRE(envelope != nullptr);
    CHECK(envelope->iv_size() == encryption.iv_bytes);
    const std::size_t icv = integrity == nullptr ? encryption.icv_bytes : integrity->icv_bytes;
    for (std::size_t size = 0; size <= 100; ++size) {
      INFO(size);
      const Bytes plaintext = counting(size, 9);
      const auto body = envelope->seal(head, plaintext, counting(envelope->iv_size(), size));
      REQUIRE(body.has_value());
      CHECK(body->size() == envelope->sealed_size(size));
      // The least padding: less than a block, and whole blocks.
      const std::size_t text = body->size() - envelope->iv_size() - icv;
      CHECK(text % encryption.block_bytes == 0);
      CHECK(text - size - 1 < encryption.block_bytes);
      const auto opened = envelope->open(head, *body);
      REQUIRE(opened.has_value());
      CHECK(*opened == plaintext);
    }
  });
}

void check_every_bit_counts(const Provider& provider) {
  for_each_pair([&](const EncryptionRow& encryption, const IntegrityRow* integrity) {
    INFO(name(encryption, integrity));
    const auto envelope = keyed(provider, encryption, integrity);
    Bytes head = counting(32);
    Bytes body = envelope->seal(head, counting(21), counting(envelope->iv_size())).value();
    const auto flip_each = [&](Bytes& bytes) {
      for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
        const auto mask = static_cast<std::uint8_t>(1u << (bit % 8));
        bytes[bit / 8] ^= mask;
        const bool opened = envelope->open(head, body).has_value();
        bytes[bit / 8] ^= mask;
        if (opened) FAIL_CHECK("bit " << bit);
      }
    };
    flip_each(head);
    flip_each(body);
    CHECK(envelope->open(head, body).has_value());
  });
}

void check_truncations(const Provider& provider) {
  for_each_pair([&](const EncryptionRow& encryption, const IntegrityRow* integrity) {
    INFO(name(encryption, integrity));
    const auto envelope = keyed(provider, encryption, integrity);
    const Bytes head = counting(32);
    const Bytes body = envelope->seal(head, counting(40), counting(envelope->iv_size())).value();
    for (std::size_t size = 0; size < body.size(); ++size) {
      if (envelope->open(head, ByteView(body).first(size))) FAIL_CHECK("first " << size);
      if (envelope->open(head, ByteView(body).last(size))) FAIL_CHECK("last " << size);
    }
    for (std::size_t size = 0; size < head.size(); ++size) {
      if (envelope->open(ByteView(head).first(size), body)) FAIL_CHECK("head " << size);
    }
  });
}

}  // namespace

TEST_CASE("envelopes of independent make open, and ours are the same", "[crypto]") {
  const auto provider = openssl_provider();
  for (const auto& vector : read_vectors("envelope.txt")) {
    const Bytes plaintext = vector.hex("plaintext");
    INFO(vector.text("encryption") << " " << vector.text("integrity") << " " << plaintext.size());
    const auto envelope = of_vector(*provider, vector);
    const auto opened = envelope->open(vector.hex("head"), vector.hex("body"));
    REQUIRE(opened.has_value());
    CHECK(to_hex(*opened) == to_hex(plaintext));
    if (vector.has("open_only")) continue;
    const auto sealed = envelope->seal(vector.hex("head"), plaintext, vector.hex("iv"));
    REQUIRE(sealed.has_value());
    CHECK(to_hex(*sealed) == vector.text("body"));
  }
}

TEST_CASE("ciphers give the published answers", "[crypto]") {
  const auto provider = openssl_provider();
  for (const auto& vector : read_vectors("ciphers.txt")) {
    INFO(vector.text("source"));
    const Bytes iv = vector.hex("iv");
    const auto sealed =
        of_vector(*provider, vector)->seal(vector.hex("head"), vector.hex("plaintext"), iv);
    REQUIRE(sealed.has_value());
    if (vector.has("body")) {
      CHECK(to_hex(*sealed) == vector.text("body"));
    } else {
      CHECK(to_hex(*sealed).substr(2 * iv.size()).starts_with(vector.text("ciphertext")));
    }
  }
}

TEST_CASE("what is sealed opens again", "[crypto]") {
  check_round_trips(*openssl_provider());
  check_round_trips(ipsec::crypto::FakeProvider(1));
}

TEST_CASE("a flipped bit anywhere keeps an envelope shut", "[crypto]") {
  check_every_bit_counts(*openssl_provider());
  check_every_bit_counts(ipsec::crypto::FakeProvider(1));
}

TEST_CASE("no truncation opens", "[crypto]") {
  check_truncations(*openssl_provider());
  check_truncations(ipsec::crypto::FakeProvider(1));
}

TEST_CASE("the other direction's keys do not open", "[crypto]") {
  const auto provider = openssl_provider();
  const auto* row = ipsec::find_encryption("aes256gcm16");
  const auto ours = provider->envelope(*row, counting(36, 1), IntegrityId::none, {});
  const auto theirs = provider->envelope(*row, counting(36, 2), IntegrityId::none, {});
  const Bytes body = ours->seal({}, counting(10), counting(8)).value();
  CHECK(ours->open({}, body).has_value());
  CHECK_FALSE(theirs->open({}, body).has_value());
}

TEST_CASE("an authentic body whose padding does not fit is refused", "[crypto]") {
  // Only a sender with the keys can make one, so it is made from an honest body: in counter mode a
  // change of the last ciphertext byte changes the pad length, 0 before, by just that; then a new
  // MAC. Of three bytes of text three can be padding, and four cannot.
  const auto provider = openssl_provider();
  const auto* ctr = ipsec::find_encryption("aes128ctr");
  const auto* sha256 = ipsec::find_integrity("sha256");
  const Bytes mac_key = counting(32, 100);
  const auto envelope = keyed(*provider, *ctr, sha256);
  const Bytes head = counting(32);
  Bytes body = envelope->seal(head, counting(3), counting(8)).value();
  const std::size_t icv = sha256->icv_bytes;
  const auto mac = provider->prf(ipsec::PrfId::hmac_sha2_256, mac_key);
  for (const int padding : {3, 4, 255}) {
    Bytes forged(body.begin(), body.end() - static_cast<std::ptrdiff_t>(icv));
    forged.back() ^= static_cast<std::uint8_t>(padding);
    const auto tag = mac->compute({head, forged});
    ipsec::append(forged, tag.view().first(icv));
    INFO(padding);
    CHECK(envelope->open(head, forged).has_value() == (padding == 3));
  }
}

TEST_CASE("what does not go together is no envelope", "[crypto]") {
  const ipsec::crypto::FakeProvider fake(1);
  const auto real = openssl_provider();
  const auto* cbc = ipsec::find_encryption("aes128");
  const auto* gcm = ipsec::find_encryption("aes128gcm16");
  const auto* null = ipsec::find_encryption("null");
  for (const Provider* provider :
       {static_cast<const Provider*>(&fake), static_cast<const Provider*>(real.get())}) {
    const auto make = [&](const EncryptionRow& row, std::size_t key, IntegrityId id,
                          std::size_t mac_key) {
      return provider->envelope(row, counting(key), id, counting(mac_key)) != nullptr;
    };
    CHECK(make(*cbc, 16, IntegrityId::hmac_sha1_96, 20));
    CHECK_FALSE(make(*cbc, 16, IntegrityId::none, 0));
    CHECK_FALSE(make(*cbc, 16, IntegrityId::hmac_sha1_96, 19));
    CHECK_FALSE(make(*cbc, 32, IntegrityId::hmac_sha1_96, 20));
    CHECK_FALSE(make(*cbc, 16, IntegrityId{99}, 20));
    CHECK(make(*gcm, 20, IntegrityId::none, 0));
    CHECK_FALSE(make(*gcm, 16, IntegrityId::none, 0));
    CHECK_FALSE(make(*gcm, 20, IntegrityId::none, 20));
    CHECK_FALSE(make(*gcm, 20, IntegrityId::hmac_sha1_96, 20));
    // RFC 7296 5: NULL is for ESP alone.
    CHECK_FALSE(make(*null, 0, IntegrityId::hmac_sha1_96, 20));
    CHECK_FALSE(make(EncryptionRow{}, 0, IntegrityId::hmac_sha1_96, 20));
  }
}

TEST_CASE("misuse of an envelope is told", "[crypto]") {
  const auto provider = openssl_provider();
  const auto envelope = keyed(*provider, *ipsec::find_encryption("aes128gcm16"), nullptr);
  CHECK(envelope->seal({}, counting(4), counting(7)).error().what ==
        "aes128gcm16 needs an IV of 8 bytes, not 7");
  CHECK_FALSE(envelope->seal({}, Bytes(70'000), counting(8)).has_value());
  CHECK_FALSE(envelope->open({}, Bytes(70'000)).has_value());
}
