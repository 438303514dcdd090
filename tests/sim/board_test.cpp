// What the status board says of a tunnel while two engines have their troubles: the rulings on M82
// to M87, word for word.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/core/sa/archive.h"
#include "ike/daemon/board.h"
#include "tests/sim/pair.h"

using ipsec::Cidr;
using ipsec::TunnelId;
using ipsec::daemon::Board;
using ipsec::daemon::Instant;
using ipsec::sim::Pair;
using namespace std::chrono_literals;
namespace core = ipsec::core;

namespace {

constexpr ipsec::control::Moment kEpoch{std::chrono::seconds(1'000'000)};

// The left side of a pair, watched by a board.
class Watched {
 public:
  Watched() {
    tunnel.meta.id = {ipsec::Kind::tunnel, 1};
    tunnel.meta.name = "hq";
    const auto& pair_selectors = pair.left_config.children.front().selectors;
    tunnel.local_cidrs = cidrs(pair_selectors.local);
    tunnel.peer_cidrs = cidrs(pair_selectors.remote);
  }

  // In small steps, so that the board sees things about when they happen.
  void run_for(ipsec::Duration span) {
    for (const ipsec::Time end = pair.world.now() + span; pair.world.now() < end;) {
      pair.world.run_for(50ms);
      look();
    }
  }
  template <typename Condition>
  bool run_until(Condition condition, ipsec::Duration limit) {
    const ipsec::Time end = pair.world.now() + limit;
    while (!condition() && pair.world.now() < end) run_for(50ms);
    return condition();
  }
  ipsec::control::TunnelStatusView view() {
    const auto status = pair.left().engine->status(TunnelId{1});
    REQUIRE(status.has_value());
    return board.view(tunnel, &pair.left_config, &*status, now());
  }
  [[nodiscard]] Instant now() const {
    const auto since = pair.world.now().time_since_epoch();
    return {pair.world.now(), kEpoch + std::chrono::floor<std::chrono::seconds>(since)};
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& event : board.events(TunnelId{1})) out.push_back(event.event);
    return out;
  }

  Pair pair;
  ipsec::gateway::Tunnel tunnel;
  Board board;

 private:
  static std::vector<Cidr> cidrs(const core::Selectors& selectors) {
    std::vector<Cidr> out;
    for (const auto& selector : selectors) {
      const auto cidr = Cidr::parse(selector.to_string());
      REQUIRE(cidr.has_value());
      out.push_back(*cidr);
    }
    return out;
  }
  void look() {
    const auto& events = pair.left().events;
    for (; seen_ < events.size(); ++seen_) {
      (void)board.take(events[seen_], "hq", now());
    }
    const auto status = pair.left().engine->status(TunnelId{1});
    if (status) (void)board.observe("hq", *status, now());
  }
  std::size_t seen_ = 0;
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a tunnel that comes up is told in the order of things", "[board]") {
  Watched it;
  it.pair.right_config.start = core::Start::respond;
  it.pair.configure();
  CHECK(it.view().connection == "connecting");
  CHECK(it.view().phase1 == "connecting");
  REQUIRE(it.run_until([&] { return it.view().connection == "connected"; }, 5s));
  const auto view = it.view();
  CHECK(it.names() == Names{"ike-up", "child-up", "connected"});
  CHECK(view.resource == "Running");
  CHECK(view.phase1 == "up");
  CHECK(view.phase2 == "up");
  CHECK(view.pairs == 1);
  CHECK(view.pairs_up == 1);
  CHECK(view.tries == 0);
  CHECK_FALSE(view.next_try.has_value());
  CHECK_FALSE(view.last_failure.has_value());
  REQUIRE(view.ike.has_value());
  CHECK(view.ike->nat == "none");
  CHECK(view.ike->remote == it.pair.right().address.to_string() + ":500");
  CHECK(view.ike->since >= kEpoch);
  REQUIRE(view.children.size() == 1);
  CHECK(view.children.front().since >= kEpoch);
}

TEST_CASE("three failed tries are a failed phase 1, and then one begins every 12 s", "[board]") {
  Watched it;
  it.pair.right().cut = true;
  it.pair.configure();
  REQUIRE(it.run_until([&] { return it.view().tries == 2; }, 40s));
  CHECK(it.view().connection == "connecting");
  REQUIRE(it.run_until([&] { return it.view().tries == 3; }, 40s));
  auto view = it.view();
  CHECK(view.connection == "phase1-failed");
  REQUIRE(view.last_failure.has_value());
  CHECK(view.last_failure->cause == "peer-silent");
  CHECK_THAT(view.last_failure->check, Catch::Contains("both CIDRs"));
  CHECK(it.names() == Names{"try-failed", "try-failed", "try-failed", "phase1-failed"});
  const auto failed_at = view.since;
  const ipsec::Time third = it.pair.world.now();
  REQUIRE(it.run_until([&] { return it.view().tries == 6; }, 60s));
  const auto spent = it.pair.world.now() - third;
  CHECK(spent >= 35s);
  CHECK(spent <= 37s);
  CHECK(it.view().since == failed_at);

  it.pair.right().cut = false;
  REQUIRE(it.run_until([&] { return it.view().connection == "connected"; }, 30s));
  view = it.view();
  CHECK(view.tries == 0);
  CHECK_FALSE(view.last_failure.has_value());
  CHECK(it.names().back() == "recovered");
}

TEST_CASE("an IKE SA without a child is a failed phase 2", "[board]") {
  Watched it;
  it.pair.right_config.children.front().selectors.remote = {
      ipsec::TrafficSelector::of(*Cidr::parse("198.18.0.0/24"))};
  it.pair.configure();
  REQUIRE(it.run_until([&] { return it.view().connection == "phase2-failed"; }, 120s));
  const auto view = it.view();
  REQUIRE(view.last_failure.has_value());
  CHECK(view.last_failure->cause == "selectors-unacceptable");
  CHECK(view.pairs_up == 0);
  CHECK(view.phase2 == "down");
}

TEST_CASE("traffic is normal once both directions carried packets since it connected", "[board]") {
  Watched it;
  it.pair.configure();
  REQUIRE(it.run_until([&] { return it.view().connection == "connected"; }, 5s));
  const TunnelId id{1};
  const ipsec::xfrm::SaKey in{it.pair.left().address, ipsec::xfrm::Protocol::esp,
                              ipsec::ChildSpi{0x1000}};
  const ipsec::xfrm::SaKey out{it.pair.right().address, ipsec::xfrm::Protocol::esp,
                               ipsec::ChildSpi{0x2000}};
  CHECK(it.board.awaits_traffic(id));
  CHECK(it.view().traffic == "none");
  it.board.count(id, out, {.bytes = 84, .packets = 1}, ipsec::xfrm::Direction::out);
  CHECK(it.view().traffic == "outbound");
  CHECK_FALSE(it.board.traffic_news(id, "hq", it.now()).has_value());
  it.board.count(id, in, {.bytes = 84, .packets = 1}, ipsec::xfrm::Direction::in);
  CHECK(it.view().traffic == "normal");
  const auto news = it.board.traffic_news(id, "hq", it.now());
  REQUIRE(news.has_value());
  CHECK(news->event == "traffic-normal");
  CHECK_FALSE(it.board.traffic_news(id, "hq", it.now()).has_value());
  CHECK_FALSE(it.board.awaits_traffic(id));

  // It is lost and comes again: what was carried before proves nothing.
  it.pair.right().cut = true;
  REQUIRE(it.run_until([&] { return it.view().connection != "connected"; }, 60s));
  CHECK(it.names().back() == "disconnected");
  CHECK(it.view().traffic == "none");
  it.pair.right().cut = false;
  REQUIRE(it.run_until([&] { return it.view().connection == "connected"; }, 60s));
  CHECK(it.view().traffic == "none");
  CHECK(it.view().counters.in_packets == 1);
}

TEST_CASE("a tunnel's counters go on over the SAs it has had", "[board]") {
  Board board;
  const TunnelId id{1};
  const auto key = [](std::uint32_t spi) {
    return ipsec::xfrm::SaKey{*ipsec::Address::parse("192.0.2.1"), ipsec::xfrm::Protocol::esp,
                              ipsec::ChildSpi{spi}};
  };
  ipsec::gateway::Tunnel tunnel;
  tunnel.meta.id = {ipsec::Kind::tunnel, 1};
  const auto counted = [&] { return board.view(tunnel, nullptr, nullptr, {}).counters; };

  // A counter that was read late does not bring a forgotten tunnel back.
  board.count(id, key(1), {.bytes = 70, .packets = 1}, ipsec::xfrm::Direction::in);
  CHECK(counted().in_bytes == 0);
  board.configured(id, ipsec::core::Connection::idle, {});
  board.count(id, key(1), {.bytes = 100, .packets = 2}, ipsec::xfrm::Direction::in);
  board.count(id, key(1), {.bytes = 150, .packets = 3}, ipsec::xfrm::Direction::in);
  CHECK(counted().in_bytes == 150);
  board.count(id, key(2), {.bytes = 10, .packets = 1}, ipsec::xfrm::Direction::in);
  board.settle(id, key(1));
  CHECK(counted().in_bytes == 160);
  CHECK(counted().in_packets == 4);
  board.settle(id, key(1));
  CHECK(counted().in_bytes == 160);
  board.rename(id, key(2), key(3));
  board.count(id, key(3), {.bytes = 11, .packets = 2}, ipsec::xfrm::Direction::in);
  CHECK(counted().in_bytes == 161);
  board.count(id, key(4), {.bytes = 5, .packets = 1}, ipsec::xfrm::Direction::out);
  CHECK(counted().out_bytes == 5);
}

TEST_CASE("pairs of ranges are counted over the rules", "[board]") {
  const auto cidr = [](const char* text) { return *Cidr::parse(text); };
  const auto selector = [&](const char* text) { return ipsec::TrafficSelector::of(cidr(text)); };
  const std::vector<ipsec::gateway::Rule> rules{
      {cidr("10.0.1.0/24"), {cidr("192.168.2.0/24"), cidr("192.168.3.0/24")}},
      {cidr("10.0.2.0/24"), {cidr("192.168.2.0/24")}}};
  const auto count = [&](const std::vector<core::SelectorPair>& carried) {
    const auto pairs = ipsec::daemon::count_pairs(rules, carried);
    return std::pair(pairs.up, pairs.all);
  };
  CHECK(count({}) == std::pair(0U, 3U));
  CHECK(count({{{selector("10.0.1.0/24")}, {selector("192.168.3.0/24")}}}) == std::pair(1U, 3U));
  CHECK(count({{{selector("10.0.1.0/24"), selector("10.0.2.0/24")},
                {selector("192.168.2.0/24"), selector("192.168.3.0/24")}}}) == std::pair(3U, 3U));
  // A part of a range is no pair.
  CHECK(count({{{selector("10.0.1.0/25")}, {selector("192.168.3.0/24")}}}) == std::pair(0U, 3U));
}

TEST_CASE("a tunnel's log is bounded", "[board]") {
  Board board;
  for (std::size_t i = 0; i < Board::kEventsPerTunnel + 10; ++i) {
    (void)board.take(core::ChildRekeyed{TunnelId{1}, {}, {}}, "hq", {});
  }
  const auto events = board.events(TunnelId{1});
  CHECK(events.size() == Board::kEventsPerTunnel);
  CHECK(events.front().number == 11);
  CHECK(events.back().number == Board::kEventsPerTunnel + 10);
}

TEST_CASE("what the path costs is told, and goes on over a rekey", "[board]") {
  Watched it;
  it.pair.world.faults.delay_min = it.pair.world.faults.delay_max = 20ms;
  it.pair.right_config.start = core::Start::respond;
  it.pair.configure();
  REQUIRE(it.run_until([&] { return it.view().connection == "connected"; }, 5s));
  CHECK(it.view().ike->requests == 1);
  CHECK(it.view().ike->resent == 0);
  CHECK(it.view().ike->round_trip_us == 40'000);

  // Which of two copies was answered nobody knows: the time stays what it was.
  it.pair.world.faults.lose_one_in = 1;
  it.pair.world.order(Pair::kLeft, 1, core::Order::probe);
  it.run_for(200ms);
  it.pair.world.faults = {};
  it.run_for(5s);
  CHECK(it.view().ike->requests == 2);
  CHECK(it.view().ike->resent == 1);
  CHECK(it.view().ike->round_trip_us == 40'000);

  it.pair.world.order(Pair::kLeft, 1, core::Order::rekey_ike);
  it.run_for(5s);
  CHECK(it.view().ike->requests >= 3);
  CHECK(it.view().ike->resent == 1);
  it.pair.world.order(Pair::kLeft, 1, core::Order::probe);
  it.run_for(1s);
  CHECK(it.view().ike->round_trip_us == 2'000);
}

TEST_CASE("a board goes on where the one before it was", "[board]") {
  Watched it;
  it.pair.configure();
  REQUIRE(it.run_until([&] { return it.view().connection == "connected"; }, 5s));
  const TunnelId id{1};
  const ipsec::xfrm::SaKey in{it.pair.left().address, ipsec::xfrm::Protocol::esp,
                              ipsec::ChildSpi{0x1000}};
  CHECK(it.board.take_changed().contains(id));
  CHECK_FALSE(it.board.take_changed().contains(id));
  it.board.count(id, in, {.bytes = 840, .packets = 10}, ipsec::xfrm::Direction::in);
  it.board.settle(id, in);
  CHECK(it.board.take_changed().contains(id));
  const auto before = it.view();
  core::Saver saver;
  REQUIRE(it.board.save(id, saver));
  it.run_for(20s);

  Board next;
  next.restore(id, saver.view());
  std::swap(it.board, next);
  it.run_for(1s);
  const auto after = it.view();
  CHECK(after.connection == "connected");
  CHECK(after.since == before.since);
  REQUIRE(after.ike.has_value());
  CHECK(after.ike->since == before.ike->since);
  REQUIRE(after.children.size() == 1);
  CHECK(after.children.front().since == before.children.front().since);
  CHECK(after.counters.in_bytes == 840);
  CHECK(after.counters.in_packets == 10);
  CHECK(after.traffic == before.traffic);

  // What is cut short counts as nothing.
  for (std::size_t size = 0; size < saver.view().size(); ++size) {
    Board empty;
    empty.restore(id, saver.view().first(size));
    core::Saver none;
    CHECK_FALSE(empty.save(id, none));
  }
}
