// What the kernel holds, as plain data: security associations and the policies that lead to them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ike/base/address.h"
#include "ike/base/endpoint.h"
#include "ike/base/secret.h"
#include "ike/base/strong_id.h"
#include "ike/base/traffic_selector.h"
#include "ike/crypto/registry/registry.h"

namespace ipsec::xfrm {

enum class Protocol : std::uint8_t { esp = 50, ah = 51 };
enum class Direction : std::uint8_t { in, out };

// RFC 3948: source and destination port of the UDP header in front of ESP.
struct UdpEncapsulation {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  bool operator==(const UdpEncapsulation&) const = default;
};

// Which packets a policy or an SA is for, by the mark they carry; VTI devices work by it.
struct Mark {
  std::uint32_t value = 0;
  std::uint32_t mask = 0xffffffff;
  auto operator<=>(const Mark&) const = default;
};

// A network card that can do ESP itself: only the cipher, or the whole packet.
struct Offload {
  enum class Kind : std::uint8_t { crypto, packet };
  std::string device;
  Kind kind = Kind::crypto;
  bool operator==(const Offload&) const = default;
};

// What joins SAs and policies to an interface of their own; all empty for a policy-based tunnel.
struct Attachment {
  std::uint32_t interface_id = 0;  // xfrm interfaces; 0 is none
  std::optional<Mark> mark;        // VTI
  bool operator==(const Attachment&) const = default;
};

// What names an SA in the kernel.
struct SaKey {
  Address destination;
  Protocol protocol = Protocol::esp;
  ChildSpi spi;
  auto operator<=>(const SaKey&) const = default;
};

struct SaSpec {
  Direction direction = Direction::in;
  Address source;
  Address destination;
  Protocol protocol = Protocol::esp;
  ChildSpi spi;
  Reqid reqid;
  const EncryptionRow* encryption = nullptr;  // null for AH
  const IntegrityRow* integrity = nullptr;    // null with an AEAD
  Secret encryption_key;                      // key and salt
  Secret integrity_key;
  bool extended_sequence_numbers = false;
  std::uint32_t replay_window_packets = 0;
  std::optional<UdpEncapsulation> encapsulation;
  // What the kernel is to say once has gone through (SoftExpired), in time for a rekey. 0 is none.
  std::uint64_t soft_limit_bytes = 0;
  // The kernel's own limits are a seat belt: the daemon rekeys long before. 0 is none.
  std::uint64_t hard_limit_bytes = 0;
  std::uint64_t hard_limit_s = 0;
  Attachment attachment;
  std::optional<Mark> output_mark;  // set on the packets that come out of ESP or AH
  bool copy_ecn = true;             // RFC 6040; off for paths that mangle it
  bool copy_dscp = true;            // inner to outer on the way out
  std::optional<Offload> offload;

  [[nodiscard]] SaKey key() const { return {destination, protocol, spi}; }
};

// All policies of one child: every pair of a local and a remote selector, outwards, inwards and
// forwarded. `spi` is the outbound SA that the out policies are pinned to.
struct PolicySpec {
  Reqid reqid;
  Address local;
  Address remote;
  Protocol protocol = Protocol::esp;
  ChildSpi spi;
  std::vector<TrafficSelector> local_selectors;
  std::vector<TrafficSelector> remote_selectors;
  Attachment attachment;
  bool operator==(const PolicySpec&) const = default;
};

// What stands below a child's policies: while there is no child nothing leaves in clear, and the
// first packet asks for the tunnel. A remote address of "any" cannot be asked for: it only blocks.
struct TrapSpec {
  Reqid reqid;
  Address local;
  Address remote;
  Protocol protocol = Protocol::esp;
  std::vector<TrafficSelector> local_selectors;
  std::vector<TrafficSelector> remote_selectors;
  Attachment attachment;
  bool operator==(const TrapSpec&) const = default;
};

// The reqids the daemon gives out. What carries one of these is ours; all else is never touched.
inline constexpr Reqid kFirstReqid{0x49500001};
inline constexpr Reqid kLastReqid{0x495fffff};
[[nodiscard]] constexpr bool is_ours(Reqid reqid) {
  return kFirstReqid <= reqid && reqid <= kLastReqid;
}

}  // namespace ipsec::xfrm
