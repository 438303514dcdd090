// Goal: the kernel's policies match exactly the packets that the selectors speak of, and the more
// specific one wins. Method: packets at the edges of random selectors, held against the selectors
// as RFC 4301 reads them and against the policies as the kernel does; a naive subset test.
#include "xfrm/policy_set.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/effort.h"
#include "tests/support/random_xfrm.h"

namespace ipsec::xfrm {

using test::Random;

namespace {

constexpr std::uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kMobility = 135;

// From us to the peer; `local` and `remote` port, or an ICMP type and code.
struct Packet {
  Address local;
  Address remote;
  std::uint8_t protocol = 0;
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
};

bool has_type(std::uint8_t protocol) { return protocol == kIcmp || protocol == kMobility; }

bool within(const PortRange& range, std::uint16_t port) {
  return range.first <= port && port <= range.last;
}

// RFC 4301 4.4.1.1: an ICMP type and code, or a mobility header's type, is one value, in both
// selectors.
bool matches(const TrafficSelector& selector, const Packet& packet, bool local) {
  if (!selector.addresses.contains(local ? packet.local : packet.remote)) return false;
  if (selector.protocol == 0) return true;
  if (selector.protocol != packet.protocol) return false;
  std::uint16_t port = local ? packet.local_port : packet.remote_port;
  if (packet.protocol == kIcmp) {
    port = static_cast<std::uint16_t>(packet.local_port << 8 | packet.remote_port);
  }
  if (packet.protocol == kMobility) {
    return selector.ports.first >> 8 <= packet.local_port &&
           packet.local_port <= selector.ports.last >> 8;
  }
  return within(selector.ports, port);
}

// As the kernel does: source and destination of the packet as it goes.
bool matches(const PolicyRecord& policy, const Packet& packet) {
  const bool out = policy.key.direction == PolicyDirection::out;
  const bool turn = !out && !has_type(packet.protocol);
  const Selector& selector = policy.key.selector;
  const std::uint16_t source_port = turn ? packet.remote_port : packet.local_port;
  const std::uint16_t destination_port = turn ? packet.local_port : packet.remote_port;
  return selector.source.contains(out ? packet.local : packet.remote) &&
         selector.destination.contains(out ? packet.remote : packet.local) &&
         (selector.protocol == 0 || selector.protocol == packet.protocol) &&
         ((source_port ^ selector.source_port) & selector.source_port_mask) == 0 &&
         ((destination_port ^ selector.destination_port) & selector.destination_port_mask) == 0;
}

Address small_address(Random& random, bool six) {
  Bytes bytes(six ? 16 : 4);
  bytes[0] = 10;
  bytes.back() = static_cast<std::uint8_t>(random.below(40));
  return Address::from_bytes(bytes).value();
}

TrafficSelector small_selector(Random& random) {
  constexpr std::uint8_t kProtocols[] = {0, kIcmp, kTcp, kUdp, kMobility};
  const bool six = random.one_in(3);
  TrafficSelector selector;
  Address a = small_address(random, six);
  Address b = small_address(random, six);
  selector.addresses = AddressRange::make(std::min(a, b), std::max(a, b)).value();
  selector.protocol = kProtocols[random.below(5)];
  if (selector.protocol == 0 || random.one_in(3)) return selector;
  const auto port = [&] {
    return static_cast<std::uint16_t>(random.below(has_type(selector.protocol) ? 0x1000 : 64));
  };
  const auto [first, last] = std::minmax({port(), port()});
  selector.ports = {first, last};
  return selector;
}

Packet edge_packet(Random& random, const TrafficSelector& local, const TrafficSelector& remote) {
  const auto address = [&](const AddressRange& range) {
    switch (random.below(5)) {
      case 0:
        return range.first();
      case 1:
        return range.last();
      case 2:
        return range.first().previous().value_or(range.first());
      case 3:
        return range.last().next().value_or(range.last());
      default:
        return small_address(random, range.family() == Family::v6);
    }
  };
  const auto port = [&](const PortRange& range) {
    const std::uint16_t edge = random.one_in(2) ? range.first : range.last;
    return static_cast<std::uint16_t>(edge + random.below(3) - 1);
  };
  Packet packet{.local = address(local.addresses),
                .remote = address(remote.addresses),
                .protocol = random.one_in(2) ? local.protocol : remote.protocol};
  if (random.one_in(6) || packet.protocol == 0) packet.protocol = kTcp;
  packet.local_port = port(local.ports);
  packet.remote_port = port(remote.ports);
  if (packet.protocol == kIcmp) {
    packet.remote_port = packet.local_port & 0xff;
    packet.local_port >>= 8;
  }
  if (packet.protocol == kMobility) {
    packet.local_port >>= 8;
    packet.remote_port = 0;
  }
  return packet;
}

PolicySpec spec_of(std::vector<TrafficSelector> local, std::vector<TrafficSelector> remote) {
  PolicySpec spec;
  spec.reqid = kFirstReqid;
  spec.local = Address::v4(0xc0000201);
  spec.remote = Address::v4(0xc0000202);
  spec.spi = ChildSpi{0x12345678};
  spec.local_selectors = std::move(local);
  spec.remote_selectors = std::move(remote);
  return spec;
}

TrafficSelector cidr(std::string_view text) {
  return TrafficSelector::of(Cidr::parse(text).value());
}

// Contained in the other in every dimension, and not equal to it.
bool is_strict_subset(const Selector& a, const Selector& b) {
  const auto port_within = [](std::uint16_t value, std::uint16_t mask, std::uint16_t in_value,
                              std::uint16_t in_mask) {
    return (mask & in_mask) == in_mask && (value & in_mask) == (in_value & in_mask);
  };
  return a != b && b.source.contains(a.source) && b.destination.contains(a.destination) &&
         (b.protocol == 0 || a.protocol == b.protocol) &&
         port_within(a.source_port, a.source_port_mask, b.source_port, b.source_port_mask) &&
         port_within(a.destination_port, a.destination_port_mask, b.destination_port,
                     b.destination_port_mask);
}

}  // namespace

TEST_CASE("policies match the packets of the selectors, and no others", "[property]") {
  std::size_t matched = 0;
  std::size_t missed = 0;
  for (std::uint64_t seed = 0; seed < test::some_of(3'000); ++seed) {
    Random random(seed);
    const TrafficSelector local = small_selector(random);
    const TrafficSelector remote = small_selector(random);
    const auto policies = policies_of(spec_of({local}, {remote}));
    CHECK(policies.size() == count_policies({local}, {remote}));
    for (int i = 0; i < 30; ++i) {
      const Packet packet = edge_packet(random, local, remote);
      const bool wanted = local.addresses.family() == remote.addresses.family() &&
                          matches(local, packet, true) && matches(remote, packet, false);
      for (const auto direction :
           {PolicyDirection::in, PolicyDirection::forward, PolicyDirection::out}) {
        const bool found = std::ranges::any_of(policies, [&](const PolicyRecord& policy) {
          return policy.key.direction == direction && matches(policy, packet);
        });
        INFO("seed " << seed << " " << local.to_string() << " | " << remote.to_string());
        INFO("protocol " << int{packet.protocol} << " ports " << packet.local_port << " "
                         << packet.remote_port << " direction " << static_cast<int>(direction));
        REQUIRE(found == wanted);
      }
      ++(wanted ? matched : missed);
    }
  }
  CHECK(matched > test::some_of(2'000));
  CHECK(missed > test::some_of(3'000));
}

TEST_CASE("a smaller selector has the smaller priority", "[property]") {
  std::size_t subsets = 0;
  for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
    Random random(seed);
    std::vector<Selector> selectors;
    for (int i = 0; i < 12; ++i) selectors.push_back(random_selector(random));
    for (const Selector& a : selectors) {
      const std::uint32_t child = priority_of(a, Layer::child);
      const std::uint32_t trap = priority_of(a, Layer::trap);
      REQUIRE(kFirstPriority <= child);
      REQUIRE(trap == child + 1);
      REQUIRE(trap <= kLastPriority);
      for (const Selector& b : selectors) {
        if (!is_strict_subset(a, b)) continue;
        ++subsets;
        INFO("seed " << seed << " " << a.source.to_string() << " in " << b.source.to_string());
        // Even the trap of the smaller one wins against a child of the larger: its traffic must
        // not leave through another tunnel.
        REQUIRE(trap < priority_of(b, Layer::child));
      }
    }
  }
  CHECK(subsets > 5'000);
}

TEST_CASE("a child's policies lead to its SA, and take the peer from anywhere") {
  PolicySpec spec = spec_of({cidr("10.0.1.0/24")}, {cidr("10.0.2.0/24")});
  spec.attachment = {.interface_id = 7, .mark = Mark{1, 3}};
  const auto policies = policies_of(spec);
  REQUIRE(policies.size() == 3);
  const Address any = Address::any(Family::v4);
  const auto& in = policies[0];
  CHECK(in.key.direction == PolicyDirection::in);
  CHECK(in.key.selector.source == Cidr::parse("10.0.2.0/24").value());
  CHECK(in.key.selector.destination == Cidr::parse("10.0.1.0/24").value());
  CHECK(in.protection == Template{spec.reqid, any, spec.local, Protocol::esp, ChildSpi{}});
  const auto& forward = policies[1];
  CHECK(forward.key.direction == PolicyDirection::forward);
  CHECK(forward.key.selector == in.key.selector);
  CHECK(forward.protection == in.protection);
  const auto& out = policies[2];
  CHECK(out.key.direction == PolicyDirection::out);
  CHECK(out.key.selector.source == Cidr::parse("10.0.1.0/24").value());
  CHECK(out.protection == Template{spec.reqid, spec.local, spec.remote, Protocol::esp, spec.spi});
  for (const PolicyRecord& policy : policies) {
    CHECK(policy.key.interface_id == 7);
    CHECK(policy.key.mark == Mark{1, 3});
    CHECK(policy.priority == priority_of(policy.key.selector, Layer::child));
    CHECK_FALSE(policy.blocks);
  }
}

TEST_CASE("a trap asks for the tunnel, or only blocks where there is nobody to ask") {
  TrapSpec trap;
  trap.reqid = kFirstReqid;
  trap.local = Address::v4(0xc0000201);
  trap.remote = Address::v4(0xc0000202);
  trap.local_selectors = {cidr("10.0.1.0/24")};
  trap.remote_selectors = {cidr("10.0.2.0/24")};
  for (const PolicyRecord& policy : policies_of(trap)) {
    CHECK(policy.protection.spi == ChildSpi{});
    CHECK(policy.protection.reqid == trap.reqid);
    CHECK_FALSE(policy.blocks);
    CHECK(policy.priority == priority_of(policy.key.selector, Layer::trap));
  }
  trap.remote = Address::any(Family::v4);
  for (const PolicyRecord& policy : policies_of(trap)) {
    // What comes in must have come through the tunnel, whoever the peer is.
    CHECK(policy.blocks == (policy.key.direction == PolicyDirection::out));
    CHECK(policy.protection.reqid == trap.reqid);
  }
}

TEST_CASE("pairs are of one family and of a protocol that both allow") {
  const TrafficSelector four = cidr("10.0.1.0/24");
  const TrafficSelector six = cidr("2001:db8::/64");
  CHECK(policies_of(spec_of({four, six}, {four, six})).size() == 6);
  TrafficSelector tcp = four;
  tcp.protocol = kTcp;
  TrafficSelector udp = four;
  udp.protocol = kUdp;
  CHECK(policies_of(spec_of({tcp}, {udp})).empty());
  CHECK(policies_of(spec_of({tcp}, {four})).front().key.selector.protocol == kTcp);
}

TEST_CASE("20 by 10 selectors are 600 policies, and overlapping ones come once") {
  std::vector<TrafficSelector> local;
  std::vector<TrafficSelector> remote;
  for (int i = 0; i < 20; ++i) local.push_back(cidr("10.1." + std::to_string(i) + ".0/24"));
  for (int i = 0; i < 10; ++i) remote.push_back(cidr("10.2." + std::to_string(i) + ".0/24"));
  CHECK(policies_of(spec_of(local, remote)).size() == 600);
  CHECK(count_policies(local, remote) == 600);
  local.push_back(local.front());
  CHECK(policies_of(spec_of(local, remote)).size() == 600);
  CHECK(count_policies(local, remote) == 630);
}

TEST_CASE("the worst selectors are counted without being built") {
  TrafficSelector worst;
  worst.addresses =
      AddressRange::make(Address::parse("::1").value(),
                         Address::any(Family::v6).with_host_bits(0, true).previous().value())
          .value();
  worst.protocol = kTcp;
  worst.ports = {1, 65534};
  CHECK(count_policies({worst}, {worst}) == 3ULL * 254 * 254 * 30 * 30);
}

TEST_CASE("cover is exact and minimal for every short range of ports", "[property]") {
  Random random(5);
  for (std::size_t i = 0; i < test::some_of(500); ++i) {
    const auto first = static_cast<std::uint16_t>(random.below(0x10000));
    const auto last = static_cast<std::uint16_t>(first + random.below(0x10000U - first));
    const auto pairs = cover(PortRange{first, last});
    CHECK(pairs.size() <= 30);
    for (std::uint32_t port = 0; port < 0x10000; ++port) {
      const auto hits = std::ranges::count_if(
          pairs, [&](const MaskedPort& pair) { return ((port ^ pair.value) & pair.mask) == 0; });
      if (hits != (first <= port && port <= last ? 1 : 0)) FAIL("port " << port << " " << hits);
    }
    // Two of them that make one would be one too many.
    for (std::size_t k = 1; k < pairs.size(); ++k) {
      if (pairs[k].mask != pairs[k - 1].mask) continue;
      const auto parent = static_cast<std::uint16_t>(pairs[k].mask << 1);
      CHECK((pairs[k].value & parent) != (pairs[k - 1].value & parent));
    }
  }
}

TEST_CASE("ports that are none: any, opaque, ICMP") {
  CHECK(cover(PortRange{}) == std::vector<MaskedPort>{{0, 0}});
  // The kernel sees port 0 in a fragment.
  CHECK(cover(PortRange::opaque()) == std::vector<MaskedPort>{{0, 0xffff}});
  TrafficSelector echo = cidr("10.0.1.0/24");
  echo.protocol = kIcmp;
  echo.ports = {8 << 8, 8 << 8};
  const auto policies = policies_of(spec_of({echo}, {cidr("10.0.2.0/24")}));
  REQUIRE(policies.size() == 3);
  for (const PolicyRecord& policy : policies) {
    CHECK(policy.key.selector.source_port == 8);
    CHECK(policy.key.selector.source_port_mask == 0xffff);
    CHECK(policy.key.selector.destination_port == 0);
    CHECK(policy.key.selector.destination_port_mask == 0xffff);
  }
}

}  // namespace ipsec::xfrm
