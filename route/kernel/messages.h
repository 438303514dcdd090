// rtnetlink's messages in bytes, both ways; libnl puts and takes the attributes. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ike/base/address.h"
#include "ike/base/bytes.h"
#include "ike/base/cidr.h"
#include "route/model.h"

namespace ipsec::route::kernel {

// --- to the kernel -----------------------------------------------------------------------------

// Messages one behind the other. Sequence numbers, and which is to be acknowledged, are for the
// socket to fill in.
struct Batch {
  Bytes bytes;
  std::vector<std::size_t> offsets;  // of each message

  [[nodiscard]] std::size_t size() const { return offsets.size(); }
};

enum class Verb : std::uint8_t { add, replace, remove };

struct Owner {
  std::uint32_t table = 0;
  std::uint8_t protocol = 0;
};

// `devices` are the indexes of the hops' devices, 0 for one that is not said. `onlink`: the kernel
// is not to ask its routes whether a hop is reached by its device.
void write_route(Batch& batch, Verb verb, const Owner& owner, const Route& route,
                 std::span<const std::uint32_t> devices, bool onlink = false);
void write_rule(Batch& batch, Verb verb, const Owner& owner, const Rule& rule);
void write_dump_routes(Batch& batch, Family family, std::uint32_t table);
void write_dump_rules(Batch& batch, Family family);
void write_get_route(Batch& batch, const Address& destination);
void write_get_link(Batch& batch, std::uint32_t index);
void write_get_link(Batch& batch, std::string_view name);

// --- from the kernel ---------------------------------------------------------------------------

struct HopRow {
  std::optional<Address> via;
  std::uint32_t device = 0;  // 0: not said
  bool operator==(const HopRow&) const = default;
};

struct RouteRow {
  Cidr destination;
  std::uint32_t table = 0;
  std::uint32_t metric = 0;
  std::uint8_t protocol = 0;
  std::uint8_t type = 0;     // RTN_*
  bool plain = true;         // for any source and type of service, and no copy in a cache
  std::vector<HopRow> hops;  // of RTN_UNICAST alone: "lo" of an IPv6 blackhole says nothing
  std::uint32_t mtu = 0;
  std::uint32_t advmss = 0;
};
// RTM_NEWROUTE and RTM_DELROUTE. Fills what the caller keeps for all rows; false: malformed.
[[nodiscard]] bool parse_route(ByteView message, RouteRow& row);

struct RuleRow {
  std::optional<Cidr> from;  // none where the rule asks for more than a range of sources
  std::uint32_t table = 0;
  std::uint32_t priority = 0;
  std::uint8_t protocol = 0;
};
[[nodiscard]] std::optional<RuleRow> parse_rule(ByteView message);

struct LinkRow {
  std::uint32_t index = 0;
  std::string name;
  std::uint32_t mtu = 0;
  std::optional<std::uint32_t> vrf_table;  // of a VRF device
};
[[nodiscard]] std::optional<LinkRow> parse_link(ByteView message);

struct EventRow {
  enum class Kind : std::uint8_t { route, rule, surroundings, nothing };
  Kind kind = Kind::nothing;
  std::uint32_t table = 0;    // of a route or a rule
  std::uint8_t protocol = 0;  // of a route
  std::uint32_t port = 0;     // of the socket that asked for the change; 0: the kernel itself
};
[[nodiscard]] std::optional<EventRow> parse_event(ByteView message);

// "static", "bird", "113".
[[nodiscard]] std::string protocol_name(std::uint8_t protocol);
// "unicast", "unreachable".
[[nodiscard]] std::string type_name(std::uint8_t type);

}  // namespace ipsec::route::kernel
