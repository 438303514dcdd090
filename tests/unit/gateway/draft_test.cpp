// Changes as a whole: names and ids, plans, what reconnects, and that nothing is taken by halves.
#include <algorithm>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/gateway/meaning.h"
#include "tests/unit/gateway/site.h"

using ipsec::FieldValue;
using ipsec::Kind;
using ipsec::ObjectId;
using ipsec::gateway::Draft;
using ipsec::gateway::Fields;
using ipsec::gateway::Site;
using ipsec::gateway::Step;
using ipsec::gateway::tunnel_fields;

namespace {

using Lines = std::vector<std::string>;
const Lines kTaken{};

// "create tunnel two", "change tunnel hq: psk remarks, reconnects"
Lines steps_of(const ipsec::gateway::Plan& plan) {
  Lines out;
  for (const Step& step : plan.steps) {
    const auto* what = step.what == Step::What::create   ? "create"
                       : step.what == Step::What::change ? "change"
                       : step.what == Step::What::remove ? "remove"
                                                         : "follow";
    std::string line =
        std::string(what) + " " + std::string(name_of(step.id.kind)) + " " + step.name;
    for (const auto& change : step.changes) line += " " + change.field;
    if (step.reconnects) line += ", reconnects";
    out.push_back(line);
  }
  return out;
}

}  // namespace

TEST_CASE("objects are found by name, by id, and by what begins no other id", "[gateway]") {
  Site site;
  const ObjectId hq = site.id(Kind::tunnel, "hq");
  const auto resolve = [&](const std::string& word) {
    return site.inventory.resolve("default", Kind::tunnel, word);
  };
  CHECK(resolve("hq") == hq);
  CHECK(resolve(hq.to_string()) == hq);
  CHECK(resolve(hq.to_string().substr(0, 6)) == hq);
  CHECK(resolve("tun-").error() == "no such tunnel; `ipsecctl tunnel list` shows those there are");
  CHECK(resolve("hqq").error() == "no such tunnel; is 'hq' meant?");
  CHECK(resolve("").error() == "no such tunnel; `ipsecctl tunnel list` shows those there are");
  CHECK_FALSE(site.inventory.resolve("other", Kind::tunnel, hq.to_string()).has_value());
  CHECK_FALSE(site.inventory.resolve("default", Kind::peer, hq.to_string()).has_value());
}

TEST_CASE("a prefix that begins several ids is refused", "[gateway]") {
  Site site;
  site.settings.limits.peers_per_region = 100;
  REQUIRE(site.change([](Draft& it) {
    for (int i = 0; i < 20; ++i) {
      it.create(Kind::peer, "p" + std::to_string(i),
                {{"address", {"203.0.113." + std::to_string(20 + i)}}});
    }
  }) == kTaken);
  // Twenty-one ids and sixteen digits: some two begin alike.
  bool ambiguous = false;
  for (const char digit : std::string("0123456789abcdef")) {
    const auto found = site.inventory.resolve("default", Kind::peer, std::string("peer-") + digit);
    ambiguous = ambiguous || (!found && found.error().ends_with("give more of it"));
  }
  CHECK(ambiguous);
}

TEST_CASE("names are unique in an account, and each account sees its own", "[gateway]") {
  Site site;
  CHECK(site.create(Kind::peer, "office", {{"address", {"203.0.113.77"}}}) ==
        Lines{"peer 'office': name 'office': taken already; choose another, or change that one"});
  auto other = site.draft("second");
  other.create(Kind::peer, "office", {{"address", {"203.0.113.77"}}});
  other.create(Kind::subnet, "s", {{"vpc", {"prod"}}, {"cidr", {"10.0.3.0/24"}}});
  CHECK(site.take(std::move(other)) ==
        Lines{"subnet 's': vpc 'prod': no such vpc; `ipsecctl vpc list` shows those there are"});
}

TEST_CASE("names of the wrong form are refused", "[gateway]") {
  Site site;
  const auto* const name =
      GENERATE("", "a b", "a/b", "a'b", "-a", "a,b", "a=b", "a\nb", "peer-0123456789abcdef");
  CHECK(site.create(Kind::peer, name, {{"address", {"203.0.113.77"}}}).size() == 1);
  CHECK(site.create(Kind::peer, "b\xc3\xbcro", {{"address", {"203.0.113.77"}}}) == kTaken);
}

TEST_CASE("only what means something else to the peer reconnects a tunnel", "[gateway]") {
  Site site;
  const auto [fields, line] = GENERATE(table<Fields, std::string>({
      {{{"remarks", {"x"}}}, "change tunnel hq remarks"},
      {{{"route_mode", {"static"}}, {"on_down", {"blackhole"}}},
       "change tunnel hq route_mode on_down"},
      {{{"group", {"ha"}}}, "change tunnel hq group"},
      // What it was anyway, said.
      {{{"ike.local_id", {"198.51.100.1"}}}, "change tunnel hq ike.local_id"},
      {{{"ike.peer_id", {"203.0.113.9"}}}, "change tunnel hq ike.peer_id"},
      {{{"psk", {"another-key-entirely"}}}, "change tunnel hq psk, reconnects"},
      {{{"peer_cidrs", {"192.168.2.0/24", "192.168.3.0/24"}}},
       "change tunnel hq peer_cidrs, reconnects"},
      {{{"ike.encryption", {"aes256"}}}, "change tunnel hq ike.encryption, reconnects"},
      {{{"ipsec.pfs", {"none"}}}, "change tunnel hq ipsec.pfs, reconnects"},
      {{{"enabled", {"false"}}}, "change tunnel hq enabled, reconnects"},
      {{{"dpd.delay_s", {"9"}}}, "change tunnel hq dpd.delay_s, reconnects"},
  }));
  REQUIRE(site.set(Kind::tunnel, "hq", fields) == kTaken);
  CHECK(steps_of(site.plan) == Lines{line});
}

TEST_CASE("a tunnel follows its gateway and its peer", "[gateway]") {
  Site site;
  REQUIRE(site.set(Kind::peer, "office", {{"vendor", {"cisco"}}}) == kTaken);
  CHECK(steps_of(site.plan) == Lines{"change peer office vendor"});
  REQUIRE(site.set(Kind::peer, "office", {{"address", {"203.0.113.10"}}}) == kTaken);
  CHECK(steps_of(site.plan) == Lines{"change peer office address", "follow tunnel hq, reconnects"});
  REQUIRE(site.set(Kind::gateway, "gw", {{"local_address", {"192.168.93.46"}}}) == kTaken);
  CHECK(steps_of(site.plan) ==
        Lines{"change gateway gw local_address", "follow tunnel hq, reconnects"});
  const auto& tunnel = *site.inventory.get<ipsec::gateway::Tunnel>(site.id(Kind::tunnel, "hq"));
  const auto meaning = ipsec::gateway::meaning_of(site.inventory, tunnel);
  REQUIRE(meaning.has_value());
  CHECK(meaning->local.to_string() == "192.168.93.46");
  CHECK(meaning->local_id.to_string() == "198.51.100.1");
  CHECK(meaning->peer_id->to_string() == "203.0.113.10");
}

TEST_CASE("a gateway without an address leaves its tunnels waiting", "[gateway]") {
  Site site;
  REQUIRE(site.set(Kind::gateway, "gw", {{"public_address", {}}}) == kTaken);
  CHECK(steps_of(site.plan) ==
        Lines{"change gateway gw public_address", "follow tunnel hq, reconnects"});
  const auto& tunnel = *site.inventory.get<ipsec::gateway::Tunnel>(site.id(Kind::tunnel, "hq"));
  CHECK_FALSE(ipsec::gateway::meaning_of(site.inventory, tunnel).has_value());
}

TEST_CASE("an address is taken from the pool, and kept", "[gateway]") {
  Site site;
  const Fields fields{{"vpc", {"prod"}}, {"subnet", {"db"}}, {"public_address", {"auto"}}};
  CHECK(site.create(Kind::gateway, "g", fields) ==
        Lines{"gateway 'g': public_address 'auto': no pool of public addresses is set; give an "
              "address"});
  site.settings.public_pool = {*ipsec::Address::parse("198.51.100.1"),
                               *ipsec::Address::parse("198.51.100.2")};
  REQUIRE(site.create(Kind::gateway, "g", fields) == kTaken);
  const auto address = [&] {
    return get_field(*site.inventory.find(site.id(Kind::gateway, "g")), "public_address");
  };
  CHECK(address() == FieldValue{"198.51.100.2"});
  REQUIRE(site.set(Kind::gateway, "g", {{"public_address", {"auto"}}}) == kTaken);
  CHECK(address() == FieldValue{"198.51.100.2"});
  CHECK(site.create(Kind::gateway, "h", fields) ==
        Lines{"gateway 'h': public_address 'auto': every address of the pool is taken; give one"});
}

TEST_CASE("a declaration is the whole of an object, but for its secrets", "[gateway]") {
  Site site;
  REQUIRE(site.set(Kind::tunnel, "hq", {{"dpd.delay_s", {"9"}}, {"remarks", {"x"}}}) == kTaken);
  REQUIRE(site.change([&](Draft& it) {
    it.declare(Kind::tunnel, "hq", tunnel_fields({{"psk", {}}}));
  }) == kTaken);
  CHECK(steps_of(site.plan) == Lines{"change tunnel hq dpd.delay_s remarks, reconnects"});
  REQUIRE(site.change([&](Draft& it) { it.declare(Kind::tunnel, "hq", tunnel_fields()); }) ==
          kTaken);
  CHECK(steps_of(site.plan).empty());
}

TEST_CASE("a change is taken whole or not at all, and everything against it is told", "[gateway]") {
  Site site;
  const auto before = site.inventory.size();
  const auto lines = site.change([&](Draft& it) {
    it.create(Kind::peer, "good", {{"address", {"203.0.113.20"}}});
    it.create(Kind::peer, "bad", {{"address", {"127.0.0.1"}}, {"vendr", {"x"}}});
    it.set(site.id(Kind::tunnel, "hq"), {{"ike.lifetime_s", {"1"}}, {"start", {"maybe"}}});
  });
  CHECK(lines.size() == 4);
  CHECK(lines.front() == "peer 'bad': vendr: no such field; is 'vendor' meant?");
  CHECK(site.inventory.size() == before);
}

TEST_CASE("a tunnel may take the place of another in one change", "[gateway]") {
  Site site;
  Draft draft = site.draft();
  draft.create(Kind::tunnel, "two", tunnel_fields());
  draft.rename(site.id(Kind::tunnel, "hq"), "main");
  draft.remove(site.id(Kind::tunnel, "hq"));
  draft.set(site.id(Kind::tunnel, "hq"), {{"remarks", {"too late"}}});
  REQUIRE(site.take(std::move(draft)) == kTaken);
  auto steps = steps_of(site.plan);
  std::ranges::sort(steps);  // ids are random, and the order is theirs
  CHECK(steps == Lines{"create tunnel two", "remove tunnel hq"});
}

TEST_CASE("renaming changes the name and nothing else", "[gateway]") {
  Site site;
  REQUIRE(site.change([&](Draft& it) { it.rename(site.id(Kind::tunnel, "hq"), "main"); }) ==
          kTaken);
  CHECK(steps_of(site.plan) == Lines{"change tunnel main name"});
  CHECK(site.change([&](Draft& it) { it.rename(site.id(Kind::subnet, "web"), "db"); }) ==
        Lines{"subnet 'web': name 'db': taken already; choose another"});
}
