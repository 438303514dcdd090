// IKE_SA_INIT requests from addresses that are not the sender's, so many a second; or, where a name
// is given, openings of IKEv1's aggressive mode by who says that this is his.
//
//   spoof_flood A_SECOND SECONDS SOURCES TARGET [NAME]
//
// SOURCES is a CIDR of IPv4, whose addresses take turns; TARGET the address whose port 500 is
// flooded. Tells `sent=N` at the end. A sender that cannot keep up sends fewer, and says so by the
// number.
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "ike/base/cidr.h"
#include "ike/base/endpoint.h"
#include "ike/base/unique_fd.h"
#include "tests/interop/init_requests.h"
#include "tests/interop/v1_openings.h"

namespace ipsec::interop {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kWrongUsage = 2;
constexpr unsigned kMostASecond = 100'000;
constexpr unsigned kMostSeconds = 60;
// In one turn: no turn is longer than what the kernel's queue of a link takes.
constexpr auto kTurn = std::chrono::milliseconds(10);

struct Order {
  unsigned a_second = 0;
  unsigned seconds = 0;
  Cidr sources;
  Address target;
  std::string name;  // empty: IKEv2
};

std::function<Bytes()> messages_of(const Order& order) {
  if (order.name.empty()) {
    return [requests = std::make_shared<InitRequests>()] { return requests->next(); };
  }
  return [openings = std::make_shared<V1Openings>(order.name)] { return openings->next(); };
}

std::uint32_t host_order(const Address& address) {
  std::uint32_t out = 0;
  for (const auto byte : address.bytes()) out = out << 8U | byte;
  return out;
}

// The kernel fills in length, id and checksum of the header; UDP over IPv4 may do without its own.
Bytes packet_of(std::uint32_t source, std::uint32_t target, const Bytes& message) {
  iphdr ip{};
  ip.version = 4;
  ip.ihl = sizeof(ip) / 4;
  ip.ttl = 64;
  ip.protocol = IPPROTO_UDP;
  ip.saddr = htonl(source);
  ip.daddr = htonl(target);
  udphdr udp{};
  udp.source = udp.dest = htons(kIkePort);
  udp.len = htons(static_cast<std::uint16_t>(sizeof(udp) + message.size()));
  Bytes out(sizeof(ip) + sizeof(udp) + message.size());
  std::memcpy(out.data(), &ip, sizeof(ip));
  std::memcpy(out.data() + sizeof(ip), &udp, sizeof(udp));
  std::memcpy(out.data() + sizeof(ip) + sizeof(udp), message.data(), message.size());
  return out;
}

void send_all(int socket, std::uint32_t target, std::vector<Bytes>& packets) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(target);
  std::vector<iovec> parts(packets.size());
  std::vector<mmsghdr> messages(packets.size());
  for (std::size_t i = 0; i < packets.size(); ++i) {
    parts[i] = {packets[i].data(), packets[i].size()};
    messages[i].msg_hdr.msg_name = &to;
    messages[i].msg_hdr.msg_namelen = sizeof(to);
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  for (std::size_t sent = 0; sent < messages.size();) {
    const int now =
        ::sendmmsg(socket, &messages[sent], static_cast<unsigned>(messages.size() - sent), 0);
    if (now < 0) throw std::system_error(errno, std::generic_category(), "sendmmsg");
    sent += static_cast<std::size_t>(now);
  }
}

void run(const Order& order) {
  const UniqueFd socket(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  if (!socket) throw std::system_error(errno, std::generic_category(), "socket");
  const auto next_message = messages_of(order);
  const std::uint32_t first = host_order(order.sources.network());
  const std::uint32_t count = 1U << static_cast<unsigned>(32 - order.sources.prefix_length());
  const std::uint32_t target = host_order(order.target);
  const auto begun = Clock::now();
  const auto end = begun + std::chrono::seconds(order.seconds);
  std::uint64_t sent = 0;
  for (auto now = begun; now < end; now = Clock::now()) {
    const auto due = static_cast<std::uint64_t>(std::chrono::duration<double>(now - begun).count() *
                                                order.a_second);
    std::vector<Bytes> packets;
    for (; sent < due; ++sent) {
      packets.push_back(
          packet_of(first + static_cast<std::uint32_t>(sent % count), target, next_message()));
    }
    send_all(socket.get(), target, packets);
    std::this_thread::sleep_for(kTurn);
  }
  std::cout << "sent=" << sent << std::endl;
}

unsigned number(std::string_view text, unsigned most) {
  unsigned out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size() || out == 0 || out > most) {
    throw std::invalid_argument("not a number up to " + std::to_string(most) + ": " +
                                std::string(text));
  }
  return out;
}

Order order_of(std::span<char*> arguments) {
  const auto sources = Cidr::parse(arguments[2]);
  const auto target = Address::parse(arguments[3]);
  if (!sources || sources->family() != Family::v4 || sources->prefix_length() <= 0 || !target ||
      target->family() != Family::v4) {
    throw std::invalid_argument("SOURCES and TARGET are of IPv4");
  }
  return {number(arguments[0], kMostASecond), number(arguments[1], kMostSeconds), *sources, *target,
          arguments.size() > 4 ? arguments[4] : ""};
}

}  // namespace
}  // namespace ipsec::interop

int main(int argc, char** argv) {
  const std::span arguments(argv, static_cast<std::size_t>(argc));
  if (argc != 5 && argc != 6) {
    std::cerr << "usage: spoof_flood A_SECOND SECONDS SOURCES TARGET [NAME]\n";
    return ipsec::interop::kWrongUsage;
  }
  try {
    ipsec::interop::run(ipsec::interop::order_of(arguments.subspan(1)));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "spoof_flood: " << error.what() << '\n';
    return 1;
  }
}
