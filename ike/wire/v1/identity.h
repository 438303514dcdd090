// What the ID payloads of IKEv1 mean: in phase 1 who a peer is, in phase 2 what an SA carries (RFC
// 2407 4.6.2).
#pragma once

#include <optional>

#include "ike/base/identity.h"
#include "ike/base/traffic_selector.h"
#include "ike/wire/v1/payloads.h"

namespace ipsec::wire::v1 {

// Nothing for a name, a mask with gaps, a range that runs downwards, or a port without a protocol.
// Protocol 0 is any, and so is port 0.
[[nodiscard]] std::optional<TrafficSelector> selector_of(const IdPayload& id);
// An address or a subnet where it is one, else a range. Nothing where IKEv1 has no words for the
// ports: several but not all, OPAQUE, or 0 alone.
[[nodiscard]] std::optional<IdPayload> id_of(const TrafficSelector& selector);

// Nothing for subnets, ranges and types without a name. Protocol and port are not looked at.
[[nodiscard]] std::optional<Identity> identity_of(const IdPayload& id);
// Nothing for what identity_of() would not give back. Protocol and port are zero.
[[nodiscard]] std::optional<IdPayload> id_of(const Identity& identity);

}  // namespace ipsec::wire::v1
