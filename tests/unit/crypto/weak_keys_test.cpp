// Goal: the keys that DES and 3DES must not have are known. Method: RFC 2409 appendix A, written
// down here as the RFC names them; what OpenSSL's DES makes of each; their neighbours.
#include "ike/crypto/weak_keys.h"

#include <catch2/catch.hpp>

#include <set>

#include "tests/support/hex.h"
#include "tests/unit/crypto/openssl_fixture.h"

using ipsec::Bytes;
using ipsec::crypto::is_weak_des_key;
using ipsec::crypto::weakness;
using ipsec::test::hex;
using ipsec::testing::counting;
using ipsec::testing::openssl_provider;

namespace {

constexpr std::string_view kWeak[] = {
    "0101010101010101",
    "1f1f1f1f0e0e0e0e",
    "e0e0e0e0f1f1f1f1",
    "fefefefefefefefe",
};

struct KeyPair {
  std::string_view one, other;
};

constexpr KeyPair kSemiWeak[] = {
    {"01fe01fe01fe01fe", "fe01fe01fe01fe01"}, {"1fe01fe00ef10ef1", "e01fe01ff10ef10e"},
    {"01e001e001f101f1", "e001e001f101f101"}, {"1ffe1ffe0efe0efe", "fe1ffe1ffe0efe0e"},
    {"011f011f010e010e", "1f011f010e010e01"}, {"e0fee0fef1fef1fe", "fee0fee0fef1fef1"},
};

Bytes encrypt(const ipsec::crypto::Provider& provider, const Bytes& key, const Bytes& text) {
  return provider.cbc(*ipsec::find_encryption("des"), key)->encrypt(Bytes(8), text).value();
}

}  // namespace

TEST_CASE("the 4 weak and 12 semi-weak keys of DES", "[crypto]") {
  // Each is shown to be what it is called, so that the table is not only compared with itself.
  const auto provider = openssl_provider();
  const Bytes text = counting(8, 77);
  std::set<Bytes> keys;
  for (const auto weak : kWeak) {
    INFO(weak);
    const Bytes key = hex(weak);
    CHECK(is_weak_des_key(key));
    CHECK(encrypt(*provider, key, encrypt(*provider, key, text)) == text);
    keys.insert(key);
  }
  for (const auto& pair : kSemiWeak) {
    INFO(pair.one);
    const Bytes one = hex(pair.one);
    const Bytes other = hex(pair.other);
    CHECK(is_weak_des_key(one));
    CHECK(is_weak_des_key(other));
    CHECK(encrypt(*provider, one, encrypt(*provider, other, text)) == text);
    keys.insert(one);
    keys.insert(other);
  }
  CHECK(keys.size() == 16);
}

TEST_CASE("parity does not make a weak key strong, any other bit does", "[crypto]") {
  for (const auto weak : kWeak) {
    Bytes key = hex(weak);
    for (std::size_t bit = 0; bit < 64; ++bit) {
      INFO(weak << " bit " << bit);
      key[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      CHECK(is_weak_des_key(key) == (bit % 8 == 0));
      key[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    }
    for (auto& byte : key) byte ^= 1;
    CHECK(is_weak_des_key(key));
  }
  CHECK(is_weak_des_key(Bytes(8)));
  CHECK(is_weak_des_key(Bytes(8, 0xff)));
}

TEST_CASE("strong keys, and what is no DES key", "[crypto]") {
  CHECK_FALSE(is_weak_des_key(hex("0123456789abcdef")));
  // The same in all bytes is not weak by itself: the halves of the schedule take other bits.
  CHECK_FALSE(is_weak_des_key(Bytes(8, 0x1f)));
  CHECK_FALSE(is_weak_des_key(Bytes(8, 0xe0)));
  CHECK_FALSE(is_weak_des_key(Bytes(7, 1)));
  CHECK_FALSE(is_weak_des_key(Bytes(16, 1)));
  CHECK_FALSE(is_weak_des_key({}));
}

TEST_CASE("a 3DES key that would be single DES", "[crypto]") {
  const auto* triple = ipsec::find_encryption("3des");
  const Bytes a = hex("0123456789abcdef");
  const Bytes b = hex("23456789abcdef01");
  const Bytes c = hex("456789abcdef0123");
  const auto is_weak = [&](const Bytes& one, const Bytes& two, const Bytes& three) {
    return weakness(*triple, ipsec::concat({one, two, three})).has_value();
  };
  CHECK(is_weak(a, a, b));
  CHECK(is_weak(b, a, a));
  CHECK(is_weak(a, a, a));
  CHECK_FALSE(is_weak(a, b, c));
  // Two-key 3DES: half as strong, but not single DES (RFC 2451 2.3 names the neighbours alone).
  CHECK_FALSE(is_weak(a, b, a));
  Bytes other_parity = a;
  for (auto& byte : other_parity) byte ^= 1;
  CHECK(is_weak(a, other_parity, b));
  CHECK(is_weak(b, a, other_parity));
  other_parity[7] ^= 2;
  CHECK_FALSE(is_weak(a, other_parity, b));
  CHECK_FALSE(is_weak(Bytes(8, 1), b, c));

  // And so it is: the two equal parts cancel out.
  const auto provider = openssl_provider();
  const Bytes text = counting(16);
  CHECK(provider->cbc(*triple, ipsec::concat({a, a, b}))->encrypt(Bytes(8), text).value() ==
        encrypt(*provider, b, text));
}

TEST_CASE("weakness is DES's alone", "[crypto]") {
  for (const auto& row : ipsec::all_encryption()) {
    INFO(row.name);
    const auto found = weakness(row, Bytes(row.key_bytes, 1));
    CHECK(found.has_value() == (row.name == "des" || row.name == "3des"));
  }
}
