#include "tests/netns/xfrm_driver/sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include "ike/daemon/system/address.h"

namespace ipsec::driver {
namespace {

// <linux/udp.h> cannot be had beside <netinet/in.h>.
constexpr int kUdpEncap = 100;
constexpr int kUdpEncapEspInUdp = 2;

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

Namespaces::Namespaces(std::string suffix)
    : suffix_(std::move(suffix)), own_(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) {
  if (!own_) fail("/proc/self/ns/net");
}

void Namespaces::enter(const std::string& name) {
  if (name == "-") {
    // Without privilege even one's own namespace cannot be entered; nobody has left it then.
    if (::setns(own_.get(), CLONE_NEWNET) != 0 && errno != EPERM) fail("setns");
    return;
  }
  const std::string path = "/run/netns/" + name + suffix_;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::setns(fd.get(), CLONE_NEWNET) != 0) fail(path);
}

UniqueFd udp_socket(const Endpoint& at) {
  const int family = at.address.family() == Family::v4 ? AF_INET : AF_INET6;
  UniqueFd fd(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  auto address = to_system(at);
  if (!fd || ::bind(fd.get(), address.get(), address.size) != 0) fail(at.to_string());
  return fd;
}

std::uint16_t port_of(const UniqueFd& socket) {
  SystemAddress address;
  if (::getsockname(socket.get(), address.get(), &address.size) != 0) fail("getsockname");
  return from_system(address).port;
}

void take_encapsulated(const UniqueFd& socket) {
  if (::setsockopt(socket.get(), IPPROTO_UDP, kUdpEncap, &kUdpEncapEspInUdp,
                   sizeof(kUdpEncapEspInUdp)) != 0) {
    fail("UDP_ENCAP");
  }
}

bool send(const UniqueFd& socket, const Endpoint& to, std::size_t bytes) {
  const std::vector<std::uint8_t> payload(bytes);
  auto address = to_system(to);
  return ::sendto(socket.get(), payload.data(), bytes, 0, address.get(), address.size) ==
         static_cast<ssize_t>(bytes);
}

std::size_t receive(const UniqueFd& socket, std::size_t bytes, std::size_t most,
                    std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::size_t count = 0;
  std::array<std::uint8_t, 65536> buffer{};
  while (count < most) {
    const auto size = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (size >= 0) {
      if (static_cast<std::size_t>(size) == bytes) ++count;
      continue;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || !is_readable(socket.get(), left)) break;
  }
  return count;
}

bool is_readable(int fd, std::chrono::milliseconds patience) {
  pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&wanted, 1, static_cast<int>(patience.count())) > 0;
}

}  // namespace ipsec::driver
