// Goal: IKEv1 brings a tunnel up and keeps it: main and aggressive mode, in both roles, whatever
// message is lost, and no packet is lost when SAs are made anew.
// Method: the pair of the other tests, with both sides set to IKEv1.
#include <algorithm>
#include <array>
#include <string>

#include <catch2/catch.hpp>

#include "ike/base/limits.h"
#include "tests/sim/crossing.h"

using namespace std::chrono_literals;
using ipsec::core::IkeVersion;
using ipsec::core::Order;
using ipsec::core::Start;
using ipsec::sim::Crossing;
using ipsec::sim::Kind;
using ipsec::sim::Pair;

namespace {

enum class Mode : std::uint8_t { main, aggressive };
constexpr std::array kModes{Mode::main, Mode::aggressive};

void speak_v1(Pair& pair, Mode mode) {
  for (auto* config : {&pair.left_config, &pair.right_config}) {
    config->version = IkeVersion::v1;
    config->aggressive = mode == Mode::aggressive;
  }
}

void only_one_begins(Pair& pair, std::size_t initiator) {
  auto& other = initiator == Pair::kLeft ? pair.right_config : pair.left_config;
  other.start = Start::respond;
}

}  // namespace

TEST_CASE("IKEv1 comes up, whoever begins", "[sim][v1]") {
  for (const Mode mode : kModes) {
    for (const std::size_t initiator : {Pair::kLeft, Pair::kRight}) {
      INFO("mode " << static_cast<int>(mode) << ", initiator " << initiator);
      Pair pair;
      speak_v1(pair, mode);
      only_one_begins(pair, initiator);
      pair.configure();
      CHECK(pair.up_within(2s));
      CHECK(pair.at_rest() == Pair::Problems{});
    }
  }
}

TEST_CASE("IKEv1 begun by both ends at once ends in one of each", "[sim][v1]") {
  for (const Mode mode : kModes) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      INFO("mode " << static_cast<int>(mode) << ", seed " << seed);
      Pair pair(seed);
      pair.world.faults.delay_min = 1ms;
      pair.world.faults.delay_max = 30ms;
      speak_v1(pair, mode);
      pair.configure();
      CHECK(pair.up_within(5s));
      pair.world.run_for(60s);
      const auto problems = pair.at_rest();
      CHECK(problems == Pair::Problems{});
    }
  }
}

TEST_CASE("IKEv1 comes up though any one message is lost", "[sim][v1]") {
  for (const Mode mode : kModes) {
    for (std::size_t lost = 0; lost < 9; ++lost) {
      Pair pair;
      speak_v1(pair, mode);
      only_one_begins(pair, Pair::kLeft);
      pair.world.hold = true;
      pair.configure();
      pair.world.run_for(1ms);
      for (std::size_t i = 0; i < lost && !pair.world.held.empty(); ++i) pair.world.deliver(0);
      if (pair.world.held.empty()) break;
      pair.world.drop(0);
      pair.world.hold = false;
      pair.world.deliver_all();
      INFO("mode " << static_cast<int>(mode) << ", lost " << lost);
      CHECK(pair.up_within(30s));
      pair.world.run_for(60s);
      CHECK(pair.at_rest() == Pair::Problems{});
      CHECK(pair.left().count<ipsec::core::TryFailed>() == 0);
    }
  }
}

TEST_CASE("in IKEv1 both sides say that the key is another, in either mode", "[sim][v1]") {
  for (const Mode mode : kModes) {
    INFO("mode " << static_cast<int>(mode));
    Pair pair;
    speak_v1(pair, mode);
    only_one_begins(pair, Pair::kLeft);
    const auto right_key = pair.right_config.credential;
    pair.right_config.credential =
        ipsec::core::make_shared_key_credential(ipsec::Secret::copy_of(std::string_view("other")));
    pair.configure();
    pair.world.run_for(40s);
    const auto ours = pair.left().tunnel(1).last_failure;
    REQUIRE(ours.has_value());
    CHECK(ours->stage == ipsec::core::Stage::v1_proof);
    CHECK(ipsec::core::describe(*ours).contains("pre-shared key"));
    const auto theirs = pair.right().tunnel(1).last_failure;
    REQUIRE(theirs.has_value());
    CHECK(theirs->stage == ipsec::core::Stage::v1_proof);
    CHECK(theirs->cause == ipsec::core::Cause::authentication_failed);
    pair.right_config.credential = right_key;
    pair.world.configure(Pair::kRight, pair.right_config);
    CHECK(pair.up_within(30s));
    for (auto* node : {&pair.left(), &pair.right()}) {
      CHECK_FALSE(node->tunnel(1).last_failure.has_value());
    }
  }
}

TEST_CASE("who answers IKEv1 under another identity is told, and keeps nothing", "[sim][v1]") {
  Pair pair;
  speak_v1(pair, Mode::main);
  only_one_begins(pair, Pair::kLeft);
  // The right side's identity is not the one that is expected.
  pair.left_config.remote_identity = ipsec::Identity::parse("someone.example.com");
  pair.configure();
  pair.world.run_for(5s);
  const auto ours = pair.left().tunnel(1).last_failure;
  REQUIRE(ours.has_value());
  CHECK(ours->cause == ipsec::core::Cause::identity_unknown);
  // The right side, which had it for up, looks whether there is anybody, and lets it go.
  pair.world.order(Pair::kLeft, 1, Order::down);
  pair.world.run_for(20s);
  CHECK(pair.right().engine->snapshot().sas == 0);
}

TEST_CASE("children of IKEv1 are rekeyed without losing a packet", "[sim][v1]") {
  for (const auto order : {Order::rekey_children, Order::rekey_ike}) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      for (const int who : {1, 2, 3}) {
        INFO("order " << static_cast<int>(order) << ", seed " << seed << ", by " << who);
        Pair pair(seed);
        speak_v1(pair, Mode::main);
        pair.world.faults.delay_min = 5ms;
        pair.world.faults.delay_max = 40ms;
        pair.world.faults.answer_max = 5ms;
        pair.configure();
        REQUIRE(pair.up_within(5s));
        pair.world.run_for(60s);
        auto flows = pair.start_flows();
        for (int i = 0; i < 5; ++i) {
          if ((who & 1) != 0) pair.world.order(Pair::kLeft, 1, order);
          if ((who & 2) != 0) pair.world.order(Pair::kRight, 1, order);
          pair.world.run_for(20s);
        }
        pair.stop(flows);
        pair.world.run_for(60s);
        CHECK(flows.lost() == 0);
        CHECK(flows.received() > 19'000);
        CHECK(pair.at_rest() == Pair::Problems{});
      }
    }
  }
}

// In main mode who answers knows too late that the tunnel wants UDP; another phase 1 of its own
// asks for it. charon has the children go with the ISAKMP SA between the old ports.
TEST_CASE("where IKEv1 goes to other ports children are made anew before the old SA goes",
          "[sim][v1]") {
  Pair pair;
  speak_v1(pair, Mode::main);
  only_one_begins(pair, Pair::kRight);
  pair.left_config.encapsulation = ipsec::core::ForceEncapsulation::yes;
  pair.configure();
  REQUIRE(pair.up_within(2s));
  pair.world.run_for(ipsec::limits::kV1SettlesAfter);
  REQUIRE(pair.left().tunnel(1).ike.front().local.port == ipsec::kIkePort);
  auto flows = pair.start_flows();
  pair.world.order(Pair::kLeft, 1, Order::reauthenticate);
  pair.world.run_for(ipsec::limits::kRefusedRetry + 1s);
  CHECK(pair.left().established(1) == 2);
  CHECK(pair.left().count<ipsec::core::ChildRekeyed>() == 1);
  pair.world.run_for(ipsec::limits::kAwaitDelete);
  CHECK(pair.left().established(1) == 1);
  CHECK(pair.left().tunnel(1).ike.front().local.port == ipsec::kNattPort);
  pair.stop(flows);
  CHECK(flows.lost() == 0);
  CHECK(pair.at_rest() == Pair::Problems{});
}

TEST_CASE("a dead peer is found in IKEv1, and comes back", "[sim][v1]") {
  Pair pair;
  speak_v1(pair, Mode::main);
  pair.configure();
  REQUIRE(pair.up_within(2s));
  pair.world.run_for(60s);
  pair.right().cut = true;
  pair.world.run_for(21s);
  CHECK(pair.left().established(1) == 0);
  CHECK(pair.left().kernel.sas().empty());
  pair.right().cut = false;
  CHECK(pair.up_within(15s));
  pair.world.run_for(60s);
  CHECK(pair.at_rest() == Pair::Problems{});
}

TEST_CASE("aggressive mode that is under way does not come up against an order", "[sim][v1]") {
  Pair pair;
  speak_v1(pair, Mode::aggressive);
  only_one_begins(pair, Pair::kLeft);
  pair.world.hold = true;
  pair.configure();
  pair.world.run_for(1ms);
  pair.world.deliver(0);
  pair.world.run_for(1ms);
  // The right side has answered.
  REQUIRE(pair.world.held.size() == 1);
  pair.world.order(Pair::kRight, 1, Order::down);
  pair.world.hold = false;
  pair.world.deliver_all();
  pair.world.run_for(5s);
  CHECK(pair.right().established(1) == 0);
  CHECK(pair.right().kernel.sas().empty());
}

TEST_CASE("a peer without dead peer detection is asked nothing, and is not taken for dead",
          "[sim][v1]") {
  const auto dpd = ipsec::from_hex("afcad71368a1f1c96b8696fc77570100").value();
  Pair pair;
  speak_v1(pair, Mode::main);
  only_one_begins(pair, Pair::kLeft);
  pair.world.hold = true;
  pair.configure();
  pair.world.run_for(1ms);
  // Of either side's first message: another vendor's id in its place.
  for (int message = 0; message < 2; ++message) {
    auto& bytes = pair.world.held.front().bytes;
    const auto found = std::ranges::search(bytes, dpd);
    REQUIRE_FALSE(found.empty());
    found.front() ^= 0xffU;
    pair.world.deliver(0);
    pair.world.run_for(1ms);
  }
  pair.world.hold = false;
  pair.world.deliver_all();
  REQUIRE(pair.up_within(2s));
  pair.world.run_for(600s);
  for (auto* node : {&pair.left(), &pair.right()}) {
    REQUIRE(node->established(1) == 1);
    CHECK(node->tunnel(1).ike.front().path.requests <= 1);  // its quick mode
    CHECK(node->count<ipsec::core::IkeDown>() == 0);
  }
  CHECK(pair.packet_passes());
}

TEST_CASE("IKEv1 that is taken down leaves nothing on either side", "[sim][v1]") {
  for (const std::size_t side : {Pair::kLeft, Pair::kRight}) {
    Pair pair;
    speak_v1(pair, Mode::main);
    only_one_begins(pair, side);
    pair.configure();
    REQUIRE(pair.up_within(2s));
    pair.world.run_for(60s);
    pair.world.order(side, 1, Order::down);
    pair.world.run_for(10s);
    for (const std::size_t it : {Pair::kLeft, Pair::kRight}) {
      CHECK(pair.world.node(it).kernel.empty());
      CHECK(pair.world.node(it).engine->snapshot().sas == 0);
    }
  }
}
