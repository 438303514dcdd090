// Goal: both sides of a negotiation end on the same algorithms, the best both have, and nothing is
// taken that was not offered. Method: offers against offers, and against proposals written by hand
// the way other implementations write them.
#include "ike/core/proposal.h"

#include <catch2/catch.hpp>

#include "ike/base/limits.h"
#include "ike/wire/message.h"
#include "tests/unit/core/proposals.h"

namespace ipsec::core {
namespace {

constexpr ChildSpi kOurs{0x11111111};
constexpr ChildSpi kTheirs{0x22222222};
const Bytes kOurIkeSpi = to_bytes("OURSPI__");
const Bytes kTheirIkeSpi = to_bytes("THEIRSPI");

// Runs the exchange of both SA payloads; both sides must agree.
std::expected<std::string, NoCommonGround> negotiate(const IkeOffers& initiator,
                                                     const IkeOffers& responder) {
  const auto chosen = choose(responder, write_offers(initiator, {}), {});
  if (!chosen) return std::unexpected(chosen.error());
  const auto accepted = accept(initiator, chosen->answer);
  REQUIRE(accepted);
  REQUIRE(accepted->algorithms == chosen->algorithms);
  return describe(accepted->algorithms);
}

std::expected<std::string, NoCommonGround> negotiate(const ChildOffers& initiator,
                                                     const ChildOffers& responder, Pfs pfs) {
  const auto chosen = choose(responder, write_offers(initiator, kOurs, pfs), kTheirs, pfs);
  if (!chosen) return std::unexpected(chosen.error());
  REQUIRE(chosen->peer_spi == kOurs);
  const auto accepted = accept(initiator, chosen->answer, pfs);
  REQUIRE(accepted);
  REQUIRE(accepted->peer_spi == kTheirs);
  REQUIRE(accepted->algorithms == chosen->algorithms);
  return describe(accepted->algorithms);
}

// --- Whose order decides ---

TEST_CASE("a better cipher does not bring a weaker group with it") {
  // Two offers that differ in their ciphers only, as the defaults do.
  const IkeOffers ours{ike_offer("aes256gcm16", "", "prfsha256", "x25519/modp1024"),
                       ike_offer("aes256", "sha256", "prfsha256", "x25519/modp1024")};
  const IkeOffers theirs{ike_offer("aes256gcm16", "", "prfsha256", "modp1024"),
                         ike_offer("aes256", "sha256", "prfsha256", "x25519")};
  REQUIRE(negotiate(theirs, ours) == "aes256-sha256-x25519");
  // With the same group to be had either way the offer decides, then the cipher.
  const IkeOffers both{ike_offer("aes256", "sha256", "prfsha256", "x25519"),
                       ike_offer("aes256gcm16", "", "prfsha256", "x25519")};
  REQUIRE(negotiate(both, ours) == "aes256gcm16-prfsha256-x25519");
  // In one offer too.
  const IkeOffers one{ike_offer("aes256/aes128", "sha256", "prfsha256", "x25519/modp1024")};
  const IkeOffers split{ike_offer("aes256", "sha256", "prfsha256", "modp1024"),
                        ike_offer("aes128", "sha256", "prfsha256", "x25519")};
  REQUIRE(negotiate(split, one) == "aes128-sha256-x25519");
  const ChildOffers child{esp_offer("aes256gcm16", "", "x25519/modp1024"),
                          esp_offer("aes256", "sha256", "x25519/modp1024")};
  const ChildOffers asked{esp_offer("aes256gcm16", "", "modp1024"),
                          esp_offer("aes256", "sha256", "x25519")};
  REQUIRE(negotiate(asked, child, Pfs::negotiated) == "aes256-sha256-x25519");
}

TEST_CASE("a group that is pinned in an earlier offer is taken") {
  const IkeOffers ours{ike_offer("aes256gcm16", "", "prfsha256", "modp1024"),
                       ike_offer("aes256", "sha256", "prfsha256", "x25519")};
  REQUIRE(negotiate(ours, ours) == "aes256gcm16-prfsha256-modp1024");
}

// --- Defaults ---

TEST_CASE("two gateways on auto pick the strongest of everything") {
  for (const Profile initiator : {Profile::automatic, Profile::modern}) {
    for (const Profile responder : {Profile::automatic, Profile::modern}) {
      REQUIRE(negotiate(default_ike_offers(initiator), default_ike_offers(responder)) ==
              "aes256gcm16-prfsha512-x25519");
      const ChildOffers ours = default_child_offers(initiator);
      const ChildOffers theirs = default_child_offers(responder);
      REQUIRE(negotiate(ours, theirs, Pfs::left_out) == "aes256gcm16-esn");
      REQUIRE(negotiate(ours, theirs, Pfs::negotiated) == "aes256gcm16-x25519-esn");
    }
  }
}

TEST_CASE("auto meets a peer on the platforms' common default, from either side") {
  const IkeOffers ike = default_ike_offers(Profile::automatic);
  const IkeOffers old{ike_offer("aes128", "sha1", "prfsha1", "modp1024")};
  REQUIRE(negotiate(ike, old) == "aes128-sha1-modp1024");
  REQUIRE(negotiate(old, ike) == "aes128-sha1-modp1024");

  const ChildOffers child = default_child_offers(Profile::automatic);
  for (const std::string_view pfs : {"modp1024", ""}) {
    const ChildOffers old_child{esp_offer("aes128", "sha1", pfs)};
    const std::string expected = pfs.empty() ? "aes128-sha1" : "aes128-sha1-modp1024";
    REQUIRE(negotiate(child, old_child, Pfs::negotiated) == expected);
    REQUIRE(negotiate(old_child, child, Pfs::negotiated) == expected);
    REQUIRE(negotiate(child, old_child, Pfs::left_out) == "aes128-sha1");
    REQUIRE(negotiate(old_child, child, Pfs::left_out) == "aes128-sha1");
  }
}

TEST_CASE("modern has nothing in common with the platforms' default, and says what both have") {
  const IkeOffers old{ike_offer("aes128", "sha1", "prfsha1", "modp1024")};
  const auto refused = negotiate(old, default_ike_offers(Profile::modern));
  REQUIRE_FALSE(refused);
  REQUIRE(refused.error().subject == "IKE algorithms");
  REQUIRE(refused.error().theirs == "aes128-sha1-modp1024");
  REQUIRE_THAT(refused.error().ours,
               Catch::Contains("aes256/aes192/aes128-sha512/sha384/sha256-x25519/"));

  const ChildOffers old_child{esp_offer("aes128", "sha1", "modp1024")};
  const auto child = negotiate(old_child, default_child_offers(Profile::modern), Pfs::negotiated);
  REQUIRE_FALSE(child);
  REQUIRE(child.error().subject == "IPsec algorithms");
  REQUIRE(child.error().theirs == "aes128-sha1-modp1024");
}

TEST_CASE("the profiles hold what the rulings say") {
  const auto holds = [](const std::string& text, const char* name) {
    return ("/" + text + "/").find(name) != std::string::npos;
  };
  for (const std::string& text : {describe(default_ike_offers(Profile::modern)),
                                  describe(default_child_offers(Profile::modern))}) {
    INFO(text);
    for (const char* weak : {"sha1", "md5", "des", "modp768", "modp1024", "modp1536", "2048s256"}) {
      REQUIRE_FALSE(holds(text, weak));
    }
  }
  for (const std::string& text : {describe(default_ike_offers(Profile::automatic)),
                                  describe(default_child_offers(Profile::automatic))}) {
    INFO(text);
    for (const char* weak : {"md5", "des", "modp768", "2048s256"}) REQUIRE_FALSE(holds(text, weak));
    REQUIRE(holds(text, "modp1024"));
  }
}

TEST_CASE("the defaults have no row missing and the two kinds of ciphers apart") {
  for (const Profile profile : {Profile::automatic, Profile::modern}) {
    for (const IkeOffer& offer : default_ike_offers(profile)) {
      REQUIRE(std::ranges::count(offer.groups, nullptr) == 0);
      REQUIRE(std::ranges::count(offer.prfs, nullptr) == 0);
      REQUIRE(std::ranges::count(offer.integrity, nullptr) == 0);
      for (const EncryptionRow* row : offer.encryption) {
        REQUIRE(row != nullptr);
        REQUIRE(row->is_aead() == offer.integrity.empty());
        REQUIRE(row->usable_for_ike);
      }
    }
    for (const ChildOffer& offer : default_child_offers(profile)) {
      REQUIRE(std::ranges::count(offer.groups, nullptr) == 1);
      REQUIRE(offer.groups.back() == nullptr);
      for (const EncryptionRow* row : offer.encryption) {
        REQUIRE(row != nullptr);
        REQUIRE(row->is_aead() == offer.integrity.empty());
      }
    }
  }
}

// --- Our preference ---

TEST_CASE("our order decides, whoever initiates") {
  const IkeOffers ours{ike_offer("aes128", "sha256", "prfsha256", "modp2048"),
                       ike_offer("aes256", "sha512", "prfsha512", "modp4096")};
  const IkeOffers theirs{ours[1], ours[0]};
  REQUIRE(negotiate(theirs, ours) == "aes128-sha256-modp2048");
  REQUIRE(negotiate(ours, theirs) == "aes256-sha512-modp4096");
}

TEST_CASE("the best of several proposals that fit one offer wins") {
  const IkeOffers ours{ike_offer("aes256gcm16/aes128gcm16", "", "prfsha256", "x25519")};
  const IkeOffers theirs{ike_offer("aes128gcm16", "", "prfsha256", "x25519"),
                         ike_offer("aes256gcm16", "", "prfsha256", "x25519")};
  const auto chosen = choose(ours, write_offers(theirs, {}), {});
  REQUIRE(chosen);
  REQUIRE(describe(chosen->algorithms) == "aes256gcm16-prfsha256-x25519");
  REQUIRE(chosen->answer.proposals.front().number == 2);
}

TEST_CASE("pinned algorithms are met exactly or not at all") {
  const IkeOffers aes256{ike_offer("aes256", "sha256", "prfsha256", "modp2048")};
  REQUIRE(negotiate(default_ike_offers(Profile::automatic), aes256) == "aes256-sha256-modp2048");
  REQUIRE_FALSE(negotiate(aes256, {ike_offer("aes128", "sha256", "prfsha256", "modp2048")}));
  REQUIRE_FALSE(negotiate(aes256, {ike_offer("aes256", "sha1", "prfsha256", "modp2048")}));
  REQUIRE_FALSE(negotiate(aes256, {ike_offer("aes256", "sha256", "prfsha1", "modp2048")}));
  REQUIRE_FALSE(negotiate(aes256, {ike_offer("aes256", "sha256", "prfsha256", "modp1024")}));
  REQUIRE_FALSE(negotiate(aes256, {}));
}

TEST_CASE("every algorithm of the list can be pinned at both ends (M59-M61, M72-M74)") {
  for (const char* cipher : {"des", "3des", "aes128", "aes192", "aes256", "null"}) {
    for (const char* integrity : {"md5", "sha1", "sha256"}) {
      for (const char* group : {"modp768", "modp1024", "modp1536", "modp2048", "modp2048s256"}) {
        const std::string prf = std::string("prf") + integrity;
        const IkeOffers ike{ike_offer(cipher, integrity, prf, group)};
        const std::string expected = std::string(cipher) + "-" + integrity + "-" + group;
        REQUIRE(negotiate(ike, ike) == expected);
        const ChildOffers child{esp_offer(cipher, integrity, group)};
        REQUIRE(negotiate(child, child, Pfs::negotiated) == expected);
      }
    }
  }
}

TEST_CASE("AH has integrity and no encryption") {
  const ChildOffers ah{ah_offer("sha256/sha1", "modp2048")};
  const auto payload = write_offers(ah, kOurs, Pfs::negotiated);
  for (const wire::Transform& transform : payload.proposals.front().transforms) {
    REQUIRE(transform.type != 1);
  }
  REQUIRE(payload.proposals.front().protocol == wire::ProtocolId::ah);
  REQUIRE(negotiate(ah, ah, Pfs::negotiated) == "ah:sha256-modp2048");
  REQUIRE_FALSE(negotiate(ah, {esp_offer("aes128", "sha256", "modp2048")}, Pfs::negotiated));
  REQUIRE_FALSE(negotiate({esp_offer("null", "sha256", "modp2048")}, ah, Pfs::negotiated));
}

// --- PFS ---

TEST_CASE("PFS is taken where both have a group, and none where one has none") {
  const ChildOffers must{esp_offer("aes256", "sha256", "modp2048")};
  const ChildOffers may{esp_offer("aes256", "sha256", "x25519/modp2048/none")};
  const ChildOffers never{esp_offer("aes256", "sha256", "")};
  const ChildOffers rather_not{esp_offer("aes256", "sha256", "none/modp2048")};
  const std::string with = "aes256-sha256-modp2048";
  const std::string without = "aes256-sha256";
  REQUIRE(negotiate(must, may, Pfs::negotiated) == with);
  REQUIRE(negotiate(may, must, Pfs::negotiated) == with);
  REQUIRE(negotiate(may, never, Pfs::negotiated) == without);
  REQUIRE(negotiate(never, may, Pfs::negotiated) == without);
  REQUIRE(negotiate(may, rather_not, Pfs::negotiated) == without);
  REQUIRE(negotiate(must, rather_not, Pfs::negotiated) == with);
  REQUIRE(negotiate(rather_not, must, Pfs::negotiated) == with);
  REQUIRE_FALSE(negotiate(must, never, Pfs::negotiated));
  REQUIRE_FALSE(negotiate(never, must, Pfs::negotiated));
  REQUIRE(negotiate(never, must, Pfs::left_out) == without);
}

TEST_CASE("an offer with and without PFS goes out as two proposals, in our order") {
  const auto counts = [](const ChildOffers& offers, Pfs pfs) {
    std::vector<long> groups;
    for (const wire::Proposal& proposal : write_offers(offers, kOurs, pfs).proposals) {
      groups.push_back(std::ranges::count(proposal.transforms, 4, &wire::Transform::type));
    }
    return groups;
  };
  const ChildOffers may{esp_offer("aes256", "sha256", "x25519/modp2048/none")};
  const ChildOffers rather_not{esp_offer("aes256", "sha256", "none/modp2048")};
  REQUIRE(counts(may, Pfs::negotiated) == std::vector<long>{2, 0});
  REQUIRE(counts(rather_not, Pfs::negotiated) == std::vector<long>{0, 1});
  REQUIRE(counts(may, Pfs::left_out) == std::vector<long>{0});
}

// --- SPIs ---

TEST_CASE("a rekey carries SPIs of 8 bytes, the first exchange none") {
  const IkeOffers offers = default_ike_offers(Profile::automatic);
  const auto chosen = choose(offers, write_offers(offers, kOurIkeSpi), kTheirIkeSpi);
  REQUIRE(chosen);
  REQUIRE(chosen->peer_spi == kOurIkeSpi);
  const auto accepted = accept(offers, chosen->answer, kOurIkeSpi);
  REQUIRE(accepted);
  REQUIRE(accepted->peer_spi == kTheirIkeSpi);

  REQUIRE_FALSE(choose(offers, write_offers(offers, {}), kTheirIkeSpi));
  REQUIRE_FALSE(choose(offers, write_offers(offers, kOurIkeSpi), {}));
  REQUIRE_FALSE(choose(offers, write_offers(offers, Bytes(8)), kTheirIkeSpi));
  REQUIRE_FALSE(accept(offers, chosen->answer));
}

TEST_CASE("reserved SPIs of a peer are refused") {
  const ChildOffers offers{esp_offer("aes256", "sha256", "")};
  for (const std::uint32_t spi : {0U, 1U, 255U}) {
    const auto chosen =
        choose(offers, write_offers(offers, ChildSpi{spi}, Pfs::left_out), kOurs, Pfs::left_out);
    REQUIRE_FALSE(chosen);
    REQUIRE_THAT(chosen.error().theirs, Catch::Contains("reserved SPI"));
    REQUIRE_FALSE(
        accept(offers, write_offers(offers, ChildSpi{spi}, Pfs::left_out), Pfs::left_out));
  }
  REQUIRE(choose(offers, write_offers(offers, ChildSpi{256}, Pfs::left_out), kOurs, Pfs::left_out));
}

// --- Words and sizes ---

TEST_CASE("the default IKE_SA_INIT fits 1200 bytes, and every header in front of it") {
  for (const Profile profile : {Profile::automatic, Profile::modern}) {
    const IkeOffers offers = default_ike_offers(profile);
    const Bytes hash(20);
    const wire::Payloads first{
        write_offers(offers, {}),
        wire::KePayload{static_cast<std::uint16_t>(offers.front().groups.front()->id),
                        Bytes(offers.front().groups.front()->public_bytes)},
        wire::NoncePayload{Bytes(32)},
        wire::NotifyPayload{{}, {}, wire::NotifyType::nat_detection_source_ip, hash},
        wire::NotifyPayload{{}, {}, wire::NotifyType::nat_detection_destination_ip, hash},
        wire::NotifyPayload{{}, {}, wire::NotifyType::ikev2_fragmentation_supported, {}},
        wire::NotifyPayload{{}, {}, wire::NotifyType::cookie, Bytes(limits::kCookieBytesMax)},
        wire::VendorIdPayload{Bytes(16)}};
    const auto message = wire::write_message(wire::Header{}, first);
    REQUIRE(message);
    INFO(message->size());
    REQUIRE(message->size() < 1200);
  }
}

TEST_CASE("a default offer survives the wire") {
  for (const Profile profile : {Profile::automatic, Profile::modern}) {
    const wire::SaPayload ike = write_offers(default_ike_offers(profile), kOurIkeSpi);
    const wire::SaPayload child =
        write_offers(default_child_offers(profile), kOurs, Pfs::negotiated);
    const wire::Payloads sent{ike, child};
    REQUIRE(wire::parse_chain(wire::PayloadType::sa, *wire::write_chain(sent)) == sent);
  }
}

TEST_CASE("offers and choices are written as people write them") {
  REQUIRE(describe(IkeOffers{ike_offer("aes128", "sha256", "prfsha256", "modp2048")}) ==
          "aes128-sha256-modp2048");
  REQUIRE(describe(IkeOffers{ike_offer("aes256gcm16", "", "prfsha384", "ecp384"),
                             ike_offer("3des", "sha1", "prfmd5", "modp1024")}) ==
          "aes256gcm16-prfsha384-ecp384, 3des-sha1-prfmd5-modp1024");
  REQUIRE(describe(ChildOffers{esp_offer("aes256/aes128", "sha1", "modp2048/none"),
                               ah_offer("md5", "")}) == "aes256/aes128-sha1-modp2048/none, ah:md5");
  REQUIRE(describe(ChildOffers{}) == "nothing");
  const IkeOffers offers = default_ike_offers(Profile::automatic);
  REQUIRE(describe(write_offers(offers, {})) == describe(offers));
}

TEST_CASE("key sizes of a child count the salt") {
  ChildAlgorithms algorithms;
  algorithms.encryption = find_encryption("aes256gcm16");
  REQUIRE(encryption_key_size(algorithms) == 36);
  REQUIRE(integrity_key_size(algorithms) == 0);
  algorithms.encryption = find_encryption("aes128");
  algorithms.integrity = find_integrity("sha256");
  REQUIRE(encryption_key_size(algorithms) == 16);
  REQUIRE(integrity_key_size(algorithms) == 32);
  algorithms.encryption = nullptr;
  REQUIRE(encryption_key_size(algorithms) == 0);
}

}  // namespace
}  // namespace ipsec::core
