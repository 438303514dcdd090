#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "route/kernel/messages.h"

namespace ipsec::route::kernel {
namespace {

template <typename T>
std::optional<T> read(ByteView bytes, std::size_t offset = 0) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// The attributes of one level. libnl holds their lengths against the policy.
template <std::size_t kCount>
class Attributes {
 public:
  using Policy = std::array<nla_policy, kCount>;

  [[nodiscard]] bool parse(ByteView bytes, const Policy& policy) {
    // nla_parse() only reads, though its type does not say so.
    auto* head = static_cast<nlattr*>(const_cast<void*>(static_cast<const void*>(bytes.data())));
    return nla_parse(found_.data(), kCount - 1, head, static_cast<int>(bytes.size()),
                     policy.data()) == 0;
  }
  [[nodiscard]] bool has(std::size_t type) const { return found_[type] != nullptr; }
  // Only of a type that the policy knows as a number; 0 where it is not there.
  [[nodiscard]] std::uint32_t u32(std::size_t type, std::uint32_t otherwise = 0) const {
    return has(type) ? nla_get_u32(found_[type]) : otherwise;
  }
  [[nodiscard]] std::uint8_t u8(std::size_t type) const {
    return has(type) ? nla_get_u8(found_[type]) : std::uint8_t{0};
  }
  [[nodiscard]] ByteView bytes(std::size_t type) const {
    if (!has(type)) return {};
    return {static_cast<const std::uint8_t*>(nla_data(found_[type])),
            static_cast<std::size_t>(nla_len(found_[type]))};
  }
  [[nodiscard]] std::string text(std::size_t type) const {
    std::string out(as_text(bytes(type)));
    out.resize(std::min(out.find('\0'), out.size()));
    return out;
  }

 private:
  std::array<nlattr*, kCount> found_{};
};

template <std::size_t kCount>
constexpr std::array<nla_policy, kCount> numbers(std::initializer_list<std::size_t> types) {
  std::array<nla_policy, kCount> policy{};
  for (const std::size_t type : types) policy[type].type = NLA_U32;
  return policy;
}

using RouteAttributes = Attributes<RTA_MAX + 1>;
constexpr auto kRoutePolicy = numbers<RTA_MAX + 1>({RTA_OIF, RTA_PRIORITY, RTA_TABLE});
using MetricAttributes = Attributes<RTAX_MAX + 1>;
constexpr auto kMetricPolicy = numbers<RTAX_MAX + 1>({RTAX_MTU, RTAX_ADVMSS});
using RuleAttributes = Attributes<FRA_MAX + 1>;
constexpr auto kRulePolicy = [] {
  auto policy = numbers<FRA_MAX + 1>({FRA_TABLE, FRA_PRIORITY});
  policy[FRA_PROTOCOL].type = NLA_U8;
  return policy;
}();
using LinkAttributes = Attributes<IFLA_MAX + 1>;
constexpr auto kLinkPolicy = numbers<IFLA_MAX + 1>({IFLA_MTU});
using InfoAttributes = Attributes<IFLA_INFO_MAX + 1>;
constexpr InfoAttributes::Policy kInfoPolicy{};
using VrfAttributes = Attributes<IFLA_VRF_MAX + 1>;
constexpr auto kVrfPolicy = numbers<IFLA_VRF_MAX + 1>({IFLA_VRF_TABLE});

// What is behind both headers.
template <typename Header>
ByteView attributes_of(ByteView message) {
  const std::size_t before = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(Header));
  return message.size() <= before ? ByteView() : message.subspan(before);
}

std::optional<Family> family_of(unsigned char number) {
  if (number == AF_INET) return Family::v4;
  if (number == AF_INET6) return Family::v6;
  return std::nullopt;
}

std::optional<Address> address_of(Family family, ByteView bytes) {
  const auto address = Address::from_bytes(bytes);
  return address && address->family() == family ? address : std::nullopt;
}

// Of an absent attribute: the address of a range that needs none.
std::optional<Cidr> cidr_of(Family family, ByteView bytes, int prefix_length) {
  const auto network = bytes.empty() ? Address::any(family) : address_of(family, bytes);
  return network ? Cidr::make(*network, prefix_length) : std::nullopt;
}

// By RTA_GATEWAY or RTA_VIA, or neither. False: malformed.
bool take_via(const RouteAttributes& attributes, Family family, HopRow& hop) {
  if (attributes.has(RTA_GATEWAY)) {
    hop.via = address_of(family, attributes.bytes(RTA_GATEWAY));
    return hop.via.has_value();
  }
  if (!attributes.has(RTA_VIA)) return true;
  const ByteView bytes = attributes.bytes(RTA_VIA);
  if (bytes.size() < sizeof(unsigned short)) return false;
  hop.via = Address::from_bytes(bytes.subspan(sizeof(unsigned short)));
  return hop.via.has_value();
}

// Each hop is at least its header, so the bytes bound their number.
bool take_hops(ByteView bytes, Family family, std::vector<HopRow>& hops) {
  while (!bytes.empty()) {
    const auto header = read<rtnexthop>(bytes);
    if (!header || header->rtnh_len < sizeof(rtnexthop) || header->rtnh_len > bytes.size()) {
      return false;
    }
    RouteAttributes attributes;
    HopRow hop{std::nullopt, static_cast<std::uint32_t>(header->rtnh_ifindex)};
    const ByteView own = bytes.first(header->rtnh_len).subspan(sizeof(rtnexthop));
    if (!attributes.parse(own, kRoutePolicy) || !take_via(attributes, family, hop)) return false;
    hops.push_back(hop);
    bytes = bytes.subspan(std::min<std::size_t>(RTNH_ALIGN(header->rtnh_len), bytes.size()));
  }
  return true;
}

bool take_metrics(const RouteAttributes& attributes, RouteRow& row) {
  row.mtu = row.advmss = 0;
  if (!attributes.has(RTA_METRICS)) return true;
  MetricAttributes metrics;
  if (!metrics.parse(attributes.bytes(RTA_METRICS), kMetricPolicy)) return false;
  row.mtu = metrics.u32(RTAX_MTU);
  row.advmss = metrics.u32(RTAX_ADVMSS);
  return true;
}

}  // namespace

bool parse_route(ByteView message, RouteRow& row) {
  const auto header = read<rtmsg>(message, NLMSG_HDRLEN);
  const auto family = header ? family_of(header->rtm_family) : std::nullopt;
  RouteAttributes attributes;
  if (!family || !attributes.parse(attributes_of<rtmsg>(message), kRoutePolicy)) return false;
  const auto destination = cidr_of(*family, attributes.bytes(RTA_DST), header->rtm_dst_len);
  if (!destination || !take_metrics(attributes, row)) return false;
  row.destination = *destination;
  row.table = attributes.u32(RTA_TABLE, header->rtm_table);
  row.metric = attributes.u32(RTA_PRIORITY);
  row.protocol = header->rtm_protocol;
  row.type = header->rtm_type;
  row.plain =
      header->rtm_tos == 0 && header->rtm_src_len == 0 && (header->rtm_flags & RTM_F_CLONED) == 0;
  row.hops.clear();
  if (row.type != RTN_UNICAST) return true;
  if (attributes.has(RTA_MULTIPATH)) {
    return take_hops(attributes.bytes(RTA_MULTIPATH), *family, row.hops);
  }
  HopRow hop{std::nullopt, attributes.u32(RTA_OIF)};
  if (!take_via(attributes, *family, hop)) return false;
  row.hops.push_back(hop);
  return true;
}

std::optional<RuleRow> parse_rule(ByteView message) {
  const auto header = read<fib_rule_hdr>(message, NLMSG_HDRLEN);
  const auto family = header ? family_of(header->family) : std::nullopt;
  RuleAttributes attributes;
  if (!family || !attributes.parse(attributes_of<fib_rule_hdr>(message), kRulePolicy)) {
    return std::nullopt;
  }
  RuleRow row{std::nullopt, attributes.u32(FRA_TABLE, header->table), attributes.u32(FRA_PRIORITY),
              attributes.u8(FRA_PROTOCOL)};
  const auto from = cidr_of(*family, attributes.bytes(FRA_SRC), header->src_len);
  if (!from) return std::nullopt;
  constexpr std::array kMore{FRA_IIFNAME,  FRA_OIFNAME,     FRA_FWMARK,
                             FRA_TUN_ID,   FRA_L3MDEV,      FRA_UID_RANGE,
                             FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE};
  const bool asks_for_more =
      header->dst_len != 0 || header->tos != 0 || header->action != FR_ACT_TO_TBL ||
      (header->flags & FIB_RULE_INVERT) != 0 ||
      std::ranges::any_of(kMore, [&](std::size_t type) { return attributes.has(type); });
  if (!asks_for_more) row.from = from;
  return row;
}

std::optional<LinkRow> parse_link(ByteView message) {
  const auto header = read<ifinfomsg>(message, NLMSG_HDRLEN);
  LinkAttributes attributes;
  if (!header || !attributes.parse(attributes_of<ifinfomsg>(message), kLinkPolicy)) {
    return std::nullopt;
  }
  LinkRow row{static_cast<std::uint32_t>(header->ifi_index), attributes.text(IFLA_IFNAME),
              attributes.u32(IFLA_MTU), std::nullopt};
  if (header->ifi_index <= 0 || row.name.empty()) return std::nullopt;
  InfoAttributes info;
  if (!attributes.has(IFLA_LINKINFO)) return row;
  if (!info.parse(attributes.bytes(IFLA_LINKINFO), kInfoPolicy)) return std::nullopt;
  if (info.text(IFLA_INFO_KIND) != "vrf") return row;
  VrfAttributes vrf;
  if (!vrf.parse(info.bytes(IFLA_INFO_DATA), kVrfPolicy) || !vrf.has(IFLA_VRF_TABLE)) {
    return std::nullopt;
  }
  row.vrf_table = vrf.u32(IFLA_VRF_TABLE);
  return row;
}

std::optional<EventRow> parse_event(ByteView message) {
  const auto header = read<nlmsghdr>(message);
  if (!header) return std::nullopt;
  EventRow row{EventRow::Kind::nothing, 0, 0, header->nlmsg_pid};
  switch (header->nlmsg_type) {
    case RTM_NEWROUTE:
    case RTM_DELROUTE: {
      RouteRow route;
      if (!parse_route(message, route)) return std::nullopt;
      row.kind = route.plain ? EventRow::Kind::route : EventRow::Kind::nothing;
      row.table = route.table;
      row.protocol = route.protocol;
      return row;
    }
    case RTM_NEWRULE:
    case RTM_DELRULE: {
      const auto rule = parse_rule(message);
      if (!rule) return std::nullopt;
      row.kind = EventRow::Kind::rule;
      row.table = rule->table;
      return row;
    }
    case RTM_NEWLINK:
    case RTM_DELLINK: {
      const auto link = read<ifinfomsg>(message, NLMSG_HDRLEN);
      if (!link) return std::nullopt;
      // A bridge tells of its ports in the same way.
      if (link->ifi_family == AF_UNSPEC) row.kind = EventRow::Kind::surroundings;
      return row;
    }
    case RTM_NEWADDR:
    case RTM_DELADDR:
      row.kind = EventRow::Kind::surroundings;
      return row;
    default:
      return row;
  }
}

std::string protocol_name(std::uint8_t protocol) {
  switch (protocol) {
    case RTPROT_KERNEL:
      return "kernel";
    case RTPROT_BOOT:
      return "boot";
    case RTPROT_STATIC:
      return "static";
    case RTPROT_RA:
      return "ra";
    case RTPROT_ZEBRA:
      return "zebra";
    case RTPROT_BIRD:
      return "bird";
    case RTPROT_DHCP:
      return "dhcp";
    case RTPROT_KEEPALIVED:
      return "keepalived";
    case RTPROT_BGP:
      return "bgp";
    case RTPROT_ISIS:
      return "isis";
    case RTPROT_OSPF:
      return "ospf";
    case RTPROT_RIP:
      return "rip";
    case RTPROT_EIGRP:
      return "eigrp";
    default:
      return fmt::to_string(protocol);
  }
}

std::string type_name(std::uint8_t type) {
  constexpr std::array<const char*, 12> kNames{"unspec",   "unicast",   "local",     "broadcast",
                                               "anycast",  "multicast", "blackhole", "unreachable",
                                               "prohibit", "throw",     "nat",       "xresolve"};
  return type < kNames.size() ? kNames[type] : fmt::to_string(type);
}

}  // namespace ipsec::route::kernel
