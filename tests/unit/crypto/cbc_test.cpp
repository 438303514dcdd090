// Goal: bare CBC gives the published answers, pads nothing and notices no change. Method: vectors;
// through both providers every row, sizes around a block, a chain over several messages.
#include <catch2/catch.hpp>

#include <memory>

#include "ike/crypto/openssl_provider.h"
#include "tests/support/fake_crypto.h"
#include "tests/support/vectors.h"
#include "tests/unit/crypto/openssl_fixture.h"

using ipsec::Bytes;
using ipsec::ByteView;
using ipsec::EncryptionRow;
using ipsec::to_hex;
using ipsec::crypto::Cbc;
using ipsec::crypto::Provider;
using ipsec::testing::counting;
using ipsec::testing::openssl_provider;
using ipsec::testing::read_vectors;

namespace {

template <typename Visit>
void with_both_providers(Visit visit) {
  const auto real = openssl_provider();
  const ipsec::crypto::FakeProvider fake(1);
  for (const Provider* provider :
       {static_cast<const Provider*>(real.get()), static_cast<const Provider*>(&fake)}) {
    INFO((provider == &fake ? "fake" : "OpenSSL"));
    visit(*provider);
  }
}

template <typename Visit>
void for_each_cbc(const Provider& provider, Visit visit) {
  int visited = 0;
  for (const auto& row : ipsec::all_encryption()) {
    if (row.v1_phase1 == 0) continue;
    INFO(row.name);
    const auto cbc = provider.cbc(row, counting(row.key_bytes, 3));
    REQUIRE(cbc != nullptr);
    CHECK(cbc->block_size() == row.block_bytes);
    visit(row, *cbc);
    ++visited;
  }
  CHECK(visited == 5);
}

}  // namespace

TEST_CASE("bare CBC gives the published answers", "[crypto]") {
  const auto provider = openssl_provider();
  for (const auto& vector : read_vectors("cbc.txt")) {
    INFO(vector.text("source"));
    const auto* row = ipsec::find_encryption(vector.text("encryption"));
    REQUIRE(row != nullptr);
    const auto cbc = provider->cbc(*row, vector.hex("key"));
    REQUIRE(cbc != nullptr);
    const Bytes iv = vector.hex("iv");
    const auto encrypted = cbc->encrypt(iv, vector.hex("plaintext"));
    REQUIRE(encrypted.has_value());
    CHECK(to_hex(*encrypted) == vector.text("ciphertext"));
    const auto decrypted = cbc->decrypt(iv, vector.hex("ciphertext"));
    REQUIRE(decrypted.has_value());
    CHECK(to_hex(*decrypted) == vector.text("plaintext"));
  }
}

TEST_CASE("CBC takes whole blocks and adds none", "[crypto]") {
  with_both_providers([](const Provider& provider) {
    for_each_cbc(provider, [](const EncryptionRow& row, const Cbc& cbc) {
      const std::size_t block = row.block_bytes;
      const Bytes iv = counting(block, 200);
      for (std::size_t size = 0; size <= 4 * block; ++size) {
        INFO(size);
        const Bytes text = counting(size, 9);
        const bool whole = size != 0 && size % block == 0;
        const auto encrypted = cbc.encrypt(iv, text);
        REQUIRE(encrypted.has_value() == whole);
        CHECK(cbc.decrypt(iv, text).has_value() == whole);
        if (!whole) continue;
        CHECK(encrypted->size() == size);
        CHECK(*encrypted != text);
        const auto decrypted = cbc.decrypt(iv, *encrypted);
        REQUIRE(decrypted.has_value());
        CHECK(*decrypted == text);
      }
    });
  });
}

TEST_CASE("CBC carries on from its last block", "[crypto]") {
  // What IKEv1 relies on (RFC 2409 appendix B): messages chained by their last blocks are one text.
  with_both_providers([](const Provider& provider) {
    for_each_cbc(provider, [](const EncryptionRow& row, const Cbc& cbc) {
      const std::size_t block = row.block_bytes;
      const Bytes iv = counting(block, 200);
      const Bytes text = counting(5 * block);
      const Bytes whole = cbc.encrypt(iv, text).value();
      const Bytes head = cbc.encrypt(iv, ByteView(text).first(2 * block)).value();
      const Bytes tail =
          cbc.encrypt(ByteView(head).last(block), ByteView(text).subspan(2 * block)).value();
      CHECK(ipsec::concat({head, tail}) == whole);

      // A wrong IV spoils the first block alone, so whoever reads must look at what it says.
      const Bytes other_iv = counting(block, 201);
      const Bytes spoiled = cbc.decrypt(other_iv, whole).value();
      CHECK_FALSE(ipsec::equal(ByteView(spoiled).first(block), ByteView(text).first(block)));
      CHECK(ipsec::equal(ByteView(spoiled).subspan(block), ByteView(text).subspan(block)));
      CHECK(cbc.encrypt(other_iv, text).value() != whole);
    });
  });
}

TEST_CASE("another key decrypts to something else", "[crypto]") {
  with_both_providers([](const Provider& provider) {
    for_each_cbc(provider, [&](const EncryptionRow& row, const Cbc& cbc) {
      const Bytes iv = counting(row.block_bytes);
      const Bytes text = counting(std::size_t{2} * row.block_bytes, 9);
      const Bytes encrypted = cbc.encrypt(iv, text).value();
      for (std::size_t at = 0; at < row.key_bytes; ++at) {
        INFO(at);
        Bytes key = counting(row.key_bytes, 3);
        key[at] ^= 0x80;
        const auto other = provider.cbc(row, key);
        CHECK(other->decrypt(iv, encrypted).value() != text);
        CHECK(other->encrypt(iv, text).value() != encrypted);
      }
    });
  });
}

TEST_CASE("misuse of CBC is told, a peer's sizes are nothing", "[crypto]") {
  with_both_providers([](const Provider& provider) {
    for_each_cbc(provider, [](const EncryptionRow& row, const Cbc& cbc) {
      const std::size_t block = row.block_bytes;
      const Bytes text = counting(block);
      for (const std::size_t size : {std::size_t{0}, block - 1, block + 1}) {
        CHECK_FALSE(cbc.encrypt(counting(size), text).has_value());
        CHECK_FALSE(cbc.decrypt(counting(size), text).has_value());
      }
      CHECK_FALSE(cbc.encrypt(text, Bytes(65'536)).has_value());
      CHECK_FALSE(cbc.decrypt(text, Bytes(65'536)).has_value());
    });
  });
  const auto aes = openssl_provider()->cbc(*ipsec::find_encryption("aes128"), counting(16));
  CHECK(aes->encrypt(counting(16), counting(17)).error().what ==
        "aes128 cannot encrypt 17 bytes with an IV of 16");
}

TEST_CASE("what is not CBC has none", "[crypto]") {
  with_both_providers([](const Provider& provider) {
    for (const auto& row : ipsec::all_encryption()) {
      INFO(row.name);
      const std::size_t size = row.key_bytes;
      CHECK((provider.cbc(row, counting(size)) != nullptr) == (row.v1_phase1 != 0));
      CHECK(provider.cbc(row, counting(size + row.salt_bytes + 1)) == nullptr);
      if (size != 0) CHECK(provider.cbc(row, counting(size - 1)) == nullptr);
    }
    CHECK(provider.cbc(EncryptionRow{}, {}) == nullptr);
  });
}

TEST_CASE("a CBC outlives its provider and the row it was asked with", "[crypto]") {
  auto provider = openssl_provider();
  auto row = std::make_unique<EncryptionRow>(*ipsec::find_encryption("des"));
  const auto cbc = provider->cbc(*row, counting(8));
  provider.reset();
  row.reset();
  const Bytes encrypted = cbc->encrypt(counting(8), counting(16)).value();
  CHECK(cbc->decrypt(counting(8), encrypted).value() == counting(16));
}
