// Goal: both sides of an IKEv1 phase 1 end on the same suite, the best both have, and nothing is
// taken that was not offered. Method: offers against offers, and payloads written by hand as other
// implementations write them, and as only a broken peer does.
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
using wire::v1::Attribute;
using wire::v1::SaPayload;
using wire::v1::Transform;

constexpr Duration kDay = seconds(86'400);

const IkeOffers kOurs{ike_offer("aes128", "sha256", "prfsha256", "modp2048")};

IkeOffers whole_registry() {
  return {ike_offer("aes256/aes192/aes128/3des/des", "sha512/sha384/sha256/sha1/md5",
                    "prfsha512/prfsha384/prfsha256/prfsha1/prfmd5",
                    "x25519/ecp521/ecp384/ecp256/modp8192/modp6144/modp4096/modp3072/modp2048/"
                    "modp2048s256/modp1536/modp1024/modp768")};
}

// Runs the exchange of both SA payloads, over the wire; both sides must agree.
std::expected<std::string, NoCommonGround> negotiate(const IkeOffers& initiator,
                                                     const IkeOffers& responder) {
  const SaPayload offered = write_offers(initiator, kDay);
  if (!offered.proposals.empty()) {
    const wire::v1::Payloads sent{offered};
    const auto received =
        wire::v1::parse_chain(wire::v1::PayloadType::sa, *wire::v1::write_chain(sent));
    REQUIRE(received);
    REQUIRE(received->front().payload == sent.front());
  }
  const auto chosen = choose(responder, kDay, offered);
  if (!chosen) return std::unexpected(chosen.error());
  const auto accepted = accept(initiator, kDay, chosen->answer);
  REQUIRE(accepted);
  REQUIRE(accepted->algorithms == chosen->algorithms);
  REQUIRE(accepted->lifetimes == Lifetimes{kDay, 0});
  REQUIRE(chosen->lifetimes == Lifetimes{kDay, 0});
  return core::describe(accepted->algorithms);
}

std::string chosen(const IkeOffers& ours, const SaPayload& theirs) {
  const auto choice = choose(ours, kDay, theirs);
  return choice ? core::describe(choice->algorithms) : "nothing";
}

std::string why_not(const Numbers& numbers) {
  const auto choice = choose(kOurs, kDay, isakmp(numbers));
  return choice ? "chosen" : choice.error().theirs;
}

// A second attribute of the type where there is one.
Numbers and_also(std::uint16_t type, std::uint32_t value) {
  Numbers numbers = kIke;
  numbers.insert(numbers.begin(), {type, value});
  return numbers;
}

// --- What we write ---

TEST_CASE("a v1 suite is written with the numbers of RFC 2409") {
  REQUIRE(write_offers({ike_offer("aes256", "sha1", "prfsha1", "modp1024")}, kDay) ==
          isakmp(Numbers{{1, 7}, {14, 256}, {2, 2}, {3, 1}, {4, 2}, {11, 1}, {12, 86'400}}));
  // Neither DES has a key length; a duration of 16 bits goes in the short form.
  REQUIRE(write_offers({ike_offer("3des", "md5", "prfmd5", "modp1536")}, seconds(28'800)) ==
          isakmp(Numbers{{1, 5}, {2, 1}, {3, 1}, {4, 5}, {11, 1}, {12, 28'800}}));
  REQUIRE(write_offers({ike_offer("des", "sha512", "prfsha512", "modp768")}, kDay) ==
          isakmp(Numbers{{1, 1}, {2, 6}, {3, 1}, {4, 1}, {11, 1}, {12, 86'400}}));
  // No field is longer than 32 bits.
  const auto forever = write_offers(kOurs, std::chrono::hours(24 * 365 * 200));
  REQUIRE(phase1_life(forever.proposals.front().transforms.front(), wire::v1::LifeType::seconds) ==
          0xffff'ffff);
}

TEST_CASE("v1 transforms stand in the order of preference, group before cipher") {
  const IkeOffers offers{
      ike_offer("aes256/aes128", "sha256/sha1", "prfsha1/prfsha256", "modp2048/modp1024")};
  const SaPayload payload = write_offers(offers, kDay);
  REQUIRE(describe(payload) ==
          "aes256-sha256-modp2048, aes256-sha1-modp2048, "
          "aes128-sha256-modp2048, aes128-sha1-modp2048, "
          "aes256-sha256-modp1024, aes256-sha1-modp1024, "
          "aes128-sha256-modp1024, aes128-sha1-modp1024");
  REQUIRE(payload.proposals.size() == 1);
  REQUIRE(payload.proposals.front().spi.empty());
  std::uint8_t number = 0;
  for (const Transform& transform : payload.proposals.front().transforms) {
    REQUIRE(transform.number == ++number);
    REQUIRE(transform.id == 1);
  }
  // Neighbours with the same groups count as one, others do not.
  REQUIRE(describe(write_offers({ike_offer("aes256", "sha256", "prfsha256", "modp2048/modp1024"),
                                 ike_offer("3des", "sha1", "prfsha1", "modp2048/modp1024")},
                                kDay)) ==
          "aes256-sha256-modp2048, 3des-sha1-modp2048, "
          "aes256-sha256-modp1024, 3des-sha1-modp1024");
  REQUIRE(describe(write_offers({ike_offer("aes256", "sha256", "prfsha256", "modp1024"),
                                 ike_offer("3des", "sha1", "prfsha1", "modp2048"),
                                 ike_offer("aes256", "sha256", "prfsha256", "modp1024")},
                                kDay)) == "aes256-sha256-modp1024, 3des-sha1-modp2048");
}

TEST_CASE("what IKEv1 has no number for is left out of phase 1") {
  const IkeOffer aead = ike_offer("aes256gcm16/chacha20poly1305", "", "prfsha256", "modp2048");
  REQUIRE(describe(write_offers({aead, kOurs.front()}, kDay)) == "aes128-sha256-modp2048");
  REQUIRE(describe(write_offers(
              {ike_offer("aes256ctr/null/aes128", "sha256", "prfsha256", "modp2048")}, kDay)) ==
          "aes128-sha256-modp2048");
  // The PRF of IKEv1 is that of the hash: an offer that lists PRFs without it means another.
  REQUIRE(describe(write_offers(
              {ike_offer("aes128", "sha256/sha1", "prfsha1/prfsha512", "modp2048")}, kDay)) ==
          "aes128-sha1-modp2048");
  REQUIRE(write_offers({aead}, kDay) == SaPayload{});
  REQUIRE(write_offers({ike_offer("aes128", "sha256", "prfsha1", "modp2048")}, kDay) ==
          SaPayload{});
  REQUIRE(chosen({aead}, isakmp(kIke)) == "nothing");
  REQUIRE(chosen({ike_offer("aes128", "sha256", "prfsha1", "modp2048")}, isakmp(kIke)) ==
          "nothing");
}

TEST_CASE("the default offers of phase 1 fit 1200 bytes and reach old and new peers") {
  const IkeOffers offers = default_ike_offers(Profile::automatic);
  const SaPayload payload = write_offers(offers, kDay);
  const auto& transforms = payload.proposals.front().transforms;
  REQUIRE(transforms.size() == limits::kV1IkeTransforms);
  wire::v1::Payloads first{payload};
  for (int i = 0; i < 6; ++i) first.emplace_back(wire::v1::VendorIdPayload{Bytes(16)});
  const auto message = wire::v1::write_message(wire::v1::Header{}, first);
  REQUIRE(message);
  INFO(message->size());
  REQUIRE(message->size() < 1'200);

  // Thinned out, and yet in order.
  std::vector<std::ptrdiff_t> groups;
  for (const Transform& transform : transforms) {
    const auto id = GroupId{std::get<std::uint16_t>(
        find(transform, wire::v1::Phase1Attribute::group_description)->value)};
    groups.push_back(std::ranges::find(offers.front().groups, id, &GroupRow::id) -
                     offers.front().groups.begin());
  }
  REQUIRE(std::ranges::is_sorted(groups));

  const std::string text = ", " + describe(payload) + ",";
  INFO(text);
  REQUIRE_THAT(text, Catch::StartsWith(", aes256-sha512-x25519,"));
  for (const char* suite :
       {"aes256-sha256-modp2048", "aes128-sha256-modp2048", "aes256-sha1-modp1024",
        "aes128-sha1-modp1024", "aes256-sha1-modp1536", "aes256-sha384-ecp384"}) {
    REQUIRE_THAT(text, Catch::Contains(", " + std::string(suite) + ","));
  }
  for (const GroupRow* group : offers.front().groups) {
    REQUIRE_THAT(text, Catch::Contains("-" + std::string(group->name) + ","));
  }
  REQUIRE(write_offers(whole_registry(), kDay).proposals.front().transforms.size() ==
          limits::kV1IkeTransforms);
}

// --- Both sides ---

TEST_CASE("every combination of phase 1 can be pinned at both ends") {
  const IkeOffers all = whole_registry();
  for (const EncryptionRow* cipher : all.front().encryption) {
    for (const IntegrityRow* hash : all.front().integrity) {
      for (const GroupRow* group : all.front().groups) {
        const IkeOffers one{{{cipher}, {hash}, all.front().prfs, {group}}};
        const std::string expected = std::string(cipher->name) + "-" + std::string(hash->name) +
                                     "-" + std::string(group->name);
        REQUIRE(negotiate(one, one) == expected);
        // A responder takes all it has, not only what fits into an offer of its own.
        REQUIRE(negotiate(one, all) == expected);
      }
    }
  }
}

TEST_CASE("auto meets auto and the platforms' common default in phase 1") {
  const IkeOffers ike = default_ike_offers(Profile::automatic);
  REQUIRE(negotiate(ike, ike) == "aes256-sha512-x25519");
  const IkeOffers old{ike_offer("aes128", "sha1", "prfsha1", "modp1024")};
  REQUIRE(negotiate(ike, old) == "aes128-sha1-modp1024");
  REQUIRE(negotiate(old, ike) == "aes128-sha1-modp1024");
  const auto refused = negotiate(old, default_ike_offers(Profile::modern));
  REQUIRE_FALSE(refused);
  REQUIRE(refused.error().subject == "IKE algorithms");
  REQUIRE(refused.error().theirs == "aes128-sha1-modp1024");
  // What IKEv1 cannot say is not among ours.
  REQUIRE_THAT(refused.error().ours,
               Catch::StartsWith("aes256/aes192/aes128-sha512/sha384/sha256-x25519/"));
  const auto nothing = negotiate(old, {});
  REQUIRE_FALSE(nothing);
  REQUIRE(nothing.error().ours == "nothing");
}

TEST_CASE("our order decides in phase 1, whoever initiates") {
  const IkeOffers ours{ike_offer("aes128", "sha256", "prfsha256", "modp2048"),
                       ike_offer("aes256", "sha512", "prfsha512", "modp4096")};
  const IkeOffers theirs{ours[1], ours[0]};
  REQUIRE(negotiate(theirs, ours) == "aes128-sha256-modp2048");
  REQUIRE(negotiate(ours, theirs) == "aes256-sha512-modp4096");

  const IkeOffers groups{ike_offer("aes256/aes128", "sha256", "prfsha256", "modp2048/modp1024")};
  const IkeOffers split{ike_offer("aes256", "sha256", "prfsha256", "modp1024"),
                        ike_offer("aes128", "sha256", "prfsha256", "modp2048")};
  REQUIRE(negotiate(split, groups) == "aes128-sha256-modp2048");
}

TEST_CASE("whatever is offered, the same offers choose the first and the initiator accepts") {
  test::Random random(20'240'607);
  const IkeOffer all = whole_registry().front();
  const auto some = [&]<typename Row>(std::vector<const Row*> rows) {
    for (std::size_t i = rows.size(); i > 1; --i) std::swap(rows[i - 1], rows[random.below(i)]);
    rows.resize(1 + random.below(rows.size()));
    return rows;
  };
  for (int round = 0; round < 200; ++round) {
    IkeOffers offers;
    for (std::size_t i = 0; i <= random.below(4); ++i) {
      offers.push_back({some(all.encryption), some(all.integrity), all.prfs, some(all.groups)});
      if (random.one_in(2)) offers.back().groups = offers.front().groups;
    }
    INFO(core::describe(offers));
    const SaPayload payload = write_offers(offers, kDay);
    const auto& transforms = payload.proposals.front().transforms;
    REQUIRE(transforms.size() <= limits::kV1IkeTransforms);
    const auto choice = choose(offers, kDay, payload);
    REQUIRE(choice);
    REQUIRE(choice->answer.proposals.front().transforms == std::vector{transforms.front()});
    REQUIRE(accept(offers, kDay, choice->answer));
    // And every other one of them would be understood.
    for (const Transform& transform : transforms) {
      REQUIRE(accept(offers, kDay, isakmp(std::vector{transform})));
    }
  }
}

// --- As responder ---

TEST_CASE("phase 1 attributes in any order and form, answered as they came") {
  Transform odd = v1_transform(1, {{12, 3'600}, {4, 14}, {14, 128}, {3, 1}, {2, 4}, {11, 1}}, 9);
  odd.attributes.push_back(Attribute{1, Bytes{0, 0, 0, 7}});
  odd.attributes.front().value = Bytes{0, 0, 0, 0, 0, 0, 0x0e, 0x10};
  SaPayload theirs = isakmp(std::vector{v1_transform(1, with(kIke, 4, 2), 3), odd});
  theirs.proposals.front().number = 7;
  theirs.proposals.front().spi = Bytes(8, 0x55);  // a cookie, which RFC 2408 3.5 has ignored
  const auto choice = choose(kOurs, kDay, theirs);
  REQUIRE(choice);
  REQUIRE(core::describe(choice->algorithms) == "aes128-sha256-modp2048");
  REQUIRE(choice->algorithms.prf == find_prf("prfsha256"));
  REQUIRE(choice->lifetimes == Lifetimes{seconds(3'600), 0});
  REQUIRE(choice->answer == SaPayload{{{7, wire::v1::ProtocolId::isakmp, {}, {odd}}}});
}

TEST_CASE("many phase 1 transforms, as Cisco and racoon write them") {
  std::vector<Transform> transforms;
  std::uint8_t number = 0;
  for (const std::uint32_t method : {65'001U, 1U, 3U}) {
    for (const std::uint32_t bits : {256U, 192U, 128U}) {
      for (const std::uint32_t hash : {2U, 1U}) {
        Numbers numbers{{1, 7}, {2, hash}, {4, 2}, {3, method}, {11, 1}};
        numbers.insert(numbers.end(), {{12, 2'147'483}, {14, bits}});
        transforms.push_back(v1_transform(1, numbers, ++number));
      }
    }
  }
  const auto choice = choose(default_ike_offers(Profile::automatic), kDay, isakmp(transforms));
  REQUIRE(choice);
  REQUIRE(core::describe(choice->algorithms) == "aes256-sha1-modp1024");
  REQUIRE(choice->answer == isakmp(std::vector{transforms[6]}));
  REQUIRE(choice->lifetimes == Lifetimes{kDay, 0});
}

TEST_CASE("several proposals of ISAKMP are looked at, others passed over") {
  SaPayload theirs = isakmp(with(kIke, 4, 5));
  theirs.proposals.push_back({2, wire::v1::ProtocolId::esp, Bytes(4, 9), {v1_transform(1, kIke)}});
  REQUIRE(chosen(kOurs, theirs) == "nothing");
  // The same number twice: two ISAKMP SAs in one would mean nothing.
  theirs.proposals.push_back({1, wire::v1::ProtocolId::isakmp, {}, {v1_transform(1, kIke, 4)}});
  const auto choice = choose(kOurs, kDay, theirs);
  REQUIRE(choice);
  REQUIRE(choice->answer == SaPayload{{theirs.proposals.back()}});
  // Of two that are alike the peer's first.
  theirs.proposals.insert(theirs.proposals.begin(), theirs.proposals.back());
  theirs.proposals.front().number = 9;
  REQUIRE(choose(kOurs, kDay, theirs)->answer.proposals.front().number == 9);
}

TEST_CASE("key lengths of phase 1") {
  const IkeOffers aes256{ike_offer("aes256", "sha256", "prfsha256", "modp2048")};
  const IkeOffers triple_des{ike_offer("3des", "sha256", "prfsha256", "modp2048")};
  REQUIRE(chosen(kOurs, isakmp(without(kIke, 14))) == "aes128-sha256-modp2048");
  REQUIRE(chosen(aes256, isakmp(without(kIke, 14))) == "nothing");
  REQUIRE(chosen(kOurs, isakmp(with(kIke, 14, 256))) == "nothing");
  REQUIRE(chosen(kOurs, isakmp(with(kIke, 14, 0))) == "nothing");
  REQUIRE(chosen(aes256, isakmp(with(kIke, 14, 256))) == "aes256-sha256-modp2048");
  Numbers numbers = without(kIke, 14);
  numbers.front().second = 5;
  REQUIRE(chosen(triple_des, isakmp(numbers)) == "3des-sha256-modp2048");
  numbers.emplace_back(14, 192);
  REQUIRE(chosen(triple_des, isakmp(numbers)) == "nothing");
  numbers.back().second = 0;
  REQUIRE(chosen(triple_des, isakmp(numbers)) == "nothing");
}

TEST_CASE("phase 1 transforms that must not be chosen say why") {
  REQUIRE(why_not(kIke) == "chosen");
  const auto because = [](const std::string& reason) {
    return Catch::EndsWith("; transform 1 of proposal 1 has " + reason);
  };
  REQUIRE_THAT(why_not(with(kIke, 3, 3)), because("authentication method 3"));
  REQUIRE_THAT(why_not(with(kIke, 3, 65'001)), because("authentication method 65001"));
  REQUIRE_THAT(why_not(without(kIke, 3)), because("no authentication method"));
  REQUIRE_THAT(why_not(and_also(13, 1)), because("attribute 13, not known here"));
  REQUIRE_THAT(why_not(and_also(5, 1)), because("attribute 5, not known here"));
  REQUIRE_THAT(why_not(and_also(6, 23)), because("attribute 6, not known here"));
  REQUIRE_THAT(why_not(and_also(16'384, 1)), because("attribute 16384, not known here"));
  REQUIRE_THAT(why_not(and_also(1, 7)), because("attribute 1 more than once"));
  REQUIRE_THAT(why_not(and_also(4, 2)), because("attribute 4 more than once"));
  REQUIRE_THAT(why_not(with(kIke, 4, 0x1'000e)), because("attribute 4 with a value out of range"));
  REQUIRE_THAT(why_not(without(kIke, 4)), because("no group"));
  REQUIRE_THAT(why_not(with(kIke, 4, 99)), because("group 99"));
  REQUIRE_THAT(why_not(with(kIke, 4, 0)), because("group 0"));
  REQUIRE_THAT(why_not(without(kIke, 1)), because("no cipher with 128 bits"));
  REQUIRE_THAT(why_not(with(kIke, 1, 3)), because("cipher 3 with 128 bits"));
  REQUIRE_THAT(why_not(without(kIke, 2)), because("no hash"));
  REQUIRE_THAT(why_not(with(kIke, 2, 3)), because("hash 3"));
  REQUIRE_THAT(why_not(with(kIke, 11, 3)),
               because("a lifetime that is neither seconds nor kilobytes"));
  REQUIRE_THAT(why_not(without(kIke, 11)), because("a lifetime without unit or duration"));
  REQUIRE_THAT(why_not(without(kIke, 12)), because("a lifetime without unit or duration"));

  const auto of_two = choose(kOurs, kDay, isakmp(std::vector{v1_transform(2, kIke)}));
  REQUIRE_THAT(of_two.error().theirs, because("transform id 2"));
  SaPayload esp = isakmp(kIke);
  esp.proposals.front().protocol = wire::v1::ProtocolId::esp;
  REQUIRE_THAT(choose(kOurs, kDay, esp).error().theirs, because("protocol 3 instead of ISAKMP"));
  // An understood one that we just do not have needs no more words.
  REQUIRE(why_not(with(kIke, 4, 2)) == "aes128-sha256-modp1024");
}

TEST_CASE("the shorter lifetime of phase 1 is agreed, whatever the peer's is") {
  const auto agreed = [](Numbers life) {
    Numbers numbers = without(kIke, 11);
    std::erase_if(numbers, [](const auto& number) { return number.first == 12; });
    numbers.insert(numbers.end(), life.begin(), life.end());
    const auto choice = choose(kOurs, kDay, isakmp(numbers));
    REQUIRE(choice);
    return choice->lifetimes;
  };
  REQUIRE(agreed({}) == Lifetimes{kDay, 0});
  REQUIRE(agreed({{11, 1}, {12, 60}}) == Lifetimes{seconds(60), 0});
  REQUIRE(agreed({{11, 1}, {12, 0}}) == Lifetimes{kDay, 0});
  REQUIRE(agreed({{11, 1}, {12, 0xffff'ffff}}) == Lifetimes{kDay, 0});
  REQUIRE(agreed({{11, 2}, {12, 4'608'000}}) == Lifetimes{kDay, 4'608'000});
  REQUIRE(agreed({{11, 1}, {12, 60}, {11, 2}, {12, 5}}) == Lifetimes{seconds(60), 5});
  for (const Bytes& duration : {Bytes(8, 0xff), Bytes(9, 0xff), Bytes{}}) {
    Transform odd = v1_transform(1, kIke);
    odd.attributes.back().value = duration;
    REQUIRE(choose(kOurs, kDay, isakmp(std::vector{odd}))->lifetimes == Lifetimes{kDay, 0});
  }
}

// --- As initiator ---

std::string refusal(const SaPayload& answer, const IkeOffers& offered = kOurs) {
  const auto accepted = accept(offered, kDay, answer);
  return accepted ? "accepted" : ipsec::describe(accepted.error());
}

TEST_CASE("an answer in phase 1 is one transform of those offered") {
  REQUIRE(refusal(isakmp(kIke)) == "accepted");
  // Numbers, order and form are the responder's.
  Transform odd = v1_transform(1, {{4, 14}, {2, 4}, {3, 1}, {14, 128}, {11, 1}, {12, 86'400}}, 200);
  odd.attributes.push_back(Attribute{1, Bytes{0, 7}});
  SaPayload answer = isakmp(std::vector{odd});
  answer.proposals.front().number = 9;
  REQUIRE(refusal(answer) == "accepted");
  REQUIRE(accept(kOurs, kDay, answer)->answer == answer);

  REQUIRE_THAT(refusal({}), Catch::Contains("exactly one proposal"));
  answer.proposals.push_back(answer.proposals.front());
  REQUIRE_THAT(refusal(answer), Catch::Contains("exactly one proposal"));
  REQUIRE_THAT(refusal(isakmp(std::vector{odd, odd})), Catch::Contains("exactly one transform"));
  REQUIRE_THAT(refusal(isakmp(std::vector<Transform>{})), Catch::Contains("exactly one transform"));
  REQUIRE_THAT(refusal(isakmp(with(kIke, 3, 65'001))),
               Catch::Contains("one of the transforms offered") &&
                   Catch::Contains("authentication method 65001"));
  REQUIRE_THAT(refusal(isakmp(with(kIke, 4, 2))),
               Catch::Contains("what was offered: aes128-sha256-modp2048") &&
                   Catch::Contains("aes128-sha256-modp1024"));
  SaPayload esp = isakmp(kIke);
  esp.proposals.front().protocol = wire::v1::ProtocolId::esp;
  REQUIRE_THAT(refusal(esp), Catch::Contains("instead of ISAKMP"));
}

TEST_CASE("an answer in phase 1 does not mix what was offered apart") {
  const IkeOffers apart{ike_offer("aes128", "sha256", "prfsha256", "modp2048"),
                        ike_offer("aes256", "sha1", "prfsha1", "modp1024")};
  REQUIRE(refusal(isakmp(kIke), apart) == "accepted");
  REQUIRE(refusal(isakmp(with(kIke, 14, 256)), apart) != "accepted");
  REQUIRE(refusal(isakmp(with(kIke, 4, 2)), apart) != "accepted");
  // Nor takes what did not fit into the offer.
  const IkeOffers automatic = default_ike_offers(Profile::automatic);
  const Numbers left_out{{1, 7}, {14, 192}, {2, 6}, {3, 1}, {4, 2}};
  REQUIRE(chosen(automatic, isakmp(left_out)) == "aes192-sha512-modp1024");
  REQUIRE(refusal(isakmp(left_out), automatic) != "accepted");
}

TEST_CASE("a lifetime that the responder made shorter is taken, a longer one is not") {
  REQUIRE(accept(kOurs, kDay, isakmp(kIke))->lifetimes == Lifetimes{seconds(3'600), 0});
  REQUIRE(accept(kOurs, seconds(60), isakmp(kIke))->lifetimes == Lifetimes{seconds(60), 0});
}

}  // namespace
}  // namespace ipsec::core::proposal_v1
