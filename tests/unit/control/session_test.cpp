// A connection is driven byte by byte and second by second: what comes out, when it ends, and that
// no client makes it hold more than its bounds.
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "ike/control/session.h"
#include "tests/support/control_examples.h"

namespace ipsec::control {
namespace {

using namespace std::chrono_literals;

constexpr Time at(Duration since) { return Time{} + since; }

const std::string kCheck = R"({"v":1,"id":4,"op":"check"})"
                           "\n";

std::vector<std::string> taken(Session& session, Time now) {
  std::string all;
  while (!session.output().empty()) {
    all += session.output();
    session.sent(session.output().size(), now);
  }
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < all.size();) {
    const auto end = all.find('\n', begin) + 1;
    REQUIRE(end != 0);
    lines.push_back(all.substr(begin, end - begin));
    begin = end;
  }
  return lines;
}

Error error_in(const std::string& line) {
  const auto answer = read_answer(line);
  REQUIRE(answer.has_value());
  return std::get<Reply>(*answer).result.error();
}

Reply done(std::uint64_t id, std::size_t bytes = 0) {
  return {id, DoneReply{{std::string(bytes, 'x')}}};
}

EventView event_of(std::string tunnel, std::uint64_t number = 1) {
  EventView event = test::an_event();
  event.tunnel = std::move(tunnel);
  event.tunnel_id = "tun-" + event.tunnel;
  event.number = number;
  return event;
}

// Asks, and has not taken what it gets.
void ask(Session& session, std::size_t reply_bytes, Time now) {
  session.receive(kCheck, now);
  const auto request = session.next(now);
  REQUIRE(request.has_value());
  session.answer(done(request->id, reply_bytes), now);
}

TEST_CASE("a request may come in any pieces") {
  for (std::size_t piece = 1; piece <= kCheck.size(); ++piece) {
    Session session;
    for (std::size_t i = 0; i < kCheck.size(); i += piece) {
      CHECK_FALSE(session.next(at(0s)).has_value());
      CHECK(session.wants_input());
      session.receive(std::string_view(kCheck).substr(i, piece), at(0s));
    }
    const auto request = session.next(at(0s));
    REQUIRE(request.has_value());
    CHECK(*request == Request{4, "", Check{}});
    CHECK_FALSE(session.next(at(0s)).has_value());
    CHECK(session.next_deadline() == kNever);
  }
}

TEST_CASE("several requests in one piece come one after another, and blank lines are none") {
  Session session;
  session.receive("\n" + kCheck + " \r\n" + kCheck + kCheck.substr(0, 5), at(0s));
  CHECK_FALSE(session.wants_input());
  CHECK(session.next(at(0s)).has_value());
  CHECK(session.next(at(0s)).has_value());
  CHECK_FALSE(session.next(at(0s)).has_value());
  CHECK(session.wants_input());
  session.receive(kCheck.substr(5), at(1s));
  CHECK(session.next(at(1s)).has_value());
  CHECK(session.output().empty());
}

TEST_CASE("a wrong line is answered, and the next one is read") {
  Session session;
  session.receive(R"({"v":1,"id":9,"op":"chek"})"
                  "\n" +
                      kCheck,
                  at(0s));
  CHECK(session.next(at(0s)).has_value());
  const auto lines = taken(session, at(0s));
  REQUIRE(lines.size() == 1);
  CHECK(std::get<Reply>(*read_answer(lines[0])).id == 9);
  CHECK(error_in(lines[0]).message == "'op' cannot be 'chek'; is 'check' meant?");
  CHECK(session.ended().empty());
}

TEST_CASE("a line that is too long ends the connection with a word") {
  SessionLimits limits;
  limits.line_bytes = 100;
  for (const std::string& line : {std::string(101, ' '), std::string(100, ' ') + "\n"}) {
    Session session(limits);
    session.receive(line, at(0s));
    CHECK_FALSE(session.next(at(0s)).has_value());
    CHECK_FALSE(session.wants_input());
    CHECK(session.ended().empty());
    const auto lines = taken(session, at(0s));
    REQUIRE(lines.size() == 1);
    CHECK(error_in(lines[0]).message ==
          "a request is one line of at most 100 bytes, and this one is longer");
    CHECK(session.ended() == "its request was too long");
  }
  Session session(limits);
  session.receive(
      kCheck.substr(0, kCheck.size() - 1) + std::string(100 - kCheck.size(), ' ') + "\n", at(0s));
  CHECK(session.next(at(0s)).has_value());
}

TEST_CASE("a line that does not end in 10 s ends the connection with a word") {
  Session session;
  session.receive("{", at(5s));
  CHECK(session.next_deadline() == at(15s));
  // A byte now and then makes it no younger.
  session.receive(" ", at(14s));
  session.tick(at(14s));
  CHECK(session.next_deadline() == at(15s));
  CHECK(session.output().empty());
  session.tick(at(15s));
  CHECK_FALSE(session.wants_input());
  const auto lines = taken(session, at(15s));
  REQUIRE(lines.size() == 1);
  CHECK(error_in(lines[0]).message ==
        "the request had no end after 10 s; send it in one go, with a newline");
  CHECK(session.ended() == "its request had no end after 10 s");
}

TEST_CASE("the time of a line begins when the ones before it are done") {
  SessionLimits limits;
  limits.in_flight = 1;
  Session session(limits);
  session.receive(kCheck + kCheck + "{", at(0s));
  CHECK(session.next(at(0s)).has_value());
  CHECK_FALSE(session.next(at(0s)).has_value());
  CHECK(session.next_deadline() == kNever);  // it is our turn, not the client's
  session.answer(done(4), at(100s));
  (void)taken(session, at(100s));
  CHECK(session.next(at(100s)).has_value());
  CHECK(session.next_deadline() == at(110s));
}

TEST_CASE("no more requests are begun than are answered") {
  SessionLimits limits;
  limits.in_flight = 2;
  Session session(limits);
  session.receive(kCheck + kCheck + kCheck, at(0s));
  CHECK(session.next(at(0s)).has_value());
  CHECK(session.next(at(0s)).has_value());
  CHECK_FALSE(session.next(at(0s)).has_value());
  CHECK_FALSE(session.wants_input());
  session.answer(done(4), at(0s));
  CHECK(session.next(at(0s)).has_value());
}

TEST_CASE("a client that does not take its replies is not read from") {
  SessionLimits limits;
  limits.reply_bytes = 1000;
  Session session(limits);
  ask(session, 2000, at(0s));
  session.receive(kCheck, at(0s));
  CHECK_FALSE(session.next(at(0s)).has_value());
  CHECK_FALSE(session.wants_input());
  session.sent(1500, at(1s));
  CHECK(session.next(at(1s)).has_value());
}

TEST_CASE("a reply that is not taken in 30 s ends the connection") {
  Session session;
  CHECK(session.next_deadline() == kNever);
  ask(session, 10, at(1s));
  CHECK(session.next_deadline() == at(31s));
  session.tick(at(30s));
  CHECK(session.ended().empty());
  session.tick(at(31s));
  CHECK(session.ended() == "it has not taken its reply for 30 s");
  CHECK(session.output().empty());
  CHECK(session.next_deadline() == kNever);
}

TEST_CASE("a long reply may take its time as long as it goes on") {
  SessionLimits limits;
  limits.reply_step_bytes = 100;
  Session session(limits);
  ask(session, 1000, at(0s));
  session.sent(99, at(10s));
  CHECK(session.next_deadline() == at(30s));
  session.sent(1, at(20s));
  CHECK(session.next_deadline() == at(50s));
  (void)taken(session, at(40s));
  CHECK(session.next_deadline() == kNever);
}

TEST_CASE("a client gets the events it follows and no others") {
  Session session;
  session.publish(event_of("a"), "default");
  CHECK(session.output().empty());

  session.subscribe({"default", {}});
  session.publish(event_of("a"), "default");
  session.publish(event_of("b"), "other");
  CHECK(taken(session, at(0s)) == std::vector<std::string>{write(event_of("a"))});

  session.subscribe({"default", {"a", "tun-c"}});
  for (const char* tunnel : {"a", "b", "c"}) session.publish(event_of(tunnel), "default");
  CHECK(taken(session, at(0s)) ==
        std::vector<std::string>{write(event_of("a")), write(event_of("c"))});

  session.subscribe({"default", {"tun-b", "tun-", "x"}});
  for (const char* tunnel : {"a", "bcd", "xy"}) session.publish(event_of(tunnel), "default");
  CHECK(taken(session, at(0s)) == std::vector<std::string>{write(event_of("bcd"))});
}

TEST_CASE("a client too slow for events loses some, is told how many, and stays") {
  SessionLimits limits;
  limits.event_bytes = 2000;
  Session session(limits);
  session.subscribe({"default", {}});
  for (std::uint64_t i = 1; i <= 1000; ++i) session.publish(event_of("a", i), "default");
  CHECK(session.next_deadline() == kNever);

  auto lines = taken(session, at(3600s));
  REQUIRE(lines.size() > 3);
  CHECK(lines.size() < 30);
  const auto number = [](const std::string& line) {
    return std::get<EventView>(read_answer(line).value()).number;
  };
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) CHECK(number(lines[i]) == i + 1);
  const auto lost = std::get<EventView>(read_answer(lines.back()).value());
  CHECK(lost.event == "events-lost");
  CHECK(lost.number == 1000);
  CHECK(lost.text.starts_with(std::to_string(1000 - (lines.size() - 1)) + " events were lost"));

  session.publish(event_of("a", 1001), "default");
  lines = taken(session, at(3600s));
  REQUIRE(lines.size() == 1);
  CHECK(number(lines[0]) == 1001);
  CHECK(session.ended().empty());
}

TEST_CASE("a long reply in between costs no events") {
  SessionLimits limits;
  limits.event_bytes = 2000;
  Session session(limits);
  session.subscribe({"default", {}});
  ask(session, 100'000, at(0s));
  session.publish(event_of("a"), "default");
  CHECK(taken(session, at(0s)).size() == 2);
}

TEST_CASE("replies and events come in the order in which they were made") {
  Session session;
  session.subscribe({"default", {}});
  session.publish(event_of("a", 1), "default");
  ask(session, 0, at(0s));
  session.publish(event_of("a", 2), "default");
  const auto lines = taken(session, at(0s));
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == write(event_of("a", 1)));
  CHECK(lines[1] == write(done(4)));
  CHECK(lines[2] == write(event_of("a", 2)));
}

TEST_CASE("after its last request a client still gets all its answers") {
  Session session;
  session.receive(kCheck + kCheck, at(0s));
  CHECK(session.next(at(0s)).has_value());
  session.end_of_input(at(0s));
  CHECK(session.next(at(0s)).has_value());
  session.answer(done(4), at(1s));
  CHECK(taken(session, at(1s)).size() == 1);
  CHECK(session.ended().empty());
  session.answer(done(5), at(2s));
  CHECK(taken(session, at(2s)).size() == 1);
  CHECK(session.ended() == kDone);
}

TEST_CASE("the end of input ends a connection that is owed nothing, but no follower") {
  Session idle;
  idle.end_of_input(at(0s));
  CHECK(idle.ended() == kDone);

  Session follower;
  follower.subscribe({"default", {}});
  follower.end_of_input(at(0s));
  CHECK(follower.ended().empty());
  follower.publish(event_of("a"), "default");
  CHECK(taken(follower, at(0s)).size() == 1);

  Session cut;
  cut.receive(kCheck.substr(0, kCheck.size() - 1), at(0s));
  cut.end_of_input(at(0s));
  CHECK_FALSE(cut.next(at(0s)).has_value());
  const auto lines = taken(cut, at(0s));
  REQUIRE(lines.size() == 1);
  CHECK(error_in(lines[0]).message == "the last request has no newline at its end; add one");
  CHECK_FALSE(cut.ended().empty());
}

TEST_CASE("what is answered after the end goes nowhere") {
  Session session;
  session.receive(kCheck, at(0s));
  REQUIRE(session.next(at(0s)).has_value());
  session.receive("{", at(0s));
  session.answer(done(4), at(0s));
  session.tick(at(30s));
  CHECK_FALSE(session.ended().empty());
  session.answer(done(5), at(31s));
  session.publish(event_of("a"), "default");
  CHECK(session.output().empty());
}

}  // namespace
}  // namespace ipsec::control
