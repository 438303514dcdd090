// bench_traffic: as much as goes through, counted where it arrives.
//
//   bench_traffic receive tcp|udp ADDRESS        says `ready`, then `BYTES PACKETS SECONDS`
//   bench_traffic send tcp|udp FROM TO SECONDS SIZE
//
// Of TCP a packet is a read. Of UDP so many are on the way at once, and the receiver says when they
// have come: who sends as fast as he can leaves a single processor no time to receive. Counted from
// the first to the last, until nothing has come for 0.3 s. IPv4 only.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <poll.h>

#include "ike/base/unique_fd.h"

namespace ipsec::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint16_t kPort = 4001;
constexpr int kSilenceMs = 300;
constexpr int kFirstMs = 20'000;
constexpr std::size_t kReadBytes = 65'536;
// Datagrams on the way at once, and how long they are waited for.
constexpr std::size_t kAtOnce = 32;
constexpr int kAnswerMs = 50;
constexpr int kRoomBytes = 4 << 20;

[[noreturn]] void give_up(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

sockaddr_in endpoint(const char* address, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  if (::inet_pton(AF_INET, address, &out.sin_addr) != 1) give_up("no address of IPv4");
  return out;
}

sockaddr* generic(sockaddr_in& it) { return static_cast<sockaddr*>(static_cast<void*>(&it)); }

UniqueFd bound(bool tcp, const char* address, std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
  if (!fd) give_up("socket");
  const int yes = 1;
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  // TCP finds its room by itself.
  if (!tcp) {
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kRoomBytes, sizeof kRoomBytes);
  }
  sockaddr_in local = endpoint(address, port);
  if (::bind(fd.get(), generic(local), sizeof local) != 0) give_up("bind");
  return fd;
}

bool readable(const UniqueFd& fd, int wait_ms) {
  pollfd waiting{fd.get(), POLLIN, 0};
  return ::poll(&waiting, 1, wait_ms) == 1;
}

void receive(bool tcp, const char* address) {
  UniqueFd fd = bound(tcp, address, kPort);
  if (tcp && ::listen(fd.get(), 1) != 0) give_up("listen");
  fmt::print("ready\n");
  (void)std::fflush(stdout);
  if (tcp) {
    if (!readable(fd, kFirstMs)) return;
    fd = UniqueFd(::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) give_up("accept");
  }
  std::vector<char> buffer(kReadBytes);
  std::uint64_t bytes = 0;
  std::uint64_t packets = 0;
  Clock::time_point first{};
  Clock::time_point last{};
  while (readable(fd, packets == 0 ? kFirstMs : kSilenceMs)) {
    // What is there already is read without asking first.
    ssize_t size = 0;
    sockaddr_in from{};
    socklen_t length = sizeof from;
    while ((size = ::recvfrom(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT, generic(from),
                              &length)) > 0) {
      if (packets++ == 0) first = Clock::now();
      bytes += static_cast<std::uint64_t>(size);
      if (tcp || packets % kAtOnce != 0) continue;
      (void)::sendto(fd.get(), buffer.data(), 1, 0, generic(from), sizeof from);
    }
    last = Clock::now();
    if (size == 0) break;
  }
  fmt::print("{} {} {:.6f}\n", bytes, packets, std::chrono::duration<double>(last - first).count());
}

void send_stream(const UniqueFd& fd, Clock::time_point end, std::size_t size) {
  const std::vector<char> block(size);
  while (Clock::now() < end) {
    if (::send(fd.get(), block.data(), block.size(), MSG_NOSIGNAL) < 0) give_up("send");
  }
}

void send_datagrams(const UniqueFd& fd, Clock::time_point end, std::size_t size) {
  std::vector<char> block(size);
  iovec part{block.data(), block.size()};
  std::array<mmsghdr, kAtOnce> messages{};
  for (mmsghdr& message : messages) {
    message.msg_hdr.msg_iov = &part;
    message.msg_hdr.msg_iovlen = 1;
  }
  while (Clock::now() < end) {
    // What finds no room is lost, as on any line.
    if (::sendmmsg(fd.get(), messages.data(), kAtOnce, 0) < 0 && errno != ENOBUFS) give_up("send");
    char answer = 0;
    if (readable(fd, kAnswerMs)) (void)::recv(fd.get(), &answer, 1, MSG_DONTWAIT);
  }
}

void send(bool tcp, const char* from, const char* to, int seconds, std::size_t size) {
  const UniqueFd fd = bound(tcp, from, 0);
  sockaddr_in target = endpoint(to, kPort);
  if (::connect(fd.get(), generic(target), sizeof target) != 0) give_up("connect");
  const auto end = Clock::now() + std::chrono::seconds(seconds);
  if (tcp) {
    send_stream(fd, end, size);
  } else {
    send_datagrams(fd, end, size);
  }
}

}  // namespace
}  // namespace ipsec::bench

int main(int argc, char** argv) {
  const std::span words(argv, static_cast<std::size_t>(argc));
  const std::string_view what = argc > 2 ? words[1] : "";
  try {
    if (what == "receive" && argc == 4) {
      ipsec::bench::receive(std::string_view(words[2]) == "tcp", words[3]);
    } else if (what == "send" && argc == 7) {
      ipsec::bench::send(std::string_view(words[2]) == "tcp", words[3], words[4],
                         static_cast<int>(std::strtol(words[5], nullptr, 10)),
                         std::strtoul(words[6], nullptr, 10));
    } else {
      (void)std::fputs("usage: see the head of tests/bench/traffic.cpp\n", stderr);
      return 2;
    }
    return 0;
  } catch (const std::exception& error) {
    (void)std::fprintf(stderr, "bench_traffic: %s\n", error.what());
    return 1;
  }
}
