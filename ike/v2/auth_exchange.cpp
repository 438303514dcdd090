#include "ike/v2/auth_exchange.h"

#include <fmt/format.h>

#include "ike/base/limits.h"
#include "ike/v2/child_exchange.h"
#include "ike/v2/crash_detection.h"
#include "ike/v2/establish.h"
#include "ike/v2/handlers.h"
#include "ike/v2/init_exchange.h"
#include "ike/v2/payload_access.h"

namespace ipsec::v2 {
namespace {

using core::Cause;
using core::Failure;
using core::Stage;
using wire::NotifyType;

Failure auth_failure(Cause cause, std::string ours, std::string theirs, std::string detail = {}) {
  return {Stage::ike_auth, cause, std::move(ours), std::move(theirs), std::move(detail)};
}

// What `signer` signs (RFC 7296 2.15).
core::AuthContext auth_context(const InitOutcome& init, const crypto::IkeKeys& keys,
                               wire::Role signer, const Identity& identity) {
  const bool initiator = signer == wire::Role::initiator;
  return {init.algorithms.prf->id, initiator ? keys.sk_pi.view() : keys.sk_pr.view(),
          initiator ? init.request : init.response,
          initiator ? init.nonces.responder : init.nonces.initiator, &identity};
}

wire::IdPayload id_payload(wire::Role role, const Identity& identity) {
  return {role, identity.type, identity.data};
}

Identity identity_of(const wire::IdPayload& payload) { return {payload.type, payload.data}; }

// RFC 7296 2.21.2: an initiator that does not accept the answer says so in a new exchange.
void reject_answer(Turn& turn, Sa& sa, Window& window, const Failure& why) {
  const std::vector<wire::Payload> payloads{make_notify(NotifyType::authentication_failed),
                                            wire::DeletePayload{}};
  settle_request(window);
  send_request(turn, sa, window, wire::ExchangeType::informational, payloads,
               core::RetransmitSchedule::opening());
  fail_opening(turn, sa, why);
}

}  // namespace

void prepare_auth(Turn& turn, Sa& sa) {
  auto& state = std::get<AuthPreparing>(sa.state);
  if (sa.tunnel().children.empty()) return;
  state.child = gather_first_child(turn, sa);
}

void first_spi_ready(Turn& turn, Sa& sa, const std::expected<xfrm::SaKey, KernelError>& result) {
  auto& state = std::get<AuthPreparing>(sa.state);
  if (!result) {
    fail_opening(turn, sa,
                 {Stage::child, Cause::kernel_refused, describe(Error(result.error())), {}, {}});
    return;
  }
  state.child->spi_wanted.reset();
  state.child->reserved = *result;
  send_auth_when_ready(turn, sa);
}

//   HDR, SK {IDi, [IDr,] AUTH, SAi2, TSi, TSr, [N(INITIAL_CONTACT)],
//            [N(QUICK_CRASH_DETECTION)]} -->
void send_auth_when_ready(Turn& turn, Sa& sa) {
  auto& state = std::get<AuthPreparing>(sa.state);
  const bool child_waits = state.child && state.child->spi_wanted;
  if (state.secret_wanted || child_waits) return;

  const auto& tunnel = sa.tunnel();
  auto protection = core::Protection::make(turn.crypto, state.init.algorithms, state.keys,
                                           wire::Role::initiator, turn.random);
  if (!protection) {
    fail_opening(turn, sa, auth_failure(Cause::internal, {}, {}, describe(protection.error())));
    return;
  }
  wire::Payloads payloads;
  payloads.emplace_back(id_payload(wire::Role::initiator, tunnel.local_identity));
  if (tunnel.remote_identity) {
    payloads.emplace_back(id_payload(wire::Role::responder, *tunnel.remote_identity));
  }
  payloads.emplace_back(tunnel.credential->sign(
      turn.crypto,
      auth_context(state.init, state.keys, wire::Role::initiator, tunnel.local_identity)));
  if (sa.association->alone) payloads.emplace_back(make_notify(NotifyType::initial_contact));
  append_token(turn.crash_tokens, sa.spis(), payloads);
  if (state.child) append_child_offer(*state.child, core::Pfs::left_out, payloads);

  AuthSent next{std::move(state.init), std::move(state.keys),
                open_window(*std::move(protection), 1, 0, turn.now), std::move(state.child)};
  send_request(turn, sa, next.window, wire::ExchangeType::ike_auth, payloads,
               core::RetransmitSchedule::opening());
  sa.state = std::move(next);
}

void handle_auth_answer(Turn& turn, Sa& sa, const Received& message) {
  auto& state = std::get<AuthSent>(sa.state);
  const auto& tunnel = sa.tunnel();
  const Identity peer =
      identity_of(*find<wire::IdPayload>(message.payloads, wire::Role::responder));
  if (tunnel.remote_identity && *tunnel.remote_identity != peer) {
    reject_answer(turn, sa, state.window,
                  auth_failure(Cause::identity_unknown, tunnel.remote_identity->to_string(),
                               peer.to_string(), "the peer answered under another identity"));
    return;
  }
  const auto context = auth_context(state.init, state.keys, wire::Role::responder, peer);
  if (!tunnel.credential->verify(turn.crypto, context,
                                 *find<wire::AuthPayload>(message.payloads))) {
    reject_answer(turn, sa, state.window,
                  auth_failure(Cause::authentication_failed, tunnel.local_identity.to_string(),
                               peer.to_string(), "the peer's AUTH does not fit our key"));
    return;
  }
  sa.association->peer = peer;
  auto child = std::move(state.child);
  // RFC 7296 2.17: the first child's keys come from the nonces of IKE_SA_INIT.
  if (child) child->nonces = state.init.nonces;
  settle_request(state.window);
  establish(turn, sa, std::move(state.window), state.init, std::move(state.keys));
  keep_token(*sa.established(), message.payloads);
  if (child) first_child_answered(turn, sa, *std::move(child), message);
}

void handle_auth_refusal(Turn& turn, Sa& sa, const Received& message) {
  auto& state = std::get<AuthSent>(sa.state);
  const auto* error = find_error(message.payloads);
  if (error == nullptr) return turn.drop("IKE_AUTH answer without IDr or AUTH");
  settle_request(state.window);
  const auto& tunnel = sa.tunnel();
  const std::string expected =
      tunnel.remote_identity ? tunnel.remote_identity->to_string() : "any identity";
  fail_opening(
      turn, sa,
      auth_failure(core::cause_of(error->type),
                   fmt::format("{} towards {}", tunnel.local_identity.to_string(), expected),
                   wire::name_of(error->type)));
}

namespace {

//   <-- HDR, SK {N(AUTHENTICATION_FAILED)}
void refuse_auth(Turn& turn, Sa& sa, Failure why, TunnelId tunnel) {
  auto& state = std::get<InitAnswered>(sa.state);
  const std::vector<wire::Payload> payloads{make_notify(NotifyType::authentication_failed)};
  send_answer(turn, sa, state.window, wire::ExchangeType::ike_auth, payloads);
  state.refused = true;
  turn.tell_refused(tunnel, std::move(why));
}

struct Match {
  core::TunnelPointer tunnel;
  std::size_t keys_tried = 0;
  TunnelId nearest;  // the first candidate, whose key did not fit
};

// By identity, then by key (ruling on M36): bounded by what the directory hands out.
Match match_tunnel(Turn& turn, const Sa& sa, const InitAnswered& state, const Received& message,
                   const Identity& peer, const Identity* ours) {
  Match match;
  const auto& received = *find<wire::AuthPayload>(message.payloads);
  const auto context = auth_context(state.init, state.keys, wire::Role::initiator, peer);
  const auto accepts_algorithms = [&](const core::TunnelConfig& tunnel) {
    const auto answer = wire::parse_message(state.init.response);
    const auto* chosen = answer ? find<wire::SaPayload>(answer->payloads) : nullptr;
    return chosen != nullptr && core::choose(tunnel.offers, *chosen, {}).has_value();
  };
  for (const auto& candidate : turn.directory.candidates(core::IkeVersion::v2, sa.local.address,
                                                         sa.remote.address, peer, ours)) {
    if (!accepts_algorithms(*candidate)) continue;
    ++match.keys_tried;
    if (!match.nearest) match.nearest = candidate->id;
    if (candidate->credential->verify(turn.crypto, context, received)) {
      match.tunnel = candidate;
      break;
    }
  }
  return match;
}

}  // namespace

void handle_auth_request(Turn& turn, Sa& sa, const Received& message) {
  auto& state = std::get<InitAnswered>(sa.state);
  const Identity peer =
      identity_of(*find<wire::IdPayload>(message.payloads, wire::Role::initiator));
  const auto* named = find<wire::IdPayload>(message.payloads, wire::Role::responder);
  const std::optional<Identity> ours =
      named != nullptr ? std::optional(identity_of(*named)) : std::nullopt;
  Match match = match_tunnel(turn, sa, state, message, peer, ours ? &*ours : nullptr);
  if (match.tunnel == nullptr) {
    const bool known = match.keys_tried > 0;
    refuse_auth(turn, sa,
                auth_failure(known ? Cause::authentication_failed : Cause::identity_unknown,
                             ours ? ours->to_string() : "any of our identities", peer.to_string(),
                             fmt::format("{} keys tried, peer at {}", match.keys_tried,
                                         sa.remote.to_string())),
                match.nearest);
    return;
  }
  // RFC 7296 2.23: with a NAT between the initiator has moved to port 4500 by now.
  sa.local = message.local;
  sa.remote = message.remote;
  sa.association->tunnel = match.tunnel;
  sa.association->peer = peer;
  sa.association->initial_contact =
      find_notify(message.payloads, NotifyType::initial_contact) != nullptr;
  if (sa.fragment_bytes != 0) sa.fragment_bytes = match.tunnel->fragment_bytes;

  //   <-- HDR, SK {IDr, AUTH, [N(QUICK_CRASH_DETECTION)], SAr2, TSi, TSr}
  const auto& tunnel = *match.tunnel;
  wire::Payloads preface;
  preface.emplace_back(id_payload(wire::Role::responder, tunnel.local_identity));
  preface.emplace_back(tunnel.credential->sign(
      turn.crypto,
      auth_context(state.init, state.keys, wire::Role::responder, tunnel.local_identity)));
  append_token(turn.crash_tokens, sa.spis(), preface);
  const bool wants_child = find<wire::SaPayload>(message.payloads) != nullptr;
  const InitOutcome init = std::move(state.init);
  establish(turn, sa, std::move(state.window), init, std::move(state.keys));
  keep_token(*sa.established(), message.payloads);
  if (!wants_child) {
    send_answer(turn, sa, sa.established()->window, wire::ExchangeType::ike_auth, preface);
    return;
  }
  ChildAnswer child;
  child.nonces = init.nonces;
  child.pfs = core::Pfs::left_out;
  serve_child(turn, sa, message, wire::ExchangeType::ike_auth, std::move(preface),
              std::move(child));
}

// RFC 7296 2.16: EAP is asked for by leaving AUTH out.
void handle_auth_for_eap(Turn& turn, Sa& sa, const Received& message) {
  const Identity peer =
      identity_of(*find<wire::IdPayload>(message.payloads, wire::Role::initiator));
  refuse_auth(
      turn, sa,
      auth_failure(Cause::authentication_failed, "pre-shared key", "EAP",
                   fmt::format("{} at {} asked for EAP", peer.to_string(), sa.remote.to_string())),
      {});
}

}  // namespace ipsec::v2
