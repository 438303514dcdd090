// Goal: the registry's rows are those of the RFCs. Method: uniqueness and lookups over all rows;
// sizes and numbers against facts written down here a second time, by RFC.
#include <catch2/catch.hpp>

#include <set>
#include <string>
#include <utility>

#include "ike/crypto/registry/registry.h"

using ipsec::EncryptionId;
using ipsec::EncryptionRow;
using ipsec::GroupId;
using ipsec::GroupKind;
using ipsec::HashId;
using ipsec::IntegrityId;
using ipsec::PrfId;
using ipsec::Strength;

namespace {

template <typename Rows>
void check_names_unique(const Rows& rows) {
  std::set<std::string_view> names;
  for (const auto& row : rows) {
    INFO(row.name);
    CHECK(names.insert(row.name).second);
    CHECK_FALSE(row.name.empty());
  }
}

}  // namespace

TEST_CASE("names and ids are unique and found again", "[registry]") {
  check_names_unique(ipsec::all_encryption());
  check_names_unique(ipsec::all_integrity());
  check_names_unique(ipsec::all_prfs());
  check_names_unique(ipsec::all_groups());

  // The first row with an id is the one found, so a second with the same id would fail here.
  for (const auto& row : ipsec::all_encryption()) {
    CHECK(ipsec::find_encryption(row.id, row.key_bits) == &row);
    CHECK(ipsec::find_encryption(row.name) == &row);
  }
  for (const auto& row : ipsec::all_integrity()) {
    CHECK(ipsec::find_integrity(row.id) == &row);
    CHECK(ipsec::find_integrity(row.name) == &row);
  }
  for (const auto& row : ipsec::all_prfs()) {
    CHECK(ipsec::find_prf(row.id) == &row);
    CHECK(ipsec::find_prf(row.name) == &row);
  }
  for (const auto& row : ipsec::all_groups()) {
    CHECK(ipsec::find_group(row.id) == &row);
    CHECK(ipsec::find_group(row.name) == &row);
  }
  CHECK(ipsec::all_encryption().size() == 13);
  CHECK(ipsec::all_integrity().size() == 5);
  CHECK(ipsec::all_prfs().size() == 5);
  CHECK(ipsec::all_groups().size() == 13);
}

TEST_CASE("what is not there is not found", "[registry]") {
  CHECK(ipsec::find_encryption(EncryptionId::aes_cbc, 0) == nullptr);
  CHECK(ipsec::find_encryption(EncryptionId::aes_cbc, 512) == nullptr);
  CHECK(ipsec::find_encryption(EncryptionId::chacha20_poly1305, 256) == nullptr);
  CHECK(ipsec::find_encryption(EncryptionId{77}, 128) == nullptr);
  CHECK(ipsec::find_integrity(IntegrityId::none) == nullptr);
  CHECK(ipsec::find_group(GroupId::none) == nullptr);
  CHECK(ipsec::find_group(GroupId{22}) == nullptr);
  CHECK(ipsec::find_prf(PrfId{4}) == nullptr);
  CHECK(ipsec::find_encryption("") == nullptr);
  CHECK(ipsec::find_encryption("AES128") == nullptr);
}

TEST_CASE("x25519 answers to its other name", "[registry]") {
  REQUIRE(ipsec::find_group("curve25519") != nullptr);
  CHECK(ipsec::find_group("curve25519") == ipsec::find_group(GroupId::x25519));
}

TEST_CASE("cipher sizes are the RFCs'", "[registry]") {
  struct Fact {
    std::string_view name;
    int key, salt, iv, block, icv;
  };
  static constexpr Fact kFacts[] = {
      {"des", 8, 0, 8, 8, 0},                 // RFC 2405
      {"3des", 24, 0, 8, 8, 0},               // RFC 2451
      {"aes128", 16, 0, 16, 16, 0},           // RFC 3602
      {"aes192", 24, 0, 16, 16, 0},           //
      {"aes256", 32, 0, 16, 16, 0},           //
      {"aes128ctr", 16, 4, 8, 1, 0},          // RFC 3686 5.1, RFC 5930
      {"aes192ctr", 24, 4, 8, 1, 0},          //
      {"aes256ctr", 32, 4, 8, 1, 0},          //
      {"aes128gcm16", 16, 4, 8, 1, 16},       // RFC 4106 8.1, RFC 5282 7.1
      {"aes192gcm16", 24, 4, 8, 1, 16},       //
      {"aes256gcm16", 32, 4, 8, 1, 16},       //
      {"chacha20poly1305", 32, 4, 8, 1, 16},  // RFC 7634 2
      {"null", 0, 0, 0, 1, 0},                // RFC 2410
  };
  for (const Fact& fact : kFacts) {
    INFO(fact.name);
    const EncryptionRow* row = ipsec::find_encryption(fact.name);
    REQUIRE(row != nullptr);
    CHECK(row->key_bytes == fact.key);
    CHECK(row->salt_bytes == fact.salt);
    CHECK(row->iv_bytes == fact.iv);
    CHECK(row->block_bytes == fact.block);
    CHECK(row->icv_bytes == fact.icv);
    CHECK(row->is_aead() == (fact.icv != 0));
    CHECK(row->usable_for_ike == (fact.name != "null"));
    // Only AES says its key length on the wire.
    CHECK(row->key_bits == (fact.name.starts_with("aes") ? fact.key * 8 : 0));
  }
}

TEST_CASE("hash sizes are the RFCs'", "[registry]") {
  struct Fact {
    std::string_view integrity, prf;
    int digest, icv;
    HashId hash;
  };
  static constexpr Fact kFacts[] = {
      {"md5", "prfmd5", 16, 12, HashId::md5},             // RFC 2403
      {"sha1", "prfsha1", 20, 12, HashId::sha1},          // RFC 2404
      {"sha256", "prfsha256", 32, 16, HashId::sha2_256},  // RFC 4868 2.6
      {"sha384", "prfsha384", 48, 24, HashId::sha2_384},
      {"sha512", "prfsha512", 64, 32, HashId::sha2_512},
  };
  for (const Fact& fact : kFacts) {
    INFO(fact.integrity);
    const auto* integrity = ipsec::find_integrity(fact.integrity);
    const auto* prf = ipsec::find_prf(fact.prf);
    REQUIRE(integrity != nullptr);
    REQUIRE(prf != nullptr);
    CHECK(integrity->key_bytes == fact.digest);
    CHECK(integrity->icv_bytes == fact.icv);
    CHECK(integrity->hash == fact.hash);
    CHECK(prf->output_bytes == fact.digest);
    CHECK(prf->hash == fact.hash);
  }
}

TEST_CASE("group sizes follow from their primes and curves", "[registry]") {
  for (const auto& row : ipsec::all_groups()) {
    INFO(row.name);
    switch (row.kind) {
      case GroupKind::modp: {
        const std::string bits(row.name.substr(4, row.name.find('s', 4) - 4));
        CHECK(row.public_bytes == std::stoi(bits) / 8);
        CHECK(row.shared_bytes == row.public_bytes);
        break;
      }
      case GroupKind::ecp:  // RFC 5903 7: X|Y, and X alone is the secret
        CHECK(row.shared_bytes == (std::stoi(std::string(row.name.substr(3))) + 7) / 8);
        CHECK(row.public_bytes == 2 * row.shared_bytes);
        break;
      case GroupKind::x25519:  // RFC 8031 3
        CHECK(row.public_bytes == 32);
        CHECK(row.shared_bytes == 32);
        break;
    }
  }
}

TEST_CASE("IKEv1 numbers", "[registry]") {
  const auto v1 = [](std::string_view name) {
    const EncryptionRow* row = ipsec::find_encryption(name);
    return row == nullptr ? std::pair(-1, -1) : std::pair<int, int>(row->v1_phase1, row->v1_esp);
  };
  CHECK(v1("des") == std::pair(1, 2));
  CHECK(v1("3des") == std::pair(5, 3));
  CHECK(v1("aes256") == std::pair(7, 12));
  CHECK(v1("aes128ctr") == std::pair(0, 13));
  CHECK(v1("aes128gcm16") == std::pair(0, 20));
  CHECK(v1("null") == std::pair(0, 11));
  CHECK(v1("chacha20poly1305") == std::pair(0, 0));

  CHECK(ipsec::find_prf("prfmd5")->v1_hash == 1);
  CHECK(ipsec::find_prf("prfsha1")->v1_hash == 2);
  CHECK(ipsec::find_prf("prfsha256")->v1_hash == 4);
  CHECK(ipsec::find_prf("prfsha512")->v1_hash == 6);
  CHECK(ipsec::find_integrity("md5")->v1_auth == 1);
  CHECK(ipsec::find_integrity("md5")->v1_ah == 2);
  CHECK(ipsec::find_integrity("sha1")->v1_auth == 2);
  CHECK(ipsec::find_integrity("sha1")->v1_ah == 3);
  CHECK(ipsec::find_integrity("sha256")->v1_auth == 5);
  CHECK(ipsec::find_integrity("sha256")->v1_ah == 5);
}

TEST_CASE("IKEv1 numbers lead back to their rows", "[registry]") {
  for (const auto& row : ipsec::all_encryption()) {
    INFO(row.name);
    const auto* phase1 = ipsec::find_v1_phase1(row.v1_phase1, row.key_bits);
    const auto* esp = ipsec::find_v1_esp(row.v1_esp, row.key_bits);
    CHECK(phase1 == (row.v1_phase1 == 0 ? nullptr : &row));
    CHECK(esp == (row.v1_esp == 0 ? nullptr : &row));
    // Phase 1 is CBC: a block, an IV of just that, no tag and no salt.
    const bool is_cbc = row.block_bytes > 1 && row.iv_bytes == row.block_bytes &&
                        row.salt_bytes == 0 && !row.is_aead();
    CHECK((row.v1_phase1 != 0) == is_cbc);
  }
  for (const auto& row : ipsec::all_prfs()) {
    INFO(row.name);
    CHECK(ipsec::find_v1_hash(row.v1_hash) == &row);
  }
  for (const auto& row : ipsec::all_integrity()) {
    INFO(row.name);
    CHECK(ipsec::find_v1_auth(row.v1_auth) == &row);
    CHECK(ipsec::find_v1_ah(row.v1_ah) == &row);
  }
}

TEST_CASE("the IKEv1 numbers of every hash are IANA's", "[registry]") {
  struct Fact {
    HashId hash;
    int phase1, ah, auth;
  };
  static constexpr Fact kFacts[] = {
      {HashId::md5, 1, 2, 1},       // RFC 2409 appendix A, RFC 2407 4.4.3 and 4.5
      {HashId::sha1, 2, 3, 2},      //
      {HashId::sha2_256, 4, 5, 5},  // the IANA registries
      {HashId::sha2_384, 5, 6, 6},  //
      {HashId::sha2_512, 6, 7, 7},  //
  };
  for (const Fact& fact : kFacts) {
    INFO(fact.phase1);
    const auto* prf = ipsec::find_v1_hash(static_cast<std::uint16_t>(fact.phase1));
    const auto* ah = ipsec::find_v1_ah(static_cast<std::uint16_t>(fact.ah));
    const auto* auth = ipsec::find_v1_auth(static_cast<std::uint16_t>(fact.auth));
    REQUIRE(prf != nullptr);
    REQUIRE(ah != nullptr);
    REQUIRE(auth != nullptr);
    CHECK(prf->hash == fact.hash);
    CHECK(ah->hash == fact.hash);
    CHECK(auth->hash == fact.hash);
  }
}

TEST_CASE("IKEv1 numbers without a row", "[registry]") {
  // 0 stands for "none" in a row and is asked for by a peer that sends it.
  CHECK(ipsec::find_v1_phase1(0, 128) == nullptr);
  CHECK(ipsec::find_v1_esp(0, 0) == nullptr);
  CHECK(ipsec::find_v1_hash(0) == nullptr);
  CHECK(ipsec::find_v1_ah(0) == nullptr);
  CHECK(ipsec::find_v1_auth(0) == nullptr);
  CHECK(ipsec::find_v1_phase1(2, 0) == nullptr);    // IDEA
  CHECK(ipsec::find_v1_phase1(7, 0) == nullptr);    // AES without its key length
  CHECK(ipsec::find_v1_phase1(5, 192) == nullptr);  // 3DES with one
  CHECK(ipsec::find_v1_phase1(20, 128) == nullptr);
  CHECK(ipsec::find_v1_esp(28, 0) == nullptr);
  CHECK(ipsec::find_v1_hash(3) == nullptr);  // Tiger
  CHECK(ipsec::find_v1_ah(4) == nullptr);    // DES
  CHECK(ipsec::find_v1_auth(4) == nullptr);  // KPDK
  // Attributes have 16 bits and rows 8: nothing is cut off.
  CHECK(ipsec::find_v1_phase1(0x107, 128) == nullptr);
  CHECK(ipsec::find_v1_hash(0x102) == nullptr);
}

TEST_CASE("weak is what the modern profile drops", "[registry]") {
  std::set<std::string_view> weak;
  const auto collect = [&](const auto& rows) {
    for (const auto& row : rows) {
      if (row.strength == Strength::weak) weak.insert(row.name);
    }
  };
  collect(ipsec::all_encryption());
  collect(ipsec::all_integrity());
  collect(ipsec::all_prfs());
  collect(ipsec::all_groups());
  const std::set<std::string_view> expected{"3des",     "des",      "null",        "md5",
                                            "sha1",     "prfmd5",   "prfsha1",     "modp768",
                                            "modp1024", "modp1536", "modp2048s256"};
  CHECK(weak == expected);
}
