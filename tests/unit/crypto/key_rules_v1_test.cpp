// Goal: what tables of answers do not show of IKEv1's keys: each input counts, borders are where
// RFC 2409 has them, and a weak key is refused. Method: the fake provider; a PRF that gives what it
// is told; appendix B by hand.
#include <catch2/catch.hpp>

#include <array>
#include <set>
#include <string>
#include <variant>

#include "ike/crypto/key_derivation_v1.h"
#include "tests/support/fake_crypto.h"
#include "tests/support/hex.h"
#include "tests/unit/crypto/openssl_fixture.h"

using ipsec::Bytes;
using ipsec::ByteView;
using ipsec::ChildSpi;
using ipsec::EncryptionRow;
using ipsec::GroupId;
using ipsec::HashId;
using ipsec::IntegrityId;
using ipsec::MessageId;
using ipsec::PrfId;
using ipsec::PrfRow;
using ipsec::Result;
using ipsec::Secret;
using ipsec::to_hex;
using ipsec::crypto::NoncePair;
using ipsec::crypto::Provider;
using ipsec::crypto::SpiPair;
using ipsec::crypto::v1::ChildAlgorithms;
using ipsec::crypto::v1::Exchange;
using ipsec::crypto::v1::IvChain;
using ipsec::crypto::v1::Protocol;
using ipsec::test::hex;
using ipsec::testing::counting;
using ipsec::testing::openssl_provider;

namespace v1 = ipsec::crypto::v1;

namespace {

// Its PRF gives what it is told, whatever it is asked.
class Told final : public Provider {
 public:
  Bytes first;

  Bytes digest(HashId hash, std::initializer_list<ByteView> parts) const override {
    return fake_.digest(hash, parts);
  }
  std::unique_ptr<ipsec::crypto::Prf> prf(PrfId, ByteView) const override {
    return std::make_unique<ToldPrf>(first);
  }
  std::unique_ptr<ipsec::crypto::Envelope> envelope(const EncryptionRow&, ByteView, IntegrityId,
                                                    ByteView) const override {
    return nullptr;
  }
  std::unique_ptr<ipsec::crypto::Cbc> cbc(const EncryptionRow&, ByteView) const override {
    return nullptr;
  }
  Result<std::unique_ptr<ipsec::crypto::KeyExchange>> generate(GroupId group) const override {
    return fake_.generate(group);
  }
  Result<std::unique_ptr<ipsec::crypto::KeyExchange>> import_private(
      GroupId group, const Secret& value) const override {
    return fake_.import_private(group, value);
  }

 private:
  class ToldPrf final : public ipsec::crypto::Prf {
   public:
    explicit ToldPrf(Bytes value) : value_(std::move(value)) {}
    std::size_t size() const override { return value_.size(); }
    Secret compute(std::initializer_list<ByteView>) const override {
      return Secret::copy_of(ByteView(value_));
    }

   private:
    Bytes value_;
  };

  ipsec::crypto::FakeProvider fake_{1};
};

bool is_violation(const ipsec::Error& error) {
  return std::holds_alternative<ipsec::PeerViolation>(error);
}

bool is_misuse(const ipsec::Error& error) { return std::holds_alternative<ipsec::Misuse>(error); }

const PrfRow& sha1() { return *ipsec::find_prf("prfsha1"); }

}  // namespace

TEST_CASE("a phase 1 key is cut from SKEYID_e, or expanded where that is short", "[crypto]") {
  // RFC 2409 appendix B, by hand, on each side of the border: SKEYID_e of 23 to 25 bytes for 3DES,
  // and of 31 to 33 for AES-256.
  const auto provider = openssl_provider();
  for (const std::string_view name : {"3des", "aes256"}) {
    const EncryptionRow& cipher = *ipsec::find_encryption(name);
    const std::size_t size = cipher.key_bytes;
    for (const std::size_t length : {size - 1, size, size + 1}) {
      INFO(name << " " << length);
      const Bytes skeyid_e = counting(length, 40);
      const auto key = v1::derive_message_key(*provider, sha1(), skeyid_e, cipher);
      REQUIRE(key.has_value());
      Bytes expected = skeyid_e;
      if (length < size) {
        const auto prf = provider->prf(PrfId::hmac_sha1, skeyid_e);
        const Secret k1 = prf->compute({Bytes(1)});
        const Secret k2 = prf->compute({k1.view()});
        expected = ipsec::concat({k1.view(), k2.view()});
      }
      expected.resize(size);
      CHECK(to_hex(key->view()) == to_hex(expected));
    }
  }
}

TEST_CASE("each input of phase 1 matters", "[crypto]") {
  const ipsec::crypto::FakeProvider provider(1);
  const Bytes psk = counting(12), nonce_i = counting(16, 1), nonce_r = counting(16, 2);
  const Bytes shared = counting(128, 3);
  const auto of = [&](const Bytes& key, const NoncePair& nonces, const Bytes& secret,
                      const SpiPair& cookies) {
    const auto secrets = v1::derive_secrets(provider, sha1(), key, nonces, secret, cookies);
    REQUIRE(secrets.has_value());
    return std::array{to_hex(secrets->skeyid.view()), to_hex(secrets->skeyid_d.view()),
                      to_hex(secrets->skeyid_a.view()), to_hex(secrets->skeyid_e.view())};
  };
  const NoncePair nonces{nonce_i, nonce_r};
  const SpiPair cookies{{1}, {2}};
  const auto base = of(psk, nonces, shared, cookies);
  CHECK(std::set(base.begin(), base.end()).size() == 4);

  const auto other_key = of(counting(13), nonces, shared, cookies);
  const auto other_nonces = of(psk, {nonce_r, nonce_i}, shared, cookies);
  for (std::size_t i = 0; i < base.size(); ++i) {
    CHECK(other_key[i] != base[i]);
    CHECK(other_nonces[i] != base[i]);
  }
  // SKEYID itself is made before the shared secret comes in.
  const auto other_shared = of(psk, nonces, counting(128, 4), cookies);
  const auto other_cookies = of(psk, nonces, shared, {{2}, {1}});
  CHECK(other_shared[0] == base[0]);
  CHECK(other_cookies[0] == base[0]);
  for (std::size_t i = 1; i < base.size(); ++i) {
    CHECK(other_shared[i] != base[i]);
    CHECK(other_cookies[i] != base[i]);
  }
}

TEST_CASE("the two hashes of phase 1 are not each other's", "[crypto]") {
  // Else a side could be answered with its own hash.
  const ipsec::crypto::FakeProvider provider(1);
  const Bytes g_xi = counting(96, 1), g_xr = counting(96, 2), sa = counting(40), id = counting(8);
  const Exchange exchange{g_xi, g_xr, {{1}, {2}}};
  const Bytes skeyid = counting(20);
  const auto ours = v1::initiator_hash(provider, sha1(), skeyid, exchange, sa, id);
  const auto theirs = v1::responder_hash(provider, sha1(), skeyid, exchange, sa, id);
  REQUIRE(ours.has_value());
  REQUIRE(theirs.has_value());
  CHECK_FALSE(*ours == *theirs);
  // Seen from the other end each is the other: the roles decide, not the side that asks.
  const Exchange mirrored{g_xr, g_xi, {{2}, {1}}};
  CHECK(v1::initiator_hash(provider, sha1(), skeyid, mirrored, sa, id).value() == *theirs);
}

TEST_CASE("KEYMAT fits every cipher and integrity algorithm of ESP and AH", "[crypto]") {
  const auto provider = openssl_provider();
  const Bytes skeyid_d = counting(20), nonce_i = counting(16, 1), nonce_r = counting(16, 2);
  int pairs = 0;
  const auto check = [&](Protocol protocol, const ChildAlgorithms& algorithms) {
    const auto* cipher = algorithms.encryption;
    const auto* mac = algorithms.integrity;
    INFO((cipher == nullptr ? "ah" : cipher->name) << " " << (mac == nullptr ? "-" : mac->name));
    const std::size_t key =
        cipher == nullptr ? 0 : std::size_t{cipher->key_bytes} + cipher->salt_bytes;
    const std::size_t mac_key = mac == nullptr ? 0 : mac->key_bytes;
    for (const PrfRow& prf : ipsec::all_prfs()) {
      const auto keys = v1::derive_direction_keys(*provider, prf, skeyid_d, {}, protocol,
                                                  ChildSpi{0x1000}, {nonce_i, nonce_r}, algorithms);
      REQUIRE(keys.has_value());
      CHECK(keys->encryption.size() == key);
      CHECK(keys->integrity.size() == mac_key);
      // The stream does not depend on where it is cut, and no block comes twice.
      const Bytes all = ipsec::concat({keys->encryption.view(), keys->integrity.view()});
      const std::size_t block = prf.output_bytes;
      std::set<Bytes> blocks;
      for (std::size_t at = 0; at + block <= all.size(); at += block) {
        const ByteView view = ByteView(all).subspan(at, block);
        CHECK(blocks.insert(ipsec::to_bytes(view)).second);
      }
    }
    ++pairs;
  };
  for (const auto& mac : ipsec::all_integrity()) check(Protocol::ah, {nullptr, &mac});
  for (const auto& cipher : ipsec::all_encryption()) {
    if (cipher.is_aead()) {
      check(Protocol::esp, {&cipher, nullptr});
      continue;
    }
    for (const auto& mac : ipsec::all_integrity()) check(Protocol::esp, {&cipher, &mac});
  }
  CHECK(pairs == 5 + 4 + 9 * 5);
}

TEST_CASE("PFS, the direction and the protocol change the keys", "[crypto]") {
  const ipsec::crypto::FakeProvider provider(1);
  const Bytes skeyid_d = counting(20), nonce_i = counting(16, 1), nonce_r = counting(16, 2);
  const auto* null = ipsec::find_encryption("null");
  const auto* sha256 = ipsec::find_integrity("sha256");
  std::set<std::string> keys;
  const auto derive = [&](const Bytes& shared, Protocol protocol, ChildSpi spi, ByteView first) {
    const auto made = v1::derive_direction_keys(
        provider, sha1(), skeyid_d, shared, protocol, spi, {first, nonce_r},
        {protocol == Protocol::esp ? null : nullptr, sha256});
    REQUIRE(made.has_value());
    return keys.insert(to_hex(made->integrity.view())).second;
  };
  CHECK(derive({}, Protocol::esp, ChildSpi{0x1000}, nonce_i));
  CHECK_FALSE(derive({}, Protocol::esp, ChildSpi{0x1000}, nonce_i));
  CHECK(derive({}, Protocol::ah, ChildSpi{0x1000}, nonce_i));
  CHECK(derive({}, Protocol::esp, ChildSpi{0x1001}, nonce_i));
  CHECK(derive({}, Protocol::esp, ChildSpi{0x01001000}, nonce_i));
  CHECK(derive({}, Protocol::esp, ChildSpi{0x1000}, nonce_r));
  CHECK(derive(counting(32, 9), Protocol::esp, ChildSpi{0x1000}, nonce_i));
  CHECK(derive(counting(32, 10), Protocol::esp, ChildSpi{0x1000}, nonce_i));
}

TEST_CASE("a child's keys follow the SPI of who receives", "[crypto]") {
  const ipsec::crypto::FakeProvider provider(1);
  const Bytes skeyid_d = counting(20), nonce_i = counting(16, 1), nonce_r = counting(16, 2);
  const ChildAlgorithms algorithms{ipsec::find_encryption("aes128"), ipsec::find_integrity("sha1")};
  const auto direction = [&](ChildSpi spi) {
    return v1::derive_direction_keys(provider, sha1(), skeyid_d, {}, Protocol::esp, spi,
                                     {nonce_i, nonce_r}, algorithms)
        .value();
  };
  const auto both =
      v1::derive_child_keys(provider, sha1(), skeyid_d, {}, Protocol::esp,
                            {ChildSpi{0x1111}, ChildSpi{0x2222}}, {nonce_i, nonce_r}, algorithms)
          .value();
  CHECK(both.initiator_encryption == direction(ChildSpi{0x2222}).encryption);
  CHECK(both.initiator_integrity == direction(ChildSpi{0x2222}).integrity);
  CHECK(both.responder_encryption == direction(ChildSpi{0x1111}).encryption);
  CHECK(both.responder_integrity == direction(ChildSpi{0x1111}).integrity);
  CHECK_FALSE(both.initiator_encryption == both.responder_encryption);
}

TEST_CASE("a weak key is refused by phase 1 and by a child", "[crypto]") {
  const ipsec::crypto::FakeProvider fake(1);
  const EncryptionRow& des = *ipsec::find_encryption("des");
  const EncryptionRow& triple = *ipsec::find_encryption("3des");
  const Bytes weak = hex("01fe01fe01fe01fe 0123456789abcdef 0123456789abcdef 5555555555555555");

  const auto single = v1::derive_message_key(fake, sha1(), weak, des);
  REQUIRE_FALSE(single.has_value());
  CHECK(is_violation(single.error()));
  CHECK(describe(single.error()).find("a weak or semi-weak DES key") != std::string::npos);
  // K2 = K3 is single DES; that K1 is weak is no matter.
  const auto tripled = v1::derive_message_key(fake, sha1(), weak, triple);
  REQUIRE_FALSE(tripled.has_value());
  CHECK(is_violation(tripled.error()));
  CHECK(describe(tripled.error()).find("single DES") != std::string::npos);
  CHECK(v1::derive_message_key(fake, sha1(), weak, *ipsec::find_encryption("aes128")).has_value());

  Told told;
  const auto child = [&](const char* cipher) {
    return v1::derive_direction_keys(
        told, sha1(), counting(20), {}, Protocol::esp, ChildSpi{0x1000}, {},
        {ipsec::find_encryption(cipher), ipsec::find_integrity("sha1")});
  };
  told.first = weak;
  REQUIRE_FALSE(child("des").has_value());
  CHECK(is_violation(child("des").error()));
  CHECK_FALSE(child("3des").has_value());
  CHECK(child("aes256").has_value());
  told.first = hex("0123456789abcdef 23456789abcdef01 456789abcdef0123");
  CHECK(child("des").has_value());
  CHECK(child("3des").has_value());
}

TEST_CASE("a PRF that fails or is not there gives no keys", "[crypto]") {
  const Bytes some = counting(16);
  const NoncePair nonces{some, some};
  const ChildAlgorithms algorithms{ipsec::find_encryption("aes128"), ipsec::find_integrity("sha1")};
  const auto all_fail = [&](const Provider& provider, const PrfRow& prf) {
    const auto failed = [](const auto& result) {
      return !result.has_value() && is_misuse(result.error());
    };
    CHECK(failed(v1::derive_secrets(provider, prf, some, nonces, some, {{1}, {2}})));
    CHECK(failed(v1::derive_message_key(provider, prf, some, *ipsec::find_encryption("aes256"))));
    CHECK(failed(v1::initiator_hash(provider, prf, some, {some, some, {}}, some, some)));
    CHECK(failed(v1::responder_hash(provider, prf, some, {some, some, {}}, some, some)));
    CHECK(failed(v1::hash_1(provider, prf, some, MessageId{1}, some)));
    CHECK(failed(v1::hash_2(provider, prf, some, MessageId{1}, some, some)));
    CHECK(failed(v1::hash_3(provider, prf, some, MessageId{1}, nonces)));
    CHECK(failed(v1::derive_child_keys(provider, prf, some, {}, Protocol::esp,
                                       {ChildSpi{0x1000}, ChildSpi{0x2000}}, nonces, algorithms)));
  };
  all_fail(Told(), sha1());  // an empty value
  PrfRow unknown = sha1();
  unknown.id = PrfId{4};
  unknown.hash = HashId{99};
  const auto provider = openssl_provider();
  all_fail(*provider, unknown);
  CHECK_FALSE(v1::phase1_iv(*provider, unknown, {some, some, {}}, 8).has_value());
}

TEST_CASE("what does not go together derives no IKEv1 keys", "[crypto]") {
  const ipsec::crypto::FakeProvider provider(1);
  const auto* aes = ipsec::find_encryption("aes128");
  const auto* gcm = ipsec::find_encryption("aes128gcm16");
  const auto* mac = ipsec::find_integrity("sha1");
  const auto child = [&](Protocol protocol, const ChildAlgorithms& algorithms) {
    return v1::derive_direction_keys(provider, sha1(), counting(20), {}, protocol, ChildSpi{0x1000},
                                     {}, algorithms)
        .has_value();
  };
  CHECK(child(Protocol::esp, {aes, mac}));
  CHECK(child(Protocol::esp, {gcm, nullptr}));
  CHECK(child(Protocol::ah, {nullptr, mac}));
  CHECK_FALSE(child(Protocol::esp, {aes, nullptr}));
  CHECK_FALSE(child(Protocol::esp, {gcm, mac}));
  CHECK_FALSE(child(Protocol::esp, {nullptr, mac}));
  CHECK_FALSE(child(Protocol::ah, {aes, mac}));
  CHECK_FALSE(child(Protocol::ah, {nullptr, nullptr}));
  for (const auto& row : ipsec::all_encryption()) {
    INFO(row.name);
    CHECK(v1::derive_message_key(provider, sha1(), counting(64), row).has_value() ==
          (row.v1_phase1 != 0));
  }
  // MD5 gives an IV for AES and no more.
  const Bytes some = counting(16);
  const PrfRow& md5 = *ipsec::find_prf("prfmd5");
  CHECK(v1::exchange_iv(provider, md5, some, MessageId{1}, 16).has_value());
  CHECK_FALSE(v1::exchange_iv(provider, md5, some, MessageId{1}, 17).has_value());
  CHECK_FALSE(v1::exchange_iv(provider, md5, some, MessageId{1}, 0).has_value());
}

TEST_CASE("the IVs of an exchange chain through both sides", "[crypto]") {
  // A main mode's fifth and sixth message, then a quick mode: the second exchange starts from the
  // first one's last block, and moves apart from it.
  const auto provider = openssl_provider();
  const EncryptionRow& des = *ipsec::find_encryption("des");
  const auto cbc = provider->cbc(des, hex("0123456789abcdef"));
  const Bytes g_xi = counting(96, 1), g_xr = counting(96, 2);
  IvChain ours(v1::phase1_iv(*provider, sha1(), {g_xi, g_xr, {}}, 8).value());
  IvChain theirs(ours);
  const Bytes start = ipsec::to_bytes(ours.next());
  CHECK(to_hex(start) == to_hex(provider->digest(HashId::sha1, {g_xi, g_xr})).substr(0, 16));

  for (const std::size_t size : {std::size_t{24}, std::size_t{8}}) {
    const Bytes text = counting(size, size);
    const Bytes sent = cbc->encrypt(ours.next(), text).value();
    CHECK(cbc->decrypt(theirs.next(), sent).value() == text);
    // Not before it is known to be the peer's.
    CHECK(cbc->decrypt(theirs.next(), sent).value() == text);
    ours.passed(sent);
    theirs.passed(sent);
    CHECK(ipsec::equal(ours.next(), ByteView(sent).last(8)));
    CHECK(ipsec::equal(ours.next(), theirs.next()));
  }
  CHECK_FALSE(ipsec::equal(ours.next(), start));
  const Bytes last = ipsec::to_bytes(ours.next());
  ours.passed({});
  ours.passed(counting(7));
  CHECK(ipsec::equal(ours.next(), last));

  const auto quick = v1::exchange_iv(*provider, sha1(), last, MessageId{0x01020304}, 8).value();
  CHECK(to_hex(quick) ==
        to_hex(provider->digest(HashId::sha1, {last, hex("01020304")})).substr(0, 16));
  CHECK(quick != v1::exchange_iv(*provider, sha1(), last, MessageId{0x04030201}, 8).value());
}
