// What the kernel holds, as plain data: security associations and the policies that lead to them.
#pragma once

#include <cstdint>
#include <optional>
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
  // The kernel's own limits are a seat belt: the daemon rekeys long before. 0 is none.
  std::uint64_t hard_limit_bytes = 0;
  std::uint64_t hard_limit_s = 0;

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
  bool operator==(const PolicySpec&) const = default;
};

}  // namespace ipsec::xfrm
