// Goal: both sides of an IKEv1 quick mode end on the same ESP or AH suite, tunnel mode and nothing
// else. Method: as for phase 1.
#include <algorithm>

#include <catch2/catch.hpp>

#include "ike/base/limits.h"
#include "ike/core/proposal_v1.h"
#include "ike/wire/v1/message.h"
#include "tests/support/random.h"
#include "tests/unit/core/proposals.h"
#include "tests/unit/core/proposals_v1.h"

namespace ipsec::core::proposal_v1 {
namespace {

using std::chrono::seconds;
using wire::v1::EncapsulationMode;
using wire::v1::ProtocolId;
using wire::v1::SaPayload;
using wire::v1::Transform;

constexpr ChildSpi kOurs{0x11111111};
constexpr ChildSpi kTheirs{0x22222222};
const Bytes kOurSpi(4, 0x11);
const Lifetimes kDay{seconds(86'400), 0};

const ChildOffers kOffers{esp_offer("aes128", "sha256", "modp2048")};

ChildTerms terms(std::string_view group, EncapsulationMode mode = EncapsulationMode::tunnel) {
  return {kDay, group.empty() ? nullptr : find_group(group), mode};
}

// Runs the exchange of both SA payloads, over the wire; both sides must agree.
std::expected<std::string, NoCommonGround> negotiate(const ChildOffers& initiator,
                                                     const ChildOffers& responder,
                                                     const ChildTerms& asked) {
  const SaPayload offered = write_offers(initiator, kTheirs, asked);
  if (!offered.proposals.empty()) {
    const wire::v1::Payloads sent{offered};
    const auto received =
        wire::v1::parse_chain(wire::v1::PayloadType::sa, *wire::v1::write_chain(sent));
    REQUIRE(received);
    REQUIRE(received->front().payload == sent.front());
  }
  const auto encapsulation =
      asked.mode == EncapsulationMode::tunnel ? Encapsulation::plain : Encapsulation::in_udp;
  const auto chosen = choose(responder, asked.lifetimes, offered, kOurs, encapsulation);
  if (!chosen) return std::unexpected(chosen.error());
  REQUIRE(chosen->peer_spi == kTheirs);
  const auto accepted = accept(initiator, asked, chosen->answer);
  REQUIRE(accepted);
  REQUIRE(accepted->peer_spi == kOurs);
  REQUIRE(accepted->algorithms == chosen->algorithms);
  REQUIRE(accepted->lifetimes == asked.lifetimes);
  REQUIRE(chosen->lifetimes == asked.lifetimes);
  return core::describe(accepted->algorithms);
}

const GroupRow* first_group(const ChildOffers& offers) {
  const auto groups = groups_of(offers);
  return groups.empty() ? nullptr : groups.front();
}

std::expected<std::string, NoCommonGround> negotiate(const ChildOffers& initiator,
                                                     const ChildOffers& responder) {
  return negotiate(initiator, responder, {kDay, first_group(initiator)});
}

std::string chosen(const ChildOffers& ours, const SaPayload& theirs,
                   Encapsulation encapsulation = Encapsulation::plain) {
  const auto choice = choose(ours, kDay, theirs, kOurs, encapsulation);
  return choice ? core::describe(choice->algorithms) : "nothing";
}

std::string why_not(const SaPayload& theirs, const ChildOffers& ours = kOffers) {
  const auto choice = choose(ours, kDay, theirs, kOurs, Encapsulation::plain);
  return choice ? "chosen" : choice.error().theirs;
}

// --- What we write ---

TEST_CASE("v1 child offers are written with the numbers of RFC 2407") {
  ChildOffer gcm = esp_offer("aes256gcm16", "", "modp2048");
  gcm.sequence_numbers = {EsnId::yes, EsnId::no};
  const ChildOffers offers{gcm, esp_offer("aes128/3des", "sha256", "modp2048"),
                           ah_offer("sha1", "modp2048")};
  const Numbers life{{4, 3}, {1, 1}, {2, 3'600}, {1, 2}, {2, 4'608'000}};
  const auto all = [&](std::uint8_t number, std::uint8_t id, Numbers first, bool esn = false) {
    first.insert(first.end(), life.begin(), life.end());
    if (esn) first.emplace_back(11, 1);
    return v1_transform(id, first, number);
  };
  const ChildTerms in_udp{
      {seconds(3'600), 4'608'000}, find_group("modp2048"), EncapsulationMode::udp_tunnel};
  REQUIRE(write_offers(offers, kTheirs, in_udp) ==
          SaPayload{{{1,
                      ProtocolId::esp,
                      kPeerSpi,
                      {all(1, 20, {{6, 256}, {3, 14}}, true), all(2, 20, {{6, 256}, {3, 14}})}},
                     {2,
                      ProtocolId::esp,
                      kPeerSpi,
                      {all(1, 12, {{6, 128}, {5, 5}, {3, 14}}), all(2, 3, {{5, 5}, {3, 14}})}},
                     {3, ProtocolId::ah, kPeerSpi, {all(1, 3, {{5, 2}, {3, 14}})}}}});
  REQUIRE(write_offers({esp_offer("null", "md5", "")}, kTheirs, {kDay, nullptr}) ==
          esp(11, {{5, 1}, {4, 1}, {1, 1}, {2, 86'400}}));
  // 4 TB is all the field holds.
  const auto huge =
      write_offers(kOffers, kTheirs, {{seconds(60), 1ULL << 40U}, first_group(kOffers)});
  REQUIRE(phase2_life(huge.proposals.front().transforms.front(), wire::v1::LifeType::kilobytes) ==
          0xffff'ffff);
}

TEST_CASE("a quick mode offers one group: the first, and only with offers that allow it") {
  const ChildOffer must = esp_offer("aes256", "sha256", "modp2048/modp1024");
  const ChildOffer may = esp_offer("aes128", "sha256", "modp1024/none");
  const ChildOffer never = esp_offer("3des", "sha1", "");
  const ChildOffer rather_not = esp_offer("aes192", "sha1", "none/modp2048");
  REQUIRE(first_group({must, may}) == find_group("modp2048"));
  REQUIRE(first_group({may, must}) == find_group("modp1024"));
  REQUIRE(first_group({rather_not, must}) == nullptr);
  REQUIRE(first_group({never, must}) == nullptr);
  REQUIRE(first_group({}) == nullptr);
  // An offer that IKEv1 cannot say has no word in it.
  REQUIRE(first_group({esp_offer("chacha20poly1305", "", "x25519"), must}) ==
          find_group("modp2048"));

  const ChildOffers offers{must, may, never, rather_not};
  REQUIRE(groups_of(offers) ==
          std::vector<const GroupRow*>{find_group("modp2048"), find_group("modp1024"), nullptr});
  REQUIRE(describe(write_offers(offers, kTheirs, terms("modp2048"))) ==
          "aes256-sha256-modp2048, aes192-sha1-modp2048");
  REQUIRE(describe(write_offers(offers, kTheirs, terms("modp1024"))) ==
          "aes256-sha256-modp1024, aes128-sha256-modp1024");
  REQUIRE(describe(write_offers(offers, kTheirs, terms(""))) ==
          "aes128-sha256, 3des-sha1, aes192-sha1");
  REQUIRE(write_offers(offers, kTheirs, terms("modp768")) == SaPayload{});
}

TEST_CASE("what IKEv1 has no number for is left out of phase 2") {
  REQUIRE(describe(write_offers({esp_offer("chacha20poly1305/aes128gcm16", "", "")}, kTheirs,
                                terms(""))) == "aes128gcm16");
  REQUIRE(write_offers({esp_offer("chacha20poly1305", "", "")}, kTheirs, terms("")) == SaPayload{});
  // The same twice is written once.
  REQUIRE(describe(write_offers({kOffers.front(), kOffers.front()}, kTheirs, terms("modp2048"))) ==
          "aes128-sha256-modp2048");
}

TEST_CASE("the default offers of phase 2 fit one packet and reach old and new peers") {
  const ChildOffers offers = default_child_offers(Profile::automatic);
  for (const char* group : {"x25519", "modp2048", "modp1024", ""}) {
    const ChildTerms asked{
        {seconds(86'400), 4'608'000}, terms(group).group, EncapsulationMode::udp_tunnel_draft};
    const SaPayload payload = write_offers(offers, kTheirs, asked);
    std::size_t count = 0;
    for (const auto& proposal : payload.proposals) count += proposal.transforms.size();
    REQUIRE(count == limits::kV1ChildTransforms);
    const wire::v1::IdPayload id{wire::v1::IdType::ipv4_subnet, 0, 0, Bytes(8)};
    wire::v1::Payloads inside{wire::v1::HashPayload{Bytes(32)}, payload,
                              wire::v1::NoncePayload{Bytes(32)}, id, id};
    if (asked.group != nullptr) {
      inside.emplace_back(wire::v1::KePayload{Bytes(asked.group->public_bytes)});
    }
    const auto chain = wire::v1::write_chain(inside);
    REQUIRE(chain);
    // IP, UDP and the marker of port 4500, the header, up to a block of padding.
    INFO(chain->size());
    REQUIRE(chain->size() + 20 + 8 + 4 + 28 + 16 <= 1'500);
    const std::string text = describe(write_offers(offers, kTheirs, terms(group)));
    const std::string pfs = asked.group == nullptr ? "" : "-" + std::string(group);
    REQUIRE_THAT(text, Catch::StartsWith("aes256gcm16" + pfs + "-esn, "));
    for (const char* suite : {"aes128gcm16", "aes256-sha512", "aes256-sha1", "aes128-sha256"}) {
      REQUIRE_THAT(text, Catch::Contains(", " + (suite + pfs) + ", "));
    }
    REQUIRE_THAT(text, Catch::EndsWith(", aes128-sha1" + pfs));
  }
}

// --- Both sides ---

TEST_CASE("every combination of phase 2 can be pinned at both ends") {
  for (const char* pfs : {"", "modp1024", "x25519"}) {
    const std::string end = *pfs == '\0' ? "" : std::string("-") + pfs;
    for (const EncryptionRow& cipher : all_encryption()) {
      for (const IntegrityRow& integrity : all_integrity()) {
        ChildOffer one = esp_offer(cipher.name, cipher.is_aead() ? "" : integrity.name, pfs);
        if (cipher.v1_esp == 0) {
          REQUIRE_FALSE(negotiate({one}, {one}));
          continue;
        }
        const std::string name(cipher.name);
        const std::string expected =
            (cipher.is_aead() ? name : name + "-" + std::string(integrity.name)) + end;
        REQUIRE(negotiate({one}, {one}) == expected);
        one.sequence_numbers = {EsnId::yes};
        REQUIRE(negotiate({one}, {one}) == expected + "-esn");
      }
    }
    for (const IntegrityRow& integrity : all_integrity()) {
      const ChildOffers one{ah_offer(integrity.name, pfs)};
      REQUIRE(negotiate(one, one) == "ah:" + std::string(integrity.name) + end);
    }
  }
}

TEST_CASE("auto meets auto and the platforms' common default in phase 2") {
  const ChildOffers automatic = default_child_offers(Profile::automatic);
  REQUIRE(negotiate(automatic, automatic) == "aes256gcm16-x25519-esn");
  for (const std::string_view pfs : {"modp1024", ""}) {
    const ChildOffers old{esp_offer("aes128", "sha1", pfs)};
    const std::string expected = pfs.empty() ? "aes128-sha1" : "aes128-sha1-modp1024";
    REQUIRE(negotiate(old, automatic) == expected);
    REQUIRE(negotiate(automatic, old, terms(pfs)) == expected);
  }
  const auto refused =
      negotiate({esp_offer("aes128", "sha1", "modp1024")}, default_child_offers(Profile::modern));
  REQUIRE_FALSE(refused);
  REQUIRE(refused.error().subject == "IPsec algorithms");
  REQUIRE(refused.error().theirs == "aes128-sha1-modp1024");
  REQUIRE_THAT(refused.error().ours, Catch::StartsWith("aes256gcm16/aes192gcm16/aes128gcm16-"));
  REQUIRE(negotiate(kOffers, {}).error().ours == "nothing");
}

TEST_CASE("our order decides in phase 2, whoever initiates") {
  const ChildOffers ours{esp_offer("aes128", "sha256", "modp2048"),
                         esp_offer("aes256", "sha512", "modp2048")};
  const ChildOffers theirs{ours[1], ours[0]};
  REQUIRE(negotiate(theirs, ours) == "aes128-sha256-modp2048");
  REQUIRE(negotiate(ours, theirs) == "aes256-sha512-modp2048");
  // A group before none, and the other way round, where a peer writes both.
  const Numbers none = without(kEsp, 3);
  const SaPayload both = esp({v1_transform(kAes, none), v1_transform(kAes, kEsp)});
  REQUIRE(chosen({esp_offer("aes128", "sha256", "modp2048/none")}, both) ==
          "aes128-sha256-modp2048");
  REQUIRE(chosen({esp_offer("aes128", "sha256", "none/modp2048")}, both) == "aes128-sha256");
  // ESP and AH.
  const ChildOffers either{ah_offer("sha256", ""), esp_offer("aes128", "sha256", "")};
  REQUIRE(negotiate({either[1], either[0]}, either) == "ah:sha256");
}

TEST_CASE("PFS must be met exactly in phase 2") {
  const ChildOffers must{esp_offer("aes128", "sha256", "modp2048")};
  const ChildOffers never{esp_offer("aes128", "sha256", "")};
  const ChildOffers may{esp_offer("aes128", "sha256", "x25519/modp2048/none")};
  REQUIRE(negotiate(must, may) == "aes128-sha256-modp2048");
  REQUIRE(negotiate(never, may) == "aes128-sha256");
  REQUIRE_FALSE(negotiate(must, never));
  REQUIRE_FALSE(negotiate(never, must));
  REQUIRE_FALSE(negotiate(may, must));
  const auto choice = choose(may, kDay, write_offers(must, kTheirs, terms("modp2048")), kOurs,
                             Encapsulation::plain);
  REQUIRE(choice->algorithms.group == find_group("modp2048"));
}

TEST_CASE("whatever a child offers, the same offers choose the first and it is accepted") {
  test::Random random(20'240'608);
  const auto some = [&]<typename Row>(std::span<const Row> all, auto fits) {
    std::vector<const Row*> rows;
    for (const Row& row : all) {
      if (fits(row)) rows.push_back(&row);
    }
    for (std::size_t i = rows.size(); i > 1; --i) std::swap(rows[i - 1], rows[random.below(i)]);
    rows.resize(1 + random.below(rows.size()));
    return rows;
  };
  const auto any = [](const auto& /*row*/) { return true; };
  for (int round = 0; round < 200; ++round) {
    ChildOffers offers;
    for (std::size_t i = 0; i <= random.below(4); ++i) {
      ChildOffer offer;
      const bool aead = random.one_in(3);
      if (random.one_in(4)) offer.protocol = xfrm::Protocol::ah;
      const auto fits = [&](const auto& row) { return row.is_aead() == aead && row.v1_esp != 0; };
      if (offer.protocol == xfrm::Protocol::esp) offer.encryption = some(all_encryption(), fits);
      if (offer.protocol == xfrm::Protocol::ah || !aead) {
        offer.integrity = some(all_integrity(), any);
      }
      offer.groups = some(all_groups(), any);
      if (random.one_in(2)) offer.groups.insert(offer.groups.begin(), nullptr);
      if (random.one_in(3)) offer.groups.push_back(nullptr);
      if (random.one_in(2)) offer.sequence_numbers = {EsnId::yes, EsnId::no};
      offers.push_back(std::move(offer));
    }
    INFO(core::describe(offers));
    const ChildTerms asked{{seconds(60 + random.below(100'000)), random.below(2) * 5'000},
                           first_group(offers)};
    const SaPayload payload = write_offers(offers, kTheirs, asked);
    const auto choice = choose(offers, asked.lifetimes, payload, kOurs, Encapsulation::plain);
    REQUIRE(choice);
    REQUIRE(choice->algorithms.group == asked.group);
    REQUIRE(choice->answer.proposals.front().transforms.front() ==
            payload.proposals.front().transforms.front());
    const auto accepted = accept(offers, asked, choice->answer);
    REQUIRE(accepted);
    REQUIRE(accepted->algorithms == choice->algorithms);
    REQUIRE(accepted->lifetimes == asked.lifetimes);
  }
}

// --- As responder ---

TEST_CASE("phase 2 attributes in any order and form, answered as they came with our SPI") {
  Transform odd = v1_transform(kAes, {{6, 128}, {2, 7}, {1, 1}, {3, 14}, {4, 1}}, 9);
  odd.attributes[1].value = Bytes{0, 0, 0x0e, 0x10};
  odd.attributes.push_back({5, Bytes{0, 0, 0, 5}});
  SaPayload theirs = esp({v1_transform(kAes, with(kEsp, 5, 2), 4), odd});
  theirs.proposals.front().number = 0;
  const auto choice = choose(kOffers, kDay, theirs, kOurs, Encapsulation::plain);
  REQUIRE(choice);
  REQUIRE(core::describe(choice->algorithms) == "aes128-sha256-modp2048");
  REQUIRE(choice->lifetimes == Lifetimes{seconds(3'600), 0});
  REQUIRE(choice->peer_spi == kTheirs);
  REQUIRE(choice->answer == SaPayload{{{0, ProtocolId::esp, kOurSpi, {odd}}}});
}

TEST_CASE("phase 2 transforms that must not be chosen say why") {
  const auto because = [](const std::string& reason) {
    return Catch::EndsWith("; transform 1 of proposal 1 has " + reason);
  };
  REQUIRE(why_not(esp(kAes, kEsp)) == "chosen");
  REQUIRE_THAT(why_not(esp(99, kEsp)), because("cipher 99 with 128 bits"));
  REQUIRE_THAT(why_not(esp(99, without(kEsp, 6))), because("cipher 99 with no key length"));
  REQUIRE_THAT(why_not(esp(3, with(kEsp, 6, 192))), because("cipher 3 with 192 bits"));
  REQUIRE_THAT(why_not(esp(kAes, without(kEsp, 5))), because("no authentication algorithm"));
  REQUIRE_THAT(why_not(esp(kAes, with(kEsp, 5, 8))), because("authentication algorithm 8"));
  REQUIRE_THAT(why_not(esp(20, kEsp)), because("an authentication algorithm beside aes128gcm16"));
  REQUIRE_THAT(why_not(esp(kAes, with(kEsp, 3, 99))), because("group 99"));
  REQUIRE_THAT(why_not(esp(kAes, with(kEsp, 3, 0))), because("group 0"));
  REQUIRE_THAT(why_not(esp(kAes, with(kEsp, 7, 1))), because("attribute 7, not known here"));
  REQUIRE_THAT(why_not(esp(kAes, with(kEsp, 11, 0))), because("extended sequence numbers 0"));
  REQUIRE_THAT(why_not(esp(kAes, with(kEsp, 1, 3))),
               because("a lifetime that is neither seconds nor kilobytes"));
  REQUIRE_THAT(why_not(esp(kAes, without(kEsp, 2))),
               because("a lifetime without unit or duration"));
  REQUIRE_THAT(why_not(esp(kAes, without(kEsp, 4))), because("no encapsulation mode"));
  Numbers twice = kEsp;
  twice.emplace_back(4, 1);
  REQUIRE_THAT(why_not(esp(kAes, twice)), because("attribute 4 more than once"));
  REQUIRE_THAT(why_not(isakmp(kEsp)), because("protocol 1 instead of ESP or AH"));

  const ChildOffers ah_only{ah_offer("sha256", "modp2048")};
  const Numbers for_ah = without(kEsp, 6);
  REQUIRE(why_not(ah(5, for_ah), ah_only) == "chosen");
  REQUIRE_THAT(why_not(ah(5, kEsp), ah_only), because("a key length for AH"));
  REQUIRE_THAT(why_not(ah(99, for_ah), ah_only), because("AH transform 99"));
  REQUIRE_THAT(why_not(ah(3, for_ah), ah_only),
               because("authentication algorithm 5 beside AH transform 3"));
  REQUIRE_THAT(why_not(ah(5, without(for_ah, 5)), ah_only),
               because("no authentication algorithm beside AH transform 5"));
}

TEST_CASE("key length and sequence numbers of phase 2") {
  REQUIRE(chosen(kOffers, esp(kAes, without(kEsp, 6))) == "aes128-sha256-modp2048");
  REQUIRE(chosen(kOffers, esp(kAes, with(kEsp, 6, 256))) == "nothing");
  REQUIRE(chosen(kOffers, esp(kAes, with(kEsp, 11, 1))) == "nothing");
  ChildOffer only_extended = kOffers.front();
  only_extended.sequence_numbers = {EsnId::yes};
  REQUIRE(chosen({only_extended}, esp(kAes, kEsp)) == "nothing");
  REQUIRE(chosen({only_extended}, esp(kAes, with(kEsp, 11, 1))) == "aes128-sha256-modp2048-esn");
}

TEST_CASE("tunnel mode, in UDP where a NAT was seen, and nothing else") {
  const auto takes = [](std::uint32_t mode, Encapsulation encapsulation) {
    return chosen(kOffers, esp(kAes, with(kEsp, 4, mode)), encapsulation) != "nothing";
  };
  REQUIRE(takes(1, Encapsulation::plain));
  REQUIRE(takes(1, Encapsulation::in_udp));
  for (const std::uint32_t in_udp : {3U, 61'443U}) {
    REQUIRE_FALSE(takes(in_udp, Encapsulation::plain));
    REQUIRE(takes(in_udp, Encapsulation::in_udp));
  }
  for (const std::uint32_t other : {0U, 2U, 4U, 61'444U, 99U}) {
    REQUIRE_FALSE(takes(other, Encapsulation::plain));
    REQUIRE_FALSE(takes(other, Encapsulation::in_udp));
  }
  REQUIRE_THAT(why_not(esp(kAes, with(kEsp, 4, 3))), Catch::EndsWith("encapsulation mode 3"));
  for (const auto mode : {EncapsulationMode::udp_tunnel, EncapsulationMode::udp_tunnel_draft}) {
    REQUIRE(negotiate(kOffers, kOffers, terms("modp2048", mode)) == "aes128-sha256-modp2048");
  }
}

TEST_CASE("bundles and compression are not chosen, what stands beside them is") {
  // AH and ESP together; ESP and IPCOMP together; each alone.
  const Transform plain = v1_transform(kAes, kEsp);
  const ChildOffers ours{kOffers.front(), ah_offer("sha256", "modp2048")};
  SaPayload theirs = ah(5, without(kEsp, 6));
  theirs.proposals.push_back({1, ProtocolId::esp, kPeerSpi, {plain}});
  REQUIRE_THAT(why_not(theirs, ours),
               Catch::StartsWith("ah:sha256-modp2048, with aes128-sha256-modp2048; ") &&
                   Catch::EndsWith("a bundle of protocols"));
  theirs.proposals = {{2, ProtocolId::esp, kPeerSpi, {plain}},
                      {2, ProtocolId::ipcomp, Bytes(2, 3), {v1_transform(2, {{4, 1}})}}};
  REQUIRE_THAT(why_not(theirs, ours), Catch::StartsWith("aes128-sha256-modp2048, with ipcomp:2; "));
  theirs.proposals.push_back({3, ProtocolId::ipcomp, Bytes(2, 3), {v1_transform(2, {{4, 1}})}});
  REQUIRE(chosen(ours, theirs) == "nothing");
  // Not next to one another, and yet one number.
  theirs.proposals.push_back({4, ProtocolId::esp, kPeerSpi, {plain}});
  REQUIRE(chosen(ours, theirs) == "aes128-sha256-modp2048");
  theirs.proposals.insert(theirs.proposals.begin(), {4, ProtocolId::ah, kPeerSpi, {plain}});
  REQUIRE(chosen(ours, theirs) == "nothing");
}

TEST_CASE("reserved SPIs of a v1 peer are refused, and SPIs of other sizes") {
  for (const std::uint32_t spi : {0U, 1U, 255U}) {
    const SaPayload payload = write_offers(kOffers, ChildSpi{spi}, terms("modp2048"));
    REQUIRE_THAT(why_not(payload), Catch::Contains("reserved SPI"));
    REQUIRE_FALSE(accept(kOffers, terms("modp2048"), payload));
  }
  REQUIRE(why_not(write_offers(kOffers, ChildSpi{256}, terms("modp2048"))) == "chosen");
  SaPayload odd = esp(kAes, kEsp);
  odd.proposals.front().spi = Bytes(8, 9);
  REQUIRE(why_not(odd) != "chosen");
}

TEST_CASE("the smaller lifetimes of phase 2 are agreed") {
  const auto agreed = [](const Lifetimes& ours, Numbers life) {
    Numbers numbers = without(without(kEsp, 1), 2);
    numbers.insert(numbers.end(), life.begin(), life.end());
    return choose(kOffers, ours, esp(kAes, numbers), kOurs, Encapsulation::plain)->lifetimes;
  };
  const Lifetimes ours{seconds(7'200), 5'000};
  REQUIRE(agreed(ours, {}) == ours);
  REQUIRE(agreed(ours, {{1, 1}, {2, 86'400}, {1, 2}, {2, 9'000}}) == ours);
  REQUIRE(agreed(ours, {{1, 2}, {2, 4'000}, {1, 1}, {2, 60}}) == Lifetimes{seconds(60), 4'000});
  REQUIRE(agreed({seconds(60), 0}, {{1, 2}, {2, 9'000}}) == Lifetimes{seconds(60), 9'000});
  REQUIRE(agreed(ours, {{1, 2}, {2, 0}, {1, 1}, {2, 0}}) == ours);
}

// --- As initiator ---

TEST_CASE("an answer in phase 2 is one transform of those offered") {
  const auto refusal = [](const SaPayload& answer,
                          EncapsulationMode mode = EncapsulationMode::tunnel) {
    const auto accepted = accept(kOffers, terms("modp2048", mode), answer);
    return accepted ? "accepted" : ipsec::describe(accepted.error());
  };
  SaPayload answer = esp(kAes, kEsp);
  answer.proposals.front().number = 9;
  answer.proposals.front().transforms.front().number = 77;
  REQUIRE(refusal(answer) == "accepted");
  const auto accepted = accept(kOffers, terms("modp2048"), answer);
  REQUIRE(accepted->lifetimes == Lifetimes{seconds(3'600), 0});
  REQUIRE(accepted->peer_spi == kTheirs);
  REQUIRE(accepted->answer == answer);

  answer.proposals.push_back(answer.proposals.front());
  REQUIRE_THAT(refusal(answer), Catch::Contains("exactly one proposal"));
  const Transform plain = v1_transform(kAes, kEsp);
  REQUIRE_THAT(refusal(esp({plain, plain})), Catch::Contains("exactly one transform"));
  for (const Numbers& other :
       {without(kEsp, 3), with(kEsp, 3, 2), with(kEsp, 5, 2), with(kEsp, 6, 256), with(kEsp, 4, 3),
        with(kEsp, 4, 2), with(kEsp, 11, 1)}) {
    REQUIRE_THAT(refusal(esp(kAes, other)),
                 Catch::Contains("what was offered: aes128-sha256-modp2048"));
  }
  REQUIRE_THAT(refusal(esp(kAes, with(kEsp, 7, 1))), Catch::Contains("attribute 7"));
  REQUIRE_THAT(refusal(ah(5, without(kEsp, 6))), Catch::Contains("ah:sha256-modp2048"));
  // Each number of "in UDP" is answered with itself.
  REQUIRE(refusal(esp(kAes, with(kEsp, 4, 3)), EncapsulationMode::udp_tunnel) == "accepted");
  REQUIRE(refusal(esp(kAes, with(kEsp, 4, 3)), EncapsulationMode::udp_tunnel_draft) != "accepted");
}

}  // namespace
}  // namespace ipsec::core::proposal_v1
