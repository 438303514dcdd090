// What the kernel tells: SAs and policies as a dump shows them, and events as they come.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "ike/base/cidr.h"
#include "ike/base/endpoint.h"
#include "ike/base/strong_id.h"
#include "xfrm/model.h"

namespace ipsec::xfrm {

struct SaCounters {
  std::uint64_t bytes = 0;
  std::uint64_t packets = 0;
  std::uint64_t added_at_s = 0;  // seconds of the kernel's wall clock; 0 is never
  std::uint64_t used_at_s = 0;   // the first use: the kernel keeps no later one
  std::uint32_t replayed = 0;
  std::uint32_t outside_window = 0;
  std::uint32_t integrity_failed = 0;
  bool operator==(const SaCounters&) const = default;
};

// One row of the dump that counters are read in; keys are not looked at.
struct SaUsage {
  SaKey key;
  Reqid reqid;
  Attachment attachment{};
  // An SPI that is held, or what a packet without an SA has left behind: nothing that carries.
  bool larval = false;
  bool awaits_first_use = false;       // FirstUsed is told, or still to be
  std::uint64_t soft_limit_bytes = 0;  // 0 is none
  SaCounters counters{};
  Address source{};
  std::optional<UdpEncapsulation> encapsulation{};
  bool operator==(const SaUsage&) const = default;
};

// Where an SA stands in its sequence numbers; 64 bits with ESN.
struct ReplayState {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::vector<std::uint32_t> window;  // the kernel's bitmap, newest bits as it keeps them
  bool operator==(const ReplayState&) const = default;
};

// An SA as the kernel holds it, keys included. Before 6.10 the kernel does not say which way an SA
// goes: one with a soft limit that ours have inwards (kWatchPackets, kSeenPackets) is taken for
// inbound.
struct SaRecord {
  SaSpec spec;                          // its offload names no device
  std::uint32_t offload_interface = 0;  // the index of the device instead
  bool larval = false;                  // an SPI that is held, and nothing behind it yet
  bool first_use_told = false;          // see kSeenPackets
  ReplayState replay;
  SaCounters counters;
};

// One policy of the kernel. Our specs become many: see policy_set.h.
enum class PolicyDirection : std::uint8_t { in = 0, out = 1, forward = 2 };

// The kernel's selector: prefixes and one masked port each; 0 is any.
struct Selector {
  Cidr source;
  Cidr destination;
  std::uint8_t protocol = 0;
  std::uint16_t source_port = 0;
  std::uint16_t source_port_mask = 0;
  std::uint16_t destination_port = 0;
  std::uint16_t destination_port_mask = 0;
  auto operator<=>(const Selector&) const = default;
};

// How a packet of the policy is to be protected. Source "any" (in and forward policies) accepts the
// peer at whatever address it moves to; SPI 0 accepts each SA with the reqid.
struct Template {
  Reqid reqid;
  Address source;
  Address destination;
  Protocol protocol = Protocol::esp;
  ChildSpi spi;
  bool operator==(const Template&) const = default;
};

struct PolicyKey {
  PolicyDirection direction{};
  Selector selector;
  std::uint32_t interface_id = 0;
  Mark mark{0, 0};
  auto operator<=>(const PolicyKey&) const = default;
};

struct PolicyRecord {
  PolicyKey key;
  std::uint32_t priority = 0;
  // What blocks bears its template all the same: its reqid says whose the policy is.
  bool blocks = false;
  Template protection;
  bool operator==(const PolicyRecord&) const = default;
};

// The SPI of an SA that never is: reserved (RFC 4303 2.1), so nobody is given it.
inline constexpr ChildSpi kNowhere{255};

// --- Events ---

// A packet met a trap.
struct Acquired {
  Reqid reqid;
  Selector packet;
  bool operator==(const Acquired&) const = default;
};
// Something came in on an SA for the first time: see kWatchPackets in messages.h.
struct FirstUsed {
  SaKey key;
  bool has_soft_limit = false;  // by volume, which is told once Kernel::await_volume() was called
  bool operator==(const FirstUsed&) const = default;
};
// As much has gone through as its soft limit says; it carries on.
struct SoftExpired {
  SaKey key;
  bool operator==(const SoftExpired&) const = default;
};
struct HardExpired {
  SaKey key;
  bool operator==(const HardExpired&) const = default;
};
// ESP in UDP came, authentic, from another address or port.
struct MappingChanged {
  SaKey key;
  Reqid reqid;
  Endpoint remote;
  bool operator==(const MappingChanged&) const = default;
};
// Somebody else removed an SA or policy of ours, flushed the kernel's tables, or migrated: what is
// there must be looked at anew.
struct ForeignChange {
  std::optional<SaKey> deleted;
  bool operator==(const ForeignChange&) const = default;
};
// Events were lost: there were more than the socket holds.
struct Overrun {
  bool operator==(const Overrun&) const = default;
};
using KernelEvent = std::variant<Acquired, FirstUsed, SoftExpired, HardExpired, MappingChanged,
                                 ForeignChange, Overrun>;

}  // namespace ipsec::xfrm
