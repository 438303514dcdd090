// Quick mode (RFC 2409 5.5), both roles.
#pragma once

#include <string>
#include <utility>

#include "ike/v1/sa.h"

namespace ipsec::v1 {

// --- As initiator ---

void start_quick(Turn& turn, Sa& sa, std::size_t rule, core::SelectorPair selectors);
void start_child_rekey(Turn& turn, Sa& sa, Child& child);
// Of the child that was asked for.
void repeat_proof(Turn& turn, const Sa& sa, ChildId child);
// The peer refuses the exchange in a notification, by our SPI or, where it names none, whatever it
// is that we have asked for.
void refused(Turn& turn, Sa& sa, const wire::v1::NotificationPayload& notify);

// --- Both ---

void quick_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram,
                   const wire::v1::Message& message);
void quick_spi_ready(Turn& turn, Sa& sa, core::Ticket ticket,
                     const std::expected<xfrm::SaKey, KernelError>& result);
void quick_job_done(Turn& turn, Sa& sa, JobId job, core::JobResult result);
// False where no quick mode waits for it.
[[nodiscard]] bool quick_installed(Turn& turn, Sa& sa, core::Ticket ticket,
                                   const std::expected<void, KernelError>& result);
[[nodiscard]] Time quick_deadline(const Established& up);
// Of those that are over, where they are many.
void forget_oldest(Established& up);
void tick_quicks(Turn& turn, Sa& sa);
// Gives back what quick modes under way have taken: those of ours that have no answer yet, or all.
void abandon_unanswered(Turn& turn, Sa& sa);
void abandon_quicks(Turn& turn, Sa& sa);

// --- Inside ---

using QuickId = std::uint32_t;

[[nodiscard]] inline core::Failure child_failure(core::Cause cause, std::string ours,
                                                 std::string theirs, std::string detail = {}) {
  return {core::Stage::v1_quick, cause, std::move(ours), std::move(theirs), std::move(detail)};
}

// An exchange of the peer's is over: its id is not taken again, as long as it is remembered.
void remember(Established& up, QuickId id);

// The peer may let a child go with its SA, which another one took the place of meanwhile: it is
// made again under that one. Who takes the other SA for the current one does the same: so not
// without end.
void outlive(const Turn& turn, const Sa& sa, Child& child);

[[nodiscard]] Result<crypto::v1::IvChain> iv_of(const Turn& turn, const Established& up,
                                                MessageId id);
// The offer, the answer and the proof in the middle of a quick mode.
void offer_answered(Turn& turn, Sa& sa, QuickId id, const core::Datagram& datagram,
                    const wire::v1::Message& message);
void offer_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram,
                   const wire::v1::Message& message);
void proof_arrived(Turn& turn, Sa& sa, QuickId id, const core::Datagram& datagram,
                   const wire::v1::Message& message);
void go_on_as_initiator(Turn& turn, Sa& sa, QuickId id);
void go_on_as_responder(Turn& turn, Sa& sa, QuickId id);
void installed_as_initiator(Turn& turn, Sa& sa, QuickId id,
                            const std::expected<void, KernelError>& result);
void installed_as_responder(Turn& turn, Sa& sa, QuickId id,
                            const std::expected<void, KernelError>& result);
void fail_quick(Turn& turn, Sa& sa, QuickId id, core::Failure why);
// What it has taken so far; the child that ours was to replace lives on, maybe under another ISAKMP
// SA, and is rekeyed again after a while.
void take_back(Turn& turn, const Sa& sa, const Quick& quick, Duration wait);

// The child that both sides have agreed on; it lives as long as the shorter of both lifetimes.
[[nodiscard]] Child make_quick_child(Turn& turn, const Sa& sa, const Quick& quick);
[[nodiscard]] Result<crypto::ChildKeys> keys_of(const Turn& turn, const Established& up,
                                                const Quick& quick);
// A message of a quick mode: HASH, made by `hash` of what follows, and the rest.
template <typename Hash>
[[nodiscard]] std::optional<Bytes> seal_with_hash(const Established& up, crypto::v1::IvChain& iv,
                                                  const wire::v1::Header& header,
                                                  std::vector<wire::v1::Payload> rest, Hash hash) {
  Bytes bytes;
  if (!rest.empty()) {
    auto chain = wire::v1::write_chain(rest);
    if (!chain) return std::nullopt;
    bytes = *std::move(chain);
  }
  const Result<Secret> made = hash(ByteView(bytes));
  if (!made) return std::nullopt;
  rest.insert(rest.begin(), wire::v1::HashPayload{to_bytes(made->view())});
  return seal(up.keys, iv, header, rest);
}

}  // namespace ipsec::v1
