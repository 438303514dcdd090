// Goal: narrowing never gives away what is not allowed and never loses what is common. Method:
// directed cases, and random selectors in a space so small that a naive model can list every
// packet.
#include "ike/core/selectors.h"

#include <algorithm>
#include <iterator>
#include <random>
#include <set>
#include <tuple>

#include <catch2/catch.hpp>

#include "ike/base/limits.h"

namespace ipsec::core {
namespace {

TrafficSelector of(std::string_view cidr, std::uint8_t protocol = 0, PortRange ports = {}) {
  return {Cidr::parse(cidr).value().range(), protocol, ports};
}

TrafficSelector range(std::string_view first, std::string_view last) {
  return {*AddressRange::make(*Address::parse(first), *Address::parse(last)), 0, {}};
}

// --- The model: addresses 10.0.0.0-15, protocols 1-3, ports 0-4 and "cannot be seen" ---

constexpr std::uint32_t kBase = 0x0a000000;
constexpr std::uint32_t kAddresses = 16;
constexpr std::uint8_t kProtocols = 3;
constexpr int kPorts = 5;
constexpr int kUnseen = -1;

using Packet = std::tuple<std::uint32_t, std::uint8_t, int>;

bool holds(const TrafficSelector& selector, const Packet& packet) {
  const auto& [address, protocol, port] = packet;
  if (!selector.addresses.contains(Address::v4(address))) return false;
  if (selector.protocol != 0 && selector.protocol != protocol) return false;
  if (port == kUnseen) return selector.ports.is_any() || selector.ports.is_opaque();
  if (selector.ports.is_opaque()) return false;
  return selector.ports.first <= port && port <= selector.ports.last;
}

std::set<Packet> packets_of(std::span<const TrafficSelector> selectors) {
  std::set<Packet> packets;
  for (std::uint32_t address = kBase; address < kBase + kAddresses; ++address) {
    for (std::uint8_t protocol = 1; protocol <= kProtocols; ++protocol) {
      for (int port = kUnseen; port < kPorts; ++port) {
        const Packet packet{address, protocol, port};
        const bool in = std::ranges::any_of(
            selectors, [&](const TrafficSelector& selector) { return holds(selector, packet); });
        if (in) packets.insert(packet);
      }
    }
  }
  return packets;
}

class Selection {
 public:
  explicit Selection(std::uint32_t seed) : engine_(seed) {}

  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(engine_() % limit); }

  TrafficSelector selector() {
    const std::uint32_t first = below(kAddresses);
    const std::uint32_t last = first + below(kAddresses - first);
    TrafficSelector result{
        *AddressRange::make(Address::v4(kBase + first), Address::v4(kBase + last)), 0, {}};
    if (below(3) == 0) return result;
    result.protocol = static_cast<std::uint8_t>(1 + below(kProtocols));
    const std::uint32_t kind = below(4);
    if (kind == 0) result.ports = PortRange::opaque();
    if (kind == 1) {
      const auto low = static_cast<std::uint16_t>(below(kPorts));
      result.ports = {low, static_cast<std::uint16_t>(low + below(kPorts - low))};
    }
    return result;
  }

  Selectors selectors(std::uint32_t at_most) {
    Selectors result(1 + below(at_most));
    for (TrafficSelector& one : result) one = selector();
    return result;
  }

 private:
  std::minstd_rand engine_;
};

TEST_CASE("the intersection of random selectors holds exactly the packets of both") {
  Selection random(1);
  for (int round = 0; round < 400; ++round) {
    const Selectors offered = random.selectors(4);
    const Selectors allowed = random.selectors(4);
    const Selectors common = intersect(offered, allowed);

    const auto left = packets_of(offered);
    const auto right = packets_of(allowed);
    std::set<Packet> both;
    std::ranges::set_intersection(left, right, std::inserter(both, both.end()));
    INFO("round " << round << ": " << describe(offered) << " with " << describe(allowed));
    REQUIRE(packets_of(common) == both);
    for (const TrafficSelector& a : common) {
      for (const TrafficSelector& b : common) REQUIRE((&a == &b || !a.contains(b)));
    }
    REQUIRE(covers(offered, common));
    REQUIRE(covers(allowed, common));
  }
}

TEST_CASE("covers is never true where the model finds a packet outside") {
  Selection random(2);
  int covered = 0;
  for (int round = 0; round < 2000; ++round) {
    const Selectors outer = random.selectors(8);
    const Selectors inner = random.selectors(2);
    if (!covers(outer, inner)) continue;
    ++covered;
    INFO("round " << round << ": " << describe(outer) << " over " << describe(inner));
    REQUIRE(std::ranges::includes(packets_of(outer), packets_of(inner)));
  }
  REQUIRE(covered > 50);
}

TEST_CASE("covers is exact where selectors differ only in their addresses") {
  Selection random(3);
  for (int round = 0; round < 2000; ++round) {
    Selectors outer = random.selectors(5);
    Selectors inner = random.selectors(2);
    for (TrafficSelector& one : outer) one = {one.addresses, 0, {}};
    for (TrafficSelector& one : inner) one = {one.addresses, 0, {}};
    INFO("round " << round << ": " << describe(outer) << " over " << describe(inner));
    REQUIRE(covers(outer, inner) == std::ranges::includes(packets_of(outer), packets_of(inner)));
  }
}

// --- Directed cases ---

TEST_CASE("intersect keeps the offer's order and leaves out what another result contains") {
  const Selectors offered{of("10.0.2.0/24"), of("10.0.1.7/32", 6), of("10.0.1.0/24")};
  const Selectors allowed{of("10.0.1.0/24"), of("10.0.2.128/25"), of("10.0.2.0/24")};
  REQUIRE(intersect(offered, allowed) == Selectors{of("10.0.2.0/24"), of("10.0.1.0/24")});
}

TEST_CASE("intersect takes the narrower protocol and ports") {
  const Selectors offered{of("10.0.0.0/8", 6, {1000, 2000})};
  REQUIRE(intersect(offered, Selectors{of("10.0.1.0/24")}) ==
          Selectors{of("10.0.1.0/24", 6, {1000, 2000})});
  REQUIRE(intersect(offered, Selectors{of("10.0.1.0/24", 17)}).empty());
  REQUIRE(intersect(offered, Selectors{of("10.0.1.0/24", 6, {2000, 3000})}) ==
          Selectors{of("10.0.1.0/24", 6, {2000, 2000})});
}

TEST_CASE("intersect never mixes address families") {
  REQUIRE(intersect(Selectors{of("0.0.0.0/0")}, Selectors{of("::/0")}).empty());
  REQUIRE(intersect(Selectors{of("0.0.0.0/0"), of("::/0")}, Selectors{of("2001:db8::/32")}) ==
          Selectors{of("2001:db8::/32")});
}

TEST_CASE("intersect is bounded whatever a peer offers") {
  Selectors offered;
  Selectors allowed;
  for (std::uint32_t i = 1; i < 256; ++i) {
    offered.push_back(of("0.0.0.0/0", static_cast<std::uint8_t>(i)));
    allowed.push_back(TrafficSelector::of(Cidr::host(Address::v4(kBase + i))));
  }
  REQUIRE(intersect(offered, allowed).size() == limits::kSelectors);
}

TEST_CASE("narrow needs something common at both ends") {
  const SelectorPair allowed{{of("10.0.1.0/24")}, {of("10.0.2.0/24"), of("10.0.3.0/24")}};
  REQUIRE(narrow({{of("0.0.0.0/0")}, {of("0.0.0.0/0")}}, allowed) == allowed);
  REQUIRE(narrow({{of("10.0.1.9/32")}, {of("10.0.3.0/25")}}, allowed) ==
          SelectorPair{{of("10.0.1.9/32")}, {of("10.0.3.0/25")}});
  REQUIRE_FALSE(narrow({{of("10.0.1.0/24")}, {of("10.0.4.0/24")}}, allowed));
  REQUIRE_FALSE(narrow({{of("10.9.1.0/24")}, {of("10.0.2.0/24")}}, allowed));
  REQUIRE_FALSE(narrow({{}, {of("10.0.2.0/24")}}, allowed));
}

TEST_CASE("several selectors together cover one") {
  const Selectors halves{of("10.0.0.128/25"), of("10.0.0.0/25")};
  REQUIRE(covers(halves, Selectors{of("10.0.0.0/24")}));
  REQUIRE_FALSE(covers(halves, Selectors{of("10.0.0.0/23")}));
  const Selectors gap{range("10.0.0.0", "10.0.0.9"), range("10.0.0.11", "10.0.0.20")};
  REQUIRE_FALSE(covers(gap, Selectors{range("10.0.0.5", "10.0.0.15")}));
  const Selectors end{range("255.255.255.254", "255.255.255.255")};
  REQUIRE(covers(Selectors{of("0.0.0.0/0")}, end));
  REQUIRE(covers(Selectors{of("0.0.0.0/1"), of("128.0.0.0/1")}, Selectors{of("0.0.0.0/0")}));
  REQUIRE_FALSE(covers(Selectors{}, Selectors{of("10.0.0.0/24")}));
  REQUIRE(covers(Selectors{}, Selectors{}));
}

TEST_CASE("a part of the addresses counts only with all of the protocol and ports") {
  const Selectors outer{of("10.0.0.0/25", 6), of("10.0.0.128/25")};
  REQUIRE(covers(outer, Selectors{of("10.0.0.0/24", 6, {80, 80})}));
  REQUIRE_FALSE(covers(outer, Selectors{of("10.0.0.0/24", 17)}));
  REQUIRE_FALSE(covers(outer, Selectors{of("10.0.0.0/24")}));
}

TEST_CASE("missing pairs are those that no child carries") {
  const SelectorPair wanted{{of("10.0.1.0/24"), of("10.0.2.0/24")},
                            {of("10.1.1.0/24"), of("10.1.2.0/24")}};
  REQUIRE(missing_pairs(wanted, {}).size() == 4);

  const std::vector<SelectorPair> one{{{of("10.0.1.0/24")}, {of("10.1.1.0/24")}}};
  REQUIRE(missing_pairs(wanted, one) ==
          std::vector<SelectorPair>{{{of("10.0.1.0/24")}, {of("10.1.2.0/24")}},
                                    {{of("10.0.2.0/24")}, {of("10.1.1.0/24")}},
                                    {{of("10.0.2.0/24")}, {of("10.1.2.0/24")}}});

  const std::vector<SelectorPair> wide{{{of("10.0.0.0/16")}, {of("10.1.0.0/16")}}};
  REQUIRE(missing_pairs(wanted, wide).empty());
}

TEST_CASE("children that share out one end of a pair carry it together") {
  const SelectorPair wanted{{of("10.0.1.0/24")}, {of("10.1.1.0/24")}};
  const std::vector<SelectorPair> halves{{{of("10.0.1.0/24")}, {of("10.1.1.0/25")}},
                                         {{of("10.0.0.0/16")}, {of("10.1.1.128/25")}}};
  REQUIRE(missing_pairs(wanted, halves).empty());
  const std::vector<SelectorPair> diagonal{{{of("10.0.1.0/25")}, {of("10.1.1.0/25")}},
                                           {{of("10.0.1.128/25")}, {of("10.1.1.128/25")}}};
  REQUIRE(missing_pairs(wanted, diagonal).size() == 1);
}

TEST_CASE("selectors are described for people, and not without end") {
  REQUIRE(describe(SelectorPair{{of("10.0.1.0/24")}, {of("10.0.2.0/24"), of("10.0.3.0/24")}}) ==
          "10.0.1.0/24 === 10.0.2.0/24, 10.0.3.0/24");
  REQUIRE(describe(Selectors{}) == "nothing");
  const std::string many = describe(Selectors(255, of("10.0.1.0/24")));
  REQUIRE(many.ends_with(" and 235 more"));
}

}  // namespace
}  // namespace ipsec::core
