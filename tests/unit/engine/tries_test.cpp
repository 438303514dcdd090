// Goal: a tunnel that should be up is tried as ruled: three tries, then one every 12 s, for ever.
// Method: a peer that is silent, or refuses in clear; virtual time in steps of 100 ms.
#include <catch2/catch.hpp>

#include <algorithm>

#include "ike/base/limits.h"
#include "tests/unit/v2/fixture.h"

namespace {

using namespace ipsec;
using namespace std::chrono_literals;
using core::Connection;
using core::TryFailed;
using test::Host;

struct Alone {
  crypto::FakeProvider crypto{1};
  Host host{crypto, 1};
  Time now{};

  Alone() { host.feed(test::set(test::left_config()), now); }
  void run_for(Duration span) {
    for (const Time end = now + span; now < end;) {
      now += 100ms;
      REQUIRE(host.settle(now));
    }
  }
  [[nodiscard]] core::TunnelStatus tunnel() const { return host.tunnel(1); }
  // The peer says no to what was sent last.
  void refuse() {
    auto header = wire::parse_header(host.sent.back().bytes).value();
    header.flags = {false, true, false};
    const wire::Payloads payloads{v2::make_notify(wire::NotifyType::no_proposal_chosen)};
    host.feed(core::Datagram{test::left_end(), test::right_end(),
                             wire::write_message(header, payloads).value()},
              now);
  }
};

}  // namespace

TEST_CASE("a silent peer: three sends a try, three tries, then one every 12 s for ever",
          "[engine]") {
  Alone it;
  CHECK(it.host.sent.size() == 1);
  it.run_for(11900ms);
  CHECK(it.host.sent.size() == 3);
  CHECK(it.host.told<TryFailed>().empty());
  it.run_for(100ms);
  CHECK(it.host.told<TryFailed>().size() == 1);
  CHECK(it.host.sent.size() == 4);  // the next try at once
  CHECK(it.tunnel().connection == Connection::connecting);
  it.run_for(24s);
  CHECK(it.tunnel().connection == Connection::phase1_failed);
  REQUIRE(it.tunnel().last_failure.has_value());
  CHECK(it.tunnel().last_failure->cause == core::Cause::peer_silent);

  const auto tries = it.tunnel().tries;
  CHECK(tries == limits::kTriesUntilFailed);
  it.run_for(10 * 12s);
  CHECK(it.tunnel().tries == tries + 10);
  CHECK(it.tunnel().connection == Connection::phase1_failed);
  it.run_for(24h / 8);
  CHECK(it.host.engine().next_deadline() != kNever);
}

TEST_CASE("a refusal ends a try at once", "[engine]") {
  Alone it;
  it.run_for(1s);
  it.refuse();
  const auto failed = it.host.told<TryFailed>();
  REQUIRE(failed.size() == 1);
  CHECK(failed.front().tries == 1);
  CHECK(failed.front().failure.cause == core::Cause::no_proposal_chosen);
  CHECK(failed.front().next_try == it.now + limits::kRefusedRetry);
  const auto sent = it.host.sent.size();
  it.run_for(1900ms);
  CHECK(it.host.sent.size() == sent);
  it.run_for(100ms);
  CHECK(it.host.sent.size() == sent + 1);
}

TEST_CASE("after three refusals a try is made every 12 s", "[engine]") {
  Alone it;
  for (int i = 0; i < limits::kTriesUntilFailed; ++i) {
    it.refuse();
    if (i + 1 < limits::kTriesUntilFailed) it.run_for(limits::kRefusedRetry);
  }
  CHECK(it.tunnel().connection == Connection::phase1_failed);
  CHECK(it.tunnel().next_try == it.now + limits::kRetryInterval);
}

TEST_CASE("a change of the tunnel and an order to come up reset the count", "[engine]") {
  Alone it;
  it.run_for(36s);
  REQUIRE(it.tunnel().connection == Connection::phase1_failed);
  auto sent = it.host.sent.size();
  SECTION("change") { it.host.feed(test::set(test::left_config()), it.now); }
  SECTION("order") {
    it.host.feed(core::Command{TunnelId{1}, core::Order::up}, it.now);
    --sent;  // the try that is under way goes on
  }
  CHECK(it.tunnel().tries == 0);
  CHECK(it.tunnel().connection == Connection::connecting);
  CHECK(it.host.sent.size() == sent + 1);
}
