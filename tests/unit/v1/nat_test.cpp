// Goal: NAT detection in the words of RFC 3947 and in those of the drafts before it, whichever the
// peer knows, in both modes and roles: the hashes, the payload numbers, port 4500, UDP modes.
#include "tests/unit/v1/fixture.h"

namespace {

using namespace ipsec;
using test::Begins;
using test::Fixture;
using test::V1Hand;
namespace v1 = wire::v1;

struct Row {
  const char* what;
  std::vector<std::string_view> vendor_ids;
  bool draft;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> all{
      {"RFC 3947", {test::kNatRfc}, false},
      {"draft 03", {test::kNatDraft3}, true},
      {"draft 02", {test::kNatDraft2}, true},
      {"draft 02 with a line feed", {test::kNatDraft2Lf}, true},
      {"drafts and RFC", {test::kNatDraft2Lf, test::kNatDraft3, test::kNatRfc}, false}};
  return all;
}

}  // namespace

TEST_CASE("NAT-D is spoken as the peer does, and without a NAT nothing moves", "[v1][nat]") {
  for (const Row& row : rows()) {
    for (const bool aggressive : {false, true}) {
      for (const Begins who : test::kBegins) {
        INFO(row.what << ", aggressive " << aggressive << ", who " << static_cast<int>(who));
        V1Hand::Wishes wishes;
        wishes.aggressive = aggressive;
        wishes.vendor_ids = row.vendor_ids;
        wishes.draft = row.draft;
        Fixture it(who, wishes);
        CHECK(it.shake_hands());
        CHECK(it.hand.faults() == std::vector<std::string>{});
        CHECK_FALSE(it.ike().nat.any());
        CHECK(it.ike().remote.port == kIkePort);
      }
    }
  }
}

TEST_CASE("a peer behind a NAT is found, and what follows goes over port 4500", "[v1][nat]") {
  for (const Row& row : rows()) {
    for (const bool aggressive : {false, true}) {
      for (const Begins who : test::kBegins) {
        INFO(row.what << ", aggressive " << aggressive << ", who " << static_cast<int>(who));
        V1Hand::Wishes wishes;
        wishes.aggressive = aggressive;
        wishes.vendor_ids = row.vendor_ids;
        wishes.draft = row.draft;
        wishes.behind_nat = true;
        Fixture it(who, wishes);
        REQUIRE(it.shake_hands());
        const auto ike = it.ike();
        CHECK(ike.established);
        CHECK(ike.nat.remote);
        CHECK_FALSE(ike.nat.local);
        CHECK(ike.local.port == kNattPort);
        CHECK(ike.remote.port == kNattPort);
      }
    }
  }
}

TEST_CASE("a peer that knows nothing of NATs is sent no NAT-D", "[v1][nat]") {
  for (const bool aggressive : {false, true}) {
    V1Hand::Wishes wishes;
    wishes.aggressive = aggressive;
    wishes.vendor_ids = {};
    Fixture it(Begins::hand, wishes);
    it.feed(it.hand.begin());
    std::size_t hashes = 0;
    for (auto said = it.hand.hear(it.heard()); said; said = it.hand.hear(it.heard())) {
      it.feed(*said);
      if (it.hand.up()) break;
      const auto message = v1::parse_message(it.host.sent.front().bytes);
      REQUIRE(message);
      for (const auto& placed : message->payloads) {
        hashes += std::holds_alternative<v1::NatDiscoveryPayload>(placed.payload) ? 1U : 0U;
      }
    }
    CHECK(it.ike().established);
    CHECK(hashes == 0);
  }
}

// RFC 3947 5.1, and 61443 in the drafts.
TEST_CASE("behind a NAT quick mode has the UDP mode of the words that are spoken", "[v1][nat]") {
  for (const bool draft : {false, true}) {
    INFO("draft " << draft);
    V1Hand::Wishes wishes;
    wishes.vendor_ids = {draft ? test::kNatDraft3 : test::kNatRfc};
    wishes.draft = draft;
    wishes.behind_nat = true;
    {
      Fixture it(Begins::engine, wishes);
      REQUIRE(it.shake_hands());
      const auto offer = it.opened();
      REQUIRE(offer);
      REQUIRE(it.hand.hash_1_fits(*offer));
      const auto* sa = test::find_in<v1::SaPayload>(offer->payloads);
      REQUIRE(sa != nullptr);
      const auto* mode = v1::find(sa->proposals.front().transforms.front(),
                                  v1::Phase2Attribute::encapsulation_mode);
      REQUIRE(mode != nullptr);
      CHECK(v1::number_of(*mode) == (draft ? 61443 : 3));
    }
    Fixture it(Begins::hand, wishes);
    REQUIRE(it.shake_hands());
    it.host.sent.clear();
    it.feed(it.hand.quick_1(1, it.hand.quick_payloads(test::kHandSpi, Bytes(16, 3), {})));
    const auto answer = it.opened();
    REQUIRE(answer);
    CHECK(it.hand.hash_2_fits(*answer));
    REQUIRE(it.host.installed.size() == 1);
    REQUIRE(it.host.installed.front().encapsulation);
    CHECK(it.host.installed.front().encapsulation->source_port == kNattPort);
  }
}
