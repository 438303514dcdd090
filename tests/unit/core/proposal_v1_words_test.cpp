// Goal: what a peer offers in IKEv1 is said in the words that its administrator knows, however much
// of it there is. Method: payloads written by hand.
#include <algorithm>

#include <catch2/catch.hpp>

#include "ike/core/proposal_v1.h"
#include "tests/unit/core/proposals_v1.h"

namespace ipsec::core::proposal_v1 {
namespace {

using wire::v1::ProtocolId;
using wire::v1::SaPayload;
using wire::v1::Transform;

TEST_CASE("SA payloads of phase 1 in words") {
  REQUIRE(describe(SaPayload{}) == "nothing");
  REQUIRE(describe(isakmp(kIke)) == "aes128-sha256-modp2048");
  REQUIRE(describe(isakmp(with(kIke, 3, 3))) == "aes128-sha256-modp2048-rsa signatures");
  REQUIRE(describe(isakmp(with(kIke, 3, 65'001))) ==
          "aes128-sha256-modp2048-xauth with pre-shared key");
  REQUIRE(describe(isakmp(with(kIke, 3, 64))) == "aes128-sha256-modp2048-authentication 64");
  REQUIRE(describe(isakmp(Numbers{{1, 6}, {14, 64}, {2, 9}, {4, 99}})) ==
          "encryption 6 with 64 bits-hash 9-group 99");
  REQUIRE(describe(isakmp(with(kIke, 13, 1))) == "aes128-sha256-modp2048 with unknown attributes");
  REQUIRE(describe(isakmp(Numbers{})) == "no algorithms");
  REQUIRE(describe(isakmp(std::vector{v1_transform(1, kIke), v1_transform(1, with(kIke, 4, 2))})) ==
          "aes128-sha256-modp2048, aes128-sha256-modp1024");
}

TEST_CASE("a flood of v1 transforms does not make a flood of words") {
  SaPayload theirs;
  const std::vector<Transform> transforms(255, v1_transform(1, {{1, 65'535}, {14, 65'535}}));
  for (std::uint8_t i = 1; i <= 64; ++i) {
    theirs.proposals.push_back({i, wire::v1::ProtocolId::isakmp, {}, transforms});
  }
  REQUIRE(describe(theirs).size() < 6'000);
  REQUIRE_THAT(describe(theirs), Catch::EndsWith(", and 16288 more"));
}

TEST_CASE("SA payloads of phase 2 in words") {
  REQUIRE(describe(esp(kAes, with(kEsp, 4, 2))) == "aes128-sha256-modp2048-transport");
  REQUIRE(describe(esp(kAes, with(kEsp, 4, 61'443))) ==
          "aes128-sha256-modp2048-udp tunnel (draft)");
  REQUIRE(describe(esp(kAes, with(kEsp, 4, 9))) == "aes128-sha256-modp2048-mode 9");
  REQUIRE(describe(esp(20, {{6, 128}, {4, 1}, {11, 1}})) == "aes128gcm16-esn");
  REQUIRE(describe(esp(99, {{5, 77}, {6, 12}, {3, 88}, {11, 5}})) ==
          "encryption 99 with 12 bits-integrity 77-group 88-esn 5");
  REQUIRE(describe(ah(99, {})) == "ah:transform 99");
  REQUIRE(describe(SaPayload{{{1, ProtocolId{9}, {}, {v1_transform(2, {})}}}}) == "protocol 9:2");
}

}  // namespace
}  // namespace ipsec::core::proposal_v1
