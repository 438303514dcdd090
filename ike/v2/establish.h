// Where an IKE SA comes to life, and where it ends.
#pragma once

#include <string>

#include "ike/v2/sa.h"

namespace ipsec::v2 {

// Those that only IKE_AUTH needs go.
[[nodiscard]] crypto::IkeKeys forget_proofs(crypto::IkeKeys keys);
// After IKE_AUTH.
void establish(Turn& turn, Sa& sa, Window window, const InitOutcome& init, crypto::IkeKeys keys);

// When it is to be rekeyed: the lifetime less a random margin, so that neither both ends nor many
// tunnels act at once.
[[nodiscard]] Time ike_rekey_time(Turn& turn, const core::TunnelConfig& tunnel);

// The SA is gone; if it was the association's current one, so are the children and the association.
void close(Turn& turn, Sa& sa, std::string reason);

// Takes over as the association's current SA.
void make_current(Turn& turn, Sa& sa);

}  // namespace ipsec::v2
