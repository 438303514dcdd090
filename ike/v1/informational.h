// Informational exchanges (RFC 2409 5.7): deletes, notifications, and whether the peer lives (RFC
// 3706). Nothing answers them but the last.
#pragma once

#include <vector>

#include "ike/v1/sa.h"

namespace ipsec::v1 {

void informational_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram,
                           const wire::v1::Message& message);

// RFC 2408 5.2: to what was said under an SA that we do not know, so often a second.
void refuse_unknown(Turn& turn, const core::Datagram& datagram, const crypto::SpiPair& cookies);

void send_notify(Turn& turn, Sa& sa, wire::v1::NotificationPayload notify);
// Tells the peer that these children go, and retires them here.
void delete_children(Turn& turn, Sa& sa, const std::vector<ChildId>& children);
// Of the children that went a moment ago: the peer may not have been told.
void repeat_deletes(Turn& turn, const Sa& sa);
// At the end of its lifetime: the peer may make another for the children.
void expire_sa(Turn& turn, Sa& sa);
// Tells the peer that the SA goes, with its children if it is the current one; and closes it.
void delete_sa(Turn& turn, Sa& sa, std::string reason);
void start_probe(Turn& turn, Sa& sa);

// HASH(1) of an opened message, over all that stands behind it.
[[nodiscard]] bool hash_1_fits(const Turn& turn, const PrfRow& prf, const Keys& keys, MessageId id,
                               const Opened& opened);
[[nodiscard]] inline bool hash_1_fits(const Turn& turn, const Established& up, MessageId id,
                                      const Opened& opened) {
  return hash_1_fits(turn, *up.algorithms.prf, up.keys, id, opened);
}

}  // namespace ipsec::v1
