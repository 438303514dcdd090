// Goal: keys, hashes and IVs are those of RFC 2409 5, 5.5, 5.7 and appendix B. Method: another
// implementation's answers; an independent computation over every hash and cipher.
#include "ike/crypto/key_derivation_v1.h"

#include <catch2/catch.hpp>

#include <set>
#include <string>
#include <type_traits>

#include "tests/support/vectors.h"
#include "tests/unit/crypto/openssl_fixture.h"

using ipsec::Bytes;
using ipsec::ByteView;
using ipsec::ChildSpi;
using ipsec::EncryptionRow;
using ipsec::IkeSpi;
using ipsec::MessageId;
using ipsec::PrfRow;
using ipsec::Result;
using ipsec::Secret;
using ipsec::to_hex;
using ipsec::crypto::NoncePair;
using ipsec::crypto::Provider;
using ipsec::crypto::SpiPair;
using ipsec::crypto::v1::Exchange;
using ipsec::crypto::v1::Protocol;
using ipsec::testing::openssl_provider;
using ipsec::testing::read_vectors;
using ipsec::testing::Vector;

namespace v1 = ipsec::crypto::v1;

namespace {

template <typename Id>
Id number(const Bytes& bytes) {
  Id id;
  for (const std::uint8_t byte : bytes) {
    id.value = static_cast<typename Id::rep>((id.value << 8) | byte);
  }
  return id;
}

// What a vector says of phase 1, kept for the views.
struct Phase1 {
  explicit Phase1(const Vector& vector)
      : nonce_i(vector.hex("nonce_i")),
        nonce_r(vector.hex("nonce_r")),
        public_i(vector.hex("public_i")),
        public_r(vector.hex("public_r")),
        cookies{number<IkeSpi>(vector.hex("cookie_i")), number<IkeSpi>(vector.hex("cookie_r"))} {}

  [[nodiscard]] NoncePair nonces() const { return {nonce_i, nonce_r}; }
  [[nodiscard]] Exchange exchange() const { return {public_i, public_r, cookies}; }

  Bytes nonce_i, nonce_r, public_i, public_r;
  SpiPair cookies;
};

// Takes what Results hold, whether secret or not.
template <typename Value>
void check_hex(const Vector& vector, std::string_view field, const Result<Value>& value) {
  INFO(field);
  REQUIRE(value.has_value());
  if constexpr (std::is_same_v<Value, Secret>) {
    CHECK(to_hex(value->view()) == vector.text(field));
  } else {
    CHECK(to_hex(*value) == vector.text(field));
  }
}

void check_phase1(const Provider& provider, const Vector& vector, const PrfRow& prf,
                  const EncryptionRow& cipher) {
  const Phase1 phase1(vector);
  const auto secrets = v1::derive_secrets(provider, prf, vector.hex("psk"), phase1.nonces(),
                                          vector.hex("shared"), phase1.cookies);
  REQUIRE(secrets.has_value());
  CHECK(to_hex(secrets->skeyid.view()) == vector.text("skeyid"));
  CHECK(to_hex(secrets->skeyid_d.view()) == vector.text("skeyid_d"));
  CHECK(to_hex(secrets->skeyid_a.view()) == vector.text("skeyid_a"));
  CHECK(to_hex(secrets->skeyid_e.view()) == vector.text("skeyid_e"));
  check_hex(vector, "skeyid", v1::derive_skeyid(provider, prf, vector.hex("psk"), phase1.nonces()));
  check_hex(vector, "message_key",
            v1::derive_message_key(provider, prf, secrets->skeyid_e.view(), cipher));
  check_hex(vector, "phase1_iv",
            v1::phase1_iv(provider, prf, phase1.exchange(), cipher.block_bytes));
  const Bytes sa = vector.hex("sa");
  const ByteView skeyid = secrets->skeyid.view();
  check_hex(vector, "hash_r",
            v1::responder_hash(provider, prf, skeyid, phase1.exchange(), sa, vector.hex("id_r")));
  if (!vector.has("hash_i")) return;
  check_hex(vector, "hash_i",
            v1::initiator_hash(provider, prf, skeyid, phase1.exchange(), sa, vector.hex("id_i")));
}

void check_quick_mode(const Provider& provider, const Vector& vector, const PrfRow& prf,
                      const EncryptionRow& cipher) {
  const Secret skeyid_a(vector.hex("skeyid_a"));
  const auto message = number<MessageId>(vector.hex("message_id"));
  const Bytes rest = vector.hex("rest");
  const Bytes nonce_i = vector.hex("quick_nonce_i");
  const Bytes nonce_r = vector.hex("quick_nonce_r");
  check_hex(vector, "hash_1", v1::hash_1(provider, prf, skeyid_a.view(), message, rest));
  check_hex(vector, "hash_2", v1::hash_2(provider, prf, skeyid_a.view(), message, nonce_i, rest));
  check_hex(vector, "hash_3",
            v1::hash_3(provider, prf, skeyid_a.view(), message, {nonce_i, nonce_r}));
  check_hex(vector, "exchange_iv",
            v1::exchange_iv(provider, prf, vector.hex("last_block"), message, cipher.block_bytes));
}

void check_children(const Provider& provider, const Vector& vector, const PrfRow& prf) {
  const Secret skeyid_d(vector.hex("skeyid_d"));
  const Bytes nonce_i = vector.hex("quick_nonce_i");
  const Bytes nonce_r = vector.hex("quick_nonce_r");
  const auto protocol = vector.text("protocol") == "ah" ? Protocol::ah : Protocol::esp;
  const v1::ChildSpiPair spis{number<ChildSpi>(vector.hex("spi_i")),
                              number<ChildSpi>(vector.hex("spi_r"))};
  for (const std::string kind : {"child_", "pfs_"}) {
    INFO(kind);
    const auto keys = v1::derive_child_keys(provider, prf, skeyid_d.view(),
                                            kind == "pfs_" ? vector.hex("pfs") : Bytes(), protocol,
                                            spis, {nonce_i, nonce_r},
                                            {ipsec::find_encryption(vector.text("encryption")),
                                             ipsec::find_integrity(vector.text("integrity"))});
    REQUIRE(keys.has_value());
    CHECK(to_hex(keys->initiator_encryption.view()) == vector.text(kind + "ei"));
    CHECK(to_hex(keys->initiator_integrity.view()) == vector.text(kind + "ai"));
    CHECK(to_hex(keys->responder_encryption.view()) == vector.text(kind + "er"));
    CHECK(to_hex(keys->responder_integrity.view()) == vector.text(kind + "ar"));
  }
}

}  // namespace

TEST_CASE("IKEv1 exchanges of another implementation", "[crypto]") {
  const auto provider = openssl_provider();
  for (const auto& vector : read_vectors("ike_v1_exchanges.txt")) {
    INFO(vector.text("source"));
    const PrfRow& prf = *ipsec::find_prf(vector.text("prf"));
    const EncryptionRow& cipher = *ipsec::find_encryption(vector.text("cipher"));
    check_phase1(*provider, vector, prf, cipher);
    if (!vector.has("message_id")) continue;
    // Nothing was encrypted before, so phase 1's IV is what stands for its last block.
    check_hex(vector, "exchange_iv",
              v1::exchange_iv(*provider, prf, vector.hex("phase1_iv"),
                              number<MessageId>(vector.hex("message_id")), cipher.block_bytes));
  }
}

TEST_CASE("IKEv1 keys, hashes and IVs of an independent computation", "[crypto]") {
  const auto provider = openssl_provider();
  std::set<std::string> seen;
  for (const auto& vector : read_vectors("ike_v1_keys.txt")) {
    INFO(vector.text("prf") << " " << vector.text("cipher") << " " << vector.text("encryption"));
    const PrfRow* prf = ipsec::find_prf(vector.text("prf"));
    const EncryptionRow* cipher = ipsec::find_encryption(vector.text("cipher"));
    REQUIRE(prf != nullptr);
    REQUIRE(cipher != nullptr);
    check_phase1(*provider, vector, *prf, *cipher);
    check_quick_mode(*provider, vector, *prf, *cipher);
    check_children(*provider, vector, *prf);
    seen.insert(std::string(prf->name) + std::string(cipher->name));
  }
  CHECK(seen.size() == ipsec::all_prfs().size() * 5);
}
