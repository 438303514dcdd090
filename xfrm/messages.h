// Netlink messages of the kernel's XFRM family, both ways; pure. Writers append one whole message
// (header and attributes, aligned) to a buffer, so that a batch is a buffer with many; parsers take
// one message as it came and trust nothing in it.
//
// NOTE: Secrets. A written SA holds its keys in clear: wipe the buffer once it is sent. So does a
// received one.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>

#include "ike/base/bytes.h"
#include "ike/base/error.h"
#include "xfrm/model.h"
#include "xfrm/records.h"

namespace ipsec::xfrm {

// What a message asks of the netlink layer. `acknowledge` is set on the last of a batch only:
// refusals are always told.
struct Header {
  std::uint32_t sequence = 0;
  bool acknowledge = false;
  // The asking socket's. The kernel repeats it in what it tells everybody of the change, and so our
  // own changes are known from those of others, who mostly say 0.
  std::uint32_t port = 0;
};

// What the running kernel takes; see probe.h.
struct MessageFeatures {
  bool sa_direction = false;  // XFRMA_SA_DIR, from 6.10 on
  bool mapping_age = false;   // XFRMA_MTIMER_THRESH, from 5.17 on
};

// Every inbound SA carries a soft limit of this many packets. It rekeys nothing: it makes the
// kernel say once that the SA is in use (FirstUsed). With 1 the second packet says so, when the
// first has been authenticated and counted; with 0 a forged packet would do.
inline constexpr std::uint64_t kWatchPackets = 1;
// What stands there once that was said. The kernel tells of one soft limit of an SA, and of no
// other until the SA is updated: so that the one by volume is told too (Kernel::await_volume).
inline constexpr std::uint64_t kSeenPackets = 0xffff'ffff'ffff'fffe;

// The kernel tells of a changed NAT mapping at most this often, until it is told the new one.
inline constexpr std::uint32_t kMappingEventsSeconds = 10;

// An SPI of at least this is drawn; below 256 they are reserved (RFC 4303 2.1), and small ones are
// what people give SAs by hand.
inline constexpr std::uint32_t kFirstSpi = 0x10000000;

// --- SAs ---

enum class SaVerb : std::uint8_t {
  add,     // XFRM_MSG_NEWSA
  update,  // XFRM_MSG_UPDSA: fills a held SPI, or changes encapsulation ports of an SA in use
};
// What is not in the spec. Replay state and counters continue those of another SA.
struct SaState {
  const ReplayState* replay = nullptr;
  const SaCounters* counters = nullptr;
  std::uint32_t offload_interface = 0;  // of the spec's offload device; 0 leaves the offload out
  bool first_use_told = false;          // inbound: there is no more FirstUsed
};
void write_sa(Bytes& batch, const Header& header, SaVerb verb, const SaSpec& spec,
              const MessageFeatures& features, const SaState& state = {});
// From 6.10 on the SA that fills a held SPI must go the way that the SPI was held for: inwards.
void write_allocate_spi(Bytes& batch, const Header& header, Protocol protocol,
                        const Address& source, const Address& destination,
                        const MessageFeatures& features);
void write_get_sa(Bytes& batch, const Header& header, const SaKey& key, const Attachment& where);
void write_delete_sa(Bytes& batch, const Header& header, const SaKey& key, const Attachment& where);
void write_dump_sas(Bytes& batch, const Header& header);

// Nothing for an SA of a kind that is never ours: another protocol than ESP or AH, another mode
// than tunnel, an algorithm that the registry does not know.
[[nodiscard]] std::expected<std::optional<SaRecord>, Malformed> parse_sa(ByteView message);
[[nodiscard]] std::expected<std::optional<SaUsage>, Malformed> parse_sa_usage(ByteView message);

// --- Policies ---

enum class PolicyVerb : std::uint8_t {
  add,      // XFRM_MSG_NEWPOLICY: refused where one with its key stands
  replace,  // XFRM_MSG_UPDPOLICY: takes the place of one with its key, if there is one
};
void write_policy(Bytes& batch, const Header& header, PolicyVerb verb, const PolicyRecord& policy);
void write_delete_policy(Bytes& batch, const Header& header, const PolicyKey& key);
void write_dump_policies(Bytes& batch, const Header& header);
// Nothing for a policy of a kind that is never ours: of a socket, without a template or with
// several, of another mode than tunnel.
[[nodiscard]] std::expected<std::optional<PolicyRecord>, Malformed> parse_policy(ByteView message);

// --- The policy database as a whole ---

// Policies whose prefixes are at least this long are hashed; the others are kept in lists. One
// setting for a network namespace.
struct HashThresholds {
  struct Prefixes {
    std::uint8_t local_bits = 0;
    std::uint8_t remote_bits = 0;
    bool operator==(const Prefixes&) const = default;
  };
  Prefixes v4;
  Prefixes v6;
  bool operator==(const HashThresholds&) const = default;
};
void write_get_hash_thresholds(Bytes& batch, const Header& header);
void write_hash_thresholds(Bytes& batch, const Header& header, const HashThresholds& thresholds);
[[nodiscard]] std::expected<HashThresholds, Malformed> parse_hash_thresholds(ByteView message);

// --- Events ---

// `own_port` is the netlink port of the socket that makes our changes, as their headers said it:
// those are no news.
// Nothing where the message is of no concern to us.
[[nodiscard]] std::expected<std::optional<KernelEvent>, Malformed> parse_event(
    ByteView message, std::uint32_t own_port);

}  // namespace ipsec::xfrm
