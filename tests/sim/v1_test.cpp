// Goal: IKEv1 brings a tunnel up and keeps it: main and aggressive mode, in both roles, whatever
// message is lost, and no packet is lost when SAs are made anew.
// Method: the pair of the other tests, with both sides set to IKEv1.
#include <array>
#include <string>

#include <catch2/catch.hpp>

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

TEST_CASE("another key or other algorithms are told apart in IKEv1", "[sim][v1]") {
  Pair pair;
  speak_v1(pair, Mode::main);
  only_one_begins(pair, Pair::kLeft);
  pair.right_config.credential =
      ipsec::core::make_shared_key_credential(ipsec::Secret::copy_of(std::string_view("another")));
  pair.configure();
  pair.world.run_for(40s);
  const auto status = pair.left().tunnel(1);
  REQUIRE(status.last_failure.has_value());
  CHECK(status.last_failure->stage == ipsec::core::Stage::ike_auth);
  CHECK(status.last_failure->detail.contains("pre-shared key"));
  CHECK(pair.right().count<ipsec::core::ExchangeFailed>() > 0);
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
