// What the engine knows of a configured tunnel. Made by whoever validates configuration; the engine
// takes it as right. Immutable once handed over: an SA keeps the one it was negotiated under.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ike/base/address.h"
#include "ike/base/identity.h"
#include "ike/base/strong_id.h"
#include "ike/base/time.h"
#include "ike/core/auth.h"
#include "ike/core/nat.h"
#include "ike/core/proposal.h"
#include "ike/core/selectors.h"
#include "xfrm/model.h"

namespace ipsec::core {

// What a tunnel is meant to be; the engine brings it there and keeps it there.
enum class Start : std::uint8_t {
  automatic,   // up, always
  on_traffic,  // up once a packet wants through
  respond,     // up when the peer says so
  down,        // refuses
};

enum class IkeVersion : std::uint8_t { v1, v2 };

// One rule: a local range (or several) with several peer ranges. Becomes one child SA where the
// peer agrees, else as many as it takes.
struct ChildConfig {
  Reqid reqid;
  SelectorPair selectors;
  ChildOffers offers;
  Duration lifetime = std::chrono::hours(24);
  std::uint64_t lifetime_bytes = 0;  // 0 is none
  std::uint32_t replay_window_packets = 1024;
  bool operator==(const ChildConfig&) const = default;
};

// What the kernel is to do with the tunnel's packets beyond protecting them.
struct KernelWishes {
  std::string interface;        // the device that takes them; empty: the policies do
  xfrm::Attachment attachment;  // what joins SAs and policies to it
  bool copy_dscp = true;
  bool copy_ecn = true;
  std::optional<xfrm::Mark> output_mark;
  std::optional<xfrm::Offload> offload;
  bool operator==(const KernelWishes&) const = default;
};

struct TunnelConfig {
  TunnelId id;
  std::string name;
  Address local;
  Address remote;  // any: the peer comes from anywhere, and we only respond (M36)
  Identity local_identity;
  std::optional<Identity> remote_identity;  // none: whoever knows the key
  std::shared_ptr<const Credential> credential;
  IkeVersion version = IkeVersion::v2;
  // IKEv1: aggressive mode, as initiator and as responder; else main mode.
  bool aggressive = false;
  IkeOffers offers;
  std::vector<ChildConfig> children;
  Start start = Start::automatic;
  Duration ike_lifetime = std::chrono::hours(24);
  Duration dpd_delay = std::chrono::seconds(8);
  Duration dpd_timeout = std::chrono::seconds(13);
  ForceEncapsulation encapsulation = ForceEncapsulation::no;
  // bytes of IKE message in one datagram before it is fragmented (RFC 7383 2.5.1).
  std::size_t fragment_bytes = 1232;
  KernelWishes kernel;

  [[nodiscard]] bool may_initiate() const {
    return !remote.is_any() && (start == Start::automatic || start == Start::on_traffic);
  }
};
using TunnelPointer = std::shared_ptr<const TunnelConfig>;

}  // namespace ipsec::core
