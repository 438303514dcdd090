// Setting up and rekeying child SAs (RFC 7296 1.2, 1.3.1, 1.3.3, 2.8, 2.9, 2.17), both roles.
#pragma once

#include <string>
#include <utility>

#include "ike/v2/channel.h"

namespace ipsec::v2 {

// --- As the one who asks ---

[[nodiscard]] ChildRequest gather_first_child(Turn& turn, const Sa& sa);
void append_child_offer(const ChildRequest& request, core::Pfs pfs, wire::Payloads& payloads);
void first_child_answered(Turn& turn, Sa& sa, ChildRequest request, const Received& message);

void start_child(Turn& turn, Sa& sa, std::size_t rule, core::SelectorPair selectors);
void start_child_rekey(Turn& turn, Sa& sa, Child& child);
// The kernel, the worker pool: what ChildRequest waits for.
void request_spi_ready(Turn& turn, Sa& sa, const std::expected<xfrm::SaKey, KernelError>& result);
void request_key_ready(Turn& turn, Sa& sa, core::JobResult result);
void request_secret_ready(Turn& turn, Sa& sa, core::JobResult result);
void request_installed(Turn& turn, Sa& sa, const std::expected<void, KernelError>& result);
// The peer deletes what it made, before our kernel has spoken.
void forsake_child_request(Turn& turn, Sa& sa);
// The answer was of no use.
void fail_child_request(Turn& turn, Sa& sa, core::Failure why);

// --- As the one who is asked ---

// Takes the request up and answers, now or when worker pool and kernel have spoken. `child` holds
// what the caller knows already.
void serve_child(Turn& turn, Sa& sa, const Received& message, wire::ExchangeType exchange,
                 wire::Payloads preface, ChildAnswer child);
void answer_spi_ready(Turn& turn, Sa& sa, const std::expected<xfrm::SaKey, KernelError>& result);
void answer_agreed(Turn& turn, Sa& sa, core::JobResult result);
void answer_installed(Turn& turn, Sa& sa, const std::expected<void, KernelError>& result);

// --- In both roles ---

[[nodiscard]] inline core::Failure child_failure(core::Cause cause, std::string ours,
                                                 std::string theirs, std::string detail = {}) {
  return {core::Stage::child, cause, std::move(ours), std::move(theirs), std::move(detail)};
}

}  // namespace ipsec::v2
