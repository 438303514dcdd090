#include "ike/v1/phase1_failures.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "ike/core/proposal.h"
#include "ike/v1/phase1.h"

namespace ipsec::v1 {
namespace {

using core::Cause;
using core::Failure;
using wire::v1::NotificationPayload;

// What an error that the peer names means; most of them say no more than that it would not.
Failure failure_of(wire::v1::NotifyType type, const Sa& sa, core::Stage stage) {
  using enum wire::v1::NotifyType;
  const auto& tunnel = sa.tunnel();
  std::string theirs = wire::v1::name_of(type);
  // What was encrypted with another key is no message at all.
  if (type == payload_malformed && stage == core::Stage::v1_proof) {
    return auth_failure(Cause::authentication_failed, tunnel.local_identity.to_string(),
                        std::move(theirs), "the peer could not read what we encrypted");
  }
  switch (type) {
    case no_proposal_chosen:
      return opening_failure(Cause::no_proposal_chosen, core::describe(tunnel.offers),
                             std::move(theirs));
    case authentication_failed:
    case invalid_hash_information:
      return auth_failure(Cause::authentication_failed, tunnel.local_identity.to_string(),
                          std::move(theirs));
    case invalid_id_information:
      return auth_failure(Cause::identity_unknown, tunnel.local_identity.to_string(),
                          std::move(theirs));
    case invalid_exchange_type:
    case unsupported_exchange_type:
      return opening_failure(Cause::no_proposal_chosen,
                             tunnel.aggressive ? "aggressive mode" : "main mode", std::move(theirs),
                             "the peer does not have this mode");
    default:
      return {stage, Cause::peer_refused, core::describe(tunnel.offers), std::move(theirs), {}};
  }
}

// IKEv1 peers often say nothing where they refuse: what their silence at this message means.
std::string_view meaning_of_silence(const Sa& sa) {
  if (std::holds_alternative<AuthSent>(sa.state)) {
    return "most often another pre-shared key there, or an identity that it does not expect";
  }
  const auto* sent = std::get_if<KeySent>(&sa.state);
  if (sent != nullptr && sent->phase1.aggressive) {
    return "most often main mode there, other algorithms, or an identity that it does not know";
  }
  if (sent != nullptr) return "the peer gave up between the messages";
  return "either nothing reaches it, or it has aggressive mode or other algorithms for this "
         "address";
}

}  // namespace

std::optional<Failure> error_in(std::span<const wire::v1::Placed> payloads, const Sa& sa,
                                core::Stage stage) {
  for (const auto& placed : payloads) {
    const auto* notify = std::get_if<NotificationPayload>(&placed.payload);
    if (notify == nullptr || !wire::v1::is_error(notify->type)) continue;
    return failure_of(notify->type, sa, stage);
  }
  return std::nullopt;
}

Failure wrong_hash(const Sa& sa, std::string_view what) {
  return auth_failure(Cause::authentication_failed, sa.tunnel().local_identity.to_string(),
                      sa.tunnel().remote_identity ? sa.tunnel().remote_identity->to_string()
                                                  : sa.remote.to_string(),
                      fmt::format("{} does not fit our key", what));
}

Failure silence_of(const Sa& sa, std::string_view message, std::size_t sends) {
  const bool late = std::holds_alternative<AuthSent>(sa.state);
  return {late ? core::Stage::v1_proof : core::Stage::v1_opening, Cause::peer_silent,
          sa.local.to_string(), sa.remote.to_string(),
          fmt::format("{} sent {} times without an answer: {}", message, sends,
                      meaning_of_silence(sa))};
}

}  // namespace ipsec::v1
