// The control socket on a real AF_UNIX socket: clients in this process talk to it while its loop
// turns, until what is waited for is there or a deadline says that it never comes.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/daemon/control_socket.h"

namespace ipsec::daemon {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr control::UserId kNobody = 65534;

struct Folder {
  Folder() {
    std::string name = (fs::temp_directory_path() / "control-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
    fs::permissions(path, fs::perms(0755));
  }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] fs::path socket() const { return path / "control.sock"; }
  fs::path path;
};

// Stops the loop where what is waited for does not come.
class Patience final : public Timed {
 public:
  explicit Patience(Loop& loop) : loop_(loop), until_(loop.now() + 10s) { loop.add(*this); }
  ~Patience() override { loop_.remove(*this); }
  [[nodiscard]] Time next_deadline() const override { return until_; }
  void tick(Time) override {
    lost = true;
    until_ = kNever;
    loop_.stop();
  }
  bool lost = false;

 private:
  Loop& loop_;
  Time until_;
};

class Peer {
 public:
  explicit Peer(const fs::path& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(path.native(), address.sun_path);
    connected =
        ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    ::fcntl(fd_.get(), F_SETFL, O_NONBLOCK);
  }
  // What does not fit waits for the next call.
  void send(std::string_view text) {
    out_ += text;
    push();
  }
  void push() {
    if (out_.empty()) return;
    const ssize_t count = ::send(fd_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
    if (count > 0) out_.erase(0, static_cast<std::size_t>(count));
  }
  void shut() const { ::shutdown(fd_.get(), SHUT_WR); }
  void close() { fd_.reset(); }
  void read(std::size_t at_most = 1'000'000) {
    std::vector<char> bytes(at_most);
    const ssize_t count = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
    if (count > 0) in_.append(bytes.data(), static_cast<std::size_t>(count));
    if (count == 0 || (count < 0 && errno != EAGAIN)) closed = true;
  }
  // Those that are whole.
  std::size_t lines() {
    push();
    read();
    return static_cast<std::size_t>(std::ranges::count(in_, '\n'));
  }
  std::string line() {
    const auto end = in_.find('\n');
    REQUIRE(end != std::string::npos);
    std::string line = in_.substr(0, end + 1);
    in_.erase(0, end + 1);
    return line;
  }
  control::Reply reply() { return std::get<control::Reply>(control::read_answer(line()).value()); }
  control::EventView event() {
    return std::get<control::EventView>(control::read_answer(line()).value());
  }

  bool connected = false;
  bool closed = false;

 private:
  UniqueFd fd_;
  std::string out_;
  std::string in_;
};

// Answers some at once, others when the test says so.
class Handler final : public RequestHandler {
 public:
  void handle(const control::Request& request, const Caller& caller, Responder respond) override {
    callers.push_back(caller);
    requests.push_back(request);
    if (std::holds_alternative<control::Diagnose>(request.operation)) {
      waiting.push_back(std::move(respond));
    } else if (const auto* events = std::get_if<control::Events>(&request.operation)) {
      respond(control::EventsReply{{}, events->follow});
    } else {
      respond(control::DoneReply{{std::string(reply_bytes, 'x')}});
    }
  }
  std::vector<Caller> callers;
  std::vector<control::Request> requests;
  std::vector<Responder> waiting;
  std::size_t reply_bytes = 0;
};

struct House {
  explicit House(ControlRules rules = {{::getegid(), {}}, {{}, "default"}},
                 const ControlLimits& limits = {})
      : loop(Loop::create().value()), log(Log::open((folder.path / "log").string()).value()) {
    auto listener = ControlListener::open(folder.socket(), rules.access);
    REQUIRE(listener.has_value());
    server.emplace(ControlSocket::Parts{loop, log, handler}, *std::move(listener), std::move(rules),
                   limits);
  }
  template <typename Condition>
  void until(Condition condition) {
    if (condition()) return;
    Patience patience(loop);
    loop.run([&] {
      if (condition()) loop.stop();
    });
    REQUIRE_FALSE(patience.lost);
  }
  // All that has come so far is served: what comes after it has been.
  void serve_all() {
    const std::size_t before = server->clients();
    {
      const Peer last = peer();
      until([&] { return server->clients() == before + 1; });
    }
    until([&] { return server->clients() == before; });
  }
  Peer peer() const { return Peer(folder.socket()); }

  Folder folder;
  Loop loop;
  Log log;
  Handler handler;
  std::optional<ControlSocket> server;
};

std::string check_line(std::uint64_t id) {
  return write(control::Request{id, "", control::Check{}});
}
std::string follow_line(std::vector<std::string> tunnels) {
  return write(control::Request{1, "", control::Events{std::move(tunnels), {}, 0, true}});
}
control::EventView event_of(std::string tunnel, std::uint64_t number) {
  return {{}, number, "", std::move(tunnel), "1", "ike-up", "up"};
}

TEST_CASE("a request over the socket is answered to who asked", "[control]") {
  House house;
  Peer peer = house.peer();
  REQUIRE(peer.connected);
  peer.send(check_line(42));
  house.until([&] { return peer.lines() == 1; });
  CHECK(peer.reply() == control::Reply{42, control::DoneReply{{""}}});
  REQUIRE(house.handler.callers.size() == 1);
  const Caller& caller = house.handler.callers[0];
  CHECK(caller.credentials.uid == ::geteuid());
  CHECK(caller.credentials.gid == ::getegid());
  CHECK(caller.process == ::getpid());
  CHECK(caller.account == "default");
  CHECK_FALSE(caller.user.empty());

  peer.send("nonsense\n");
  house.until([&] { return peer.lines() == 1; });
  CHECK(peer.reply().result.error().code == control::ErrorCode::usage);
  CHECK(house.server->clients() == 1);
  peer.close();
  house.until([&] { return house.server->clients() == 0; });
}

TEST_CASE("a client may end its input before it has its answers", "[control]") {
  House house;
  Peer peer = house.peer();
  peer.send(check_line(1) + check_line(2));
  peer.shut();
  house.until([&] { return peer.lines() == 2; });
  house.until([&] { return house.server->clients() == 0; });
  peer.read();
  CHECK(peer.closed);
}

TEST_CASE("many requests at once with long replies are all answered in order", "[control]") {
  House house;
  house.handler.reply_bytes = 50'000;
  Peer peer = house.peer();
  std::string all;
  constexpr std::uint64_t kCount = 100;
  for (std::uint64_t id = 1; id <= kCount; ++id) all += check_line(id);
  peer.send(all);
  house.until([&] { return peer.lines() == kCount; });
  for (std::uint64_t id = 1; id <= kCount; ++id) CHECK(peer.reply().id == id);
}

TEST_CASE("more requests than are begun in one go need nothing to wake the daemon again",
          "[control]") {
  House house;
  Peer peer = house.peer();
  std::string all;
  for (std::uint64_t id = 1; id <= 200; ++id) all += check_line(id);
  peer.send(all);
  // Short answers leave at once, so that no socket becomes ready after them.
  house.until([&] { return house.handler.requests.size() == 200; });
  house.until([&] { return peer.lines() == 200; });
}

TEST_CASE("an answer may come later, and others before it", "[control]") {
  House house;
  Peer peer = house.peer();
  peer.send(write(control::Request{1, "", control::Diagnose{"hq"}}) + check_line(2));
  house.until([&] { return peer.lines() == 1; });
  CHECK(peer.reply().id == 2);
  REQUIRE(house.handler.waiting.size() == 1);
  house.handler.waiting[0](control::FindingsReply{});
  house.until([&] { return peer.lines() == 1; });
  CHECK(peer.reply() == control::Reply{1, control::FindingsReply{}});

  // One that is dropped is an answer too.
  peer.send(write(control::Request{3, "", control::Diagnose{"hq"}}));
  house.until([&] { return house.handler.waiting.size() == 2; });
  house.handler.waiting.clear();
  house.until([&] { return peer.lines() == 1; });
  CHECK(peer.reply().result.error().code == control::ErrorCode::unavailable);
}

TEST_CASE("an answer to who has gone, or after the end, goes nowhere", "[control]") {
  House house;
  Peer peer = house.peer();
  const std::string diagnose = write(control::Request{1, "", control::Diagnose{"hq"}});
  peer.send(diagnose + diagnose);
  house.until([&] { return house.handler.waiting.size() == 2; });
  peer.close();
  house.until([&] { return house.server->clients() == 0; });
  house.handler.waiting[0](control::FindingsReply{});
  house.server.reset();
  house.handler.waiting[1](control::FindingsReply{});
}

TEST_CASE("no more is begun for a client than may be in flight", "[control]") {
  House house;
  Peer peer = house.peer();
  std::string all;
  for (std::uint64_t id = 1; id <= 40; ++id) {
    all += write(control::Request{id, "", control::Diagnose{"hq"}});
  }
  peer.send(all);
  house.until([&] { return house.handler.waiting.size() == 16; });
  house.serve_all();
  CHECK(house.handler.waiting.size() == 16);
  for (std::size_t i = 0; i < 40; ++i) {
    house.until([&] { return house.handler.waiting.size() > i; });
    Responder respond = std::move(house.handler.waiting[i]);
    respond(control::FindingsReply{});
  }
  house.until([&] { return peer.lines() == 40; });
}

TEST_CASE("events reach those who follow the tunnel", "[control]") {
  House house;
  Peer all = house.peer();
  Peer one = house.peer();
  Peer none = house.peer();
  all.send(follow_line({}));
  one.send(follow_line({"b"}));
  none.send(check_line(1));
  house.until([&] { return all.lines() == 1 && one.lines() == 1 && none.lines() == 1; });
  for (Peer* peer : {&all, &one, &none}) (void)peer->line();

  house.server->publish(event_of("a", 1), "default");
  house.server->publish(event_of("b", 2), "default");
  house.server->publish(event_of("b", 3), "other");
  house.until([&] { return all.lines() == 2 && one.lines() == 1; });
  CHECK(all.event() == event_of("a", 1));
  CHECK(all.event() == event_of("b", 2));
  CHECK(one.event() == event_of("b", 2));
  CHECK(none.lines() == 0);

  // A follower who has ended its input still follows, until it is gone.
  all.shut();
  house.serve_all();
  house.server->publish(event_of("a", 4), "default");
  house.until([&] { return all.lines() == 1; });
  all.close();
  house.until([&] { return house.server->clients() == 2; });
}

TEST_CASE("a follower who does not read loses events and holds nobody up", "[control]") {
  House house;
  Peer slow = house.peer();
  Peer quick = house.peer();
  slow.send(follow_line({}));
  quick.send(follow_line({}));
  house.until([&] { return slow.lines() == 1 && quick.lines() == 1; });
  (void)slow.line();
  (void)quick.line();

  constexpr std::uint64_t kCount = 20'000;
  std::uint64_t seen = 0;
  for (std::uint64_t number = 1; number <= kCount; ++number) {
    house.server->publish(event_of("a", number), "default");
    if (number % 1000 != 0) continue;
    house.until([&] { return quick.lines() == 1000; });
    for (int i = 0; i < 1000; ++i) CHECK(quick.event().number == ++seen);
  }
  CHECK(house.server->clients() == 2);

  std::uint64_t last = 0;
  std::string lost;
  house.until([&] {
    for (std::size_t left = slow.lines(); left > 0; --left) {
      const auto event = slow.event();
      if (event.event == "events-lost") lost = event.text;
      CHECK(event.number > last);
      last = event.number;
    }
    return last == kCount;
  });
  CHECK(lost.contains("events were lost"));
}

TEST_CASE("a request that does not end is ended with a word", "[control]") {
  ControlLimits limits;
  limits.session.line_age = 0s;
  House house({{::getegid(), {}}, {{}, "default"}}, limits);
  Peer peer = house.peer();
  peer.send("{\"v\":1,");
  house.until([&] { return peer.lines() == 1; });
  CHECK(peer.reply().result.error().message.starts_with("the request had no end after"));
  house.until([&] { return house.server->clients() == 0; });
}

TEST_CASE("a client that does not take its reply is cut off", "[control]") {
  ControlLimits limits;
  limits.session.reply_age = 0s;
  House house({{::getegid(), {}}, {{}, "default"}}, limits);
  house.handler.reply_bytes = 4'000'000;  // more than the socket holds
  Peer peer = house.peer();
  peer.send(check_line(1));
  house.until([&] { return house.server->clients() == 0 && !house.handler.requests.empty(); });
  std::ifstream log(house.folder.path / "log");
  const std::string text(std::istreambuf_iterator<char>(log), {});
  CHECK(text.contains("it has not taken its reply for 0 s"));
}

TEST_CASE("the number of clients is bounded, and root has places of its own", "[control]") {
  ControlLimits limits;
  limits.clients = 4;
  limits.kept_for_root = 2;
  limits.clients_of_user = 1;
  House house({{::getegid(), {}}, {{}, "default"}}, limits);
  const bool root = ::geteuid() == 0;
  std::vector<Peer> peers;
  for (int i = 0; i < 5; ++i) peers.push_back(house.peer());
  house.until([&] { return peers.back().lines() == 1; });
  CHECK(house.server->clients() == (root ? 4 : 1));
  const auto refused = peers.back().reply();
  CHECK(refused.id == 0);
  CHECK(refused.result.error().code == control::ErrorCode::unavailable);
  CHECK(refused.result.error().message ==
        (root ? "4 clients are connected already; end one of them, or try again later"
              : "user " + std::to_string(::geteuid()) +
                    " has 1 connections here already; end one of them"));
  peers[0].close();
  house.until([&] { return house.server->clients() == (root ? 3 : 0); });
  peers[1] = house.peer();
  peers[1].send(check_line(1));
  house.until([&] { return peers[1].lines() == 1; });
}

// As another user, where this is root.
Peer peer_of(const fs::path& path, control::UserId uid, control::GroupId gid) {
  REQUIRE(::setegid(gid) == 0);
  REQUIRE(::seteuid(uid) == 0);
  Peer peer(path);
  REQUIRE(::seteuid(0) == 0);
  REQUIRE(::setegid(0) == 0);
  return peer;
}

TEST_CASE("who comes in decides what he may do", "[control]") {
  if (::geteuid() != 0) return;  // only root can be several users
  constexpr control::GroupId kAdmins = 4242;
  constexpr control::GroupId kReaders = 4243;
  House house({{kAdmins, kReaders}, {{{"nobody", "red"}}, "default"}});
  const std::string rename = write(control::Request{1, "", control::Rename{Kind::vpc, "a", "b"}});
  const std::string red = write(control::Request{2, "blue", control::Check{}});

  Peer stranger = peer_of(house.folder.socket(), 12345, 12345);
  Peer reader = peer_of(house.folder.socket(), kNobody, kReaders);
  Peer admin = peer_of(house.folder.socket(), kNobody, kAdmins);
  Peer root = house.peer();
  for (Peer* peer : {&reader, &admin, &root}) peer->send(rename + red + check_line(3));
  house.until([&] {
    return stranger.lines() == 1 && reader.lines() == 3 && admin.lines() == 3 && root.lines() == 3;
  });

  const auto refused = stranger.reply();
  CHECK(refused.id == 0);
  CHECK(refused.result.error().message.starts_with("user 12345 may not ask this gateway anything"));
  stranger.read();
  CHECK(stranger.closed);

  CHECK(reader.reply().result.error().message.starts_with("user 65534 may only read here"));
  CHECK(reader.reply().result.error().code == control::ErrorCode::forbidden);
  CHECK(reader.reply().result.has_value());
  CHECK(admin.reply().result.has_value());
  CHECK(admin.reply().result.error().message ==
        "user 'nobody' belongs to account 'red', and only root may name another one");
  CHECK(admin.reply().result.has_value());
  for (int i = 0; i < 3; ++i) CHECK(root.reply().result.has_value());
  const auto asked_by = [&](std::string_view user, std::string_view account) {
    return std::ranges::count_if(house.handler.callers, [&](const Caller& caller) {
      return caller.user == user && caller.account == account;
    });
  };
  CHECK(asked_by("nobody", "red") == 3);
  CHECK(asked_by("root", "default") == 2);
  CHECK(asked_by("root", "blue") == 1);

  // New rules hold for those who are there.
  house.server->set_rules({{kAdmins, {}}, {{}, "default"}});
  reader.send(check_line(4));
  house.until([&] { return reader.lines() == 1; });
  CHECK(reader.reply().result.error().code == control::ErrorCode::forbidden);
}

TEST_CASE("the socket's name and rights", "[control]") {
  const Folder folder;
  const auto mode_with = [&](const control::Access& access) {
    const auto listener = ControlListener::open(folder.socket(), access);
    REQUIRE(listener.has_value());
    struct stat found{};
    REQUIRE(::lstat(folder.socket().c_str(), &found) == 0);
    if (access.group) CHECK(found.st_gid == *access.group);
    return found.st_mode & 0777U;
  };
  CHECK(mode_with({}) == 0600U);
  CHECK(mode_with({::getegid(), {}}) == 0660U);
  CHECK(mode_with({::getegid(), 5}) == 0666U);
  CHECK_FALSE(fs::exists(folder.socket()));

  // What a daemon that was killed left is replaced; what another put there stays.
  {
    auto first = ControlListener::open(folder.socket(), {});
    const auto second = ControlListener::open(folder.socket(), {});
    REQUIRE(second.has_value());
    {
      const ControlListener ended = *std::move(first);
    }
    CHECK(Peer(folder.socket()).connected);
  }
  CHECK_FALSE(fs::exists(folder.socket()));

  std::ofstream(folder.socket()) << "a file";
  const auto refused = ControlListener::open(folder.socket(), {});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().where == folder.socket().string());
  CHECK(refused.error().why == "is there and is no socket; move it away");

  const auto too_long = ControlListener::open(folder.path / std::string(200, 'x'), {});
  CHECK(too_long.error().why == "a socket's path has at most 107 bytes; name a shorter --run-dir");
  const auto nowhere = ControlListener::open(folder.path / "none" / "control.sock", {});
  CHECK(nowhere.error().why == "binding the socket: No such file or directory");
}

TEST_CASE("what is owed goes out when the daemon stops", "[control]") {
  House house;
  Peer peer = house.peer();
  peer.send(write(control::Request{1, "", control::Diagnose{"hq"}}));
  house.until([&] { return house.handler.waiting.size() == 1; });
  house.handler.waiting[0](control::DoneReply{});
  house.server.reset();
  CHECK(peer.lines() == 1);
  CHECK(peer.closed == false);
  peer.read();
  CHECK(peer.closed);
  CHECK_FALSE(fs::exists(house.folder.socket()));
}

}  // namespace
}  // namespace ipsec::daemon
