// Goal: keys are those of RFC 7296 2.13 to 2.18, whatever the algorithms. Method: vectors from an
// independent implementation; the rules about what goes together.
#include <catch2/catch.hpp>

#include "ike/crypto/key_derivation.h"
#include "tests/support/fake_crypto.h"
#include "tests/support/vectors.h"
#include "tests/unit/crypto/openssl_fixture.h"

using ipsec::Bytes;
using ipsec::IkeSpi;
using ipsec::Secret;
using ipsec::to_hex;
using ipsec::crypto::IkeAlgorithms;
using ipsec::crypto::IkeKeys;
using ipsec::crypto::NoncePair;
using ipsec::crypto::SpiPair;
using ipsec::testing::counting;
using ipsec::testing::openssl_provider;
using ipsec::testing::read_vectors;
using ipsec::testing::Vector;

namespace {

IkeSpi spi(const Bytes& bytes) {
  IkeSpi value;
  for (const std::uint8_t byte : bytes) value.value = (value.value << 8) | byte;
  return value;
}

void check_keys(const Vector& vector, const std::string& prefix, const IkeKeys& keys) {
  const auto check = [&](const char* name, const Secret& key) {
    INFO(prefix << name);
    CHECK(to_hex(key.view()) == vector.text(prefix + name));
  };
  check("sk_d", keys.sk_d);
  check("sk_ai", keys.sk_ai);
  check("sk_ar", keys.sk_ar);
  check("sk_ei", keys.sk_ei);
  check("sk_er", keys.sk_er);
  check("sk_pi", keys.sk_pi);
  check("sk_pr", keys.sk_pr);
}

void check_children(const Vector& vector, const ipsec::crypto::Provider& provider,
                    const IkeAlgorithms& algorithms, const NoncePair& nonces) {
  const Secret sk_d(vector.hex("sk_d"));
  const Bytes pfs = vector.hex("shared_new");
  const std::size_t encryption_size =
      std::size_t{algorithms.encryption->key_bytes} + algorithms.encryption->salt_bytes;
  const std::size_t integrity_size =
      algorithms.integrity == nullptr ? 0 : algorithms.integrity->key_bytes;
  for (const std::string kind : {"child_", "pfs_"}) {
    const auto keys = ipsec::crypto::derive_child_keys(provider, algorithms.prf->id, sk_d.view(),
                                                       kind == "pfs_" ? pfs : Bytes(), nonces,
                                                       encryption_size, integrity_size);
    REQUIRE(keys.has_value());
    CHECK(to_hex(keys->initiator_encryption.view()) == vector.text(kind + "ei"));
    CHECK(to_hex(keys->initiator_integrity.view()) == vector.text(kind + "ai"));
    CHECK(to_hex(keys->responder_encryption.view()) == vector.text(kind + "er"));
    CHECK(to_hex(keys->responder_integrity.view()) == vector.text(kind + "ar"));
  }
}

IkeAlgorithms algorithms(std::string_view encryption, const char* integrity) {
  return {ipsec::find_encryption(encryption),
          integrity == nullptr ? nullptr : ipsec::find_integrity(integrity),
          ipsec::find_prf("prfsha256"), nullptr};
}

}  // namespace

TEST_CASE("IKE, child and rekeyed keys of an independent implementation", "[crypto]") {
  const auto provider = openssl_provider();
  for (const auto& vector : read_vectors("ike_keys.txt")) {
    INFO(vector.text("prf") << " " << vector.text("encryption"));
    IkeAlgorithms chosen{ipsec::find_encryption(vector.text("encryption")),
                         ipsec::find_integrity(vector.text("integrity")),
                         ipsec::find_prf(vector.text("prf")), nullptr};
    REQUIRE(chosen.encryption != nullptr);
    REQUIRE(chosen.prf != nullptr);
    const Bytes nonce_i = vector.hex("nonce_i");
    const Bytes nonce_r = vector.hex("nonce_r");
    const NoncePair nonces{nonce_i, nonce_r};
    const SpiPair spis{spi(vector.hex("spi_i")), spi(vector.hex("spi_r"))};

    const auto keys =
        ipsec::crypto::derive_ike_keys(*provider, chosen, vector.hex("shared"), nonces, spis);
    REQUIRE(keys.has_value());
    check_keys(vector, "", *keys);
    check_children(vector, *provider, chosen, nonces);

    const auto old_prf = chosen.prf->id;
    chosen.prf = ipsec::find_prf(vector.text("rekeyed_prf"));
    const auto rekeyed = ipsec::crypto::derive_rekeyed_ike_keys(
        *provider, old_prf, keys->sk_d.view(), chosen, vector.hex("shared_new"), nonces, spis);
    REQUIRE(rekeyed.has_value());
    check_keys(vector, "rekeyed_", *rekeyed);
  }
}

TEST_CASE("prf+ gives 255 blocks and no more", "[crypto]") {
  const auto provider = openssl_provider();
  const auto prf = provider->prf(ipsec::PrfId::hmac_md5, counting(16));
  const Bytes seed = counting(40);
  const auto all = ipsec::crypto::prf_plus(*prf, seed, 255 * 16);
  REQUIRE(all.has_value());
  CHECK(all->size() == 255 * 16);
  CHECK_FALSE(ipsec::crypto::prf_plus(*prf, seed, 255 * 16 + 1).has_value());
  // Shorter outputs are its beginning.
  for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 15, 16, 17, 100}) {
    const auto some = ipsec::crypto::prf_plus(*prf, seed, size);
    REQUIRE(some.has_value());
    CHECK(*some == all->slice(0, size));
  }
}

TEST_CASE("algorithms that do not go together derive nothing", "[crypto]") {
  const ipsec::crypto::FakeProvider provider(1);
  const Bytes nonce = counting(32);
  const auto derive = [&](const IkeAlgorithms& chosen) {
    return ipsec::crypto::derive_ike_keys(provider, chosen, counting(32), {nonce, nonce},
                                          {IkeSpi{1}, IkeSpi{2}});
  };
  CHECK(derive(algorithms("aes128", "sha1")).has_value());
  CHECK(derive(algorithms("aes128gcm16", nullptr)).has_value());
  CHECK_FALSE(derive(algorithms("aes128", nullptr)).has_value());
  CHECK_FALSE(derive(algorithms("aes128gcm16", "sha1")).has_value());
  CHECK_FALSE(derive(IkeAlgorithms{}).has_value());
}
