#include "route/kernel/space.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "route/kernel/refusal.h"

namespace ipsec::route::kernel {
namespace {

// Readings of events within a time: more are a storm. An honest hand that takes an interface or a
// hundred routes away stays below it.
constexpr int kReadings = 20;
constexpr Duration kWindow = std::chrono::milliseconds(50);

// IPv4 routes go with a link or an address without a word of their own.
const std::vector<int>& groups() {
  static const std::vector<int> all{RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                                    RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,  RTNLGRP_IPV4_RULE,
                                    RTNLGRP_IPV6_RULE};
  return all;
}

UniqueFd open_socket() {
  return UniqueFd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
}

}  // namespace

Space::Space(std::string netns, NamespaceId id, Socket requests, Socket events)
    : netns_(std::move(netns)),
      id_(id),
      requests_(std::move(requests)),
      events_(std::move(events)) {}

std::expected<std::unique_ptr<Space>, Trouble> Space::of(std::string netns, NamespaceId id,
                                                         UniqueFd requests, UniqueFd events) {
  auto asking = Socket::adopt(std::move(requests));
  if (!asking) return std::unexpected(trouble_of("talk to the kernel's routing", asking.error()));
  auto listening = Socket::adopt(std::move(events), groups(), asking->port());
  if (!listening) {
    return std::unexpected(trouble_of("listen to the kernel's routing", listening.error()));
  }
  return std::unique_ptr<Space>(
      new Space(std::move(netns), id, *std::move(asking), *std::move(listening)));
}

std::expected<std::unique_ptr<Space>, Trouble> Space::open_own() {
  UniqueFd requests = open_socket();
  UniqueFd events = open_socket();
  if (requests && events) return of({}, {}, std::move(requests), std::move(events));
  return std::unexpected(
      trouble_of("open a socket to the kernel's routing", Failure{errno, {}, false}));
}

std::expected<std::unique_ptr<Space>, Trouble> Space::open(std::string_view netns,
                                                           NamespaceOpener& opener) {
  const NamespaceFile file = look_for_namespace(netns);
  const auto gone = [&] {
    return std::unexpected(
        Trouble{Trouble::Kind::no_namespace,
                fmt::format("there is no network namespace {0} (ip netns add {0})", netns)});
  };
  if (file.state != NamespaceState::there) return gone();
  auto requests = opener.open_rtnl(netns);
  auto events = requests ? opener.open_rtnl(netns) : std::unexpected(requests.error());
  if (!events) return std::unexpected(events.error());
  // Between the looks the name may have come to mean another one.
  const NamespaceFile now = look_for_namespace(netns);
  if (now.state != NamespaceState::there || now.id != file.id) return gone();
  return of(std::string(netns), file.id, *std::move(requests), *std::move(events));
}

Space::News Space::read_events(std::uint8_t own_protocol, Time now) {
  News news;
  if (now - window_ > kWindow) {
    window_ = now;
    readings_ = 0;
  }
  news.is_storm = ++readings_ > kReadings;
  const auto take = [&](ByteView message) {
    const auto row = parse_event(message);
    if (!row) {
      ++malformed_;
      return;
    }
    if (row->port == requests_.port()) return;
    switch (row->kind) {
      case EventRow::Kind::route:
        news.tables.push_back(row->table);
        news.ways = news.ways || row->protocol != own_protocol;
        return;
      case EventRow::Kind::rule:
        news.tables.push_back(row->table);
        news.ways = true;
        return;
      case EventRow::Kind::surroundings:
        news.everything = news.ways = true;
        return;
      case EventRow::Kind::nothing:
        return;
    }
  };
  switch (events_.receive_events(take)) {
    case Socket::Events::all:
      break;
    case Socket::Events::broken:
      news.is_broken = news.everything = news.ways = true;
      break;
    case Socket::Events::more:
    case Socket::Events::lost:
      news.is_storm = true;
      break;
  }
  if (news.is_storm) {
    events_.skip_events();
    news.everything = news.ways = true;
  }
  std::ranges::sort(news.tables);
  news.tables.erase(std::ranges::unique(news.tables).begin(), news.tables.end());
  return news;
}

}  // namespace ipsec::route::kernel
