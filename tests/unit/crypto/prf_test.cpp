// Goal: PRFs and digests are those of the RFCs. Method: published vectors; parts against the whole;
// keys and data of every length around the block against the definition of HMAC over digest().
#include <catch2/catch.hpp>

#include "ike/crypto/openssl_provider.h"
#include "tests/support/vectors.h"
#include "tests/unit/crypto/openssl_fixture.h"

using ipsec::Bytes;
using ipsec::ByteView;
using ipsec::HashId;
using ipsec::PrfId;
using ipsec::to_hex;
using ipsec::testing::counting;
using ipsec::testing::openssl_provider;
using ipsec::testing::read_vectors;

namespace {

// RFC 2104 2, by the book.
Bytes hmac(const ipsec::crypto::Provider& provider, HashId hash, Bytes key, ByteView data) {
  const std::size_t block = hash == HashId::sha2_384 || hash == HashId::sha2_512 ? 128 : 64;
  if (key.size() > block) key = provider.digest(hash, {key});
  key.resize(block);
  Bytes inner = key;
  Bytes outer = key;
  for (auto& byte : inner) byte ^= 0x36;
  for (auto& byte : outer) byte ^= 0x5c;
  return provider.digest(hash, {outer, provider.digest(hash, {inner, data})});
}

}  // namespace

TEST_CASE("digests of abc", "[crypto]") {
  // RFC 1321 A.5; FIPS 180-4's examples.
  const auto provider = openssl_provider();
  const Bytes abc = ipsec::to_bytes("abc");
  const auto hex = [&](HashId hash) { return to_hex(provider->digest(hash, {abc})); };
  CHECK(hex(HashId::md5) == "900150983cd24fb0d6963f7d28e17f72");
  CHECK(hex(HashId::sha1) == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(hex(HashId::sha2_256) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex(HashId::sha2_384) ==
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
        "8086072ba1e7cc2358baeca134c825a7");
  CHECK(hex(HashId::sha2_512) ==
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  CHECK(provider->digest(HashId{99}, {abc}).empty());
}

TEST_CASE("PRFs give the published answers", "[crypto]") {
  const auto provider = openssl_provider();
  for (const auto& vector : read_vectors("hmac.txt")) {
    INFO(vector.text("source") << " " << vector.text("prf"));
    const auto* row = ipsec::find_prf(vector.text("prf"));
    REQUIRE(row != nullptr);
    const auto prf = provider->prf(row->id, vector.hex("key"));
    REQUIRE(prf != nullptr);
    CHECK(prf->size() == row->output_bytes);
    const Bytes data = vector.hex("data");
    CHECK(to_hex(prf->compute({data}).view()) == vector.text("mac"));
    // Again, from the kept states, and in parts.
    const ByteView view(data);
    CHECK(to_hex(prf->compute({view.first(3), {}, view.subspan(3)}).view()) == vector.text("mac"));
  }
}

TEST_CASE("HMAC by its definition, with keys around the block size", "[crypto]") {
  static constexpr std::size_t kKeySizes[] = {0, 1, 16, 63, 64, 65, 127, 128, 129, 512};
  static constexpr std::size_t kDataSizes[] = {0, 1, 55, 56, 64, 300};
  const auto provider = openssl_provider();
  for (const auto& row : ipsec::all_prfs()) {
    for (const std::size_t key_size : kKeySizes) {
      const Bytes key = counting(key_size, 7);
      const auto prf = provider->prf(row.id, key);
      REQUIRE(prf != nullptr);
      for (const std::size_t data_size : kDataSizes) {
        const Bytes data = counting(data_size);
        INFO(row.name << " key " << key_size << " data " << data_size);
        CHECK(to_hex(prf->compute({data}).view()) == to_hex(hmac(*provider, row.hash, key, data)));
      }
    }
  }
}

TEST_CASE("a PRF outlives its provider", "[crypto]") {
  auto provider = openssl_provider();
  const auto prf = provider->prf(PrfId::hmac_sha2_256, ipsec::to_bytes("Jefe"));
  provider.reset();
  CHECK(to_hex(prf->compute({ipsec::to_bytes("what do ya want for nothing?")}).view()) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("a PRF that is not in the registry", "[crypto]") {
  CHECK(openssl_provider()->prf(PrfId{4}, counting(16)) == nullptr);
}
