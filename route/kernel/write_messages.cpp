#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>

#include "route/kernel/messages.h"
#include "route/kernel/numbers.h"

namespace ipsec::route::kernel {
namespace {

// bytes. A route's message without its hops, and what each of several hops adds.
constexpr std::size_t kMessageBytes = 256;
constexpr std::size_t kHopBytes = 48;

unsigned char family_of(Family family) { return family == Family::v4 ? AF_INET : AF_INET6; }

// One message, built by libnl in a buffer of its own and appended to the batch. That is large
// enough for all that is put into it here, so that nothing is lost.
class Message {
 public:
  template <typename Header>
  Message(Batch& batch, int type, int flags, const Header& header, std::size_t more_bytes = 0)
      : batch_(batch), message_(nlmsg_alloc_size(kMessageBytes + more_bytes)) {
    nlmsg_put(message_.get(), 0, 0, type, 0, NLM_F_REQUEST | flags);
    Header copy = header;
    nlmsg_append(message_.get(), &copy, sizeof(copy), NLMSG_ALIGNTO);
  }
  ~Message() {
    const nlmsghdr* header = nlmsg_hdr(message_.get());
    batch_.offsets.push_back(batch_.bytes.size());
    const auto* first = reinterpret_cast<const std::uint8_t*>(header);
    append(batch_.bytes, ByteView(first, NLMSG_ALIGN(header->nlmsg_len)));
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  void put(int type, std::uint32_t value) { nla_put_u32(message_.get(), type, value); }
  void put(int type, std::uint8_t value) { nla_put_u8(message_.get(), type, value); }
  void put(int type, ByteView bytes) {
    nla_put(message_.get(), type, static_cast<int>(bytes.size()), bytes.data());
  }
  void put(int type, const std::string& text) {
    nla_put_string(message_.get(), type, text.c_str());
  }

  [[nodiscard]] nlattr* begin(int type) { return nla_nest_start(message_.get(), type); }
  void end(nlattr* nest) { nla_nest_end(message_.get(), nest); }

  // A hop among several: its length is known when its attributes are there.
  [[nodiscard]] rtnexthop* begin_hop() {
    auto* hop =
        static_cast<rtnexthop*>(nlmsg_reserve(message_.get(), sizeof(rtnexthop), NLMSG_ALIGNTO));
    std::memset(hop, 0, sizeof(*hop));
    return hop;
  }
  void end_hop(rtnexthop* hop) {
    const auto* tail = static_cast<const char*>(nlmsg_tail(nlmsg_hdr(message_.get())));
    const auto* head = reinterpret_cast<const char*>(hop);
    hop->rtnh_len = static_cast<unsigned short>(tail - head);
  }

 private:
  struct Free {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
  };
  Batch& batch_;
  std::unique_ptr<nl_msg, Free> message_;
};

// RTA_VIA: an address of whichever family.
void put_via(Message& message, Family of_route, const Address& via) {
  if (via.family() == of_route) return message.put(RTA_GATEWAY, via.bytes());
  Bytes bytes(sizeof(unsigned short));
  const unsigned short family = family_of(via.family());
  std::memcpy(bytes.data(), &family, sizeof(family));
  append(bytes, via.bytes());
  message.put(RTA_VIA, bytes);
}

void put_hop(Message& message, Family of_route, const Hop& hop, std::uint32_t device) {
  if (hop.via) put_via(message, of_route, *hop.via);
  if (device != 0) message.put(RTA_OIF, device);
}

void put_hops(Message& message, const Route& route, std::span<const std::uint32_t> devices,
              unsigned flags) {
  const Family family = route.key.destination.family();
  if (route.hops.size() == 1) return put_hop(message, family, route.hops[0], devices[0]);
  nlattr* nest = message.begin(RTA_MULTIPATH);
  for (std::size_t i = 0; i < route.hops.size(); ++i) {
    rtnexthop* hop = message.begin_hop();
    hop->rtnh_flags = static_cast<unsigned char>(flags);
    hop->rtnh_ifindex = static_cast<int>(devices[i]);
    if (route.hops[i].via) put_via(message, family, *route.hops[i].via);
    message.end_hop(hop);
  }
  message.end(nest);
}

int type_of(Verb verb, int when_new, int when_gone) {
  return verb == Verb::remove ? when_gone : when_new;
}

int flags_of(Verb verb) {
  switch (verb) {
    case Verb::add:
      return NLM_F_CREATE | NLM_F_EXCL;
    case Verb::replace:
      // Without NLM_F_CREATE: where ours has gone, another one's may come to stand meanwhile.
      return NLM_F_REPLACE;
    case Verb::remove:
      break;
  }
  return 0;
}

unsigned char scope_of(Verb verb, const Route& route) {
  if (verb == Verb::remove) return RT_SCOPE_NOWHERE;  // any
  const bool on_link = route.hops.size() == 1 && !route.hops[0].via;
  return on_link ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

}  // namespace

void write_route(Batch& batch, Verb verb, const Owner& owner, const Route& route,
                 std::span<const std::uint32_t> devices, bool onlink) {
  const Cidr& destination = route.key.destination;
  const bool v6 = destination.family() == Family::v6;
  rtmsg header{};
  header.rtm_family = family_of(destination.family());
  header.rtm_dst_len = static_cast<unsigned char>(destination.prefix_length());
  header.rtm_protocol = owner.protocol;
  header.rtm_type = route.is_blackhole() ? RTN_BLACKHOLE : RTN_UNICAST;
  header.rtm_scope = v6 ? static_cast<unsigned char>(RT_SCOPE_UNIVERSE) : scope_of(verb, route);
  const unsigned flags = onlink ? RTNH_F_ONLINK : 0;
  if (route.hops.size() == 1) header.rtm_flags = flags;

  Message message(batch, type_of(verb, RTM_NEWROUTE, RTM_DELROUTE), flags_of(verb), header,
                  kHopBytes * route.hops.size());
  message.put(RTA_DST, destination.network().bytes());
  message.put(RTA_TABLE, owner.table);
  message.put(RTA_PRIORITY, route.key.metric);
  // Of several hops IPv6 removes all that stand in the place, if none is named.
  const bool all_go = verb == Verb::remove && v6 && route.hops.size() > 1;
  if (!route.is_blackhole() && !all_go) put_hops(message, route, devices, flags);
  if (verb == Verb::remove || (route.mtu == 0 && route.advmss == 0)) return;
  nlattr* metrics = message.begin(RTA_METRICS);
  if (route.mtu != 0) message.put(RTAX_MTU, route.mtu);
  if (route.advmss != 0) message.put(RTAX_ADVMSS, route.advmss);
  message.end(metrics);
}

void write_rule(Batch& batch, Verb verb, const Owner& owner, const Rule& rule) {
  fib_rule_hdr header{};
  header.family = family_of(rule.from.family());
  header.src_len = static_cast<__u8>(rule.from.prefix_length());
  header.action = FR_ACT_TO_TBL;
  Message message(batch, type_of(verb, RTM_NEWRULE, RTM_DELRULE), flags_of(verb), header);
  if (rule.from.prefix_length() > 0) message.put(FRA_SRC, rule.from.network().bytes());
  message.put(FRA_TABLE, owner.table);
  message.put(FRA_PRIORITY, kRulePriority);
  message.put(FRA_PROTOCOL, owner.protocol);
}

void write_dump_routes(Batch& batch, Family family, std::uint32_t table) {
  rtmsg header{};
  header.rtm_family = family_of(family);
  Message message(batch, RTM_GETROUTE, NLM_F_DUMP, header);
  message.put(RTA_TABLE, table);
}

void write_dump_rules(Batch& batch, Family family) {
  fib_rule_hdr header{};
  header.family = family_of(family);
  const Message message(batch, RTM_GETRULE, NLM_F_DUMP, header);
}

void write_get_route(Batch& batch, const Address& destination) {
  rtmsg header{};
  header.rtm_family = family_of(destination.family());
  header.rtm_dst_len = static_cast<unsigned char>(bits(destination.family()));
  Message message(batch, RTM_GETROUTE, 0, header);
  message.put(RTA_DST, destination.bytes());
}

void write_get_link(Batch& batch, std::uint32_t index) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(index);
  Message message(batch, RTM_GETLINK, 0, header);
  message.put(IFLA_EXT_MASK, std::uint32_t{RTEXT_FILTER_SKIP_STATS});
}

void write_get_link(Batch& batch, std::string_view name) {
  Message message(batch, RTM_GETLINK, 0, ifinfomsg{});
  message.put(IFLA_IFNAME, std::string(name.substr(0, IFNAMSIZ - 1)));
  message.put(IFLA_EXT_MASK, std::uint32_t{RTEXT_FILTER_SKIP_STATS});
}

}  // namespace ipsec::route::kernel
