// IKEv2 as the engine sees it: inputs for one SA, results in the Turn.
#pragma once

#include <memory>

#include "ike/core/sa/turn.h"
#include "ike/v2/init_exchange.h"
#include "ike/v2/schedule.h"

namespace ipsec::v2 {

void datagram_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram);
void job_done(Turn& turn, Sa& sa, JobId job, core::JobResult result);
void spi_allocated(Turn& turn, Sa& sa, core::Ticket ticket,
                   const std::expected<xfrm::SaKey, KernelError>& result);
void sas_installed(Turn& turn, Sa& sa, core::Ticket ticket,
                   const std::expected<void, KernelError>& result);

}  // namespace ipsec::v2
