#include "ike/daemon/keeper_channel.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace ipsec::daemon {
namespace {

constexpr std::size_t kMessageTextBytes = 1024;
using Rights = std::array<char, CMSG_SPACE(kMostHeld * sizeof(int))>;

std::vector<UniqueFd> fds_of(const msghdr& message) {
  std::vector<UniqueFd> out;
  const cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS) return out;
  const std::size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < count; ++i) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(rights) + i * sizeof(fd), sizeof(fd));
    out.emplace_back(fd);
  }
  return out;
}

}  // namespace

bool send_message(int channel, Word word, std::string_view text, std::span<const int> fds) {
  auto first = static_cast<std::uint8_t>(word);
  std::string body(text.substr(0, kMessageTextBytes));
  std::array<iovec, 2> parts{iovec{&first, sizeof(first)}, iovec{body.data(), body.size()}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  alignas(cmsghdr) Rights control{};
  const std::size_t bytes = std::min(fds.size(), kMostHeld) * sizeof(int);
  if (bytes > 0) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(bytes);
    std::memcpy(CMSG_DATA(rights), fds.data(), bytes);
  }
  return ::sendmsg(channel, &message, MSG_NOSIGNAL) >= 0;
}

std::expected<Message, int> receive_message(int channel, Waits waits) {
  std::uint8_t first = 0;
  std::array<char, kMessageTextBytes> body{};
  std::array<iovec, 2> parts{iovec{&first, sizeof(first)}, iovec{body.data(), body.size()}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  alignas(cmsghdr) Rights control{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const int flags = MSG_CMSG_CLOEXEC | (waits == Waits::no ? MSG_DONTWAIT : 0);
  ssize_t size = ::recvmsg(channel, &message, flags);
  while (size < 0 && errno == EINTR) size = ::recvmsg(channel, &message, flags);
  if (size < 0) return std::unexpected(errno);
  if (size == 0) return std::unexpected(EPIPE);
  Message out;
  out.fds = fds_of(message);
  if (first > static_cast<std::uint8_t>(Word::try_program)) return std::unexpected(EPROTO);
  out.word = static_cast<Word>(first);
  out.text.assign(body.data(), static_cast<std::size_t>(size) - sizeof(first));
  return out;
}

}  // namespace ipsec::daemon
