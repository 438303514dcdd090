// What strongSwan's two languages are told is read back as the same tunnel: on random tunnels, of
// either side, taken into an inventory that is empty before.
#include <algorithm>

#include <catch2/catch.hpp>

#include "ike/gateway/formats/import.h"
#include "ike/gateway/formats/view.h"
#include "tests/unit/formats/random_tunnel.h"
#include "tests/unit/gateway/site.h"

namespace ipsec::gateway::formats {
namespace {

std::vector<std::string> pairs_of(const View& view) {
  std::vector<std::string> out;
  for (const CidrPair& pair : view.pairs()) {
    out.push_back(pair.local.to_string() + " " + pair.remote.to_string());
  }
  std::ranges::sort(out);
  return out;
}

View seen(const Inventory& inventory, const Tunnel& tunnel, Side side) {
  std::vector<std::string> warnings;
  auto view = view_of(inventory, tunnel, side, Secrets::shown, warnings);
  REQUIRE(view.has_value());
  return *view;
}

// All but names: order of ranges, and which of two ways of saying the same was taken.
void compare(const View& told, const View& read) {
  CHECK(read.local == told.local);
  CHECK(read.remote == told.remote);
  CHECK(read.local_id == told.local_id);
  CHECK(read.remote_id == told.remote_id);
  CHECK(read.key == told.key);
  CHECK(pairs_of(read) == pairs_of(told));
  CHECK(read.start == told.start);
  CHECK(read.ike.version == told.ike.version);
  CHECK(read.ike.mode == told.ike.mode);
  CHECK(read.ike.lifetime == told.ike.lifetime);
  CHECK(read.ipsec.protocol == told.ipsec.protocol);
  CHECK(read.ipsec.lifetime == told.ipsec.lifetime);
  CHECK(read.ipsec.lifetime_kb == told.ipsec.lifetime_kb);
  CHECK(read.ipsec.replay_window == told.ipsec.replay_window);
  CHECK(read.dpd == told.dpd);
  CHECK(read.force_encapsulation == told.force_encapsulation);
  CHECK(read.ike_offers == told.ike_offers);
  CHECK(read.child_offers == told.child_offers);
}

Imported read_back(Format format, const std::string& text) {
  auto imported = format == Format::swanctl ? read_swanctl(text) : read_ipsec_conf(text, "");
  INFO(text);
  REQUIRE(imported.has_value());
  CHECK(imported->untaken.empty());
  return *std::move(imported);
}

void there_and_back(Site& site, Format format, Side side) {
  const auto& tunnel = *site.inventory.get<Tunnel>(site.id(Kind::tunnel, "hq"));
  const auto text = render(site.inventory, tunnel, format, side, Secrets::shown);
  REQUIRE(text.has_value());
  INFO(text->text);
  const Imported imported = read_back(format, text->text);

  Site other;
  other.inventory = Inventory();
  REQUIRE(other.change([&](Draft& draft) {
    for (const auto& it : imported.declarations) draft.declare(it.kind, it.name, it.fields);
  }) == std::vector<std::string>{});
  const auto tunnels = other.inventory.all<Tunnel>();
  REQUIRE(tunnels.size() == 1);
  CHECK(tunnels.front()->meta.name == "hq");
  compare(seen(site.inventory, tunnel, side), seen(other.inventory, *tunnels.front(), Side::ours));
}

}  // namespace

TEST_CASE("what strongSwan is told is read back as the same tunnel") {
  test::Random random(5);
  for (int round = 0; round < 150; ++round) {
    Site site;
    REQUIRE(site.remove(Kind::tunnel, "hq").empty());
    const bool nat = random.one_in(3);
    const Fields fields = random_tunnel(random);
    const bool ah =
        std::ranges::find(fields, "ipsec.protocol", &Fields::value_type::first) != fields.end();
    if (nat && !ah) {
      REQUIRE(site.set(Kind::gateway, "gw", {{"local_address", {"10.0.9.5"}}}).empty());
    }
    REQUIRE(site.create(Kind::tunnel, "hq", fields) == std::vector<std::string>{});
    for (const Format format : {Format::swanctl, Format::ipsec_conf}) {
      for (const Side side : {Side::ours, Side::peer}) there_and_back(site, format, side);
    }
  }
}

TEST_CASE("the plan of an import as TOML declares the same") {
  Site site;
  const auto& tunnel = *site.inventory.get<Tunnel>(site.id(Kind::tunnel, "hq"));
  const auto text =
      render(site.inventory, tunnel, Format::swanctl, Side::ours, Secrets::shown).value().text;
  const auto imported = read_swanctl(text).value();
  const auto again = toml::read(toml::write(imported.declarations, Secrets::shown));
  REQUIRE(again.has_value());
  REQUIRE(again->size() == imported.declarations.size());
  for (std::size_t i = 0; i < again->size(); ++i) {
    CHECK((*again)[i].kind == imported.declarations[i].kind);
    CHECK((*again)[i].name == imported.declarations[i].name);
    CHECK((*again)[i].fields.size() == imported.declarations[i].fields.size());
  }
  CHECK_FALSE(toml::write(imported.declarations, Secrets::left_out).contains("correct-horse"));
}

}  // namespace ipsec::gateway::formats
