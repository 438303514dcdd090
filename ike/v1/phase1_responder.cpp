// Phase 1 as responder.
#include <fmt/format.h>

#include "ike/base/limits.h"
#include "ike/core/proposal.h"
#include "ike/v1/nat.h"
#include "ike/v1/phase1.h"
#include "ike/wire/v1/identity.h"

namespace ipsec::v1 {
namespace {

namespace proposal = core::proposal_v1;

using core::Cause;
using core::Failure;
using wire::v1::HashPayload;
using wire::v1::IdPayload;
using wire::v1::KePayload;
using wire::v1::NoncePayload;
using wire::v1::NotificationPayload;
using wire::v1::Payload;
using wire::v1::Placed;
using wire::v1::SaPayload;

// One opening message and what is known of it.
struct Opening {
  const core::Datagram& datagram;
  wire::v1::Message message;
  bool aggressive = false;
  const Placed* offer = nullptr;

  [[nodiscard]] const SaPayload& sa() const { return std::get<SaPayload>(offer->payload); }
};

// Nothing here costs more than reading the message.
std::optional<Opening> read_opening(Turn& turn, const core::Datagram& datagram) {
  auto message = wire::v1::parse_message(datagram.bytes);
  if (!message) return turn.drop("malformed"), std::nullopt;
  const auto& header = message->header;
  const bool aggressive = header.exchange == wire::ExchangeType::aggressive;
  const bool opens = aggressive || header.exchange == wire::ExchangeType::identity_protection;
  if (!opens || message->sealed || header.message_id.value != 0 || header.responder_cookie ||
      !header.initiator_cookie) {
    return turn.drop("opening of IKEv1 with a wrong header"), std::nullopt;
  }
  Opening opening{datagram, *std::move(message), aggressive, nullptr};
  opening.offer = find_placed<SaPayload>(opening.message.payloads);
  if (opening.offer == nullptr) return turn.drop("opening of IKEv1 without SA"), std::nullopt;
  return opening;
}

// False where it is withheld: anyone can have it so, from any address.
//   <-- HDR, N(NO-PROPOSAL-CHOSEN)
bool send_refusal(Turn& turn, const Opening& opening) {
  if (!turn.clear_refusals.take(turn.now)) {
    turn.drop("refusal withheld, too many a second");
    return false;
  }
  auto message = write_refusal({opening.message.header.initiator_cookie, turn.spi()}, {},
                               wire::v1::NotifyType::no_proposal_chosen);
  if (message) {
    turn.act(
        core::SendDatagram{opening.datagram.local, opening.datagram.remote, *std::move(message)});
  }
  return true;
}

void refuse_opening(Turn& turn, const Opening& opening, const NoCommonGround& why) {
  turn.drop("no proposal chosen");
  if (!send_refusal(turn, opening)) return;
  turn.tell_refused({}, opening_failure(Cause::no_proposal_chosen, why.ours, why.theirs,
                                        opening.datagram.remote.to_string()));
}

std::unique_ptr<Sa> make_half_open(Turn& turn, const Opening& opening) {
  auto sa = std::make_unique<Sa>();
  sa->id = turn.numbers.next<SaId>();
  sa->role = wire::Role::responder;
  sa->our_spi = turn.spi();
  sa->peer_spi = opening.message.header.initiator_cookie;
  sa->local = opening.datagram.local;
  sa->remote = opening.datagram.remote;
  sa->association = std::make_shared<Association>();
  sa->association->begun_as = wire::Role::responder;
  sa->association->begun_at = turn.now;
  sa->association->current = sa->id;
  sa->association->peer_vendor = describe_vendors(opening.message.payloads);
  return sa;
}

Phase1 begin_phase1(const Opening& opening, proposal::IkeChoice choice) {
  Phase1 phase1;
  phase1.aggressive = opening.aggressive;
  phase1.choice = std::move(choice);
  phase1.sa_body = to_bytes(wire::v1::body_of(opening.datagram.bytes, *opening.offer));
  phase1.peer = abilities_of(opening.message.payloads);
  return phase1;
}

//   <-- HDR, SA, VID...
std::unique_ptr<Sa> answer_main(Turn& turn, const Opening& opening) {
  const auto& datagram = opening.datagram;
  std::expected<proposal::IkeChoice, NoCommonGround> choice =
      std::unexpected(NoCommonGround{"peer", "none configured for this address", ""});
  const auto candidates =
      turn.directory.candidates(datagram.local.address, datagram.remote.address);
  for (const auto& tunnel : candidates) {
    choice = proposal::choose(tunnel->offers, tunnel->ike_lifetime, opening.sa());
    if (choice) break;
  }
  if (!choice) return refuse_opening(turn, opening, choice.error()), nullptr;
  auto sa = make_half_open(turn, opening);
  Answered next{begin_phase1(opening, *std::move(choice)), {}, turn.now + limits::kHalfOpenAge};
  std::vector<Payload> payloads{next.phase1.choice.answer};
  append_vendor_ids(payloads);
  auto answer = send_clear(turn, *sa, next.phase1, payloads);
  if (!answer) return turn.drop("own message failed"), nullptr;
  next.said = {datagram.bytes, *std::move(answer)};
  sa->state = std::move(next);
  return sa;
}

void want_agreement(Turn& turn, Sa& sa, Phase1 phase1, const core::Datagram& datagram,
                    Time expires_at) {
  const auto job = turn.numbers.next<JobId>();
  turn.act(core::StartJob{
      sa.id, job, core::AgreeKey{phase1.choice.algorithms.group->id, phase1.initiator_public}});
  AgreePending next{std::move(phase1), job, datagram.bytes, expires_at};
  sa.state = std::move(next);
}

// The identity is in clear, so the tunnel is known before its key is (RFC 2409 5.4).
std::unique_ptr<Sa> answer_aggressive(Turn& turn, const Opening& opening,
                                      const MayAgree& may_agree) {
  const auto& payloads = opening.message.payloads;
  const auto* ke = find<KePayload>(payloads);
  const auto* nonce = find<NoncePayload>(payloads);
  const auto* id = find_placed<IdPayload>(payloads);
  if (ke == nullptr || nonce == nullptr || id == nullptr) {
    return turn.drop("aggressive mode without KE, nonce or identity"), nullptr;
  }
  const auto peer = wire::v1::identity_of(std::get<IdPayload>(id->payload));
  if (!peer) return turn.drop("aggressive mode with an unknown kind of identity"), nullptr;
  const auto& datagram = opening.datagram;
  std::expected<proposal::IkeChoice, NoCommonGround> choice = std::unexpected(NoCommonGround{
      "identities", "none configured that allows aggressive mode", peer->to_string()});
  core::TunnelPointer chosen;
  for (const auto& tunnel : turn.directory.candidates(core::IkeVersion::v1, datagram.local.address,
                                                      datagram.remote.address, *peer, nullptr)) {
    if (!tunnel->aggressive) continue;
    choice = proposal::choose(tunnel->offers, tunnel->ike_lifetime, opening.sa());
    if (!choice) continue;
    chosen = tunnel;
    break;
  }
  if (chosen == nullptr) return refuse_opening(turn, opening, choice.error()), nullptr;
  if (!may_agree(chosen->id)) return nullptr;
  auto sa = make_half_open(turn, opening);
  sa->association->tunnel = chosen;
  sa->association->peer = *peer;
  Phase1 phase1 = begin_phase1(opening, *std::move(choice));
  phase1.initiator_public = ke->data;
  phase1.nonces = {nonce->data, turn.nonce()};
  phase1.initiator_id_body = to_bytes(wire::v1::body_of(datagram.bytes, *id));
  want_agreement(turn, *sa, std::move(phase1), datagram, turn.now + limits::kHalfOpenAge);
  return sa;
}

// Our own mistake, or a public value that is none: nothing comes of it.
void abandon_opening(Turn& turn, Sa& sa, std::string_view why) {
  turn.drop(why);
  sa.state = Closed{std::string(why)};
}

//   <-- HDR, KE, Nr, NAT-D, NAT-D
void send_keys(Turn& turn, Sa& sa, AgreePending state, Secret shared) {
  std::vector<Payload> payloads{KePayload{state.phase1.responder_public},
                                NoncePayload{state.phase1.nonces.responder}};
  append_nat_hashes(turn, sa, state.phase1, core::ForceEncapsulation::no, payloads);
  auto answer = send_clear(turn, sa, state.phase1, payloads);
  if (!answer) return abandon_opening(turn, sa, "own message failed");
  KeyAnswered next{std::move(state.phase1), std::move(shared), std::nullopt,
                   Said{std::move(state.heard), *std::move(answer)}, state.expires_at};
  sa.state = std::move(next);
}

//   <-- HDR, SA, KE, Nr, IDir, HASH_R, NAT-D, NAT-D, VID...
void send_aggressive_answer(Turn& turn, Sa& sa, AgreePending state, ByteView shared) {
  const auto& tunnel = sa.tunnel();
  Phase1& phase1 = state.phase1;
  auto keys = derive_keys(turn, sa, phase1, *tunnel.credential, shared);
  const auto id = wire::v1::id_of(tunnel.local_identity);
  if (!keys || !id) return abandon_opening(turn, sa, "own keys or identity failed");
  phase1.responder_id_body = body_of(*id);
  const auto hash = hash_of(turn, sa, phase1, *keys, wire::Role::responder);
  if (!hash) return abandon_opening(turn, sa, "own hash failed");
  std::vector<Payload> payloads{phase1.choice.answer, KePayload{phase1.responder_public},
                                NoncePayload{phase1.nonces.responder}, *id,
                                HashPayload{to_bytes(hash->view())}};
  append_nat_hashes(turn, sa, phase1, tunnel.encapsulation, payloads);
  append_vendor_ids(payloads);
  auto answer = send_clear(turn, sa, phase1, payloads);
  if (!answer) return abandon_opening(turn, sa, "own message failed");
  KeyAnswered next{std::move(phase1),
                   {},
                   *std::move(keys),
                   Said{std::move(state.heard), *std::move(answer)},
                   state.expires_at};
  sa.state = std::move(next);
}

//   HDR, KE, Ni, NAT-D, NAT-D -->
void keys_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram) {
  auto& state = std::get<Answered>(sa.state);
  const auto message = wire::v1::parse_message(datagram.bytes);
  if (!message) return turn.drop("malformed");
  const auto* ke = find<KePayload>(message->payloads);
  const auto* nonce = find<NoncePayload>(message->payloads);
  if (ke == nullptr || nonce == nullptr) return repeat_answer(turn, state.said, datagram);
  Phase1 phase1 = std::move(state.phase1);
  phase1.initiator_public = ke->data;
  phase1.nonces = {nonce->data, turn.nonce()};
  sa.nat = detect_nat(turn, sa, phase1, datagram.local, datagram.remote, message->payloads);
  want_agreement(turn, sa, std::move(phase1), datagram, state.expires_at);
}

bool has_initial_contact(std::span<const Placed> payloads) {
  for (const Placed& placed : payloads) {
    const auto* notify = std::get_if<NotificationPayload>(&placed.payload);
    if (notify != nullptr && notify->type == wire::v1::NotifyType::initial_contact) return true;
  }
  return false;
}

// What message 5 of main mode says under one of the keys that it may have been made with.
struct Proof {
  core::TunnelPointer tunnel;
  Keys keys;
  crypto::v1::IvChain iv;
  Identity peer;
  Bytes id_body;
  bool initial_contact = false;
};

std::optional<Proof> prove(Turn& turn, const Sa& sa, const KeyAnswered& state,
                           const core::TunnelPointer& tunnel, const core::Datagram& datagram,
                           const wire::v1::SealedBody& body) {
  auto keys = derive_keys(turn, sa, state.phase1, *tunnel->credential, state.shared.view());
  if (!keys) return std::nullopt;
  auto iv = first_iv(turn, sa, state.phase1, *keys);
  auto opened = iv ? open(*keys, *iv, datagram.bytes, body) : std::nullopt;
  const auto* id = opened ? find_placed<IdPayload>(opened->payloads) : nullptr;
  const auto* hash = opened ? find<HashPayload>(opened->payloads) : nullptr;
  if (id == nullptr || hash == nullptr) return std::nullopt;
  const Bytes id_body = to_bytes(wire::v1::body_of(opened->chain, *id));
  const auto expected = crypto::v1::initiator_hash(
      turn.crypto, *state.phase1.choice.algorithms.prf, keys->secrets.skeyid.view(),
      state.phase1.exchange(sa.spis()), state.phase1.sa_body, id_body);
  if (!expected || !equal_constant_time(expected->view(), hash->data)) return std::nullopt;
  const auto peer = wire::v1::identity_of(std::get<IdPayload>(id->payload));
  const bool fits = peer && (!tunnel->remote_identity || *tunnel->remote_identity == *peer);
  if (!fits) return std::nullopt;
  iv->passed(opened->ciphertext);
  return Proof{tunnel, *std::move(keys), *std::move(iv),
               *peer,  id_body,          has_initial_contact(opened->payloads)};
}

// Told of once: the peer says the same again and again.
void refuse_proof(Turn& turn, const Sa& sa, KeyAnswered& state, std::size_t keys_tried,
                  TunnelId nearest) {
  turn.drop("not authentic");
  if (std::exchange(state.refused, true)) return;
  turn.tell_refused(
      nearest, auth_failure(Cause::authentication_failed, "any of our keys and identities for it",
                            sa.remote.to_string(), fmt::format("{} keys tried", keys_tried)));
}

// Our last message has the first proof in aggressive mode. Who finds it wrong says so, in clear or
// under keys that are not ours. It may as well be another message behind a last one that was lost:
// this is a hint, and not taken for more.
void doubt_peer(Turn& turn, const Sa& sa, KeyAnswered& state) {
  if (!state.phase1.aggressive || std::exchange(state.doubted, true)) return;
  const auto& tunnel = sa.tunnel();
  turn.tell_refused(tunnel.id,
                    auth_failure(Cause::authentication_failed, tunnel.local_identity.to_string(),
                                 sa.association->peer.to_string(),
                                 "the peer refuses our HASH_R, as with another key"));
}

//   HDR*, IDii, HASH_I, [N(INITIAL-CONTACT)] -->
//   <-- HDR*, IDir, HASH_R
void proof_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram,
                   const wire::v1::SealedBody& body) {
  auto& state = std::get<KeyAnswered>(sa.state);
  std::optional<Proof> proof;
  std::size_t tried = 0;
  TunnelId nearest;
  for (const auto& tunnel : turn.directory.candidates(sa.local.address, sa.remote.address)) {
    if (!proposal::choose(tunnel->offers, tunnel->ike_lifetime, state.phase1.choice.answer))
      continue;
    ++tried;
    if (!nearest) nearest = tunnel->id;
    proof = prove(turn, sa, state, tunnel, datagram, body);
    if (proof) break;
  }
  if (!proof) return refuse_proof(turn, sa, state, tried, nearest);
  const auto id = wire::v1::id_of(proof->tunnel->local_identity);
  if (!id) return abandon_opening(turn, sa, "own identity failed");
  // RFC 3947 4: with a NAT between the initiator has moved to port 4500 by now.
  sa.local = datagram.local;
  sa.remote = datagram.remote;
  sa.association->tunnel = proof->tunnel;
  sa.association->peer = proof->peer;
  sa.association->initial_contact = proof->initial_contact;
  Phase1 phase1 = std::move(state.phase1);
  phase1.initiator_id_body = std::move(proof->id_body);
  phase1.responder_id_body = body_of(*id);
  const auto hash = hash_of(turn, sa, phase1, proof->keys, wire::Role::responder);
  if (!hash) return abandon_opening(turn, sa, "own hash failed");
  const std::vector<Payload> payloads{*id, HashPayload{to_bytes(hash->view())}};
  auto answer = seal(proof->keys, proof->iv, header_of(sa.spis(), exchange_of(phase1)), payloads);
  if (!answer) return abandon_opening(turn, sa, "own message failed");
  turn.act(core::SendDatagram{sa.local, sa.remote, *answer});
  establish(turn, sa, phase1, std::move(proof->keys), to_bytes(proof->iv.next()),
            Said{datagram.bytes, *std::move(answer)});
}

// HASH_I may come in clear (RFC 2409 5.4 leaves it open); most encrypt it.
//   HDR[*], HASH_I, NAT-D, NAT-D -->
void aggressive_proof_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram,
                              const wire::v1::Message& message) {
  auto& state = std::get<KeyAnswered>(sa.state);
  auto iv = first_iv(turn, sa, state.phase1, *state.keys);
  if (!iv) return turn.drop("own keys failed");
  std::optional<Opened> opened;
  if (message.sealed) opened = open(*state.keys, *iv, datagram.bytes, *message.sealed);
  const auto& payloads = opened ? opened->payloads : message.payloads;
  const auto* hash = find<HashPayload>(payloads);
  const bool fits =
      hash != nullptr && peer_hash_fits(turn, sa, state.phase1, *state.keys, hash->data);
  if (!fits) {
    if (equal(state.said.heard, datagram.bytes)) return repeat_answer(turn, state.said, datagram);
    return refuse_proof(turn, sa, state, 1, sa.tunnel().id);
  }
  // It may have been edited, taken down or removed since the first message.
  if (turn.directory.find(sa.tunnel().id) != sa.association->tunnel) {
    return abandon_opening(turn, sa, "its tunnel was changed");
  }
  if (opened) iv->passed(opened->ciphertext);
  sa.nat = detect_nat(turn, sa, state.phase1, datagram.local, datagram.remote, payloads);
  sa.local = datagram.local;
  sa.remote = datagram.remote;
  sa.association->initial_contact = has_initial_contact(payloads);
  const Phase1 phase1 = std::move(state.phase1);
  establish(turn, sa, phase1, *std::move(state.keys), to_bytes(iv->next()),
            Said{datagram.bytes, {}});
}

}  // namespace

std::unique_ptr<Sa> answer_first(Turn& turn, const core::Datagram& datagram,
                                 const MayAgree& may_agree) {
  const auto opening = read_opening(turn, datagram);
  if (!opening) return nullptr;
  return opening->aggressive ? answer_aggressive(turn, *opening, may_agree)
                             : answer_main(turn, *opening);
}

void refuse_stranger(Turn& turn, const core::Datagram& datagram) {
  const auto opening = read_opening(turn, datagram);
  if (!opening) return;
  turn.drop("no tunnel for this peer address");
  // Most often its tunnel is there, and is to speak IKEv2.
  const auto& local = datagram.local.address;
  const auto& remote = datagram.remote.address;
  const auto others = turn.directory.claims(core::IkeVersion::v2, local, remote).all();
  if (!send_refusal(turn, *opening) || others == 0) return;
  turn.tell_refused({}, opening_failure(Cause::no_proposal_chosen, "IKEv2", "IKEv1",
                                        datagram.remote.to_string()));
}

void agreed(Turn& turn, Sa& sa, core::JobResult result) {
  auto state = std::get<AgreePending>(std::move(sa.state));
  sa.state = Closed{"failed"};
  if (!result) return abandon_opening(turn, sa, "key exchange refused");
  state.phase1.responder_public = to_bytes(result->key->public_value());
  if (state.phase1.aggressive) {
    return send_aggressive_answer(turn, sa, std::move(state), result->shared.view());
  }
  send_keys(turn, sa, std::move(state), std::move(result->shared));
}

void request_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram) {
  const auto message = wire::v1::parse_message(datagram.bytes);
  if (!message) return turn.drop("malformed");
  auto* state = std::get_if<KeyAnswered>(&sa.state);
  if (state != nullptr && message->header.exchange == wire::ExchangeType::informational_v1) {
    doubt_peer(turn, sa, *state);
  }
  if (message->header.message_id.value != 0) {
    // The peer is further than we are: the last message of aggressive mode was lost, which ours,
    // said again, brings back.
    const bool behind = state != nullptr && state->phase1.aggressive && !state->refused;
    if (!behind) return turn.drop("message not expected");
    return turn.act(core::SendDatagram{sa.local, sa.remote, state->said.answer});
  }
  if (std::holds_alternative<Answered>(sa.state)) return keys_arrived(turn, sa, datagram);
  if (state == nullptr) return turn.drop("message out of state");
  if (state->phase1.aggressive) return aggressive_proof_arrived(turn, sa, datagram, *message);
  if (message->sealed) return proof_arrived(turn, sa, datagram, *message->sealed);
  repeat_answer(turn, state->said, datagram);
}

void expire_half_open(Turn& turn, Sa& sa, Time expires_at) {
  if (expires_at > turn.now) return;
  turn.drop("half-open SA expired");
  sa.state = Closed{"half-open for too long"};
}

}  // namespace ipsec::v1
