// Goal: where what was kept and what is found do not fit, the tunnel comes up anew and nothing of
// the old is left on either side. Method: a tunnel is up and at rest, one side dies, something
// changes meanwhile, and it comes back.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include <catch2/catch.hpp>

#include "ike/base/limits.h"
#include "ike/core/sa/layouts.h"
#include "ike/core/sa/records.h"
#include "ike/v1/sa.h"
#include "ike/v2/sa.h"
#include "tests/sim/pair.h"
#include "tests/support/counting_random.h"

using namespace std::chrono_literals;
using namespace ipsec;
using core::IkeDown;
using core::IkeUp;
using core::IkeVersion;
using core::RecordKind;
using core::Resumed;
using sim::Node;
using sim::Pair;

namespace {

constexpr std::string_view kSenseless = "record of the runtime store that makes no sense";
constexpr std::array kVersions{IkeVersion::v2, IkeVersion::v1};
constexpr std::size_t kLeft = Pair::kLeft;
constexpr std::size_t kRight = Pair::kRight;

void come_up(Pair& pair, IkeVersion version) {
  for (auto* config : {&pair.left_config, &pair.right_config}) config->version = version;
  pair.configure();
  REQUIRE(pair.up_within(5s));
  pair.world.run_for(60s);
  REQUIRE(pair.at_rest() == Pair::Problems{});
  for (auto* node : {&pair.left(), &pair.right()}) node->events.clear();
}

void expect_rest(Pair& pair, Duration within = 60s) {
  REQUIRE(pair.up_within(within));
  pair.world.run_for(60s);
  CHECK(pair.at_rest() == Pair::Problems{});
}

std::uint64_t dropped(const Node& node, std::string_view reason) {
  const auto found = node.engine->drops().find(reason);
  return found == node.engine->drops().end() ? 0 : found->second;
}

std::size_t records(const Node& node, RecordKind kind) {
  return static_cast<std::size_t>(std::ranges::count_if(
      node.store, [kind](const auto& entry) { return entry.first.kind == kind; }));
}

// What is at rest has one of each.
void expect_one_record_each(const Node& node) {
  CHECK(records(node, RecordKind::association) == 1);
  CHECK(records(node, RecordKind::sa) == 1);
  CHECK(records(node, RecordKind::window) == 1);
}

std::unique_ptr<core::Sa> make_sa(IkeVersion version) {
  if (version == IkeVersion::v1) return std::make_unique<v1::Sa>();
  return std::make_unique<v2::Sa>();
}

Secret& record_of(Pair& pair, RecordKind kind) {
  return std::ranges::find(pair.left().store, kind,
                           [](const auto& entry) { return entry.first.kind; })
      ->second;
}

// Writes the left side's association as `change` makes it.
template <typename Change>
void change_association(Pair& pair, Change change) {
  Secret& record = record_of(pair, RecordKind::association);
  auto saved = core::load_association(record.view());
  REQUIRE(saved.has_value());
  saved->association->tunnel = std::make_shared<const core::TunnelConfig>(pair.left_config);
  change(*saved->association);
  core::Saver saver;
  core::save(saver, *saved->association, saved->meaning);
  record = Secret::copy_of(saver.view());
}

// The same SA once more, under other numbers.
void add_twin_of_sa(Pair& pair) {
  auto& store = pair.left().store;
  const ByteView window = record_of(pair, RecordKind::window).view();
  const crypto::FakeProvider crypto(1);
  core::CountingRandom random;
  auto twin =
      core::load_sa(record_of(pair, RecordKind::sa).view(), window, make_sa, crypto, random);
  REQUIRE(twin.has_value());
  twin->sa->id = SaId{twin->sa->id.value + 1};
  twin->sa->our_spi = IkeSpi{twin->sa->our_spi.value ^ 1};
  twin->sa->association = std::make_shared<core::Association>();
  twin->sa->association->id = twin->association;
  core::Saver saver;
  core::save(saver, *twin->sa);
  store.insert_or_assign({RecordKind::window, twin->sa->id.value}, Secret::copy_of(window));
  store.insert_or_assign({RecordKind::sa, twin->sa->id.value}, Secret::copy_of(saver.view()));
}

}  // namespace

TEST_CASE("with another key the old SA is closed at the peer, and a new one made",
          "[sim][resume]") {
  for (const IkeVersion version : kVersions) {
    Pair pair;
    come_up(pair, version);
    pair.world.kill(kLeft);
    const std::shared_ptr<const core::Credential> credential =
        core::make_shared_key_credential(Secret::copy_of("another"));
    pair.left_config.credential = pair.right_config.credential = credential;
    pair.revive(kLeft);
    // The peer hears it under the old keys before it has the new one itself.
    REQUIRE(pair.world.run_until([&] { return pair.right().count<IkeDown>() == 1; }, 5s));
    pair.world.run_for(1s);
    CHECK(pair.left().kernel.sas().empty());
    pair.world.configure(kRight, pair.right_config);
    expect_rest(pair);
    expect_one_record_each(pair.left());
  }
}

TEST_CASE("a broken record is counted, and its tunnel comes up anew", "[sim][resume]") {
  for (const IkeVersion version : kVersions) {
    for (const RecordKind kind : {RecordKind::association, RecordKind::sa, RecordKind::window}) {
      Pair pair;
      come_up(pair, version);
      pair.world.kill(kLeft);
      for (auto& [key, content] : pair.left().store) {
        if (key.kind != kind) continue;
        content = Secret::copy_of(content.view().first(content.size() - 1));
      }
      INFO("kind " << static_cast<int>(kind) << ", v" << (version == IkeVersion::v1 ? 1 : 2));
      pair.revive(kLeft);
      CHECK(dropped(pair.left(), kSenseless) == 1);
      CHECK(pair.left().kernel.sas().empty());
      CHECK(pair.left().store.empty());
      expect_rest(pair);
      CHECK(pair.left().count<Resumed>() == 0);
      CHECK(pair.left().count<IkeUp>() >= 1);
      expect_one_record_each(pair.left());
    }
  }
}

// The checksum keeps accidents out; whatever a record says, nobody falls over it.
TEST_CASE("any byte of the store may be another", "[sim][resume]") {
  for (const IkeVersion version : kVersions) {
    Pair original;
    come_up(original, version);
    for (std::size_t at = 0;; ++at) {
      std::size_t longest = 0;
      Pair pair;
      for (auto* config : {&pair.left_config, &pair.right_config}) config->version = version;
      Node& node = pair.left();
      for (const auto& [key, content] : original.left().store) {
        Secret changed = content.clone();
        longest = std::max(longest, content.size());
        if (at < changed.size()) changed.writable()[at] ^= 0x41;
        node.store.emplace(key, std::move(changed));
      }
      if (at >= longest) break;
      pair.revive(kLeft);
      pair.world.run_for(100ms);
      CHECK(node.engine->snapshot().tunnels.size() == 1);
    }
  }
}

// To delete one of them by its number would delete the other, again and again.
TEST_CASE("two children with one number are no record", "[sim][resume]") {
  for (const IkeVersion version : kVersions) {
    Pair pair;
    come_up(pair, version);
    pair.world.kill(kLeft);
    change_association(pair, [](core::Association& association) {
      core::Child twin = core::clone(association.children.front());
      twin.phase = core::Replaced{false, Time{}};
      association.children.push_back(std::move(twin));
    });
    pair.revive(kLeft);
    CHECK(dropped(pair.left(), kSenseless) == 1);
    expect_rest(pair);
  }
}

TEST_CASE("a moment before all time is in no record", "[sim][resume]") {
  for (const Time at : {Time(-1us), Time::min(), kNever - 1us}) {
    Pair pair;
    come_up(pair, IkeVersion::v1);
    pair.world.kill(kLeft);
    change_association(pair, [at](core::Association& it) { it.children.front().made_at = at; });
    pair.revive(kLeft);
    CHECK(dropped(pair.left(), kSenseless) == 1);
    expect_rest(pair);
  }
}

// The first of them that goes on finds that, ends the association, and closes the second.
TEST_CASE("two SAs of which none is the current one end", "[sim][resume]") {
  for (const IkeVersion version : kVersions) {
    Pair pair;
    come_up(pair, version);
    pair.world.kill(kLeft);
    change_association(pair,
                       [](core::Association& it) { it.current = SaId{it.current.value + 7}; });
    add_twin_of_sa(pair);
    pair.revive(kLeft);
    CHECK(dropped(pair.left(), kSenseless) == 0);
    expect_rest(pair);
    expect_one_record_each(pair.left());
  }
}

TEST_CASE("no part of a record is taken for one", "[sim][resume]") {
  for (const IkeVersion version : kVersions) {
    Pair pair;
    come_up(pair, version);
    Node& node = pair.left();
    const auto find = [&](RecordKind kind) {
      return std::ranges::find_if(node.store,
                                  [kind](const auto& it) { return it.first.kind == kind; })
          ->second.view();
    };
    const ByteView association = find(RecordKind::association);
    const ByteView sa = find(RecordKind::sa);
    const ByteView window = find(RecordKind::window);
    const auto loads = [&](ByteView record, ByteView hot) {
      return core::load_sa(record, hot, make_sa, node.crypto, node.random).has_value();
    };
    CHECK(core::load_association(association).has_value());
    CHECK(loads(sa, window));
    for (std::size_t size = 0; size < association.size(); ++size) {
      CHECK_FALSE(core::load_association(association.first(size)).has_value());
    }
    for (std::size_t size = 0; size < sa.size(); ++size) CHECK_FALSE(loads(sa.first(size), window));
    for (std::size_t size = 0; size < window.size(); ++size) {
      CHECK_FALSE(loads(sa, window.first(size)));
    }
  }
}

TEST_CASE("a child that the kernel lost one half of is made anew", "[sim][resume]") {
  for (const IkeVersion version : kVersions) {
    for (const auto lost : {xfrm::Direction::in, xfrm::Direction::out}) {
      Pair pair;
      come_up(pair, version);
      const auto before = pair.left().usable(1).front();
      pair.world.kill(kLeft);
      const auto& sas = pair.left().kernel.sas();
      const auto half = std::ranges::find_if(
          sas, [lost](const auto& entry) { return entry.second.direction == lost; });
      REQUIRE(half != sas.end());
      const xfrm::SaKey key = half->first;
      pair.left().kernel.expire(key);
      pair.world.run_for(1s);
      pair.revive(kLeft);
      REQUIRE(pair.left().count<Resumed>() == 1);
      REQUIRE(pair.world.run_until([&] { return pair.packet_passes(); }, 10s));
      expect_rest(pair);
      CHECK(pair.left().usable(1).front().inbound != before.inbound);
      // The IKE SA is the one it was.
      CHECK(pair.left().count<IkeDown>() + pair.right().count<IkeDown>() == 0);
    }
  }
}

TEST_CASE("where the kernel lost everything the children are made anew", "[sim][resume]") {
  for (const IkeVersion version : kVersions) {
    Pair pair;
    come_up(pair, version);
    pair.world.kill(kLeft);
    while (!pair.left().kernel.sas().empty()) {
      pair.left().kernel.expire(xfrm::SaKey(pair.left().kernel.sas().begin()->first));
    }
    pair.revive(kLeft);
    REQUIRE(pair.left().count<Resumed>() == 1);
    REQUIRE(pair.world.run_until([&] { return pair.packet_passes(); }, 10s));
    expect_rest(pair);
    CHECK(pair.left().count<IkeDown>() + pair.right().count<IkeDown>() == 0);
    expect_one_record_each(pair.left());
  }
}

TEST_CASE("a peer that has gone meanwhile is found dead, and nothing of it stays",
          "[sim][resume]") {
  for (const IkeVersion version : kVersions) {
    Pair pair;
    pair.left_config.start = core::Start::respond;
    come_up(pair, version);
    pair.world.kill(kLeft);
    pair.right().cut = true;
    pair.world.run_for(2s);
    pair.revive(kLeft);
    CHECK(pair.left().usable(1).size() == 1);
    CHECK(pair.world.run_until([&] { return pair.left().count<IkeDown>() == 1; }, 40s));
    pair.world.run_for(10s);
    CHECK(pair.left().kernel.empty());
    CHECK(pair.left().store.empty());
    CHECK(pair.left().engine->snapshot().sas == 0);
    pair.right().cut = false;
    expect_rest(pair);
  }
}

TEST_CASE("a peer that moved while nobody was there is followed, with its children",
          "[sim][resume]") {
  for (const IkeVersion version : kVersions) {
    Pair pair;
    pair.left().nat_address = Address::parse("198.51.100.7").value();
    pair.right_config.remote = Address::any(Family::v4);
    come_up(pair, version);
    const auto port_of = [&] { return pair.right().tunnel(1).ike.front().remote.port; };
    const std::uint16_t before = port_of();
    pair.world.kill(kRight);
    pair.left().nat_port_shift += 7;
    pair.world.run_for(2s);
    pair.revive(kRight);
    REQUIRE(pair.right().count<Resumed>() == 1);
    pair.world.order(kLeft, 1, core::Order::probe);
    pair.world.run_for(30s);
    CHECK(port_of() == before + 7);
    for (const auto& [key, spec] : pair.right().kernel.sas()) {
      REQUIRE(spec.encapsulation.has_value());
      const bool in = spec.direction == xfrm::Direction::in;
      const auto port = in ? spec.encapsulation->source_port : spec.encapsulation->destination_port;
      CHECK(port == before + 7);
    }
    CHECK(pair.at_rest() == Pair::Problems{});
    CHECK(pair.left().count<IkeDown>() + pair.right().count<IkeDown>() == 0);
  }
}

// Where the store knew of the move and the kernel did not: it is moved as it is adopted.
TEST_CASE("what was to be moved when the daemon died is moved when it comes back",
          "[sim][resume]") {
  for (const IkeVersion version : kVersions) {
    std::size_t died = 0;
    for (std::size_t actions = 1; actions < 12; ++actions) {
      Pair pair;
      pair.left().nat_address = Address::parse("198.51.100.7").value();
      pair.right_config.remote = Address::any(Family::v4);
      come_up(pair, version);
      pair.left().nat_port_shift += 7;
      pair.right().dies_after = actions;
      pair.world.order(kLeft, 1, core::Order::probe);
      pair.world.run_for(500ms);
      pair.right().dies_after.reset();
      INFO("dead after " << actions << " actions");
      if (pair.right().dead) {
        ++died;
        pair.revive(kRight);
      }
      pair.world.run_for(30s);
      for (const auto& [key, spec] : pair.right().kernel.sas()) {
        REQUIRE(spec.encapsulation.has_value());
        const bool in = spec.direction == xfrm::Direction::in;
        const auto& udp = *spec.encapsulation;
        CHECK((in ? udp.source_port : udp.destination_port) == 14507);
      }
      CHECK(pair.at_rest() == Pair::Problems{});
      CHECK(pair.left().count<IkeDown>() + pair.right().count<IkeDown>() == 0);
    }
    CHECK(died >= 3);
  }
}

TEST_CASE("what dies as it comes back comes back all the same", "[sim][resume]") {
  for (const IkeVersion version : kVersions) {
    for (std::size_t actions = 0; actions < 12; ++actions) {
      Pair pair;
      come_up(pair, version);
      pair.world.kill(kLeft);
      pair.world.revive(kLeft, {pair.left_config}, actions);
      pair.world.run_for(1s);
      pair.left().dies_after.reset();
      INFO("dead after " << actions << " actions");
      if (pair.left().dead) pair.revive(kLeft);
      pair.world.run_for(30s);
      CHECK(pair.at_rest() == Pair::Problems{});
      CHECK(pair.left().count<IkeDown>() + pair.right().count<IkeDown>() == 0);
    }
  }
}

// What is to be said of it once more is said at each comeback; that keeps it no longer.
TEST_CASE("what lingers is gone in time, however often its daemon dies", "[sim][resume]") {
  for (const IkeVersion version : kVersions) {
    Pair pair;
    come_up(pair, version);
    pair.world.order(kLeft, 1, core::Order::rekey_children);
    pair.world.run_for(limits::kV1DeletesAfter + 500ms);
    REQUIRE(pair.left().kernel.sas().size() == 3);
    for (Duration passed{}; passed <= limits::kInboundLinger; passed += 2s) {
      pair.world.kill(kLeft);
      pair.world.run_for(1s);
      pair.revive(kLeft);
      pair.world.run_for(1s);
    }
    CHECK(pair.left().kernel.sas().size() == 2);
    CHECK(pair.at_rest() == Pair::Problems{});
  }
}

// An SA whose window is empty has a record of it all the same.
TEST_CASE("a daemon that dies as a tunnel opens finds what it wrote whole", "[sim][v1][resume]") {
  for (const bool aggressive : {false, true}) {
    for (const std::size_t side : {kLeft, kRight}) {
      for (std::size_t actions = 0; actions < 16; ++actions) {
        Pair pair;
        for (auto* config : {&pair.left_config, &pair.right_config}) {
          config->version = IkeVersion::v1;
          config->aggressive = aggressive;
        }
        pair.right_config.start = core::Start::respond;
        Node& node = pair.world.node(side);
        node.dies_after = actions;
        pair.configure();
        pair.world.run_for(300ms);
        node.dies_after.reset();
        INFO("side " << side << " dead after " << actions << " actions, aggressive " << aggressive);
        CHECK(records(node, RecordKind::sa) == records(node, RecordKind::window));
        if (node.dead) pair.revive(side);
        CHECK(dropped(node, kSenseless) == 0);
        expect_rest(pair);
      }
    }
  }
}
