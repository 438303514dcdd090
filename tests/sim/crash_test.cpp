// Goal: a peer that has lost its SAs is found as soon as something is said to it: at once by its
// token (RFC 6290), within seconds where it gives none. Whoever forges that it has, while it lives,
// gains nothing. Method: an engine is put in the place of another, with its secret or without; the
// far side only answers, so that nothing else brings the tunnel back.
#include <utility>

#include <catch2/catch.hpp>

#include "ike/base/limits.h"
#include "ike/v2/payload_access.h"
#include "tests/sim/pair.h"

using namespace ipsec;
using namespace std::chrono_literals;
using core::IkeVersion;
using core::Order;
using sim::Pair;
using wire::NotifyType;

namespace {

void come_up(Pair& pair, IkeVersion version = IkeVersion::v2) {
  pair.right_config.start = core::Start::respond;
  for (auto* config : {&pair.left_config, &pair.right_config}) config->version = version;
  pair.configure();
  REQUIRE(pair.up_within(2s));
  pair.world.run_for(30s);
}

enum class Memory : std::uint8_t { secret, nothing };

void reboot_right(Pair& pair, Memory memory) {
  if (memory == Memory::nothing) pair.right().crash_secret = Secret(Bytes(32, 0x99));
  pair.left().events.clear();
  pair.world.restart(Pair::kRight);
  pair.right().kernel.flush();
  pair.world.configure(Pair::kRight, pair.right_config);
}

bool is_question_of_left(std::size_t from, ByteView bytes) {
  const auto header = wire::parse_header(bytes);
  return from == Pair::kLeft && header && !header->flags.response &&
         (header->exchange == wire::ExchangeType::informational ||
          header->exchange == wire::ExchangeType::informational_v1);
}

// In IKEv1 an answer looks like a question; another quick mode does not.
Order is_heard_by(IkeVersion version) {
  return version == IkeVersion::v2 ? Order::probe : Order::rekey_children;
}

bool is_down(Pair& pair) { return pair.left().count<core::IkeDown>() > 0; }

std::string reason(Pair& pair) {
  for (const auto& event : pair.left().events) {
    if (const auto* down = std::get_if<core::IkeDown>(&event)) return down->reason;
  }
  return {};
}

// From the first word to the peer.
Duration found_after(Pair& pair) {
  const Time begun = pair.world.now();
  pair.world.order(Pair::kLeft, 1, Order::probe);
  REQUIRE(pair.world.run_until([&] { return is_down(pair); }, 30s));
  return pair.world.now() - begun;
}

// To the left side, in the name of the right one; who began the SA is not asked for.
void forge(Pair& pair, const std::optional<Bytes>& token) {
  const auto ike = pair.left().tunnel(1).ike.front();
  for (const bool by_initiator : {true, false}) {
    wire::Header header;
    header.initiator_spi = by_initiator ? ike.peer_spi : ike.our_spi;
    header.responder_spi = by_initiator ? ike.our_spi : ike.peer_spi;
    header.exchange = wire::ExchangeType::informational;
    header.flags = {by_initiator, true, false};
    wire::Payloads payloads{v2::make_notify(NotifyType::invalid_ike_spi)};
    if (token) payloads.emplace_back(v2::make_notify(NotifyType::quick_crash_detection, *token));
    pair.world.feed(Pair::kLeft, core::Datagram{ike.local, ike.remote,
                                                wire::write_message(header, payloads).value()});
  }
}

std::uint64_t requests(Pair& pair) { return pair.left().tunnel(1).ike.front().path.requests; }

void expect_all_well(Pair& pair) {
  REQUIRE(pair.up_within(5s));
  pair.world.run_for(60s);
  CHECK(pair.at_rest() == Pair::Problems{});
}

}  // namespace

//   B: restarts   A: R -->   B: N(INVALID_IKE_SPI), N(QUICK_CRASH_DETECTION) -->
TEST_CASE("a peer that restarted is found at once by its token", "[sim]") {
  Pair pair;
  come_up(pair);
  reboot_right(pair, Memory::secret);
  CHECK(found_after(pair) <= 10ms);
  CHECK_THAT(reason(pair), Catch::Contains("RFC 6290"));
  // Nobody is told, for there is nobody.
  CHECK(pair.right().engine->drops().at("unknown IKE SPI") == 1);
  CHECK(pair.up_within(1s));
  expect_all_well(pair);
}

TEST_CASE("nothing else happens where nobody asks: the next liveness check finds it", "[sim]") {
  Pair pair;
  come_up(pair);
  reboot_right(pair, Memory::secret);
  CHECK(pair.world.run_until([&] { return is_down(pair); }, pair.left_config.dpd_delay));
  expect_all_well(pair);
}

TEST_CASE("a rekeyed IKE SA has a token of its own, whoever rekeyed it", "[sim]") {
  for (const std::size_t side : {Pair::kLeft, Pair::kRight}) {
    for (int times = 1; times <= 2; ++times) {
      Pair pair;
      come_up(pair);
      for (int i = 0; i < times; ++i) {
        pair.world.order(side, 1, Order::rekey_ike);
        pair.world.run_for(2s);
      }
      REQUIRE(pair.left().count<core::IkeRekeyed>() == static_cast<std::size_t>(times));
      reboot_right(pair, Memory::secret);
      INFO("rekeyed by " << side);
      CHECK(found_after(pair) <= 10ms);
      CHECK_THAT(reason(pair), Catch::Contains("RFC 6290"));
      expect_all_well(pair);
    }
  }
}

TEST_CASE("a peer that restarted and gives no token that fits is found within 5 s", "[sim]") {
  Pair pair;
  come_up(pair);
  reboot_right(pair, Memory::nothing);
  const Duration took = found_after(pair);
  CHECK(took <= limits::kDoubtPatience + 10ms);
  CHECK(took >= limits::kDoubtPatience);
  CHECK_THAT(reason(pair), Catch::StartsWith("no answer from "));
  expect_all_well(pair);
}

// The requests of before go unheard; the next one draws the hint.
TEST_CASE("a request that waits is hurried once the peer is back without its SAs", "[sim]") {
  Pair pair;
  come_up(pair);
  pair.right().cut = true;
  pair.world.order(Pair::kLeft, 1, Order::probe);
  pair.world.run_for(4s);
  reboot_right(pair, Memory::nothing);
  pair.right().cut = false;
  const Time back = pair.world.now();
  REQUIRE(pair.world.run_until([&] { return is_down(pair); }, 30s));
  // Of the 13 s a wait of 3.1 s is the longest that is left.
  CHECK(pair.world.now() - back <= limits::kDoubtPatience + 3100ms);
  expect_all_well(pair);
}

//   A: rekeys the IKE SA -->   <-- answer   A: derives its keys   <-- B: R under the new SA
TEST_CASE("no token is given for an IKE SA that is still being made", "[sim]") {
  for (const bool answer_is_late : {false, true}) {
    Pair pair;
    come_up(pair);
    pair.world.faults.answer_min = pair.world.faults.answer_max = 100ms;  // of the worker pool
    bool lost = !answer_is_late;
    pair.world.swallows = [&](std::size_t from, ByteView bytes) {
      const auto header = wire::parse_header(bytes).value();
      const bool is_it = from == Pair::kRight && header.flags.response &&
                         header.exchange == wire::ExchangeType::create_child_sa;
      return is_it && !std::exchange(lost, true);
    };
    pair.world.order(Pair::kLeft, 1, Order::rekey_ike);
    REQUIRE(pair.world.run_until([&] { return pair.right().count<core::IkeRekeyed>() == 1; }, 1s));
    pair.world.order(Pair::kRight, 1, Order::probe);
    pair.world.run_for(50ms);
    REQUIRE(pair.left().engine->drops().at("IKE SA that is still being made") >= 1);
    pair.world.run_for(10s);
    INFO("the answer is late: " << answer_is_late);
    CHECK(pair.left().count<core::IkeDown>() == 0);
    CHECK(pair.right().count<core::IkeDown>() == 0);
    pair.world.faults = {};
    CHECK(pair.at_rest() == Pair::Problems{});
  }
}

TEST_CASE("a storm of forged denials costs a question now and then, and nothing else", "[sim]") {
  for (const bool with_token : {false, true}) {
    for (const std::size_t lose_one_in : {0U, 4U}) {
      Pair pair;
      come_up(pair);
      pair.world.faults.lose_one_in = lose_one_in;
      pair.left().events.clear();
      const auto sa = pair.left().tunnel(1).ike.front().id;
      const auto before = requests(pair);
      test::Random random(7);
      for (int i = 0; i < 6000; ++i) {
        Bytes token(32);
        for (auto& byte : token) byte = random.u8();
        forge(pair, with_token ? std::optional(token) : std::nullopt);
        pair.world.run_for(10ms);
      }
      INFO("lost: one in " << lose_one_in);
      CHECK_FALSE(is_down(pair));
      REQUIRE(pair.left().tunnel(1).ike.front().id == sa);
      // And those that silence asks for.
      CHECK(requests(pair) - before <= 60s / limits::kDoubtInterval + 1 + 60s / 8s);
      if (lose_one_in == 0) CHECK(pair.left().tunnel(1).ike.front().path.resent <= 1);
      pair.world.faults.lose_one_in = 0;
      expect_all_well(pair);
    }
  }
}

//   A: R -->   forged: N(INVALID_IKE_SPI)   B: R' -->   A: answer -->   B: answer to R, late
TEST_CASE("a peer that is slow to answer lives, as long as it is heard of", "[sim]") {
  for (const bool is_heard : {true, false}) {
    Pair pair;
    come_up(pair);
    pair.world.swallows = [](std::size_t from, ByteView bytes) {
      return from == Pair::kRight && wire::parse_header(bytes)->flags.response;
    };
    pair.left().events.clear();
    pair.world.order(Pair::kLeft, 1, Order::probe);
    pair.world.run_for(100ms);
    forge(pair, std::nullopt);
    pair.world.run_for(1s);
    if (is_heard) pair.world.order(Pair::kRight, 1, Order::probe);
    pair.world.run_for(4s);
    INFO("heard: " << is_heard);
    CHECK(is_down(pair) != is_heard);
    pair.world.swallows = {};
    expect_all_well(pair);
  }
}

TEST_CASE("an IKEv1 peer that restarted is found within 5 s", "[sim][v1]") {
  Pair pair;
  come_up(pair, IkeVersion::v1);
  reboot_right(pair, Memory::nothing);
  CHECK(found_after(pair) <= limits::kDoubtPatience + 10ms);
  CHECK(pair.left().engine->drops().at("informational exchange in clear") >= 1);
  expect_all_well(pair);
}

// Deaths of a daemon can take each of our questions, while it asks us in between.
TEST_CASE("a peer that is heard is not taken for dead, whatever it leaves unanswered",
          "[sim][v1]") {
  for (const IkeVersion version : {IkeVersion::v2, IkeVersion::v1}) {
    Pair pair;
    come_up(pair, version);
    std::size_t questions = 0;
    pair.world.swallows = [&](std::size_t from, ByteView bytes) {
      const bool asks = is_question_of_left(from, bytes);
      if (asks) ++questions;
      return asks;
    };
    pair.left().events.clear();
    pair.world.order(Pair::kLeft, 1, Order::probe);
    const Order other = is_heard_by(version);
    for (int i = 0; i < 8; ++i) {
      pair.world.order(Pair::kRight, 1, other);
      pair.world.run_for(2500ms);
    }
    CHECK(questions > 7);
    CHECK(!is_down(pair));
    pair.world.swallows = {};
    pair.world.run_for(30s);
    CHECK(!is_down(pair));
    CHECK(pair.at_rest() == Pair::Problems{});
  }
}

// What was heard before it went says nothing.
TEST_CASE("a peer that was heard and then restarted is found within seconds", "[sim][v1]") {
  for (const IkeVersion version : {IkeVersion::v2, IkeVersion::v1}) {
    Pair pair;
    come_up(pair, version);
    pair.world.swallows = [&](std::size_t from, ByteView bytes) {
      return is_question_of_left(from, bytes);
    };
    pair.world.order(Pair::kLeft, 1, Order::probe);
    pair.world.run_for(100ms);
    pair.world.order(Pair::kRight, 1, is_heard_by(version));
    pair.world.run_for(200ms);
    pair.world.swallows = {};
    reboot_right(pair, Memory::nothing);
    const Time begun = pair.world.now();
    REQUIRE(pair.world.run_until([&] { return is_down(pair); }, 60s));
    CHECK(pair.world.now() - begun < limits::kDoubtPatience + 2s);
  }
}

TEST_CASE("one that never answers is given up all the same", "[sim]") {
  Pair pair;
  come_up(pair);
  pair.world.swallows = [&](std::size_t from, ByteView bytes) {
    const auto header = wire::parse_header(bytes);
    return from == Pair::kRight && header && header->flags.response;
  };
  pair.left().events.clear();
  const Time begun = pair.world.now();
  pair.world.order(Pair::kLeft, 1, Order::probe);
  while (!is_down(pair) && pair.world.now() < begun + 120s) {
    pair.world.order(Pair::kRight, 1, Order::probe);
    pair.world.run_for(1s);
  }
  const Duration timeout = pair.left_config.dpd_timeout;
  CHECK(pair.world.now() - begun > 3 * timeout);
  CHECK(pair.world.now() - begun < (limits::kTimeoutsWithoutAnswer + 1) * timeout);
}
