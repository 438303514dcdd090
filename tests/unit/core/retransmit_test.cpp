// Goal: requests go out when the rulings on M83 and M91 say, and end. Method: a clock moved by
// hand.
#include "ike/core/retransmit.h"

#include <set>

#include <catch2/catch.hpp>

#include "ike/base/limits.h"

namespace ipsec::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Verdict = Retransmission::Verdict;

constexpr Time kStart{seconds{1000}};

// Offsets from the start at which something happened, the last being the giving up.
std::vector<Duration> run(Retransmission& request) {
  std::vector<Duration> at;
  for (Verdict verdict = Verdict::wait; verdict != Verdict::give_up;) {
    const Time now = request.deadline();
    REQUIRE(request.poll(now - Duration{1}) == Verdict::wait);
    verdict = request.poll(now);
    REQUIRE(verdict != Verdict::wait);
    at.push_back(now - kStart);
  }
  return at;
}

TEST_CASE("an opening request is sent three times within 12 s") {
  const auto schedule = RetransmitSchedule::opening();
  REQUIRE(schedule.waits().size() == 3);
  REQUIRE(schedule.total() == seconds{12});
  Retransmission request(schedule, kStart);
  REQUIRE(run(request) == std::vector<Duration>{seconds{2}, seconds{6}, seconds{12}});
  REQUIRE(request.sends() == 3);
}

TEST_CASE("a dead peer is found 13 s after the first request without an answer") {
  Retransmission request(RetransmitSchedule::established(seconds{13}), kStart);
  const auto at = run(request);
  REQUIRE(at.size() == 7);
  REQUIRE(at.back() == seconds{13});
}

TEST_CASE("a peer in doubt is asked each half second, and is dead after 4 s") {
  Retransmission request(RetransmitSchedule::in_doubt(seconds{13}), kStart);
  const auto at = run(request);
  REQUIRE(at.size() == 8);
  REQUIRE(at.front() == milliseconds{500});
  REQUIRE(at.back() == seconds{4});
  REQUIRE(RetransmitSchedule::in_doubt(seconds{3}).total() == seconds{3});
}

TEST_CASE("a request that is hurried goes out at once, and is given up sooner, never later") {
  const auto doubt = RetransmitSchedule::in_doubt(seconds{13});
  Retransmission request(RetransmitSchedule::established(seconds{13}), kStart);
  REQUIRE(request.poll(kStart + milliseconds{500}) == Verdict::send_again);
  const Time hurried_at = kStart + milliseconds{600};
  request.hurry(doubt, hurried_at);
  REQUIRE(request.deadline() == hurried_at);
  const auto at = run(request);
  REQUIRE(at.size() == 9);
  REQUIRE(kStart + at.back() == hurried_at + seconds{4});
  REQUIRE(request.sends() == 10);

  Retransmission late(RetransmitSchedule::established(seconds{13}), kStart);
  while (late.sends() < 7) (void)late.poll(late.deadline());
  const Time end = late.deadline();
  late.hurry(doubt, end - seconds{2});
  REQUIRE(late.deadline() == end);
}

TEST_CASE("waits of an established SA grow by half each time") {
  const auto schedule = RetransmitSchedule::established(seconds{13});
  const auto waits = schedule.waits();
  for (std::size_t i = 1; i < waits.size(); ++i) {
    const Duration difference = 2 * waits[i] - 3 * waits[i - 1];
    CHECK(std::chrono::abs(difference) < milliseconds{1});
  }
}

TEST_CASE("the waits sum to the timeout exactly, whatever it is") {
  for (const Duration timeout :
       {Duration{seconds{30}}, Duration{seconds{1}}, Duration{milliseconds{777}}, Duration{25}}) {
    REQUIRE(RetransmitSchedule::established(timeout).total() == timeout);
  }
}

TEST_CASE("after a stall one request goes out, not a burst") {
  Retransmission request(RetransmitSchedule::established(seconds{13}), kStart);
  const Time late = kStart + seconds{3600};
  REQUIRE(request.poll(late) == Verdict::send_again);
  REQUIRE(request.sends() == 2);
  REQUIRE(request.poll(late) == Verdict::wait);
  REQUIRE(request.deadline() == late + RetransmitSchedule::established(seconds{13}).waits()[1]);
}

TEST_CASE("giving up is said once") {
  Retransmission request(RetransmitSchedule::opening(), kStart);
  run(request);
  REQUIRE(request.deadline() == kNever);
  REQUIRE(request.poll(kStart + seconds{86400}) == Verdict::wait);
}

TEST_CASE("peers heard at different moments are asked together, never late and hardly early") {
  const Duration delay = seconds{8};
  std::set<Time> moments;
  for (int i = 0; i < 1'000; ++i) {
    const Time heard = kStart + milliseconds{i};
    const Time at = probe_time(heard, delay);
    REQUIRE(at <= heard + delay);
    REQUIRE(at > heard + delay - delay / 32);
    moments.insert(at);
  }
  CHECK(moments.size() <= 5);
  // Too short a delay for that is kept as it is.
  CHECK(probe_time(kStart, Duration{5}) == kStart + Duration{5});
}

TEST_CASE("a peer that is heard is asked on for as long as a silent one is waited for") {
  const Duration delay = seconds{8};
  const Duration timeout = seconds{13};
  const Time gives_up = kStart + timeout;
  // As long ago as the request, or longer: that was what was waited for.
  CHECK(!ask_on({kStart, kStart, delay, timeout}, gives_up));
  const auto late = ask_on({kStart, kStart + seconds{12}, delay, timeout}, gives_up);
  REQUIRE(late);
  CHECK(late->total() == timeout);
  const auto early = ask_on({kStart, kStart + seconds{1}, delay, timeout}, gives_up);
  REQUIRE(early);
  CHECK(gives_up + early->total() == kStart + seconds{1} + delay + timeout);
  // It talks and never answers.
  Time now = gives_up;
  while (const auto more = ask_on({kStart, now, delay, timeout}, now)) now += more->total();
  CHECK(now == kStart + limits::kTimeoutsWithoutAnswer * timeout);
}

TEST_CASE("no request has no deadline") {
  Retransmission none;
  REQUIRE(none.deadline() == kNever);
  REQUIRE(none.sends() == 0);
  REQUIRE(none.poll(kStart) == Verdict::wait);
}

}  // namespace
}  // namespace ipsec::core
