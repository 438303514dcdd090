// Goal: routes, rules and questions are what rtnetlink takes, and what it gives is understood or
// refused whole, never half. Method: what we write is read again; bytes by hand for what we never
// write; every truncation, and random damage.
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstring>

#include "route/kernel/messages.h"
#include "route/kernel/numbers.h"
#include "tests/support/random.h"

namespace ipsec::route::kernel {
namespace {

using test::Random;

constexpr Owner kOwner{70'001, 113};

template <typename T>
T read(ByteView bytes, std::size_t offset = 0) {
  T out{};
  REQUIRE(bytes.size() >= offset + sizeof(T));
  std::memcpy(&out, bytes.data() + offset, sizeof(T));
  return out;
}

template <typename T>
void put(Bytes& bytes, const T& value) {
  const auto* first = static_cast<const std::uint8_t*>(static_cast<const void*>(&value));
  append(bytes, ByteView(first, sizeof(T)));
}

void put_attribute(Bytes& bytes, std::uint16_t type, ByteView value) {
  put(bytes, static_cast<std::uint16_t>(4 + value.size()));
  put(bytes, type);
  append(bytes, value);
  bytes.resize((bytes.size() + 3) / 4 * 4);
}

Bytes number(std::uint32_t value) {
  Bytes out;
  put(out, value);
  return out;
}

// A message of the kernel by hand; its length is filled in by seal().
template <typename Header>
Bytes message(std::uint16_t type, const Header& header) {
  Bytes out;
  nlmsghdr first{};
  first.nlmsg_type = type;
  put(out, first);
  put(out, header);
  return out;
}
Bytes seal(Bytes bytes) {
  const auto length = static_cast<std::uint32_t>(bytes.size());
  std::memcpy(bytes.data(), &length, sizeof(length));
  return bytes;
}

Address some_address(Random& random, Family family) {
  Bytes bytes = random.bytes(family == Family::v4 ? 4 : 16);
  bytes[0] = 10;
  return *Address::from_bytes(bytes);
}

Route random_route(Random& random, std::vector<std::uint32_t>& devices) {
  const Family family = random.one_in(2) ? Family::v4 : Family::v6;
  Route out;
  out.key = {
      Cidr::enclosing(some_address(random, family),
                      static_cast<int>(random.below(static_cast<std::size_t>(bits(family)) + 1))),
      random.u32()};
  devices.clear();
  for (std::size_t left = random.below(5); left > 0; --left) {
    Hop hop;
    if (!random.one_in(4)) hop.via = some_address(random, random.one_in(4) ? Family::v6 : family);
    if (family == Family::v6 && hop.via && hop.via->family() == Family::v4) hop.via.reset();
    out.hops.push_back(hop);
    devices.push_back(static_cast<std::uint32_t>(1 + random.below(1000)));
  }
  if (random.one_in(2)) out.mtu = 1 + random.u16();
  if (random.one_in(2)) out.advmss = 1 + random.u16();
  return out;
}

}  // namespace

TEST_CASE("a route that we write says all that it is") {
  Random random(7);
  RouteRow row;
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::uint32_t> devices;
    const Route route = random_route(random, devices);
    Batch batch;
    write_route(batch, random.one_in(2) ? Verb::add : Verb::replace, kOwner, route, devices);
    REQUIRE(batch.size() == 1);
    REQUIRE(parse_route(batch.bytes, row));
    CHECK(row.destination == route.key.destination);
    CHECK(row.metric == route.key.metric);
    CHECK(row.table == kOwner.table);
    CHECK(row.protocol == kOwner.protocol);
    CHECK(row.type == (route.is_blackhole() ? RTN_BLACKHOLE : RTN_UNICAST));
    CHECK(row.plain);
    CHECK(row.mtu == route.mtu);
    CHECK(row.advmss == route.advmss);
    REQUIRE(row.hops.size() == route.hops.size());
    for (std::size_t i = 0; i < row.hops.size(); ++i) {
      CHECK(row.hops[i] == HopRow{route.hops[i].via, devices[i]});
    }
  }
}

TEST_CASE("what a change asks of the kernel") {
  const Route route{{*Cidr::parse("10.8.0.0/16"), 100}, {{std::nullopt, "xfrm7"}}, 1400, 0};
  const std::array<std::uint32_t, 1> device{7};
  Batch batch;
  write_route(batch, Verb::add, kOwner, route, device);
  write_route(batch, Verb::replace, kOwner, route, device);
  write_route(batch, Verb::remove, kOwner, route, device);
  REQUIRE(batch.size() == 3);
  const auto header = [&](std::size_t i) { return read<nlmsghdr>(batch.bytes, batch.offsets[i]); };
  const auto body = [&](std::size_t i) {
    return read<rtmsg>(batch.bytes, batch.offsets[i] + NLMSG_HDRLEN);
  };
  // Never over another one's, and never anew where ours has gone.
  CHECK(header(0).nlmsg_flags == (NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL));
  CHECK(header(1).nlmsg_flags == (NLM_F_REQUEST | NLM_F_REPLACE));
  CHECK(header(2).nlmsg_flags == NLM_F_REQUEST);
  CHECK(header(2).nlmsg_type == RTM_DELROUTE);
  CHECK(body(0).rtm_scope == RT_SCOPE_LINK);
  CHECK(body(2).rtm_scope == RT_SCOPE_NOWHERE);
  // Without a protocol, another one's route would be removed as well.
  CHECK(body(2).rtm_protocol == kOwner.protocol);
  RouteRow row;
  REQUIRE(parse_route(ByteView(batch.bytes).subspan(batch.offsets[2]), row));
  CHECK(row.hops == std::vector<HopRow>{{std::nullopt, 7}});
  CHECK(row.metric == 100);
}

TEST_CASE("several IPv6 hops are removed as one") {
  const Route route{{*Cidr::parse("2001:db8::/48"), 100},
                    {{*Address::parse("fe80::1"), "a"}, {*Address::parse("fe80::2"), "a"}},
                    0,
                    0};
  const std::array<std::uint32_t, 2> devices{7, 7};
  Batch batch;
  write_route(batch, Verb::remove, kOwner, route, devices);
  RouteRow row;
  REQUIRE(parse_route(batch.bytes, row));
  CHECK(row.hops == std::vector<HopRow>{{std::nullopt, 0}});
}

TEST_CASE("only what is asked for is onlink") {
  const Route route{
      {*Cidr::parse("10.8.0.0/16"), 100}, {{*Address::parse("192.0.2.1"), "a"}}, 0, 0};
  const std::array<std::uint32_t, 1> device{7};
  Batch batch;
  write_route(batch, Verb::add, kOwner, route, device);
  write_route(batch, Verb::add, kOwner, route, device, true);
  CHECK(read<rtmsg>(batch.bytes, NLMSG_HDRLEN).rtm_flags == 0);
  CHECK(read<rtmsg>(batch.bytes, batch.offsets[1] + NLMSG_HDRLEN).rtm_flags == RTNH_F_ONLINK);
}

TEST_CASE("a rule that we write is the one that we know again") {
  for (const auto* from : {"10.0.1.0/24", "0.0.0.0/0", "2001:db8::/48", "::/0"}) {
    Batch batch;
    write_rule(batch, Verb::add, kOwner, {*Cidr::parse(from)});
    const auto row = parse_rule(batch.bytes);
    REQUIRE(row);
    CHECK(row->from == *Cidr::parse(from));
    CHECK(row->table == kOwner.table);
    CHECK(row->priority == kRulePriority);
    CHECK(row->protocol == kOwner.protocol);
  }
}

TEST_CASE("a rule that asks for more is none of ours") {
  fib_rule_hdr header{};
  header.family = AF_INET;
  header.action = FR_ACT_TO_TBL;
  CHECK(parse_rule(seal(message(RTM_NEWRULE, header)))->from == Cidr());
  for (const std::uint16_t more : {FRA_IIFNAME, FRA_OIFNAME, FRA_FWMARK, FRA_L3MDEV, FRA_UID_RANGE,
                                   FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE}) {
    Bytes bytes = message(RTM_NEWRULE, header);
    put_attribute(bytes, more, number(7));
    const auto row = parse_rule(seal(bytes));
    REQUIRE(row);
    CHECK(!row->from);
  }
  header.flags = FIB_RULE_INVERT;
  CHECK(!parse_rule(seal(message(RTM_NEWRULE, header)))->from);
  header.flags = 0;
  header.action = FR_ACT_BLACKHOLE;
  CHECK(!parse_rule(seal(message(RTM_NEWRULE, header)))->from);
}

TEST_CASE("rows of the kernel that we never write") {
  RouteRow row;
  rtmsg header{};
  header.rtm_family = AF_INET6;
  header.rtm_dst_len = 0;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_type = RTN_BLACKHOLE;
  SECTION("lo of an IPv6 blackhole says nothing") {
    Bytes bytes = message(RTM_NEWROUTE, header);
    put_attribute(bytes, RTA_OIF, number(1));
    put_attribute(bytes, RTA_PRIORITY, number(1024));
    REQUIRE(parse_route(seal(bytes), row));
    CHECK(row.hops.empty());
    CHECK(row.table == RT_TABLE_MAIN);
    CHECK(row.destination == *Cidr::parse("::/0"));
  }
  SECTION("for some packets only, or from a cache") {
    header.rtm_src_len = 64;
    REQUIRE(parse_route(seal(message(RTM_NEWROUTE, header)), row));
    CHECK(!row.plain);
    header.rtm_src_len = 0;
    header.rtm_tos = 8;
    REQUIRE(parse_route(seal(message(RTM_NEWROUTE, header)), row));
    CHECK(!row.plain);
    header.rtm_tos = 0;
    header.rtm_flags = RTM_F_CLONED;
    REQUIRE(parse_route(seal(message(RTM_NEWROUTE, header)), row));
    CHECK(!row.plain);
  }
}

TEST_CASE("routes that make no sense are refused") {
  RouteRow row;
  rtmsg header{};
  header.rtm_family = AF_INET;
  header.rtm_type = RTN_UNICAST;
  const auto refused_with = [&](std::uint16_t type, ByteView value) {
    Bytes bytes = message(RTM_NEWROUTE, header);
    put_attribute(bytes, type, value);
    return !parse_route(seal(bytes), row);
  };
  CHECK(refused_with(RTA_OIF, Bytes(2)));
  CHECK(refused_with(RTA_PRIORITY, Bytes(3)));
  CHECK(refused_with(RTA_TABLE, Bytes{}));
  CHECK(refused_with(RTA_GATEWAY, Bytes(16)));
  CHECK(refused_with(RTA_GATEWAY, Bytes(3)));
  CHECK(refused_with(RTA_VIA, Bytes(1)));
  CHECK(refused_with(RTA_VIA, Bytes(5)));
  CHECK(refused_with(RTA_DST, Bytes(16)));
  CHECK(refused_with(RTA_DST, Bytes{10, 0, 0, 1}));  // host bits behind /0
  Bytes hop(sizeof(rtnexthop));
  for (const std::uint16_t length : std::array<std::uint16_t, 4>{0, 7, 9, 0xffff}) {
    std::memcpy(hop.data(), &length, sizeof(length));
    CHECK(refused_with(RTA_MULTIPATH, hop));
  }
  CHECK(refused_with(RTA_MULTIPATH, Bytes(3)));
  Bytes metrics;
  put_attribute(metrics, RTAX_MTU, Bytes(1));
  CHECK(refused_with(RTA_METRICS, metrics));
  header.rtm_dst_len = 33;
  CHECK(!parse_route(seal(message(RTM_NEWROUTE, header)), row));
  header.rtm_dst_len = 0;
  header.rtm_family = AF_MPLS;
  CHECK(!parse_route(seal(message(RTM_NEWROUTE, header)), row));
}

TEST_CASE("devices, and the table of a VRF") {
  ifinfomsg header{};
  header.ifi_index = 7;
  Bytes vrf;
  put_attribute(vrf, IFLA_VRF_TABLE, number(300));
  Bytes info;
  put_attribute(info, IFLA_INFO_KIND, to_bytes(std::string_view("vrf\0", 4)));
  put_attribute(info, IFLA_INFO_DATA, vrf);
  Bytes bytes = message(RTM_NEWLINK, header);
  put_attribute(bytes, IFLA_IFNAME, to_bytes(std::string_view("red\0", 4)));
  put_attribute(bytes, IFLA_MTU, number(1500));
  const auto plain = parse_link(seal(bytes));
  REQUIRE(plain);
  CHECK(plain->name == "red");
  CHECK(plain->index == 7);
  CHECK(plain->mtu == 1500);
  CHECK(!plain->vrf_table);
  put_attribute(bytes, IFLA_LINKINFO, info);
  CHECK(parse_link(seal(bytes))->vrf_table == 300U);
  CHECK(!parse_link(seal(message(RTM_NEWLINK, header))));
}

TEST_CASE("events: of what, where, and by whose hand") {
  const Route route{{*Cidr::parse("10.8.0.0/16"), 100}, {{std::nullopt, "a"}}, 0, 0};
  const std::array<std::uint32_t, 1> device{7};
  Batch batch;
  write_route(batch, Verb::remove, kOwner, route, device);
  const std::uint32_t port = 4711;
  std::memcpy(batch.bytes.data() + offsetof(nlmsghdr, nlmsg_pid), &port, sizeof(port));
  const auto removed = parse_event(batch.bytes);
  REQUIRE(removed);
  CHECK(removed->kind == EventRow::Kind::route);
  CHECK(removed->table == kOwner.table);
  CHECK(removed->protocol == kOwner.protocol);
  CHECK(removed->port == port);
  ifinfomsg link{};
  CHECK(parse_event(seal(message(RTM_NEWLINK, link)))->kind == EventRow::Kind::surroundings);
  link.ifi_family = AF_BRIDGE;
  CHECK(parse_event(seal(message(RTM_NEWLINK, link)))->kind == EventRow::Kind::nothing);
  CHECK(!parse_event(Bytes(8)));
}

TEST_CASE("truncated and damaged messages are refused or read, and nothing else") {
  Random random(11);
  RouteRow row;
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::uint32_t> devices;
    const Route route = random_route(random, devices);
    Batch batch;
    write_route(batch, Verb::add, kOwner, route, devices);
    write_rule(batch, Verb::add, kOwner, {route.key.destination});
    for (const std::size_t offset : batch.offsets) {
      Bytes bytes = to_bytes(ByteView(batch.bytes).subspan(offset));
      if (random.one_in(2))
        bytes.resize(random.below(bytes.size() + 1));
      else
        test::mutate(random, bytes);
      static_cast<void>(parse_route(bytes, row));
      static_cast<void>(parse_rule(bytes));
      static_cast<void>(parse_link(bytes));
      static_cast<void>(parse_event(bytes));
    }
  }
}

}  // namespace ipsec::route::kernel
