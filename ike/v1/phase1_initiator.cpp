// Phase 1 as initiator.
#include <algorithm>

#include <fmt/format.h>

#include "ike/base/limits.h"
#include "ike/core/proposal.h"
#include "ike/v1/informational.h"
#include "ike/v1/nat.h"
#include "ike/v1/phase1.h"
#include "ike/v1/phase1_failures.h"
#include "ike/wire/v1/identity.h"

namespace ipsec::v1 {
namespace {

namespace proposal = core::proposal_v1;

using core::Cause;
using core::Failure;
using core::Stage;
using wire::v1::HashPayload;
using wire::v1::IdPayload;
using wire::v1::KePayload;
using wire::v1::NoncePayload;
using wire::v1::NotificationPayload;
using wire::v1::Payload;
using wire::v1::SaPayload;

core::Retransmission opening_timer(const Turn& turn) {
  return {core::RetransmitSchedule::opening(), turn.now};
}

void fail_internally(Turn& turn, Sa& sa, std::string why) {
  fail_opening(turn, sa, opening_failure(Cause::internal, {}, {}, std::move(why)));
}

// Aggressive mode's first message fixes the group (RFC 2409 5.4).
core::IkeOffers with_group(const core::IkeOffers& offers, const GroupRow* group) {
  core::IkeOffers out;
  for (core::IkeOffer offer : offers) {
    if (std::ranges::find(offer.groups, group) == offer.groups.end()) continue;
    offer.groups = {group};
    out.push_back(std::move(offer));
  }
  return out;
}

std::optional<IdPayload> our_id(const Sa& sa) {
  return wire::v1::id_of(sa.tunnel().local_identity);
}

// A message in clear may be anyone's: what it says is kept as a hint, and the right one awaited.
void keep_hint(Turn& turn, Hint& hint, Failure why) {
  turn.drop("answer of phase 1 not acceptable");
  hint = std::move(why);
}

//   HDR, SA, VID... -->
void propose(Turn& turn, Sa& sa) {
  const auto& tunnel = sa.tunnel();
  const auto offer = proposal::write_offers(tunnel.offers, tunnel.ike_lifetime);
  Proposed next;
  next.phase1.sa_body = body_of(offer);
  std::vector<Payload> payloads{offer};
  append_vendor_ids(payloads);
  auto sent = send_clear(turn, sa, next.phase1, payloads);
  if (!sent) return fail_internally(turn, sa, "nothing of the offer can be said in IKEv1");
  next.sent = *std::move(sent);
  next.timer = opening_timer(turn);
  sa.state = std::move(next);
}

void start_key(Turn& turn, Sa& sa, Phase1 phase1, const GroupRow* group) {
  const auto job = turn.numbers.next<JobId>();
  turn.act(core::StartJob{sa.id, job, core::GenerateKey{group->id}});
  sa.state = KeyPending{std::move(phase1), group, job};
}

//   <-- HDR, SA, VID...
void handle_chosen(Turn& turn, Sa& sa, const wire::v1::Message& message) {
  auto& state = std::get<Proposed>(sa.state);
  const auto& tunnel = sa.tunnel();
  const auto* answer = find<SaPayload>(message.payloads);
  if (answer == nullptr || !message.header.responder_cookie) {
    auto error = error_in(message.payloads, sa);
    if (!error) return turn.drop("message not expected");
    return keep_hint(turn, state.hint, *std::move(error));
  }
  auto choice = proposal::accept(tunnel.offers, tunnel.ike_lifetime, *answer);
  if (!choice) {
    return keep_hint(turn, state.hint,
                     opening_failure(Cause::no_proposal_chosen, core::describe(tunnel.offers),
                                     proposal::describe(*answer), describe(choice.error())));
  }
  Phase1 phase1 = std::move(state.phase1);
  sa.peer_spi = message.header.responder_cookie;
  phase1.peer = abilities_of(message.payloads);
  sa.association->peer_vendor = describe_vendors(message.payloads);
  const GroupRow* group = choice->algorithms.group;
  phase1.choice = *std::move(choice);
  start_key(turn, sa, std::move(phase1), group);
}

//   HDR, KE, Ni, NAT-D, NAT-D -->
std::vector<Payload> key_payloads(const Turn& turn, const Sa& sa, const Phase1& phase1) {
  std::vector<Payload> payloads{KePayload{phase1.initiator_public},
                                NoncePayload{phase1.nonces.initiator}};
  append_nat_hashes(turn, sa, phase1, sa.tunnel().encapsulation, payloads);
  return payloads;
}

//   HDR, SA, KE, Ni, IDii, VID... -->
std::vector<Payload> aggressive_payloads(const Sa& sa, Phase1& phase1, const GroupRow* group) {
  const auto& tunnel = sa.tunnel();
  const auto id = our_id(sa);
  if (!id) return {};
  const auto offer = proposal::write_offers(with_group(tunnel.offers, group), tunnel.ike_lifetime);
  phase1.sa_body = body_of(offer);
  phase1.initiator_id_body = body_of(*id);
  std::vector<Payload> payloads{offer, KePayload{phase1.initiator_public},
                                NoncePayload{phase1.nonces.initiator}, *id};
  append_vendor_ids(payloads);
  return payloads;
}

struct KeyAnswer {
  const KePayload* ke = nullptr;
  const NoncePayload* nonce = nullptr;
};

void want_secret(Turn& turn, Sa& sa, KeySent& state, const KeyAnswer& answer, Bytes hash) {
  state.phase1.responder_public = answer.ke->data;
  state.phase1.nonces.responder = answer.nonce->data;
  const auto job = turn.numbers.next<JobId>();
  turn.act(core::StartJob{sa.id, job, core::DeriveSecret{state.key, answer.ke->data}});
  SecretPending next{std::move(state.phase1), job, std::move(hash)};
  sa.state = std::move(next);
}

void note_nat(const Turn& turn, Sa& sa, const Phase1& phase1, const core::Datagram& datagram,
              std::span<const wire::v1::Placed> payloads) {
  sa.nat = detect_nat(turn, sa, phase1, datagram.local, datagram.remote, payloads);
  const bool forced = sa.tunnel().encapsulation == core::ForceEncapsulation::yes;
  if (forced && phase1.peer.nat != NatWords::none) sa.nat.local = true;
}

//   <-- HDR, KE, Nr, NAT-D, NAT-D
void handle_keys(Turn& turn, Sa& sa, const wire::v1::Message& message,
                 const core::Datagram& datagram) {
  auto& state = std::get<KeySent>(sa.state);
  const KeyAnswer answer{find<KePayload>(message.payloads), find<NoncePayload>(message.payloads)};
  if (answer.ke == nullptr || answer.nonce == nullptr) {
    auto error = error_in(message.payloads, sa);
    if (!error) return turn.drop("message not expected");
    return keep_hint(turn, state.hint, *std::move(error));
  }
  note_nat(turn, sa, state.phase1, datagram, message.payloads);
  want_secret(turn, sa, state, answer, {});
}

// The identity in an ID payload, if it is the one that is expected.
std::expected<Identity, Failure> check_peer(const Sa& sa, const IdPayload& id) {
  const auto& tunnel = sa.tunnel();
  const auto peer = wire::v1::identity_of(id);
  if (peer && (!tunnel.remote_identity || *tunnel.remote_identity == *peer)) return *peer;
  return std::unexpected(auth_failure(
      Cause::identity_unknown,
      tunnel.remote_identity ? tunnel.remote_identity->to_string() : "an identity",
      peer ? peer->to_string() : fmt::format("identity of type {}", static_cast<int>(id.type)),
      "the peer answered under another identity"));
}

//   <-- HDR, SA, KE, Nr, IDir, HASH_R, NAT-D, NAT-D, VID...
void handle_aggressive_answer(Turn& turn, Sa& sa, const wire::v1::Message& message,
                              const core::Datagram& datagram) {
  auto& state = std::get<KeySent>(sa.state);
  const auto& tunnel = sa.tunnel();
  const KeyAnswer answer{find<KePayload>(message.payloads), find<NoncePayload>(message.payloads)};
  const auto* sa_payload = find<SaPayload>(message.payloads);
  const auto* id = find_placed<IdPayload>(message.payloads);
  const auto* hash = find<HashPayload>(message.payloads);
  const bool whole = answer.ke != nullptr && answer.nonce != nullptr && sa_payload != nullptr &&
                     id != nullptr && hash != nullptr && message.header.responder_cookie;
  if (!whole) {
    auto error = error_in(message.payloads, sa);
    if (!error) return turn.drop("message not expected");
    return keep_hint(turn, state.hint, *std::move(error));
  }
  auto choice =
      proposal::accept(with_group(tunnel.offers, state.group), tunnel.ike_lifetime, *sa_payload);
  if (!choice) {
    return keep_hint(turn, state.hint,
                     opening_failure(Cause::no_proposal_chosen, core::describe(tunnel.offers),
                                     proposal::describe(*sa_payload), describe(choice.error())));
  }
  auto peer = check_peer(sa, std::get<IdPayload>(id->payload));
  if (!peer) return keep_hint(turn, state.hint, std::move(peer.error()));
  sa.peer_spi = message.header.responder_cookie;
  sa.association->peer = *std::move(peer);
  sa.association->peer_vendor = describe_vendors(message.payloads);
  state.phase1.choice = *std::move(choice);
  state.phase1.peer = abilities_of(message.payloads);
  state.phase1.responder_id_body = to_bytes(wire::v1::body_of(datagram.bytes, *id));
  note_nat(turn, sa, state.phase1, datagram, message.payloads);
  want_secret(turn, sa, state, answer, hash->data);
}

std::vector<Payload> initial_contact(const Sa& sa) {
  if (!sa.association->alone) return {};
  Writer cookies;
  cookies.u64(sa.spis().initiator.value);
  cookies.u64(sa.spis().responder.value);
  // RFC 2407 4.6.3.3
  return {NotificationPayload{wire::v1::Doi::ipsec,
                              wire::v1::ProtocolId::isakmp,
                              to_bytes(cookies.view()),
                              wire::v1::NotifyType::initial_contact,
                              {}}};
}

//   HDR*, IDii, HASH_I, [N(INITIAL-CONTACT)] -->
void send_auth(Turn& turn, Sa& sa, Phase1 phase1, Keys keys) {
  const auto id = our_id(sa);
  if (!id) return fail_internally(turn, sa, "IKEv1 cannot say our identity");
  phase1.initiator_id_body = body_of(*id);
  const auto hash = hash_of(turn, sa, phase1, keys, wire::Role::initiator);
  auto iv = first_iv(turn, sa, phase1, keys);
  if (!hash || !iv) return fail_internally(turn, sa, "own hash failed");
  std::vector<Payload> payloads{*id, HashPayload{to_bytes(hash->view())}};
  for (auto& notify : initial_contact(sa)) payloads.push_back(std::move(notify));
  float_ports(sa);
  auto message = seal(keys, *iv, header_of(sa.spis(), exchange_of(phase1)), payloads);
  if (!message) return fail_internally(turn, sa, "own message failed");
  turn.act(core::SendDatagram{sa.local, sa.remote, *message});
  AuthSent next{std::move(phase1), std::move(keys), *std::move(iv), *std::move(message),
                opening_timer(turn)};
  sa.state = std::move(next);
}

// The peer holds the SA for up, or half up, and would not know why nothing comes of it. In clear it
// is a hint to it, no more.
//   HDR, N(AUTHENTICATION-FAILED) -->
void refuse_peer(Turn& turn, Sa& sa, Failure why) {
  auto message = write_refusal(sa.spis(), new_message_id(turn.spi()),
                               wire::v1::NotifyType::authentication_failed);
  if (message) turn.act(core::SendDatagram{sa.local, sa.remote, *std::move(message)});
  fail_opening(turn, sa, std::move(why));
}

//   HDR*, HASH_I, NAT-D, NAT-D, [N(INITIAL-CONTACT)] -->
void finish_aggressive(Turn& turn, Sa& sa, SecretPending state, Keys keys) {
  if (!peer_hash_fits(turn, sa, state.phase1, keys, state.received_hash)) {
    return refuse_peer(turn, sa, wrong_hash(sa, "the peer's HASH_R"));
  }
  const auto hash = hash_of(turn, sa, state.phase1, keys, wire::Role::initiator);
  auto iv = first_iv(turn, sa, state.phase1, keys);
  if (!hash || !iv) return fail_internally(turn, sa, "own hash failed");
  std::vector<Payload> payloads{HashPayload{to_bytes(hash->view())}};
  // The hashes are of the ports that this message goes between.
  float_ports(sa);
  append_nat_hashes(turn, sa, state.phase1, sa.tunnel().encapsulation, payloads);
  for (auto& notify : initial_contact(sa)) payloads.push_back(std::move(notify));
  auto message = seal(keys, *iv, header_of(sa.spis(), exchange_of(state.phase1)), payloads);
  if (!message) return fail_internally(turn, sa, "own message failed");
  turn.act(core::SendDatagram{sa.local, sa.remote, *message});
  establish(turn, sa, state.phase1, std::move(keys), to_bytes(iv->next()),
            Said{{}, *std::move(message)});
}

//   <-- HDR*, IDir, HASH_R
void handle_auth(Turn& turn, Sa& sa, const wire::v1::Message& message,
                 const core::Datagram& datagram) {
  auto& state = std::get<AuthSent>(sa.state);
  auto opened = open(state.keys, state.iv, datagram.bytes, *message.sealed);
  const auto* id = opened ? find_placed<IdPayload>(opened->payloads) : nullptr;
  const auto* hash = opened ? find<HashPayload>(opened->payloads) : nullptr;
  if (id == nullptr || hash == nullptr) {
    return keep_hint(turn, state.hint, wrong_hash(sa, "what the peer encrypted"));
  }
  state.phase1.responder_id_body = to_bytes(wire::v1::body_of(opened->chain, *id));
  if (!peer_hash_fits(turn, sa, state.phase1, state.keys, hash->data)) {
    return keep_hint(turn, state.hint, wrong_hash(sa, "the peer's HASH_R"));
  }
  auto peer = check_peer(sa, std::get<IdPayload>(id->payload));
  if (!peer) return refuse_peer(turn, sa, std::move(peer.error()));
  sa.association->peer = *std::move(peer);
  crypto::v1::IvChain iv = state.iv;
  iv.passed(opened->ciphertext);
  const Phase1 phase1 = std::move(state.phase1);
  establish(turn, sa, phase1, std::move(state.keys), to_bytes(iv.next()), {});
}

struct Waiting {
  core::Retransmission* timer = nullptr;
  const Bytes* sent = nullptr;
  Hint* hint = nullptr;
  std::string_view message;  // for people
};

std::optional<Waiting> waiting_of(Sa& sa) {
  if (auto* state = std::get_if<Proposed>(&sa.state)) {
    return Waiting{&state->timer, &state->sent, &state->hint, "main mode's message 1"};
  }
  if (auto* state = std::get_if<KeySent>(&sa.state)) {
    return Waiting{
        &state->timer, &state->sent, &state->hint,
        state->phase1.aggressive ? "aggressive mode's message 1" : "main mode's message 3"};
  }
  if (auto* state = std::get_if<AuthSent>(&sa.state)) {
    return Waiting{&state->timer, &state->sent, &state->hint, "main mode's message 5"};
  }
  return std::nullopt;
}

// Behind message 5 the peer has keys, and what it says under the same ones is surely its word; what
// does not open under ours is most often said by one with another pre-shared key.
//   <-- HDR*, HASH(1), N(error)
void sealed_refusal_arrived(Turn& turn, Sa& sa, const wire::v1::Message& message,
                            const core::Datagram& datagram) {
  auto* state = std::get_if<AuthSent>(&sa.state);
  const MessageId id = message.header.message_id;
  if (state == nullptr || id.value == 0) return turn.drop("message not expected");
  const PrfRow& prf = *state->phase1.choice.algorithms.prf;
  auto iv = crypto::v1::exchange_iv(turn.crypto, prf, state->iv.next(), id,
                                    state->keys.cipher->block_size());
  if (!iv) return turn.drop("own keys failed");
  const auto opened =
      open(state->keys, crypto::v1::IvChain(*std::move(iv)), datagram.bytes, *message.sealed);
  if (!opened || !hash_1_fits(turn, prf, state->keys, id, *opened)) {
    return keep_hint(turn, state->hint, wrong_hash(sa, "what the peer encrypted"));
  }
  auto error = error_in(opened->payloads, sa, Stage::v1_proof);
  if (!error) return turn.drop("message not expected");
  fail_opening(turn, sa, *std::move(error));
}

//   <-- HDR, N(error)
void refusal_arrived(Turn& turn, Sa& sa, const wire::v1::Message& message,
                     const core::Datagram& datagram) {
  if (message.sealed) return sealed_refusal_arrived(turn, sa, message, datagram);
  const auto waiting = waiting_of(sa);
  const bool late = std::holds_alternative<AuthSent>(sa.state);
  auto error = error_in(message.payloads, sa, late ? Stage::v1_proof : Stage::v1_opening);
  if (!waiting || !error) return turn.drop("message not expected");
  keep_hint(turn, *waiting->hint, *std::move(error));
}

}  // namespace

void begin(Turn& turn, Sa& sa) {
  if (!sa.tunnel().aggressive) return propose(turn, sa);
  // The peer can only take the one group that we offer, or refuse: the next try has the next.
  const auto groups = proposal::groups_of(sa.tunnel().offers);
  if (groups.empty()) {
    return fail_internally(turn, sa, "nothing of the offer can be said in IKEv1");
  }
  Phase1 phase1;
  phase1.aggressive = true;
  const auto refused = static_cast<std::size_t>(sa.association->refused_before);
  start_key(turn, sa, std::move(phase1), groups[refused % groups.size()]);
}

void key_ready(Turn& turn, Sa& sa, core::JobResult result) {
  auto& state = std::get<KeyPending>(sa.state);
  if (!result) return fail_internally(turn, sa, describe(result.error()));
  KeySent next{std::move(state.phase1), state.group, result->key, {}, opening_timer(turn)};
  next.phase1.nonces.initiator = turn.nonce();
  next.phase1.initiator_public = to_bytes(result->key->public_value());
  const auto payloads = next.phase1.aggressive ? aggressive_payloads(sa, next.phase1, next.group)
                                               : key_payloads(turn, sa, next.phase1);
  auto sent = send_clear(turn, sa, next.phase1, payloads);
  if (!sent) return fail_internally(turn, sa, "own message failed");
  next.sent = *std::move(sent);
  sa.state = std::move(next);
}

void secret_ready(Turn& turn, Sa& sa, core::JobResult result) {
  auto state = std::get<SecretPending>(std::move(sa.state));
  sa.state = Closed{"failed"};
  auto keys =
      result ? derive_keys(turn, sa, state.phase1, *sa.tunnel().credential, result->shared.view())
             : std::unexpected(result.error());
  if (!keys) {
    const auto* group = state.phase1.choice.algorithms.group;
    return fail_opening(turn, sa,
                        opening_failure(Cause::protocol_violation, std::string(group->name), {},
                                        describe(keys.error())));
  }
  if (state.phase1.aggressive) {
    return finish_aggressive(turn, sa, std::move(state), *std::move(keys));
  }
  send_auth(turn, sa, std::move(state.phase1), *std::move(keys));
}

void answer_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram) {
  const auto message = wire::v1::parse_message(datagram.bytes);
  if (!message) return turn.drop("malformed");
  if (message->header.exchange == wire::ExchangeType::informational_v1) {
    return refusal_arrived(turn, sa, *message, datagram);
  }
  const auto exchange = sa.tunnel().aggressive ? wire::ExchangeType::aggressive
                                               : wire::ExchangeType::identity_protection;
  if (message->header.exchange != exchange) return turn.drop("message not expected");
  const bool authenticated = std::holds_alternative<AuthSent>(sa.state);
  if (message->sealed.has_value() != authenticated) return turn.drop("message not expected");
  if (sa.peer_spi && message->header.responder_cookie != sa.peer_spi) {
    return turn.drop("another cookie");
  }
  if (authenticated) return handle_auth(turn, sa, *message, datagram);
  if (std::holds_alternative<Proposed>(sa.state)) return handle_chosen(turn, sa, *message);
  const auto* sent = std::get_if<KeySent>(&sa.state);
  if (sent == nullptr) return turn.drop("message out of state");
  if (sent->phase1.aggressive) return handle_aggressive_answer(turn, sa, *message, datagram);
  handle_keys(turn, sa, *message, datagram);
}

void tick_opening(Turn& turn, Sa& sa) {
  const auto waiting = waiting_of(sa);
  if (!waiting) return;
  switch (waiting->timer->poll(turn.now)) {
    case core::Retransmission::Verdict::wait:
      return;
    case core::Retransmission::Verdict::send_again:
      turn.act(core::SendDatagram{sa.local, sa.remote, *waiting->sent});
      return;
    case core::Retransmission::Verdict::give_up:
      break;
  }
  auto why = waiting->hint->value_or(silence_of(sa, waiting->message, waiting->timer->sends()));
  fail_opening(turn, sa, std::move(why));
}

void fail_opening(Turn& turn, Sa& sa, core::Failure failure) {
  sa.state = Closed{core::describe(failure)};
  if (sa.role == wire::Role::initiator) {
    turn.signals.emplace_back(OpeningFailed{sa.id, std::move(failure)});
  }
}

}  // namespace ipsec::v1
