// IKE_AUTH (RFC 7296 1.2, 2.15, 2.16, 2.21.2), both roles.
#pragma once

#include "ike/v2/channel.h"

namespace ipsec::v2 {

// As initiator, once the shared secret is known: asks for the first child's SPI, or sends.
void prepare_auth(Turn& turn, Sa& sa);
void first_spi_ready(Turn& turn, Sa& sa, const std::expected<xfrm::SaKey, KernelError>& result);
// All of it is there: sends IKE_AUTH.
void send_auth_when_ready(Turn& turn, Sa& sa);

}  // namespace ipsec::v2
