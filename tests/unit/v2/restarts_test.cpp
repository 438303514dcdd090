// Goal: COOKIE and INVALID_KE_PAYLOAD make an exchange begin anew so many times and no more
// (limits::kInitRestarts): no peer, and nobody who can forge a clear answer, keeps us busy.
// Method: whatever the engine asks is answered with another cookie or another group, for ever.
#include <catch2/catch.hpp>

#include "ike/base/limits.h"
#include "tests/unit/v2/fixture.h"

namespace {

using namespace ipsec;
using namespace std::chrono_literals;
using core::Cause;
using core::Order;
using test::Fixture;
using test::Host;
using wire::ExchangeType;
using wire::NotifyType;

constexpr std::size_t kSends = limits::kInitRestarts + 1;

// One of two groups that every offer has, the other one each time.
class Fickle {
 public:
  explicit Fickle(const std::vector<const GroupRow*>& groups) : groups_(groups) {}
  wire::NotifyPayload next() {
    turn_ = 1 - turn_;
    return v2::make_notify(NotifyType::invalid_ke_payload, v2::group_bytes(*groups_.at(turn_)));
  }

 private:
  std::vector<const GroupRow*> groups_;
  std::size_t turn_ = 0;
};

struct Opening {
  crypto::FakeProvider crypto{1};
  Host host{crypto, 1};
  Time now{};

  Opening() { host.feed(test::set(test::left_config()), now); }
  // Answers the last IKE_SA_INIT as long as that draws another one, and says how many there were.
  template <typename Answer>
  std::size_t lead_on(Answer next) {
    for (std::size_t sends = 1; sends < 100; ++sends) {
      if (host.sent.size() < sends) return host.sent.size();
      auto header = wire::parse_header(host.sent.back().bytes).value();
      header.flags = {false, true, false};
      const auto bytes = wire::write_message(header, wire::Payloads{next()}).value();
      host.feed(core::Datagram{test::left_end(), test::right_end(), bytes}, now);
    }
    return host.sent.size();
  }
  core::Failure failure_within(Duration limit) {
    for (const Time end = now + limit; now < end && host.told<core::TryFailed>().empty();) {
      now += 100ms;
      REQUIRE(host.settle(now));
    }
    REQUIRE_FALSE(host.told<core::TryFailed>().empty());
    return host.told<core::TryFailed>().front().failure;
  }
};

// Requests of the engine that the peer keeps answering with the other group.
std::size_t lead_on(Host& host, test::BarePeer& peer, Time now,
                    const std::vector<const GroupRow*>& groups) {
  Fickle fickle(groups);
  std::size_t requests = 0;
  while (!host.sent.empty() && requests < 100) {
    REQUIRE(host.sent.size() == 1);
    const auto header = wire::parse_header(host.sent.front().bytes).value();
    CHECK(header.exchange == ExchangeType::create_child_sa);
    ++requests;
    host.sent.clear();
    host.feed(peer.seal({ExchangeType::create_child_sa, true, header.message_id.value},
                        wire::Payloads{fickle.next()}),
              now);
    REQUIRE(host.settle(now));
  }
  return requests;
}

}  // namespace

TEST_CASE("a peer that asks for a cookie for ever is followed so often", "[v2]") {
  Opening it;
  std::uint8_t n = 0;
  CHECK(it.lead_on([&n] { return v2::make_notify(NotifyType::cookie, Bytes(8, ++n)); }) == kSends);
  const auto why = it.failure_within(13s);
  CHECK(why.cause == Cause::peer_refused);
  CHECK(why.ours == "COOKIE brought 5 times");
  CHECK(why.detail.find("again and again") != std::string::npos);
}

TEST_CASE("a peer that asks for one group after the other is followed so often", "[v2]") {
  Opening it;
  Fickle fickle(test::left_config().offers.front().groups);
  CHECK(it.lead_on([&fickle] { return fickle.next(); }) == kSends);
  CHECK(it.host.jobs == kSends);  // a key each, and no more
  const auto why = it.failure_within(13s);
  CHECK(why.cause == Cause::invalid_ke);
}

TEST_CASE("cookies and groups in turn count together", "[v2]") {
  Opening it;
  Fickle fickle(test::left_config().offers.front().groups);
  std::uint8_t n = 0;
  CHECK(it.lead_on([&] {
    if (++n % 2 == 0) return fickle.next();
    return v2::make_notify(NotifyType::cookie, Bytes(8, n));
  }) == kSends);
}

TEST_CASE("a rekey whose group is never right is given up, and tried again later", "[v2]") {
  const auto config = test::left_config();
  const auto& child_groups = config.children.front().offers.front().groups;
  const auto& ike_groups = config.offers.front().groups;
  for (const Order what : {Order::rekey_children, Order::rekey_ike}) {
    Fixture it;
    REQUIRE(it.shake_hands());
    const auto before = it.state();
    const auto& groups = what == Order::rekey_ike ? ike_groups : child_groups;
    INFO(static_cast<int>(what));
    it.host.feed(core::Command{TunnelId{1}, what}, it.now);
    REQUIRE(it.host.settle(it.now));
    CHECK(lead_on(it.host, it.peer, it.now, groups) == kSends);
    const auto failed = it.host.told<core::ExchangeFailed>();
    REQUIRE(failed.size() == 1);
    CHECK(failed.front().failure.cause == Cause::invalid_ke);
    CHECK(it.state() == before);
    it.now += limits::kTemporaryFailureRetry;
    REQUIRE(it.host.settle(it.now));
    REQUIRE(it.host.sent.size() == 1);
    CHECK(wire::parse_header(it.host.sent.front().bytes)->exchange ==
          ExchangeType::create_child_sa);
  }
}

// Its first child was refused in IKE_AUTH, and it asks again.
TEST_CASE("a new child whose group is never right is given up, and tried again later", "[v2]") {
  crypto::FakeProvider crypto{1};
  Host host{crypto, 1};
  auto right = test::right_config();
  right.children.clear();
  test::BarePeer peer{crypto, right, 2};
  Time now{};
  const auto run_until_asked = [&](Duration limit) {
    for (const Time end = now + limit; now < end && host.sent.empty(); now += 100ms) {
      REQUIRE(host.settle(now));
    }
    return !host.sent.empty();
  };
  host.feed(test::set(test::left_config()), now);
  REQUIRE(peer.shake_hands(host, now));
  host.events.clear();
  REQUIRE(run_until_asked(7s));
  CHECK(lead_on(host, peer, now, test::left_config().children.front().offers.front().groups) ==
        kSends);
  const auto failed = host.told<core::TryFailed>();
  REQUIRE(failed.size() == 1);
  CHECK(failed.front().failure.cause == Cause::invalid_ke);
  CHECK(host.told<core::IkeDown>().empty());
  CHECK(run_until_asked(limits::kRetryInterval));
}
