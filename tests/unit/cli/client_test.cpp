// Goal: the client takes an answer however it comes in, and every way a daemon can fail it ends in
// time with one line that says what to do. Method: a real socket, with a script behind it.
#include "cli/client.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <catch2/catch.hpp>

#include "tests/unit/cli/server.h"

namespace ipsec::cli {
namespace {

using std::chrono::milliseconds;
using test::Caller;
using test::Server;
using What = ClientError::What;

constexpr milliseconds kLong{10'000};
constexpr milliseconds kShort{80};

const Interrupt& never() {
  static const Interrupt interrupt;
  return interrupt;
}

control::Request request_for_limits() { return {0, {}, control::ListLimits{}}; }

control::Reply reply_to(std::uint64_t id) {
  return {id, control::LimitsReply{{{"tunnels_per_gateway", 20, "tunnels of one gateway"}}}};
}

std::uint64_t id_of(const std::string& line) { return control::read_request(line)->id; }

std::expected<control::Reply, ClientError> ask(const Server& server, milliseconds limit = kLong) {
  auto client = Client::connect(server.run_dir(), limit, never());
  REQUIRE(client);
  return client->ask(request_for_limits());
}

}  // namespace

TEST_CASE("an answer in one piece, in single bytes, and behind other lines") {
  const Server whole([](Caller& caller) { caller.send(write(reply_to(id_of(caller.line())))); });
  CHECK(ask(whole)->result == reply_to(1).result);

  const Server bytes([](Caller& caller) {
    for (const char c : write(reply_to(id_of(caller.line())))) caller.send({&c, 1});
  });
  CHECK(ask(bytes)->result == reply_to(1).result);

  const Server behind([](Caller& caller) {
    const std::uint64_t id = id_of(caller.line());
    control::EventView event;
    event.event = "ike-up";
    caller.send(write(event) + write(reply_to(id + 7)) + write(reply_to(id)));
  });
  CHECK(ask(behind)->id == 1);
}

TEST_CASE("several requests over one connection") {
  const Server server([](Caller& caller) {
    for (std::string line = caller.line(); !line.empty(); line = caller.line()) {
      caller.send(write(reply_to(id_of(line))));
    }
  });
  auto client = Client::connect(server.run_dir(), kLong, never());
  REQUIRE(client);
  for (std::uint64_t id = 1; id < 5; ++id) CHECK(client->ask(request_for_limits())->id == id);
}

TEST_CASE("a request of megabytes goes through a socket that takes it in parts") {
  std::string got;
  const Server server([&](Caller& caller) {
    got = caller.line();
    caller.send(write(reply_to(1)));
  });
  control::Request request{0, {}, control::Apply{std::string(3 << 20, '#'), "f", true, false}};
  auto client = Client::connect(server.run_dir(), kLong, never());
  REQUIRE(client->ask(request));
  request.id = 1;
  CHECK(got + '\n' == control::write(request));

  const auto too_long =
      client->ask({0, {}, control::Apply{std::string(control::kRequestBytes, '#'), "f"}});
  REQUIRE_FALSE(too_long);
  CHECK(too_long.error().message.find("apply it in parts") != std::string::npos);
}

TEST_CASE("nobody there: why, and what to do") {
  const test::Folder folder;
  const auto absent = Client::connect(folder.path().string(), kLong, never());
  REQUIRE_FALSE(absent);
  CHECK(absent.error().what == What::unreachable);
  CHECK(absent.error().message.find("is ipsecd running") != std::string::npos);
  CHECK(absent.error().message.find(folder.path().string()) != std::string::npos);

  std::string dead;
  {
    // Its socket stays where it was, with nobody behind it.
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = (folder / "control.sock").string();
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  }
  const auto refused = Client::connect(folder.path().string(), kLong, never());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what == What::unreachable);
  CHECK(refused.error().message.find("nobody listens there") != std::string::npos);

  const auto long_path = Client::connect(std::string(200, 'd'), kLong, never());
  REQUIRE_FALSE(long_path);
  CHECK(long_path.error().message.find("longer than") != std::string::npos);
}

TEST_CASE("the daemon closes, stops in the middle, or talks nonsense") {
  const Server closes([](Caller& caller) { (void)caller.line(); });
  const auto closed = ask(closes);
  REQUIRE_FALSE(closed);
  CHECK(closed.error().what == What::broken);
  CHECK(closed.error().message.find("closed the connection; look into its log") !=
        std::string::npos);

  const Server stops(
      [](Caller& caller) { caller.send(write(reply_to(id_of(caller.line()))).substr(0, 20)); });
  CHECK(ask(stops).error().message.find("in the middle of its answer") != std::string::npos);

  const Server nonsense([](Caller& caller) {
    (void)caller.line();
    caller.send("no json\n");
  });
  const auto wrong = ask(nonsense);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().what == What::broken);
  CHECK(wrong.error().message.find("of one version?") != std::string::npos);
}

TEST_CASE("a daemon that refuses before it reads is heard all the same") {
  const Server server([](Caller& caller) {
    caller.send(write(control::Reply{
        0, std::unexpected(control::Error{control::ErrorCode::forbidden, "not by you", {}})}));
  });
  const auto reply = ask(server);
  REQUIRE(reply);
  CHECK(reply->result.error().code == control::ErrorCode::forbidden);
}

TEST_CASE("silence ends in time, and slowness does not") {
  const Server silent([](Caller& caller) {
    (void)caller.line();
    (void)caller.line();  // until the client has gone
  });
  const auto nothing = ask(silent, kShort);
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().what == What::unreachable);
  CHECK(nothing.error().message.find("--timeout") != std::string::npos);
}

TEST_CASE("events come one after the other") {
  const Server server([](Caller& caller) {
    const std::uint64_t id = id_of(caller.line());
    caller.send(write(control::Reply{id, control::EventsReply{{}, true}}));
    for (std::uint64_t number = 1; number <= 3; ++number) {
      control::EventView event;
      event.number = number;
      caller.send(write(event));
    }
  });
  // Events may take for ever: the limit is for answers.
  auto client = Client::connect(server.run_dir(), kLong, never());
  REQUIRE(client->ask({0, {}, control::Events{{}, {}, 10, true}}));
  for (std::uint64_t number = 1; number <= 3; ++number) {
    CHECK(client->next_event()->number == number);
  }
  CHECK(client->next_event().error().what == What::broken);
}

}  // namespace ipsec::cli
