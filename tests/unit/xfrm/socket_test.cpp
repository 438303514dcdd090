// Goal: a dump that is broken off is begun again, from nothing; what others send is counted and
// believed by nobody. Method: sendmsg() and recvmsg() are replaced by a kernel that says what a
// test has written down for it.
#include "xfrm/socket.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

namespace {

using ipsec::Bytes;
using ipsec::ByteView;

constexpr std::uint16_t kRow = 0x20;

// One datagram of the kernel, or the error that is had in its place.
struct Said {
  int error_number = 0;
  std::uint16_t type = kRow;
  std::uint16_t flags = NLM_F_MULTI;
  std::int32_t value = 0;  // behind the header; of an error or an end the number
  std::uint32_t sender = 0;
};

struct Script {
  std::deque<Said> says;
  std::size_t asked = 0;
  std::uint32_t sequence = 0;  // of the last question
};
Script* script = nullptr;

Bytes datagram_of(const Said& said) {
  nlmsghdr header{};
  // An error repeats the header of what it is about.
  const bool is_error = said.type == NLMSG_ERROR;
  header.nlmsg_len = sizeof(header) + sizeof(said.value) + (is_error ? sizeof(header) : 0U);
  header.nlmsg_type = said.type;
  header.nlmsg_flags = said.flags;
  header.nlmsg_seq = script->sequence;
  Bytes out(header.nlmsg_len);
  std::memcpy(out.data(), &header, sizeof(header));
  std::memcpy(out.data() + sizeof(header), &said.value, sizeof(said.value));
  return out;
}

}  // namespace

extern "C" ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  if (script == nullptr) return ::syscall(SYS_sendmsg, fd, message, flags);
  ssize_t size = 0;
  for (std::size_t i = 0; i < message->msg_iovlen; ++i) {
    const iovec& piece = message->msg_iov[i];
    size += static_cast<ssize_t>(piece.iov_len);
    if (piece.iov_len != sizeof(nlmsghdr)) continue;
    nlmsghdr header{};
    std::memcpy(&header, piece.iov_base, sizeof(header));
    script->sequence = header.nlmsg_seq;
  }
  ++script->asked;
  return size;
}

extern "C" ssize_t recvmsg(int fd, msghdr* message, int flags) {
  if (script == nullptr) return ::syscall(SYS_recvmsg, fd, message, flags);
  // Nothing is left over of a dump before this one.
  if (script->says.empty() || (flags & MSG_DONTWAIT) != 0) {
    errno = EAGAIN;
    return -1;
  }
  const Said said = script->says.front();
  script->says.pop_front();
  if (said.error_number != 0) {
    errno = said.error_number;
    return -1;
  }
  const Bytes bytes = datagram_of(said);
  std::memcpy(message->msg_iov->iov_base, bytes.data(), bytes.size());
  sockaddr_nl sender{};
  sender.nl_family = AF_NETLINK;
  sender.nl_pid = said.sender;
  std::memcpy(message->msg_name, &sender, sizeof(sender));
  message->msg_namelen = sizeof(sender);
  message->msg_flags = 0;
  return static_cast<ssize_t>(bytes.size());
}

namespace ipsec::xfrm {
namespace {

Said row(std::int32_t value) { return {.value = value}; }
Said end() { return {.type = NLMSG_DONE}; }
Said refusal(int number) { return {.type = NLMSG_ERROR, .flags = 0, .value = -number}; }
Said lost() { return {.error_number = ENOBUFS}; }

struct Dumped {
  std::vector<std::int32_t> rows;
  int restarts = 0;
  std::size_t asked = 0;
  std::uint64_t ignored = 0;
  int error_number = 0;
  std::string error;
};

Dumped dump(std::deque<Said> says) {
  Script kernel;
  kernel.says = std::move(says);
  auto socket = Socket::open(NETLINK_ROUTE);
  REQUIRE(socket.has_value());
  Bytes question(sizeof(nlmsghdr));
  nlmsghdr header{};
  header.nlmsg_len = sizeof(header);
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  std::memcpy(question.data(), &header, sizeof(header));

  Dumped out;
  const auto take = [&](ByteView message) {
    std::int32_t value = 0;
    std::memcpy(&value, message.data() + sizeof(nlmsghdr), sizeof(value));
    out.rows.push_back(value);
  };
  const auto restart = [&] {
    ++out.restarts;
    out.rows.clear();
  };
  script = &kernel;
  const auto done = socket->dump(question, socket->reserve_sequence(1), take, restart);
  script = nullptr;
  out.asked = kernel.asked;
  out.ignored = socket->ignored();
  if (!done) {
    out.error_number = done.error().error_number;
    out.error = done.error().operation;
  }
  return out;
}

using Rows = std::vector<std::int32_t>;

}  // namespace

TEST_CASE("a dump is read to its end", "[xfrm]") {
  const Dumped got = dump({row(1), row(2), end()});
  CHECK(got.rows == Rows{1, 2});
  CHECK(got.restarts == 0);
  CHECK(got.error_number == 0);
}

TEST_CASE("a dump that is refused as busy is asked for again", "[xfrm]") {
  const Dumped got = dump({refusal(EBUSY), row(1), end()});
  CHECK(got.rows == Rows{1});
  CHECK(got.restarts == 1);
  CHECK(got.asked == 2);
}

TEST_CASE("a dump of which answers were lost begins from nothing", "[xfrm]") {
  const Dumped got = dump({row(1), row(2), lost(), row(1), row(2), row(3), end()});
  CHECK(got.rows == Rows{1, 2, 3});
  CHECK(got.restarts == 1);
}

TEST_CASE("a dump that the table changed under begins from nothing", "[xfrm]") {
  Said changed = row(1);
  changed.flags |= NLM_F_DUMP_INTR;
  const Dumped got = dump({changed, end(), row(2), end()});
  CHECK(got.rows == Rows{2});
  CHECK(got.restarts == 1);
}

TEST_CASE("a dump that never succeeds is given up, and the last reason told", "[xfrm]") {
  for (const int number : {EBUSY, ENOBUFS}) {
    std::deque<Said> says;
    for (int i = 0; i < 100; ++i) says.push_back(number == EBUSY ? refusal(EBUSY) : lost());
    const Dumped got = dump(std::move(says));
    CHECK(got.error_number == number);
    CHECK_THAT(got.error, Catch::Contains("broken off"));
    CHECK(got.asked < 100);
  }
}

TEST_CASE("another refusal of a dump is told at once", "[xfrm]") {
  const Dumped got = dump({refusal(EPERM), row(1), end()});
  CHECK(got.error_number == EPERM);
  CHECK(got.asked == 1);
}

TEST_CASE("what another process sends is counted, and believed by nobody", "[xfrm]") {
  Said forged = row(7);
  forged.sender = 4711;
  Said forged_end = end();
  forged_end.sender = 4711;
  const Dumped got = dump({forged, row(1), forged_end, row(2), end()});
  CHECK(got.rows == Rows{1, 2});
  CHECK(got.ignored == 2);
}

TEST_CASE("an event that another process sends is counted, and believed by nobody", "[xfrm]") {
  // The family in which anybody may write to anybody.
  auto socket = Socket::open(NETLINK_USERSOCK);
  auto other = Socket::open(NETLINK_USERSOCK);
  REQUIRE(socket.has_value());
  REQUIRE(other.has_value());
  nlmsghdr header{};
  header.nlmsg_len = sizeof(header);
  header.nlmsg_type = kRow;
  sockaddr_nl to{};
  to.nl_family = AF_NETLINK;
  to.nl_pid = socket->port();
  const auto sent = ::sendto(other->fd(), &header, sizeof(header), 0,
                             reinterpret_cast<const sockaddr*>(&to), sizeof(to));
  REQUIRE(sent == static_cast<ssize_t>(sizeof(header)));
  std::size_t taken = 0;
  CHECK(socket->receive_events([&](ByteView) { ++taken; }).has_value());
  CHECK(taken == 0);
  CHECK(socket->ignored() == 1);
}

}  // namespace ipsec::xfrm
