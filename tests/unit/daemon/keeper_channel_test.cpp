#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/daemon/keeper_channel.h"
#include "tests/support/folder.h"

using namespace ipsec::daemon;  // NOLINT(google-build-using-namespace)
using ipsec::UniqueFd;

namespace {

struct Channel {
  Channel() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
    here = UniqueFd(ends[0]);
    there = UniqueFd(ends[1]);
  }
  UniqueFd here;
  UniqueFd there;
};

ino_t inode_of(int fd) {
  struct stat file{};
  REQUIRE(::fstat(fd, &file) == 0);
  return file.st_ino;
}

}  // namespace

TEST_CASE("a message has its word, its text and copies of descriptors", "[keeper]") {
  const Channel channel;
  const std::vector<int> fds{channel.here.get(), channel.there.get()};
  REQUIRE(send_message(channel.here.get(), Word::held, "died by SIGKILL", fds));
  REQUIRE(send_message(channel.here.get(), Word::kept));
  const auto first = receive_message(channel.there.get(), Waits::yes);
  REQUIRE(first.has_value());
  CHECK(first->word == Word::held);
  CHECK(first->text == "died by SIGKILL");
  REQUIRE(first->fds.size() == 2);
  CHECK(inode_of(first->fds[0].get()) == inode_of(fds[0]));
  CHECK(inode_of(first->fds[1].get()) == inode_of(fds[1]));
  const auto second = receive_message(channel.there.get(), Waits::no);
  REQUIRE(second.has_value());
  CHECK(second->word == Word::kept);
  CHECK(second->text.empty());
  CHECK(second->fds.empty());
}

TEST_CASE("as many descriptors go as the kernel takes", "[keeper]") {
  const Channel channel;
  const std::vector<int> fds(300, channel.here.get());
  REQUIRE(send_message(channel.here.get(), Word::ready, {}, fds));
  const auto message = receive_message(channel.there.get(), Waits::no);
  REQUIRE(message.has_value());
  CHECK(message->fds.size() == kMostHeld);
}

TEST_CASE("nothing, an end, and what is no message", "[keeper]") {
  Channel channel;
  CHECK(receive_message(channel.there.get(), Waits::no).error() == EAGAIN);
  REQUIRE(::send(channel.here.get(), "\xff", 1, 0) == 1);
  CHECK(receive_message(channel.there.get(), Waits::no).error() == EPROTO);
  channel.here.reset();
  CHECK(receive_message(channel.there.get(), Waits::yes).error() == EPIPE);
  CHECK_FALSE(send_message(channel.there.get(), Word::keep));
}
