// Goal: proposals and answers as other implementations write them, and as only a broken or hostile
// peer does. Method: SA payloads written transform by transform.
#include <catch2/catch.hpp>

#include "ike/core/proposal.h"
#include "tests/unit/core/proposals.h"

namespace ipsec::core {
namespace {

constexpr ChildSpi kOurs{0x11111111};
const Bytes kPeerSpi = {0x22, 0x22, 0x22, 0x22};

// IANA numbers, so that the tests do not read them from the table they check.
constexpr std::uint16_t kAesCbc = 12;
constexpr std::uint16_t kAesGcm16 = 20;
constexpr std::uint16_t kChaCha20 = 28;
constexpr std::uint16_t kTripleDes = 3;

wire::SaPayload ike(std::vector<wire::Transform> transforms) {
  return {{{1, wire::ProtocolId::ike, {}, std::move(transforms)}}};
}

wire::SaPayload esp(std::vector<wire::Transform> transforms) {
  return {{{1, wire::ProtocolId::esp, kPeerSpi, std::move(transforms)}}};
}

std::string chosen_ike(const IkeOffers& ours, const wire::SaPayload& theirs) {
  const auto chosen = choose(ours, theirs, {});
  return chosen ? describe(chosen->algorithms) : "nothing";
}

std::string chosen_esp(const ChildOffers& ours, const wire::SaPayload& theirs,
                       Pfs pfs = Pfs::negotiated) {
  const auto chosen = choose(ours, theirs, kOurs, pfs);
  return chosen ? describe(chosen->algorithms) : "nothing";
}

const IkeOffers kAuto = default_ike_offers(Profile::automatic);
const ChildOffers kChildAuto = default_child_offers(Profile::automatic);

// --- As responder ---

TEST_CASE("many transforms in one proposal, with ids we do not know, as strongSwan sends them") {
  wire::SaPayload theirs = ike({encryption(kAesCbc, 128),
                                encryption(kAesCbc, 192),
                                encryption(kAesCbc, 256),
                                encryption(23, 128),
                                encryption(kTripleDes),
                                integrity(12),
                                integrity(13),
                                integrity(14),
                                integrity(2),
                                integrity(5),
                                integrity(8),
                                prf(5),
                                prf(6),
                                prf(7),
                                prf(4),
                                prf(8),
                                prf(2),
                                group(31),
                                group(19),
                                group(20),
                                group(35),
                                group(14)});
  theirs.proposals.push_back(
      {2,
       wire::ProtocolId::ike,
       {},
       {encryption(kAesGcm16, 128), encryption(kAesGcm16, 256), encryption(19, 128),
        encryption(kChaCha20), prf(5), prf(6), prf(7), prf(4), prf(8), group(31), group(14)}});
  const auto chosen = choose(kAuto, theirs, {});
  REQUIRE(chosen);
  REQUIRE(describe(chosen->algorithms) == "aes256gcm16-prfsha512-x25519");
  REQUIRE(chosen->answer ==
          wire::SaPayload{
              {{2, wire::ProtocolId::ike, {}, {encryption(kAesGcm16, 256), prf(7), group(31)}}}});
  REQUIRE(chosen_ike({ike_offer("aes256", "sha256", "prfsha256", "modp2048")}, theirs) ==
          "aes256-sha256-modp2048");
}

TEST_CASE("AES-GCM with a PRF and no integrity, or NONE") {
  const std::vector<wire::Transform> plain{encryption(kAesGcm16, 128), prf(5), group(19)};
  REQUIRE(chosen_ike(kAuto, ike(plain)) == "aes128gcm16-prfsha256-ecp256");

  std::vector<wire::Transform> with_none = plain;
  with_none.push_back(integrity(0));
  const auto chosen = choose(kAuto, ike(with_none), {});
  REQUIRE(chosen);
  REQUIRE(chosen->algorithms.integrity == nullptr);
  // One transform of each type the peer listed.
  REQUIRE(chosen->answer == ike({encryption(kAesGcm16, 128), prf(5), integrity(0), group(19)}));

  const auto child = choose(kChildAuto, esp({encryption(kAesGcm16, 128), integrity(0), esn(0)}),
                            kOurs, Pfs::negotiated);
  REQUIRE(child);
  REQUIRE(child->answer.proposals.front().transforms ==
          std::vector{encryption(kAesGcm16, 128), integrity(0), esn(0)});
}

TEST_CASE("AEADs and other ciphers in one proposal (RFC 5282 8 forbids it, peers send it)") {
  const std::vector<wire::Transform> both{encryption(kAesGcm16, 256), encryption(kAesCbc, 256),
                                          prf(5), integrity(12), group(14)};
  // The answer must have one transform of each type, and an AEAD goes with no integrity algorithm.
  REQUIRE(chosen_ike(kAuto, ike(both)) == "aes256-sha256-modp2048");
  std::vector<wire::Transform> with_none = both;
  with_none.push_back(integrity(0));
  REQUIRE(chosen_ike(kAuto, ike(with_none)) == "aes256gcm16-prfsha256-modp2048");
  REQUIRE(chosen_ike({ike_offer("aes256", "sha256", "prfsha256", "modp2048")}, ike(with_none)) ==
          "aes256-sha256-modp2048");
  // NONE does not make encryption without integrity.
  REQUIRE(chosen_ike(kAuto, ike({encryption(kAesCbc, 256), prf(5), integrity(0), group(14)})) ==
          "nothing");
}

TEST_CASE("key lengths: only those we offer, and only where they belong") {
  const IkeOffers aes128{ike_offer("aes128", "sha256", "prfsha256", "modp2048")};
  const std::vector<wire::Transform> rest{prf(5), integrity(12), group(14)};
  const auto with = [&](std::vector<wire::Transform> ciphers) {
    ciphers.insert(ciphers.end(), rest.begin(), rest.end());
    return ike(ciphers);
  };
  const std::string yes = "aes128-sha256-modp2048";
  REQUIRE(chosen_ike(aes128, with({encryption(kAesCbc, 256), encryption(kAesCbc, 128)})) == yes);
  REQUIRE(chosen_ike(aes128, with({encryption(kAesCbc, 256), encryption(kAesCbc, 192)})) ==
          "nothing");
  REQUIRE(chosen_ike(aes128, with({encryption(kAesCbc)})) == "nothing");
  REQUIRE(chosen_ike(aes128, with({encryption(kAesCbc, 64)})) == "nothing");

  const IkeOffers triple_des{ike_offer("3des", "sha256", "prfsha256", "modp2048")};
  REQUIRE(chosen_ike(triple_des, with({encryption(kTripleDes)})) == "3des-sha256-modp2048");
  REQUIRE(chosen_ike(triple_des, with({encryption(kTripleDes, 192)})) == "nothing");
  REQUIRE(chosen_ike(triple_des, with({encryption(kTripleDes, 0)})) == "nothing");

  const IkeOffers chacha{ike_offer("chacha20poly1305", "", "prfsha256", "modp2048")};
  REQUIRE(chosen_ike(chacha, ike({encryption(kChaCha20), prf(5), group(14)})) ==
          "chacha20poly1305-prfsha256-modp2048");
  REQUIRE(chosen_ike(chacha, ike({encryption(kChaCha20, 256), prf(5), group(14)})) == "nothing");
}

TEST_CASE("a transform with an attribute we do not understand is never chosen") {
  wire::Transform odd = encryption(kAesCbc, 256);
  odd.unknown_attributes.push_back({99, std::uint16_t{1}});
  const std::vector<wire::Transform> rest{prf(5), integrity(12), group(14)};
  auto theirs = ike(rest);
  theirs.proposals.front().transforms.push_back(odd);
  REQUIRE(chosen_ike(kAuto, theirs) == "nothing");
  theirs.proposals.front().transforms.push_back(encryption(kAesCbc, 128));
  REQUIRE(chosen_ike(kAuto, theirs) == "aes128-sha256-modp2048");

  // A key length on anything but a cipher is such an attribute.
  wire::Transform long_group = group(31);
  long_group.key_bits = 256;
  theirs.proposals.front().transforms.push_back(long_group);
  REQUIRE(chosen_ike(kAuto, theirs) == "aes128-sha256-modp2048");
}

TEST_CASE("a transform type we do not know makes its proposal unusable, and only that") {
  // ADDKE1 of RFC 9370.
  const wire::Transform additional{6, 36, {}, {}};
  wire::SaPayload theirs = ike({encryption(kAesGcm16, 256), prf(5), group(31), additional});
  const auto refused = choose(kAuto, theirs, {});
  REQUIRE_FALSE(refused);
  REQUIRE_THAT(refused.error().theirs,
               Catch::Contains("type 6:36") && Catch::Contains("proposal 1 has transform type 6"));
  theirs.proposals.push_back(
      {2, wire::ProtocolId::ike, {}, {encryption(kAesGcm16, 128), prf(5), group(31)}});
  REQUIRE(chosen_ike(kAuto, theirs) == "aes128gcm16-prfsha256-x25519");
}

TEST_CASE("transform types that do not go with the protocol make the proposal unusable") {
  REQUIRE(chosen_ike(kAuto, ike({encryption(kAesGcm16, 256), prf(5), group(31), esn(0)})) ==
          "nothing");
  REQUIRE(chosen_esp(kChildAuto, esp({encryption(kAesGcm16, 256), prf(5), esn(0)})) == "nothing");
  wire::SaPayload ah{
      {{1, wire::ProtocolId::ah, kPeerSpi, {encryption(11), integrity(12), esn(0)}}}};
  REQUIRE(chosen_esp({ah_offer("sha256", "")}, ah) == "nothing");
}

TEST_CASE("what IKE must have cannot be missing") {
  REQUIRE(chosen_ike(kAuto, ike({encryption(kAesGcm16, 256), group(31)})) == "nothing");
  REQUIRE(chosen_ike(kAuto, ike({encryption(kAesGcm16, 256), prf(5)})) == "nothing");
  REQUIRE(chosen_ike(kAuto, ike({encryption(kAesGcm16, 256), prf(5), group(0)})) == "nothing");
  REQUIRE(chosen_ike(kAuto, ike({encryption(kAesCbc, 256), prf(5), group(31)})) == "nothing");
  REQUIRE(chosen_ike(kAuto, ike({})) == "nothing");
  REQUIRE(chosen_ike(kAuto, {}) == "nothing");
}

TEST_CASE("an ESP proposal without sequence numbers transform means the old ones") {
  const auto chosen = choose(kChildAuto, esp({encryption(kAesGcm16, 256)}), kOurs, Pfs::negotiated);
  REQUIRE(chosen);
  REQUIRE(chosen->algorithms.sequence_numbers == EsnId::no);
  REQUIRE(chosen->answer.proposals.front().transforms == std::vector{encryption(kAesGcm16, 256)});

  ChildOffer only_extended = esp_offer("aes256gcm16", "", "");
  only_extended.sequence_numbers = {EsnId::yes};
  REQUIRE(chosen_esp({only_extended}, esp({encryption(kAesGcm16, 256)})) == "nothing");
  REQUIRE(chosen_esp({only_extended}, esp({encryption(kAesGcm16, 256), esn(0)})) == "nothing");
  REQUIRE(chosen_esp({only_extended}, esp({encryption(kAesGcm16, 256), esn(0), esn(1)})) ==
          "aes256gcm16-esn");
}

TEST_CASE("groups in IKE_AUTH are passed over; NONE for PFS is echoed in CREATE_CHILD_SA") {
  const wire::SaPayload with_group =
      esp({encryption(kAesCbc, 128), integrity(2), group(2), esn(0)});
  const auto first = choose({esp_offer("aes128", "sha1", "")}, with_group, kOurs, Pfs::left_out);
  REQUIRE(first);
  REQUIRE(first->answer.proposals.front().transforms ==
          std::vector{encryption(kAesCbc, 128), integrity(2), esn(0)});
  REQUIRE(chosen_esp({esp_offer("aes128", "sha1", "")}, with_group) == "nothing");

  const auto none =
      choose({esp_offer("aes128", "sha1", "")},
             esp({encryption(kAesCbc, 128), integrity(2), group(14), group(0), esn(0)}), kOurs,
             Pfs::negotiated);
  REQUIRE(none);
  REQUIRE(none->algorithms.group == nullptr);
  REQUIRE(none->answer.proposals.front().transforms ==
          std::vector{encryption(kAesCbc, 128), integrity(2), group(0), esn(0)});
}

TEST_CASE("ESP and AH proposals side by side, numbers as the peer chose them") {
  wire::SaPayload theirs = esp({encryption(kAesCbc, 128), integrity(2), esn(0)});
  theirs.proposals.front().number = 7;
  theirs.proposals.push_back({9, wire::ProtocolId::ah, kPeerSpi, {integrity(12), esn(0)}});
  const auto esp_choice = choose(kChildAuto, theirs, kOurs, Pfs::left_out);
  REQUIRE(esp_choice);
  REQUIRE(esp_choice->answer.proposals.front().number == 7);
  const auto ah_choice = choose({ah_offer("sha256", "")}, theirs, kOurs, Pfs::left_out);
  REQUIRE(ah_choice);
  REQUIRE(ah_choice->answer.proposals.front().number == 9);
  REQUIRE(ah_choice->answer.proposals.front().protocol == wire::ProtocolId::ah);
}

TEST_CASE("a flood of proposals does not make a flood of words") {
  wire::SaPayload theirs;
  const std::vector<wire::Transform> transforms(96, encryption(999, 77));
  for (std::uint8_t i = 1; i <= 32; ++i) {
    theirs.proposals.push_back({i, wire::ProtocolId::ike, {}, transforms});
  }
  REQUIRE(describe(theirs).size() < 6000);
  REQUIRE_THAT(describe(theirs),
               Catch::Contains("encryption 999 with 77 bits") && Catch::EndsWith("and 24 more"));
  REQUIRE(describe(wire::SaPayload{}) == "nothing");
}

// --- As initiator ---

// The reason why an answer to `offered` is refused.
std::string refusal(const IkeOffers& offered, const wire::SaPayload& answer) {
  const auto accepted = accept(offered, answer);
  return accepted ? "accepted" : describe(accepted.error());
}

std::string refusal(const ChildOffers& offered, const wire::SaPayload& answer,
                    Pfs pfs = Pfs::negotiated) {
  const auto accepted = accept(offered, answer, pfs);
  return accepted ? "accepted" : describe(accepted.error());
}

TEST_CASE("an answer is exactly one proposal, numbered as one of ours") {
  const IkeOffers offered{ike_offer("aes256gcm16", "", "prfsha256", "x25519"),
                          ike_offer("aes256", "sha256", "prfsha256", "modp2048")};
  const std::vector<wire::Transform> good{encryption(kAesGcm16, 256), prf(5), group(31)};
  REQUIRE(refusal(offered, ike(good)) == "accepted");

  wire::SaPayload two = ike(good);
  two.proposals.push_back(two.proposals.front());
  REQUIRE_THAT(refusal(offered, two), Catch::Contains("exactly one proposal"));
  REQUIRE_THAT(refusal(offered, {}), Catch::Contains("exactly one proposal"));
  for (const int number : {0, 2, 3, 255}) {
    wire::SaPayload numbered = ike(good);
    numbered.proposals.front().number = static_cast<std::uint8_t>(number);
    REQUIRE(refusal(offered, numbered) != "accepted");
  }
  wire::SaPayload esp_answer = ike(good);
  esp_answer.proposals.front().protocol = wire::ProtocolId::esp;
  REQUIRE(refusal(offered, esp_answer) != "accepted");
  wire::SaPayload with_spi = ike(good);
  with_spi.proposals.front().spi = Bytes(8, 1);
  REQUIRE(refusal(offered, with_spi) != "accepted");
}

TEST_CASE("an answer has one transform of each type, and none that was not offered") {
  const IkeOffers offered{ike_offer("aes256/aes128", "sha256", "prfsha256", "modp2048")};
  const wire::Transform c = encryption(kAesCbc, 256);
  REQUIRE(refusal(offered, ike({c, prf(5), integrity(12), group(14)})) == "accepted");
  REQUIRE(refusal(offered, ike({group(14), integrity(12), c, prf(5)})) == "accepted");

  REQUIRE_THAT(
      refusal(offered, ike({c, encryption(kAesCbc, 128), prf(5), integrity(12), group(14)})),
      Catch::Contains("one transform of each type"));
  for (const auto& bad : std::vector<std::vector<wire::Transform>>{
           {prf(5), integrity(12), group(14)},
           {c, integrity(12), group(14)},
           {c, prf(5), group(14)},
           {c, prf(5), integrity(12)},
           {encryption(kAesCbc, 192), prf(5), integrity(12), group(14)},
           {encryption(kAesCbc), prf(5), integrity(12), group(14)},
           {c, prf(2), integrity(12), group(14)},
           {c, prf(5), integrity(2), group(14)},
           {c, prf(5), integrity(0), group(14)},
           {c, prf(5), integrity(12), group(2)},
           {c, prf(5), integrity(12), group(0)},
           {c, prf(5), integrity(12), group(14), esn(0)},
           {c, prf(5), integrity(12), group(14), wire::Transform{6, 1, {}, {}}}}) {
    INFO(describe(ike(bad)));
    REQUIRE(refusal(offered, ike(bad)) != "accepted");
  }
  REQUIRE_THAT(refusal(offered, ike({c, prf(5), integrity(12), group(2)})),
               Catch::Contains("aes256/aes128-sha256-modp2048") &&
                   Catch::Contains("aes256-sha256-modp1024"));
}

TEST_CASE("an answer with an AEAD may say NONE for integrity") {
  const IkeOffers offered{ike_offer("aes256gcm16", "", "prfsha256", "x25519")};
  const wire::Transform c = encryption(kAesGcm16, 256);
  REQUIRE(refusal(offered, ike({c, prf(5), integrity(0), group(31)})) == "accepted");
  REQUIRE(refusal(offered, ike({c, prf(5), integrity(12), group(31)})) != "accepted");
}

TEST_CASE("an answer may leave out or deny PFS only where that was offered") {
  const wire::Transform c = encryption(kAesCbc, 128);
  const std::vector<wire::Transform> base{c, integrity(2), esn(0)};
  std::vector<wire::Transform> denied = base;
  denied.push_back(group(0));
  std::vector<wire::Transform> with = base;
  with.push_back(group(2));

  const ChildOffers must{esp_offer("aes128", "sha1", "modp1024")};
  REQUIRE(refusal(must, esp(with)) == "accepted");
  REQUIRE(refusal(must, esp(base)) != "accepted");
  REQUIRE(refusal(must, esp(denied)) != "accepted");

  const ChildOffers never{esp_offer("aes128", "sha1", "")};
  REQUIRE(refusal(never, esp(base)) == "accepted");
  REQUIRE(refusal(never, esp(denied)) == "accepted");
  REQUIRE(refusal(never, esp(with)) != "accepted");

  // With and without are proposals of their own, 1 and 2.
  const ChildOffers may{esp_offer("aes128", "sha1", "modp1024/none")};
  REQUIRE(refusal(may, esp(with)) == "accepted");
  REQUIRE(refusal(may, esp(base)) != "accepted");
  wire::SaPayload second = esp(base);
  second.proposals.front().number = 2;
  REQUIRE(refusal(may, second) == "accepted");

  REQUIRE(refusal(may, esp(base), Pfs::left_out) == "accepted");
  REQUIRE(refusal(may, esp(with), Pfs::left_out) != "accepted");
}

TEST_CASE("an answer has the sequence numbers that were offered") {
  const wire::Transform c = encryption(kAesGcm16, 128);
  const ChildOffers old{esp_offer("aes128gcm16", "", "")};
  REQUIRE(refusal(old, esp({c, esn(0)})) == "accepted");
  REQUIRE(refusal(old, esp({c, esn(1)})) != "accepted");
  REQUIRE_THAT(refusal(old, esp({c})), Catch::Contains("no extended sequence numbers"));
  REQUIRE(refusal(old, esp({c, esn(0), esn(1)})) != "accepted");
  REQUIRE(refusal(old, esp({c, esn(2)})) != "accepted");

  ChildOffer both = old.front();
  both.sequence_numbers = {EsnId::yes, EsnId::no};
  REQUIRE(accept({both}, esp({c, esn(1)}), Pfs::left_out)->algorithms.sequence_numbers ==
          EsnId::yes);
  REQUIRE(accept({both}, esp({c, esn(0)}), Pfs::left_out)->algorithms.sequence_numbers ==
          EsnId::no);
}

}  // namespace
}  // namespace ipsec::core
