// Goal: a PSK authenticates exactly who knows it, and our bytes are those of RFC 7296 2.15. Method:
// known answers that a generator of its own computed, and every part of the input changed in turn.
#include "ike/core/auth.h"

#include <catch2/catch.hpp>

#include "tests/support/fake_crypto.h"
#include "tests/support/vectors.h"
#include "tests/unit/crypto/openssl_fixture.h"

namespace ipsec::core {
namespace {

const Identity kIdentity = *Identity::parse("vpn.example.com");
const Bytes kMessage = to_bytes("the first message as it was on the wire");
const Bytes kNonce(32, 0x22);
const Bytes kSkP(32, 0x33);

AuthContext context() { return {PrfId::hmac_sha2_256, kSkP, kMessage, kNonce, &kIdentity}; }

std::unique_ptr<Credential> credential(std::string_view secret) {
  return make_shared_key_credential(Secret::copy_of(secret));
}

TEST_CASE("AUTH payloads are those of an independent computation") {
  const auto crypto = testing::openssl_provider();
  for (const auto& vector : testing::read_vectors("psk_auth.txt")) {
    const Identity identity{IdType{vector.hex("id_type").front()}, vector.hex("id_data")};
    const Bytes sk_p = vector.hex("sk_p");
    const Bytes message = vector.hex("message");
    const Bytes nonce = vector.hex("nonce");
    const AuthContext context{find_prf(vector.text("prf"))->id, sk_p, message, nonce, &identity};
    const auto key = make_shared_key_credential(Secret(vector.hex("secret")));
    const wire::AuthPayload expected{wire::AuthMethod::shared_key_mic, vector.hex("auth")};
    // Twice: the second time the padded secret is there already.
    REQUIRE(key->sign(*crypto, context) == expected);
    REQUIRE(key->sign(*crypto, context) == expected);
    REQUIRE(key->verify(*crypto, context, expected));
  }
}

TEST_CASE("one credential serves several PRFs") {
  const auto crypto = testing::openssl_provider();
  const auto key = credential("a secret");
  for (const PrfRow& row : all_prfs()) {
    AuthContext other = context();
    other.prf = row.id;
    const auto fresh = credential("a secret")->sign(*crypto, other);
    REQUIRE(fresh.data.size() == row.output_bytes);
    REQUIRE(key->sign(*crypto, other) == fresh);
  }
}

TEST_CASE("whoever lacks any part does not pass") {
  const crypto::FakeProvider crypto(1);
  const auto key = credential("a secret");
  const wire::AuthPayload good = key->sign(crypto, context());
  REQUIRE(key->verify(crypto, context(), good));

  REQUIRE_FALSE(credential("b secret")->verify(crypto, context(), good));
  const auto refused = [&](const AuthContext& changed) {
    return !key->verify(crypto, changed, good);
  };
  AuthContext changed = context();
  changed.prf = PrfId::hmac_sha1;
  REQUIRE(refused(changed));
  const Bytes other_key(32, 0x34);
  changed = context();
  changed.sk_p = other_key;
  REQUIRE(refused(changed));
  const Bytes other_message = to_bytes("the first message as it was on the wirE");
  changed = context();
  changed.first_message = other_message;
  REQUIRE(refused(changed));
  const Bytes other_nonce(32, 0x23);
  changed = context();
  changed.peer_nonce = other_nonce;
  REQUIRE(refused(changed));
  const Identity other_data = *Identity::parse("vpn.example.org");
  changed.peer_nonce = kNonce;
  changed.identity = &other_data;
  REQUIRE(refused(changed));
  const Identity other_type{IdType::key_id, kIdentity.data};
  changed.identity = &other_type;
  REQUIRE(refused(changed));
}

TEST_CASE("a changed, shortened or lengthened AUTH does not pass, nor does another method") {
  const crypto::FakeProvider crypto(1);
  const auto key = credential("a secret");
  const wire::AuthPayload good = key->sign(crypto, context());
  for (std::size_t i = 0; i < good.data.size(); ++i) {
    wire::AuthPayload bad = good;
    bad.data[i] ^= 0x80;
    REQUIRE_FALSE(key->verify(crypto, context(), bad));
    bad.data.resize(i);
    REQUIRE_FALSE(key->verify(crypto, context(), bad));
  }
  wire::AuthPayload longer = good;
  longer.data.push_back(0);
  REQUIRE_FALSE(key->verify(crypto, context(), longer));
  for (const auto method : {wire::AuthMethod::rsa_signature, wire::AuthMethod::digital_signature,
                            static_cast<wire::AuthMethod>(0)}) {
    REQUIRE_FALSE(key->verify(crypto, context(), {method, good.data}));
  }
}

TEST_CASE("nothing to authenticate with authenticates nobody") {
  const crypto::FakeProvider crypto(1);
  REQUIRE(credential("")->sign(crypto, context()).data.empty());
  REQUIRE_FALSE(credential("")->verify(crypto, context(), credential("")->sign(crypto, context())));

  AuthContext unknown_prf = context();
  unknown_prf.prf = static_cast<PrfId>(999);
  const auto key = credential("a secret");
  REQUIRE_FALSE(key->verify(crypto, unknown_prf, key->sign(crypto, unknown_prf)));
  AuthContext nobody = context();
  nobody.identity = nullptr;
  REQUIRE_FALSE(key->verify(crypto, nobody, key->sign(crypto, nobody)));
}

}  // namespace
}  // namespace ipsec::core
