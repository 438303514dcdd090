// The daemon's sockets on the loopback device of a network namespace of their own, where ports 500
// and 4500 are free and IPv6 has a second address. The peer is a bare socket that sees who answers.
#include <arpa/inet.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "ike/daemon/system/address.h"
#include "ike/daemon/udp.h"

namespace ipsec::daemon {
namespace {

Address address(std::string_view text) { return Address::parse(text).value(); }

void write_line(const char* file, const std::string& line) { std::ofstream(file) << line; }

// Where we are not root, by a user namespace in which we are still ourselves.
bool enter_network_namespace() {
  if (::unshare(CLONE_NEWNET) == 0) return true;
  const auto uid = ::getuid();
  const auto gid = ::getgid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
  write_line("/proc/self/setgroups", "deny");
  write_line("/proc/self/uid_map", std::to_string(uid) + " " + std::to_string(uid) + " 1");
  write_line("/proc/self/gid_map", std::to_string(gid) + " " + std::to_string(gid) + " 1");
  return true;
}

void raise_loopback() {
  const UniqueFd v4(::socket(AF_INET, SOCK_DGRAM, 0));
  ifreq device{};
  std::strcpy(device.ifr_name, "lo");
  REQUIRE(::ioctl(v4.get(), SIOCGIFFLAGS, &device) == 0);
  device.ifr_flags = static_cast<short>(device.ifr_flags | IFF_UP);
  REQUIRE(::ioctl(v4.get(), SIOCSIFFLAGS, &device) == 0);
  const UniqueFd v6(::socket(AF_INET6, SOCK_DGRAM, 0));
  in6_ifreq second{};
  second.ifr6_prefixlen = 128;
  second.ifr6_ifindex = static_cast<int>(::if_nametoindex("lo"));
  REQUIRE(::inet_pton(AF_INET6, "2001:db8::2", &second.ifr6_addr) == 1);
  REQUIRE(::ioctl(v6.get(), SIOCSIFADDR, &second) == 0);
  // Until the kernel has come to it there is no such address.
  auto address = to_system({*Address::from_bytes(ByteView(second.ifr6_addr.s6_addr)), 0});
  int waits = 0;
  while (::bind(v6.get(), address.get(), address.size) != 0 && ++waits < 1000) {
    ::poll(nullptr, 0, 5);
  }
  REQUIRE(waits < 1000);
}

// Once for this program: the other tests of it need no network.
void need_loopback() {
  static const bool apart = enter_network_namespace();
  REQUIRE(apart);
  static const bool raised = (raise_loopback(), true);
  REQUIRE(raised);
}

UdpSockets opened(const std::vector<Address>& listen) {
  need_loopback();
  auto sockets = UdpSockets::open(listen);
  if (!sockets) FAIL(sockets.error().where << ": " << sockets.error().why);
  return *std::move(sockets);
}

bool readable(int fd, int limit_ms) {
  pollfd waiting{fd, POLLIN, 0};
  return ::poll(&waiting, 1, limit_ms) == 1;
}

class Peer {
 public:
  explicit Peer(const Endpoint& own)
      : fd_(::socket(own.address.family() == Family::v4 ? AF_INET : AF_INET6,
                     SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    auto here = to_system(own);
    REQUIRE(::bind(fd_.get(), here.get(), here.size) == 0);
    const int yes = 1;
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_BROADCAST, &yes, sizeof(yes));
  }
  void send(const Endpoint& to, const Bytes& bytes) {
    auto there = to_system(to);
    REQUIRE(::sendto(fd_.get(), bytes.data(), bytes.size(), 0, there.get(), there.size) ==
            static_cast<ssize_t>(bytes.size()));
  }
  struct Heard {
    Endpoint from;
    Bytes bytes;
  };
  std::optional<Heard> hear() {
    if (!readable(fd_.get(), 2000)) return std::nullopt;
    Bytes bytes(2048);
    SystemAddress from;
    const auto count = ::recvfrom(fd_.get(), bytes.data(), bytes.size(), 0, from.get(), &from.size);
    REQUIRE(count >= 0);
    bytes.resize(static_cast<std::size_t>(count));
    return Heard{from_system(from), std::move(bytes)};
  }

 private:
  UniqueFd fd_;
};

// As many as are wanted, from whichever socket; fewer where they do not come.
std::vector<core::Datagram> taken(UdpSockets& sockets, std::size_t wanted, int limit_ms = 2000) {
  std::vector<core::Datagram> out;
  std::vector<pollfd> waiting;
  for (const int fd : sockets.fds()) waiting.push_back({fd, POLLIN, 0});
  while (out.size() < wanted && ::poll(waiting.data(), waiting.size(), limit_ms) > 0) {
    for (const pollfd& one : waiting) {
      if (one.revents == 0) continue;
      sockets.receive(one.fd, [&](core::Datagram&& datagram) { out.push_back(datagram); });
    }
  }
  return out;
}

std::vector<UniqueFd> copies_of(const UdpSockets& sockets) {
  std::vector<UniqueFd> out;
  for (const int fd : sockets.fds()) out.emplace_back(::dup(fd));
  return out;
}

std::vector<ino_t> inodes_of(const std::vector<int>& fds) {
  std::vector<ino_t> out;
  for (const int fd : fds) {
    struct stat file{};
    REQUIRE(::fstat(fd, &file) == 0);
    out.push_back(file.st_ino);
  }
  return out;
}

TEST_CASE("sockets that are inherited are used, with what came meanwhile", "[udp]") {
  std::optional<UdpSockets> first(opened({}));
  const auto inodes = inodes_of(first->fds());
  auto held = copies_of(*first);
  first.reset();
  Peer peer({address("127.0.0.1"), 0});
  peer.send({address("127.0.0.1"), kIkePort}, {1, 2, 3});
  int told = 0;
  auto second =
      UdpSockets::open({}, Inheritance(std::move(held), [&](std::span<const int>) { ++told; }));
  REQUIRE(second.has_value());
  CHECK(inodes_of(second->fds()) == inodes);
  CHECK(told == 0);
  const auto datagrams = taken(*second, 1);
  REQUIRE(datagrams.size() == 1);
  CHECK(datagrams.front().bytes == Bytes{1, 2, 3});
}

TEST_CASE("sockets that are not wanted go before others are bound", "[udp]") {
  std::optional<UdpSockets> first(opened({address("127.0.0.1")}));
  auto of_keeper = copies_of(*first);
  auto held = copies_of(*first);
  first.reset();
  std::size_t taken_over = 99;
  auto second = UdpSockets::open({}, Inheritance(std::move(held), [&](std::span<const int> fds) {
                                   taken_over = fds.size();
                                   of_keeper.clear();
                                 }));
  // The general address cannot be bound while somebody has one of its ports.
  REQUIRE(second.has_value());
  CHECK(taken_over == 0);
}

TEST_CASE("a reply leaves from the address that was asked", "[udp]") {
  auto sockets = opened({});
  struct Case {
    const char* asked;
    const char* by;
  };
  for (const auto& [asked, by] : {Case{"127.0.0.1", "127.0.0.9"}, Case{"127.0.0.2", "127.0.0.9"},
                                  Case{"::1", "::1"}, Case{"2001:db8::2", "::1"}}) {
    for (const std::uint16_t port : {kIkePort, kNattPort}) {
      INFO(asked << " at " << port);
      const Endpoint asked_at{address(asked), port};
      const Endpoint asker{address(by), 5000};
      Peer peer(asker);
      const Bytes marker(port == kNattPort ? 4 : 0);
      Bytes question = marker;
      question.insert(question.end(), {1, 2, 3, 4, 5});
      peer.send(asked_at, question);
      const auto got = taken(sockets, 1);
      REQUIRE(got.size() == 1);
      CHECK(got[0].local.to_string() == asked_at.to_string());
      CHECK(got[0].remote.to_string() == asker.to_string());
      CHECK(got[0].bytes == Bytes{1, 2, 3, 4, 5});

      sockets.send({got[0].local, got[0].remote, {6, 7, 8}});
      sockets.flush();
      const auto heard = peer.hear();
      REQUIRE(heard);
      CHECK(heard->from.to_string() == asked_at.to_string());
      Bytes answer = marker;
      answer.insert(answer.end(), {6, 7, 8});
      CHECK(heard->bytes == answer);
    }
  }
  CHECK(sockets.counters().received == 8);
  CHECK(sockets.counters().sent == 8);
  CHECK(sockets.counters().unusable == 0);
  CHECK(sockets.counters().unsent == 0);
}

// RFC 3948 2.3: a keepalive is one byte, and no marker before it.
TEST_CASE("a keepalive bears no marker", "[udp]") {
  auto sockets = opened({address("127.0.0.1")});
  Peer peer({address("127.0.0.9"), 5000});
  sockets.send({{address("127.0.0.1"), kNattPort}, {address("127.0.0.9"), 5000}, {0xff}});
  sockets.flush();
  const auto heard = peer.hear();
  REQUIRE(heard);
  CHECK(heard->bytes == Bytes{0xff});
}

// What has no marker is ESP, which the kernel keeps where it can: then it is never seen here.
TEST_CASE("what is no IKE for this host alone is not taken", "[udp]") {
  auto sockets = opened({});
  Peer peer({address("127.0.0.9"), 5000});
  peer.send({address("127.0.0.1"), kNattPort}, {0x12, 0x34, 0x56, 0x78, 0, 0, 0, 1});
  peer.send({address("127.0.0.1"), kNattPort}, {0, 0, 0, 0});
  peer.send({address("127.255.255.255"), kIkePort}, {1, 2, 3});
  peer.send({address("127.0.0.1"), kIkePort}, {4, 5, 6});
  const auto got = taken(sockets, 1);
  REQUIRE(got.size() == 1);
  CHECK(got[0].bytes == Bytes{4, 5, 6});
  // The broadcast, at least.
  CHECK(sockets.counters().unusable >= 1);
  CHECK(sockets.counters().received == sockets.counters().unusable + 1);
}

TEST_CASE("sockets of given addresses are of these alone", "[udp]") {
  auto sockets = opened({address("127.0.0.2"), address("2001:db8::2")});
  CHECK(sockets.fds().size() == 4);
  Peer peer({address("127.0.0.9"), 5000});
  peer.send({address("127.0.0.1"), kIkePort}, {1});
  peer.send({address("127.0.0.2"), kIkePort}, {2});
  const auto got = taken(sockets, 1);
  REQUIRE(got.size() == 1);
  CHECK(got[0].bytes == Bytes{2});

  sockets.send({{address("127.0.0.1"), kIkePort}, {address("127.0.0.9"), 5000}, {1, 2}});
  sockets.send({{address("127.0.0.2"), 777}, {address("127.0.0.9"), 5000}, {1, 2}});
  sockets.flush();
  CHECK(sockets.counters().unsent == 2);
  CHECK(sockets.counters().last_error == EADDRNOTAVAIL);
  CHECK(sockets.counters().sent == 0);
}

TEST_CASE("many go and come at once, in their order", "[udp]") {
  static constexpr std::uint8_t kMany = 200;
  auto sockets = opened({address("127.0.0.1")});
  const Endpoint own{address("127.0.0.1"), kIkePort};
  const Endpoint other{address("127.0.0.9"), 5000};
  Peer peer(other);
  for (std::uint8_t i = 0; i < kMany; ++i) peer.send(own, {i});
  const auto got = taken(sockets, kMany);
  REQUIRE(got.size() == kMany);
  for (std::uint8_t i = 0; i < kMany; ++i) CHECK(got[i].bytes == Bytes{i});

  for (std::uint8_t i = 0; i < kMany; ++i) sockets.send({own, other, {i}});
  sockets.flush();
  for (std::uint8_t i = 0; i < kMany; ++i) {
    const auto heard = peer.hear();
    REQUIRE(heard);
    CHECK(heard->bytes == Bytes{i});
  }
  CHECK(sockets.counters().received == kMany);
  CHECK(sockets.counters().sent == kMany);
}

// As the daemon does: what a message leads to is sent at once, to whoever, while others wait behind
// it.
TEST_CASE("what is sent meanwhile changes nothing of what has come", "[udp]") {
  auto sockets = opened({});
  const Endpoint own{address("127.0.0.1"), kIkePort};
  std::vector<Endpoint> asked_by;
  std::vector<Peer> peers;
  for (std::uint8_t i = 1; i <= 8; ++i) {
    asked_by.push_back({address(fmt::format("127.0.1.{}", i)), 5000});
    peers.emplace_back(asked_by.back());
    peers.back().send(own, {i});
  }
  std::vector<core::Datagram> got;
  const auto take = [&](core::Datagram&& datagram) {
    got.push_back(std::move(datagram));
    for (int i = 0; i < 64; ++i) {
      sockets.send({{address("::1"), kIkePort}, {address("2001:db8::2"), 5001}, {9, 9, 9}});
    }
    sockets.flush();
  };
  for (const int fd : sockets.fds()) sockets.receive(fd, take);
  REQUIRE(got.size() == peers.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CHECK(got[i].remote.to_string() == asked_by[i].to_string());
    CHECK(got[i].local.to_string() == own.to_string());
    CHECK(got[i].bytes == Bytes{static_cast<std::uint8_t>(i + 1)});
  }
}

TEST_CASE("what cannot be sent holds nothing up", "[udp]") {
  auto sockets = opened({});
  const Endpoint other{address("127.0.0.9"), 5000};
  Peer peer(other);
  // There is no way to it: this namespace has the loopback device alone.
  sockets.send({{address("127.0.0.1"), kIkePort}, {address("203.0.113.1"), kIkePort}, {1, 2}});
  sockets.send({{address("127.0.0.1"), kIkePort}, other, {3, 4}});
  sockets.flush();
  const auto heard = peer.hear();
  REQUIRE(heard);
  CHECK(heard->bytes == Bytes{3, 4});
  CHECK(sockets.counters().unsent == 1);
  CHECK(sockets.counters().last_error != 0);
  CHECK(sockets.counters().sent == 1);
}

TEST_CASE("a place that cannot be had is named, with what to do", "[udp]") {
  const auto first = opened({address("127.0.0.1")});
  const auto busy = UdpSockets::open({address("127.0.0.1")});
  REQUIRE_FALSE(busy.has_value());
  CHECK(busy.error().where == "UDP 127.0.0.1:500");
  CHECK(busy.error().why ==
        "cannot listen there: Address already in use; another program has it: stop that one (ss "
        "-ulpn)");
  const auto strange = UdpSockets::open({address("203.0.113.1")});
  REQUIRE_FALSE(strange.has_value());
  CHECK(strange.error().where == "UDP 203.0.113.1:500");
  CHECK(strange.error().why.find("no interface has this address") != std::string::npos);
}

}  // namespace
}  // namespace ipsec::daemon
