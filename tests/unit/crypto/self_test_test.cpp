// Goal: the self-test passes over OpenSSL and names what is wrong with a provider that errs.
// Method: the real provider with one of its answers spoiled, for each class of algorithm.
#include "ike/crypto/self_test.h"

#include <catch2/catch.hpp>

#include "tests/support/fake_crypto.h"
#include "tests/unit/crypto/openssl_fixture.h"

using ipsec::Bytes;
using ipsec::ByteView;
using ipsec::EncryptionRow;
using ipsec::GroupId;
using ipsec::HashId;
using ipsec::IntegrityId;
using ipsec::PrfId;
using ipsec::Result;
using ipsec::Secret;
using ipsec::crypto::Cbc;
using ipsec::crypto::Envelope;
using ipsec::crypto::KeyExchange;
using ipsec::crypto::Prf;
using ipsec::crypto::Provider;
using ipsec::testing::openssl_provider;

namespace {

// Gives the answers of another algorithm for one of each class.
class Spoiled final : public Provider {
 public:
  std::string_view fault;

  explicit Spoiled(const Provider& real) : real_(real) {}

  Bytes digest(HashId hash, std::initializer_list<ByteView> parts) const override {
    return real_.digest(fault == "prfsha384" && hash == HashId::sha2_384 ? HashId::sha2_256 : hash,
                        parts);
  }
  std::unique_ptr<Prf> prf(PrfId id, ByteView key) const override {
    if (fault == "prfmd5" && id == PrfId::hmac_md5) return nullptr;
    return real_.prf(fault == "prfsha1" && id == PrfId::hmac_sha1 ? PrfId::hmac_md5 : id, key);
  }
  std::unique_ptr<Envelope> envelope(const EncryptionRow& row, ByteView key, IntegrityId integrity,
                                     ByteView mac_key) const override {
    if (row.name != fault) return real_.envelope(row, key, integrity, mac_key);
    Bytes other = ipsec::to_bytes(key);
    if (!other.empty()) other.front() ^= 0x10;
    return real_.envelope(row, other, integrity, mac_key);
  }
  std::unique_ptr<Cbc> cbc(const EncryptionRow& row, ByteView key) const override {
    if (fault != std::string(row.name) + " (bare CBC)") return real_.cbc(row, key);
    Bytes other = ipsec::to_bytes(key);
    other.front() ^= 0x10;
    return real_.cbc(row, other);
  }
  Result<std::unique_ptr<KeyExchange>> generate(GroupId group) const override {
    return real_.generate(fault == "ecp256" && group == GroupId::ecp256 ? GroupId::x25519 : group);
  }
  Result<std::unique_ptr<KeyExchange>> import_private(GroupId group,
                                                      const Secret& value) const override {
    return real_.import_private(group, value);
  }

 private:
  const Provider& real_;
};

}  // namespace

TEST_CASE("the self-test passes over OpenSSL", "[crypto]") {
  const auto provider = openssl_provider();
  const auto outcome = ipsec::crypto::self_test(*provider);
  if (!outcome) FAIL(outcome.error().what);
}

TEST_CASE("the self-test names the algorithm that errs", "[crypto]") {
  const auto real = openssl_provider();
  Spoiled provider(*real);
  for (const char* fault :
       {"prfsha384", "prfmd5", "prfsha1", "aes192", "aes256ctr", "aes128gcm16", "chacha20poly1305",
        "3des", "des", "aes192 (bare CBC)", "des (bare CBC)", "ecp256"}) {
    provider.fault = fault;
    const auto outcome = ipsec::crypto::self_test(provider);
    INFO(fault);
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().what.starts_with("self-test of " + std::string(fault) + ": "));
  }
}

TEST_CASE("a provider that only pretends does not pass", "[crypto]") {
  CHECK_FALSE(ipsec::crypto::self_test(ipsec::crypto::FakeProvider(1)).has_value());
}
