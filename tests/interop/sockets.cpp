#include "tests/interop/sockets.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "ike/base/limits.h"
#include "ike/daemon/system/address.h"

namespace ipsec::interop {
namespace {

// RFC 3948 2.2: four zero bytes where ESP has its SPI.
constexpr std::array<std::uint8_t, 4> kNonEspMarker{};

[[noreturn]] void give_up(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

UniqueFd bound_socket(const Endpoint& local) {
  const int family = local.address.family() == Family::v4 ? AF_INET : AF_INET6;
  UniqueFd fd(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) give_up("socket");
  auto address = to_system(local);
  if (::bind(fd.get(), address.get(), address.size) != 0) give_up("bind");
  return fd;
}

}  // namespace

UniqueFd connected_socket(const Address& local, const Endpoint& remote) {
  UniqueFd fd = bound_socket({local, 0});
  auto address = to_system(remote);
  if (::connect(fd.get(), address.get(), address.size) != 0) give_up("connect");
  return fd;
}

void Sockets::open(const Address& local) {
  open(Endpoint{local, kIkePort});
  open(Endpoint{local, kNattPort});
}

void Sockets::open(const Endpoint& local) {
  if (!sockets_.contains(local)) sockets_.emplace(local, bound_socket(local));
}

// What cannot be sent is lost, as on any network: the engine sends again.
void Sockets::send(const core::SendDatagram& send) const {
  const auto found = sockets_.find(send.local);
  if (found == sockets_.end()) return;
  auto target = to_system(send.remote);
  Bytes bytes = send.bytes;
  const bool keepalive = bytes.size() == 1;
  if (send.local.port == kNattPort && !keepalive) {
    bytes.insert(bytes.begin(), kNonEspMarker.begin(), kNonEspMarker.end());
  }
  (void)::sendto(found->second.get(), bytes.data(), bytes.size(), 0, target.get(), target.size);
}

void Sockets::add_to(std::vector<pollfd>& polled) const {
  for (const auto& [local, fd] : sockets_) polled.push_back({fd.get(), POLLIN, 0});
}

std::optional<core::Datagram> Sockets::receive() const {
  Bytes buffer(limits::kMessageBytes);
  for (const auto& [local, fd] : sockets_) {
    SystemAddress from;
    const auto size = ::recvfrom(fd.get(), buffer.data(), buffer.size(), 0, from.get(), &from.size);
    if (size < 0) continue;
    Bytes bytes(buffer.begin(), buffer.begin() + size);
    if (local.port == kNattPort) {
      const bool marked = bytes.size() > kNonEspMarker.size() &&
                          equal(ByteView(bytes).first(kNonEspMarker.size()), kNonEspMarker);
      if (!marked) continue;
      bytes.erase(bytes.begin(), bytes.begin() + kNonEspMarker.size());
    }
    return core::Datagram{local, from_system(from), std::move(bytes)};
  }
  return std::nullopt;
}

}  // namespace ipsec::interop
