// What this room spells out is what the daemon offers: on random tunnels, list by list. So neither
// the defaults of the engine nor the rules for named algorithms can move without it.
#include <catch2/catch.hpp>

#include "ike/daemon/translate.h"
#include "ike/gateway/formats/proposals.h"
#include "ike/gateway/meaning.h"
#include "tests/unit/formats/random_tunnel.h"
#include "tests/unit/gateway/site.h"

namespace ipsec::gateway::formats {
namespace {

void compare(const Proposals& ours, const core::IkeOffers& daemon) {
  REQUIRE(ours.size() == daemon.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    CHECK(ours[i].encryption == daemon[i].encryption);
    CHECK(ours[i].integrity == daemon[i].integrity);
    CHECK(ours[i].prfs == daemon[i].prfs);
    CHECK(ours[i].groups == daemon[i].groups);
  }
}

void compare(const Proposals& ours, const core::ChildOffers& daemon) {
  REQUIRE(ours.size() == daemon.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    CHECK(ours[i].encryption == daemon[i].encryption);
    CHECK(ours[i].integrity == daemon[i].integrity);
    CHECK(ours[i].groups == daemon[i].groups);
  }
}

}  // namespace

TEST_CASE("auto and modern are the engine's defaults") {
  for (const auto& [profile, engine] : {std::pair(Profile::automatic, core::Profile::automatic),
                                        std::pair(Profile::modern, core::Profile::modern)}) {
    compare(ike_proposals({}, profile), core::default_ike_offers(engine));
    compare(child_proposals({}, profile), core::default_child_offers(engine));
  }
}

TEST_CASE("named algorithms are offered as the daemon offers them") {
  test::Random random(11);
  for (int round = 0; round < 300; ++round) {
    Site site;
    REQUIRE(site.remove(Kind::tunnel, "hq").empty());
    REQUIRE(site.create(Kind::tunnel, "r", random_tunnel(random)) == std::vector<std::string>{});
    const auto meaning =
        meaning_of(site.inventory, *site.inventory.get<Tunnel>(site.id(Kind::tunnel, "r")));
    REQUIRE(meaning.has_value());
    const auto config = daemon::translate(*meaning, "r", {});
    compare(ike_proposals(meaning->ike, meaning->profile), config.offers);
    compare(child_proposals(meaning->ipsec, meaning->profile), config.children.front().offers);
  }
}

}  // namespace ipsec::gateway::formats
