// Informational exchanges (RFC 2409 5.7): deletes, notifications, and whether the peer lives (RFC
// 3706). Nothing answers them but the last.
#pragma once

#include <vector>

#include "ike/v1/sa.h"

namespace ipsec::v1 {

void informational_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram,
                           const wire::v1::Message& message);

void send_notify(Turn& turn, Sa& sa, wire::v1::NotificationPayload notify);
// Tells the peer that these children go, and retires them here.
void delete_children(Turn& turn, Sa& sa, const std::vector<ChildId>& children);
// Tells the peer that the SA goes, with its children if it is the current one; and closes it.
void delete_sa(Turn& turn, Sa& sa, std::string reason);
void start_probe(Turn& turn, Sa& sa);

// HASH(1) of an opened message, over all that stands behind it.
[[nodiscard]] bool hash_1_fits(const Turn& turn, const Established& up, MessageId id,
                               const Opened& opened);

}  // namespace ipsec::v1
