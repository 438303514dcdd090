#include "ike/daemon/udp.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "ike/base/limits.h"
#include "ike/daemon/system/address.h"
#include "xfrm/kernel.h"

namespace ipsec::daemon {
namespace {

constexpr std::size_t kBatch = 32;
constexpr int kBatchesAtOnce = 8;
// bytes; 10,000 peers that come back at once send 10,000 messages of half a kilobyte.
constexpr int kReceiveBuffer = 8 * 1024 * 1024;
constexpr std::size_t kControlBytes = 128;
constexpr std::array<std::uint8_t, 4> kNonEspMarker{};

using Control = std::array<std::byte, kControlBytes>;

bool set_option(int fd, int level, int name, int value) {
  return ::setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

KernelError failed() { return {"cannot listen there", errno}; }

// What to do about it, where that can be told from the number.
ConfigError refused(const Endpoint& local, const KernelError& error) {
  std::string_view advice;
  if (error.error_number == EADDRINUSE) {
    advice = "; another program has it: stop that one (ss -ulpn)";
  } else if (error.error_number == EACCES) {
    advice = "; CAP_NET_BIND_SERVICE is needed: start as root";
  } else if (error.error_number == EADDRNOTAVAIL) {
    advice = "; no interface has this address: see `listen` in the settings";
  }
  return {fmt::format("UDP {}", local.to_string()),
          fmt::format("{}: {}{}", error.operation,
                      std::generic_category().message(error.error_number), advice)};
}

// The address a datagram was sent to; nothing where that is no single host's.
std::optional<Address> destination_of(const msghdr& message) {
  for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr;
       at = CMSG_NXTHDR(const_cast<msghdr*>(&message), at)) {  // NOLINT: the macro's own wish
    if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(at), sizeof(info));
      // They differ for broadcast and multicast.
      if (info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr) return std::nullopt;
      return Address::v4(ntohl(info.ipi_addr.s_addr));
    }
    if (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_PKTINFO) {
      static constexpr std::uint8_t kMulticast = 0xff;
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(at), sizeof(info));
      const auto& bytes = info.ipi6_addr.s6_addr;
      if (bytes[0] == kMulticast) return std::nullopt;
      return Address::from_bytes(ByteView(bytes));
    }
  }
  return std::nullopt;
}

template <typename Info>
void put_control(msghdr& message, Control& control, int level, int type, const Info& info) {
  static_assert(CMSG_SPACE(sizeof(Info)) <= kControlBytes);
  control = {};
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(sizeof(Info));
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = level;
  head->cmsg_type = type;
  head->cmsg_len = CMSG_LEN(sizeof(Info));
  std::memcpy(CMSG_DATA(head), &info, sizeof(info));
}

void put_source(msghdr& message, Control& control, const Address& source) {
  const auto bytes = source.bytes();
  if (source.family() == Family::v4) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, bytes.data(), bytes.size());
    put_control(message, control, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, bytes.data(), bytes.size());
    put_control(message, control, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

}  // namespace

struct UdpSockets::Socket {
  UniqueFd fd;
  Endpoint bound;  // its address may be any
  std::vector<core::SendDatagram> waiting;
};

// For one batch; made once, since a message may be as long as UDP allows.
struct UdpSockets::Incoming {
  std::array<std::array<std::uint8_t, limits::kMessageBytes>, kBatch> bytes;
  std::array<Control, kBatch> controls;
  std::array<SystemAddress, kBatch> addresses;
  std::array<iovec, kBatch> parts;
  std::array<mmsghdr, kBatch> messages;
};

struct UdpSockets::Outgoing {
  std::array<Control, kBatch> controls;
  std::array<SystemAddress, kBatch> addresses;
  std::array<std::array<iovec, 2>, kBatch> parts;
  std::array<mmsghdr, kBatch> messages;
};

UdpSockets::UdpSockets()
    : incoming_(std::make_unique<Incoming>()), outgoing_(std::make_unique<Outgoing>()) {}
UdpSockets::UdpSockets(UdpSockets&&) noexcept = default;
UdpSockets& UdpSockets::operator=(UdpSockets&&) noexcept = default;
UdpSockets::~UdpSockets() = default;

// --- opening -----------------------------------------------------------------------------------

namespace {

// Of one that is inherited too: the program that made it may have been an older one.
std::expected<void, KernelError> prepare(int fd, Family family) {
  const int level = family == Family::v4 ? IPPROTO_IP : IPPROTO_IPV6;
  const bool set = set_option(fd, level, family == Family::v4 ? IP_PKTINFO : IPV6_RECVPKTINFO, 1) &&
                   // A long message must get through in pieces, as the peer may know no RFC 7383.
                   // IPV6_PMTUDISC_DONT is the same number.
                   set_option(fd, level, family == Family::v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER,
                              IP_PMTUDISC_DONT);
  if (!set) return std::unexpected(failed());
  if (!set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBuffer)) {
    set_option(fd, SOL_SOCKET, SO_RCVBUF, kReceiveBuffer);
  }
  return xfrm::bypass_policies(fd, family);
}

// From here on the kernel takes ESP out of UDP. One without it fails where a NAT is met, and says
// so then: an SA with encapsulation is refused.
void take_esp_out(int fd) { set_option(fd, IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP); }

std::expected<UniqueFd, KernelError> open_one(const Endpoint& local) {
  const Family family = local.address.family();
  const bool v4 = family == Family::v4;
  UniqueFd fd(::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return std::unexpected(failed());
  if (auto prepared = prepare(fd.get(), family); !prepared) {
    return std::unexpected(std::move(prepared.error()));
  }
  // What is bound takes this option no more.
  if (!v4 && !set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1)) return std::unexpected(failed());
  auto address = to_system(local);
  if (::bind(fd.get(), address.get(), address.size) != 0) return std::unexpected(failed());
  if (local.port == kNattPort) take_esp_out(fd.get());
  return fd;
}

std::expected<UniqueFd, KernelError> reuse(UniqueFd fd, const Endpoint& local) {
  if (auto prepared = prepare(fd.get(), local.address.family()); !prepared) {
    return std::unexpected(std::move(prepared.error()));
  }
  if (local.port == kNattPort) take_esp_out(fd.get());
  return fd;
}

}  // namespace

std::expected<UdpSockets, ConfigError> UdpSockets::open(const std::vector<Address>& listen,
                                                        Inheritance inherited) {
  UdpSockets out;
  const bool everywhere = listen.empty();
  auto addresses = listen;
  if (everywhere) addresses = {Address::any(Family::v4), Address::any(Family::v6)};
  std::vector<std::pair<Endpoint, std::optional<UniqueFd>>> wanted;
  for (const Address& address : addresses) {
    for (const std::uint16_t port : {kIkePort, kNattPort}) {
      wanted.emplace_back(Endpoint{address, port}, inherited.take_udp({address, port}));
    }
  }
  inherited.let_go();
  for (auto& [local, held] : wanted) {
    auto fd = held ? reuse(*std::move(held), local) : open_one(local);
    // A machine may have no IPv6 at all.
    const bool absent = !fd && everywhere && local.address.family() == Family::v6 &&
                        fd.error().error_number == EAFNOSUPPORT;
    if (absent) continue;
    if (!fd) return std::unexpected(refused(local, fd.error()));
    out.sockets_.push_back({*std::move(fd), local, {}});
  }
  return out;
}

std::vector<int> UdpSockets::fds() const {
  std::vector<int> out;
  out.reserve(sockets_.size());
  for (const Socket& socket : sockets_) out.push_back(socket.fd.get());
  return out;
}

// --- receiving ---------------------------------------------------------------------------------

void UdpSockets::receive(int fd, const std::function<void(core::Datagram&&)>& take) {
  const auto socket = std::ranges::find_if(
      sockets_, [fd](const Socket& candidate) { return candidate.fd.get() == fd; });
  if (socket == sockets_.end()) return;
  const std::uint16_t port = socket->bound.port;
  Incoming& buffers = *incoming_;
  for (int batch = 0; batch < kBatchesAtOnce; ++batch) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      buffers.parts[i] = {buffers.bytes[i].data(), buffers.bytes[i].size()};
      buffers.addresses[i] = {};
      msghdr& head = buffers.messages[i].msg_hdr;
      head = {};
      head.msg_name = buffers.addresses[i].get();
      head.msg_namelen = buffers.addresses[i].size;
      head.msg_iov = &buffers.parts[i];
      head.msg_iovlen = 1;
      head.msg_control = buffers.controls[i].data();
      head.msg_controllen = buffers.controls[i].size();
    }
    const int count = ::recvmmsg(fd, buffers.messages.data(), kBatch, 0, nullptr);
    for (std::size_t i = 0; std::cmp_less(i, count); ++i) {
      const mmsghdr& message = buffers.messages[i];
      ++counters_.received;
      const auto destination = destination_of(message.msg_hdr);
      ByteView bytes(buffers.bytes[i].data(), message.msg_len);
      const bool marked = bytes.size() > kNonEspMarker.size() &&
                          equal(bytes.first(kNonEspMarker.size()), kNonEspMarker);
      const bool cut = (message.msg_hdr.msg_flags & MSG_TRUNC) != 0;
      if (!destination || cut || (port == kNattPort && !marked)) {
        ++counters_.unusable;
        continue;
      }
      if (port == kNattPort) bytes = bytes.subspan(kNonEspMarker.size());
      take({{*destination, port}, from_system(buffers.addresses[i]), to_bytes(bytes)});
    }
    if (std::cmp_less(count, kBatch)) return;
  }
}

// --- sending -----------------------------------------------------------------------------------

UdpSockets::Socket* UdpSockets::socket_for(const Endpoint& local) {
  Socket* general = nullptr;
  for (Socket& socket : sockets_) {
    if (socket.bound.port != local.port) continue;
    if (socket.bound.address == local.address) return &socket;
    const bool same_family = socket.bound.address.family() == local.address.family();
    if (socket.bound.address.is_any() && same_family) general = &socket;
  }
  return general;
}

void UdpSockets::send(core::SendDatagram&& datagram) {
  Socket* socket = socket_for(datagram.local);
  if (socket == nullptr) {
    ++counters_.unsent;
    counters_.last_error = EADDRNOTAVAIL;
    return;
  }
  socket->waiting.push_back(std::move(datagram));
}

void UdpSockets::flush() {
  for (Socket& socket : sockets_) {
    if (!socket.waiting.empty()) flush(socket);
  }
}

void UdpSockets::flush(Socket& socket) {
  Outgoing& buffers = *outgoing_;
  auto waiting = std::exchange(socket.waiting, {});
  std::size_t done = 0;
  while (done < waiting.size()) {
    const std::size_t count = std::min(kBatch, waiting.size() - done);
    for (std::size_t i = 0; i < count; ++i) {
      core::SendDatagram& datagram = waiting[done + i];
      // A keepalive is a single byte and bears no marker (RFC 3948 2.3).
      const bool marked = socket.bound.port == kNattPort && datagram.bytes.size() > 1;
      static auto marker = kNonEspMarker;
      buffers.parts[i] = {iovec{marker.data(), marked ? marker.size() : 0},
                          iovec{datagram.bytes.data(), datagram.bytes.size()}};
      buffers.addresses[i] = to_system(datagram.remote);
      msghdr& head = buffers.messages[i].msg_hdr;
      head = {};
      head.msg_name = buffers.addresses[i].get();
      head.msg_namelen = buffers.addresses[i].size;
      head.msg_iov = buffers.parts[i].data();
      head.msg_iovlen = buffers.parts[i].size();
      put_source(head, buffers.controls[i], datagram.local.address);
    }
    const int sent =
        ::sendmmsg(socket.fd.get(), buffers.messages.data(), static_cast<unsigned>(count), 0);
    if (sent > 0) {
      counters_.sent += static_cast<std::uint64_t>(sent);
      done += static_cast<std::size_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    // The first of them cannot be sent; those behind it may.
    counters_.last_error = errno;
    ++counters_.unsent;
    ++done;
  }
}

}  // namespace ipsec::daemon
