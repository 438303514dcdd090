// What a peer can do beyond the RFC, and NATs (RFC 3706, RFC 3947 and the drafts before it).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ike/v1/sa.h"

namespace ipsec::v1 {

// The vendor ids of everything we can, the newest way first.
void append_vendor_ids(std::vector<wire::v1::Payload>& payloads);
[[nodiscard]] Abilities abilities_of(std::span<const wire::v1::Placed> payloads);
// What else the peer says of who made it.
[[nodiscard]] std::string describe_vendors(std::span<const wire::v1::Placed> payloads);

// RFC 3947 3.2: the peer's end stands first, then ours. `force` makes ours wrong on purpose, so
// that the peer sees a NAT and ESP goes in UDP.
void append_nat_hashes(const Turn& turn, const Sa& sa, const Phase1& phase1,
                       core::ForceEncapsulation force, std::vector<wire::v1::Payload>& payloads);
// Of a message that came from `remote` to `local`. Without any hash nothing was detected.
[[nodiscard]] core::NatState detect_nat(const Turn& turn, const Sa& sa, const Phase1& phase1,
                                        const Endpoint& local, const Endpoint& remote,
                                        std::span<const wire::v1::Placed> payloads);

}  // namespace ipsec::v1
