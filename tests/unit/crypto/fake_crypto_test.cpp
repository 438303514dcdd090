// Goal: the simulator's provider behaves as a real one where it matters: sides agree, what is
// tampered with is noticed, runs repeat. Envelopes are tested with the real ones.
#include "tests/support/fake_crypto.h"

#include <catch2/catch.hpp>

#include <set>

#include "ike/crypto/key_derivation.h"

using ipsec::Bytes;
using ipsec::ByteView;
using ipsec::GroupId;
using ipsec::PrfId;
using ipsec::crypto::FakeProvider;

TEST_CASE("fake sides agree whatever their seeds", "[fake]") {
  const FakeProvider left(1);
  const FakeProvider right(2);
  for (const auto& row : ipsec::all_groups()) {
    INFO(row.name);
    const auto ours = left.generate(row.id).value();
    const auto theirs = right.generate(row.id).value();
    CHECK(ours->group() == row.id);
    CHECK(ours->public_value().size() == row.public_bytes);
    const auto first = ours->derive(theirs->public_value());
    const auto second = theirs->derive(ours->public_value());
    REQUIRE(first.has_value());
    REQUIRE(second.has_value());
    CHECK(first->size() == row.shared_bytes);
    CHECK(*first == *second);
  }
}

TEST_CASE("a fake public value that was changed gives another secret", "[fake]") {
  const FakeProvider provider(1);
  const auto ours = provider.generate(GroupId::modp768).value();
  const auto theirs = provider.generate(GroupId::modp768).value();
  const auto honest = ours->derive(theirs->public_value()).value();
  for (std::size_t at = 0; at < theirs->public_value().size(); ++at) {
    Bytes value = ipsec::to_bytes(theirs->public_value());
    value[at] ^= 1;
    const auto shared = ours->derive(value);
    CHECK((!shared || !(*shared == honest)));
  }
}

TEST_CASE("fake public values are checked as real ones", "[fake]") {
  const FakeProvider provider(1);
  const auto ours = provider.generate(GroupId::x25519).value();
  CHECK_FALSE(ours->derive(Bytes(31)).has_value());
  CHECK_FALSE(ours->derive(Bytes(33)).has_value());
  CHECK_FALSE(ours->derive(Bytes(32)).has_value());
  CHECK_FALSE(ours->derive(Bytes(32, 0xff)).has_value());
  CHECK_FALSE(provider.generate(GroupId::none).has_value());
  CHECK(provider.prf(PrfId{4}, Bytes(16)) == nullptr);
}

TEST_CASE("the seed decides the keys", "[fake]") {
  const FakeProvider one(7);
  const FakeProvider same(7);
  const FakeProvider other(8);
  std::set<Bytes> values;
  for (int i = 0; i < 100; ++i) {
    const auto value = ipsec::to_bytes(one.generate(GroupId::x25519).value()->public_value());
    CHECK(value == ipsec::to_bytes(same.generate(GroupId::x25519).value()->public_value()));
    CHECK(value != ipsec::to_bytes(other.generate(GroupId::x25519).value()->public_value()));
    CHECK(values.insert(value).second);
  }
}

TEST_CASE("fake PRFs and digests depend on every byte and on no cut", "[fake]") {
  const FakeProvider provider(1);
  Bytes data(29, 3);
  const auto prf = provider.prf(PrfId::hmac_sha2_256, Bytes(5, 1));
  const auto whole = prf->compute({data});
  CHECK(whole.size() == 32);
  for (std::size_t at = 0; at <= data.size(); ++at) {
    const ByteView view(data);
    CHECK(prf->compute({view.first(at), view.subspan(at)}) == whole);
    CHECK_FALSE(prf->compute({view.first(at)}) == prf->compute({view.first(at), Bytes(1)}));
  }
  const Bytes digest = provider.digest(ipsec::HashId::sha1, {data});
  CHECK(digest.size() == 20);
  for (std::size_t at = 0; at < data.size(); ++at) {
    data[at] ^= 0x80;
    CHECK_FALSE(prf->compute({data}) == whole);
    CHECK(provider.digest(ipsec::HashId::sha1, {data}) != digest);
    data[at] ^= 0x80;
  }
  CHECK_FALSE(provider.prf(PrfId::hmac_sha2_256, Bytes(5, 2))->compute({data}) == whole);
  CHECK_FALSE(provider.prf(PrfId::hmac_sha2_256, Bytes(6, 1))->compute({data}) == whole);
}

TEST_CASE("keys are derived over fake crypto", "[fake]") {
  const FakeProvider provider(1);
  const ipsec::crypto::IkeAlgorithms algorithms{
      ipsec::find_encryption("aes256"), ipsec::find_integrity("sha256"),
      ipsec::find_prf("prfsha256"), ipsec::find_group("x25519")};
  const Bytes nonce_i(32, 1);
  const Bytes nonce_r(32, 2);
  const auto keys = ipsec::crypto::derive_ike_keys(provider, algorithms, Bytes(32, 3),
                                                   {nonce_i, nonce_r}, {{1}, {2}});
  REQUIRE(keys.has_value());
  const std::set<std::string> distinct{
      ipsec::to_hex(keys->sk_d.view()),  ipsec::to_hex(keys->sk_ai.view()),
      ipsec::to_hex(keys->sk_ar.view()), ipsec::to_hex(keys->sk_ei.view()),
      ipsec::to_hex(keys->sk_er.view()), ipsec::to_hex(keys->sk_pi.view()),
      ipsec::to_hex(keys->sk_pr.view())};
  CHECK(distinct.size() == 7);
  CHECK(keys->sk_ei.size() == 32);
}
