#include "xfrm/monitor.h"

#include <linux/netlink.h>
#include <linux/xfrm.h>

#include <cerrno>

#include "xfrm/messages.h"
#include "xfrm/refusal.h"

namespace ipsec::xfrm {
namespace {

constexpr std::uint32_t kGroups = XFRMGRP_ACQUIRE | XFRMGRP_EXPIRE | XFRMGRP_SA | XFRMGRP_POLICY |
                                  1U << (XFRMNLGRP_MIGRATE - 1) | 1U << (XFRMNLGRP_MAPPING - 1);

}  // namespace

std::expected<Monitor, KernelError> Monitor::open(std::uint32_t own_port) {
  auto socket = Socket::open(NETLINK_XFRM, kGroups);
  if (!socket) return std::unexpected(refused("watch the kernel's events", socket.error()));
  socket->leave_out(own_port);
  return Monitor(*std::move(socket), own_port);
}

std::expected<std::vector<KernelEvent>, KernelError> Monitor::read() {
  std::vector<KernelEvent> events;
  const auto take = [&](ByteView message) {
    auto event = parse_event(message, own_port_);
    if (!event) ++malformed_;
    if (event && *event) events.push_back(*std::move(*event));
  };
  const auto received = socket_.receive_events(take);
  if (received) return events;
  if (received.error().error_number != ENOBUFS) return std::unexpected(received.error());
  // The kernel tells once of each overrun. What waited behind it is read next time.
  events.emplace_back(Overrun{});
  return events;
}

}  // namespace ipsec::xfrm
