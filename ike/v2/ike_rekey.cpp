#include "ike/v2/ike_rekey.h"

#include <algorithm>

#include <fmt/format.h>

#include "ike/base/limits.h"
#include "ike/core/proposal.h"
#include "ike/v2/crash_detection.h"
#include "ike/v2/establish.h"
#include "ike/v2/handlers.h"
#include "ike/v2/payload_access.h"

namespace ipsec::v2 {
namespace {

using core::Cause;
using core::Failure;
using core::Stage;
using wire::NotifyType;

Bytes spi_bytes(IkeSpi spi) {
  Writer writer;
  writer.u64(spi.value);
  return to_bytes(writer.view());
}

IkeSpi spi_of(ByteView bytes) {
  Reader reader(bytes);
  return IkeSpi{reader.u64("SPI")};
}

// What a rekey of `sa` offers and takes first: the tunnel's offers as far as they keep the PRF.
//
// With another PRF, RFC 7296 2.18 has the old one make SKEYSEED and the new one expand it.
// strongSwan does both with the old one: the rekey succeeds, and then neither side can read the
// other's messages.
core::IkeOffers offers_with_same_prf(const Sa& sa) {
  const PrfRow* prf = sa.established()->algorithms.prf;
  core::IkeOffers offers = sa.tunnel().offers;
  std::erase_if(offers, [&](core::IkeOffer& offer) {
    std::erase_if(offer.prfs, [&](const PrfRow* row) { return row != prf; });
    return offer.prfs.empty();
  });
  return offers;
}

void want_key(Turn& turn, const Sa& sa, IkeRekeyRequest& request, const GroupRow* group) {
  request.group = group;
  request.key_wanted = turn.numbers.next<JobId>();
  turn.act(core::StartJob{sa.id, *request.key_wanted, core::GenerateKey{group->id}});
}

// The SA that an exchange on `old` made. It shares the association; whether it takes over is
// decided by the caller.
std::unique_ptr<Sa> make_successor(Turn& turn, const Sa& old, wire::Role role, IkeSpi ours,
                                   IkeSpi theirs, const crypto::IkeAlgorithms& algorithms,
                                   crypto::IkeKeys keys, const Nonces& nonces) {
  auto protection = core::Protection::make(turn.crypto, algorithms, keys, role, turn.random);
  if (!protection) return nullptr;
  auto sa = std::make_unique<Sa>();
  sa->id = turn.numbers.next<SaId>();
  sa->role = role;
  sa->our_spi = ours;
  sa->peer_spi = theirs;
  sa->local = old.local;
  sa->remote = old.remote;
  sa->nat = old.nat;
  sa->fragment_bytes = old.fragment_bytes;
  sa->association = old.association;
  Established up{algorithms, forget_proofs(std::move(keys)),
                 open_window(*std::move(protection), 0, 0, turn.now)};
  up.window.path = old.established()->window.path;
  up.lowest_nonce = nonces.lowest();
  up.rekey_at = ike_rekey_time(turn, old.tunnel());
  up.expires_at = turn.now + old.tunnel().ike_lifetime;
  if (sa->nat.local) up.keepalive_at = turn.now + limits::kNatKeepalive;
  sa->state = std::move(up);
  return sa;
}

Result<crypto::IkeKeys> keys_for(Turn& turn, const Established& old,
                                 const crypto::IkeAlgorithms& algorithms, ByteView shared,
                                 const Nonces& nonces, const crypto::SpiPair& spis) {
  return crypto::derive_rekeyed_ike_keys(turn.crypto, old.algorithms.prf->id, old.keys.sk_d.view(),
                                         algorithms, shared, nonces.view(), spis);
}

// The peer's crossing rekey takes over, as soon as our Diffie-Hellman for it is done.
void yield(Turn& turn, Sa& old) {
  auto& up = *old.established();
  up.patience = turn.now + limits::kAwaitDelete;
  if (!up.rival->born) return;
  old.association->current = up.rival->sa;
  turn.tell(core::IkeRekeyed{old.tunnel().id, old.id, up.rival->sa});
}

// Our rekey came to nothing. If a crossing one of the peer succeeded, that is the successor.
void give_up(Turn& turn, Sa& sa, Failure why) {
  auto& up = *sa.established();
  up.ours = std::monostate{};
  if (up.rival) return yield(turn, sa);
  up.rekey_at = turn.now + turn.jittered(limits::kTemporaryFailureRetry, 0.5);
  turn.tell(core::ExchangeFailed{sa.tunnel().id, std::move(why)});
}

Failure rekey_failure(Cause cause, std::string ours, std::string theirs) {
  return {Stage::ike_sa_init, cause, std::move(ours), std::move(theirs), "rekey of the IKE SA"};
}

// RFC 7296 2.8.2: of two that crossed, the one with the lowest nonce is closed by who made it; who
// made the other closes the old one.
void settle(Turn& turn, Sa& old, std::unique_ptr<Sa> made) {
  auto& up = *old.established();
  up.ours = std::monostate{};
  Established& fresh = *made->established();
  if (up.rival && fresh.lowest_nonce < up.rival->lowest_nonce) {
    fresh.delete_wanted = true;
    yield(turn, old);
  } else {
    up.delete_wanted = true;
    make_current(turn, *made);
  }
  turn.born.push_back(std::move(made));
}

}  // namespace

void start_ike_rekey(Turn& turn, Sa& sa) {
  auto& up = *sa.established();
  up.rekey_at = kNever;
  up.rekey_wanted = false;
  IkeRekeyRequest request;
  request.new_spi = turn.spi();
  request.offers = offers_with_same_prf(sa);
  if (request.offers.empty()) request.offers = sa.tunnel().offers;
  want_key(turn, sa, request, up.algorithms.group);
  up.ours = std::move(request);
}

//   HDR, SK {SA, Ni, KEi} -->
void rekey_key_ready(Turn& turn, Sa& sa, core::JobResult result) {
  auto& up = *sa.established();
  auto& request = std::get<IkeRekeyRequest>(up.ours);
  request.key_wanted.reset();
  if (!result) {
    give_up(turn, sa, rekey_failure(Cause::internal, describe(result.error()), {}));
    return;
  }
  if (up.rival || up.delete_wanted) return give_up(turn, sa, {});
  request.key = std::move(result->key);
  request.nonces.initiator = turn.nonce();
  const std::vector<wire::Payload> payloads{
      core::write_offers(request.offers, spi_bytes(request.new_spi)),
      wire::NoncePayload{request.nonces.initiator},
      wire::KePayload{static_cast<std::uint16_t>(request.group->id),
                      to_bytes(request.key->public_value())}};
  send_request(turn, sa, up.window, wire::ExchangeType::create_child_sa, payloads,
               core::RetransmitSchedule::established(sa.tunnel().dpd_timeout));
}

void handle_ike_rekey_answer(Turn& turn, Sa& sa, const Received& message) {
  auto& up = *sa.established();
  auto& request = std::get<IkeRekeyRequest>(up.ours);
  settle_request(up.window);
  const auto& sa_payload = *find<wire::SaPayload>(message.payloads);
  const auto& ke = *find<wire::KePayload>(message.payloads);
  auto choice = core::accept(request.offers, sa_payload, spi_bytes(request.new_spi));
  const bool fits = choice && choice->algorithms.group == request.group &&
                    ke.group == static_cast<std::uint16_t>(request.group->id);
  if (!fits) {
    give_up(turn, sa,
            rekey_failure(Cause::no_proposal_chosen, core::describe(request.offers),
                          core::describe(sa_payload)));
    return;
  }
  request.nonces.responder = find<wire::NoncePayload>(message.payloads)->data;
  request.choice = *std::move(choice);
  request.peer_token = token_in(message.payloads);
  request.secret_wanted = turn.numbers.next<JobId>();
  turn.act(core::StartJob{sa.id, *request.secret_wanted, core::DeriveSecret{request.key, ke.data}});
}

void rekey_secret_ready(Turn& turn, Sa& sa, core::JobResult result) {
  auto& up = *sa.established();
  auto& request = std::get<IkeRekeyRequest>(up.ours);
  const IkeSpi theirs = spi_of(request.choice->peer_spi);
  auto keys = result ? keys_for(turn, up, request.choice->algorithms, result->shared.view(),
                                request.nonces, {request.new_spi, theirs})
                     : std::unexpected(result.error());
  if (!keys) {
    give_up(turn, sa, rekey_failure(Cause::protocol_violation, describe(keys.error()), {}));
    return;
  }
  auto made = make_successor(turn, sa, wire::Role::initiator, request.new_spi, theirs,
                             request.choice->algorithms, *std::move(keys), request.nonces);
  if (made == nullptr) return give_up(turn, sa, rekey_failure(Cause::internal, {}, {}));
  // RFC 6290 4.3: ours comes in an exchange of its own, for our request could not know the peer's
  // SPI. Who gives none asks for none.
  Established& fresh = *made->established();
  fresh.token_owed = !request.peer_token.empty();
  fresh.peer_token = std::move(request.peer_token);
  settle(turn, sa, std::move(made));
}

void handle_ike_rekey_refusal(Turn& turn, Sa& sa, const Received& message) {
  auto& up = *sa.established();
  auto& request = std::get<IkeRekeyRequest>(up.ours);
  settle_request(up.window);
  const auto* error = find_error(message.payloads);
  const auto type = error != nullptr ? error->type : NotifyType::invalid_syntax;
  if (type == NotifyType::invalid_ke_payload && request.restarts < limits::kInitRestarts) {
    Reader reader(error->data);
    const std::uint16_t wanted = reader.u16("group");
    const GroupRow* group = core::offered_group(request.offers, wanted);
    if (group != nullptr && group != request.group) {
      ++request.restarts;
      want_key(turn, sa, request, group);
      return;
    }
  }
  if (type == NotifyType::no_proposal_chosen && request.offers != sa.tunnel().offers) {
    request.offers = sa.tunnel().offers;  // the peer has another PRF now
    want_key(turn, sa, request, request.group);
    return;
  }
  give_up(turn, sa,
          rekey_failure(core::cause_of(type), core::describe(request.offers), wire::name_of(type)));
}

void fail_ike_rekey(Turn& turn, Sa& sa, core::Failure why) {
  settle_request(sa.established()->window);
  give_up(turn, sa, std::move(why));
}

namespace {

void refuse(Turn& turn, Sa& sa, NotifyType type, Bytes data = {}) {
  auto& up = *sa.established();
  up.peers.reset();
  const std::vector<wire::Payload> payloads{make_notify(type, std::move(data))};
  send_answer(turn, sa, up.window, wire::ExchangeType::create_child_sa, payloads);
}

// RFC 7296 2.25.2: not while a child is being made, rekeyed or closed, nor while this SA closes.
bool must_wait(const Sa& sa, const Established& up) {
  const bool child_in_flight = std::holds_alternative<ChildRequest>(up.ours) ||
                               std::holds_alternative<ChildDeleteRequest>(up.ours);
  return child_in_flight || std::holds_alternative<IkeDeleteRequest>(up.ours) || up.delete_wanted ||
         up.rival.has_value() || !sa.is_current();
}

}  // namespace

void handle_ike_rekey_request(Turn& turn, Sa& sa, const Received& message) {
  auto& up = *sa.established();
  if (must_wait(sa, up)) return refuse(turn, sa, NotifyType::temporary_failure);
  const IkeSpi new_spi = turn.spi();
  const auto& ke = *find<wire::KePayload>(message.payloads);
  const auto& offered = *find<wire::SaPayload>(message.payloads);
  auto choice = core::choose(offers_with_same_prf(sa), offered, spi_bytes(new_spi));
  if (!choice) choice = core::choose(sa.tunnel().offers, offered, spi_bytes(new_spi));
  if (!choice) {
    refuse(turn, sa, NotifyType::no_proposal_chosen);
    turn.tell(core::ExchangeFailed{
        sa.tunnel().id,
        rekey_failure(Cause::no_proposal_chosen, choice.error().ours, choice.error().theirs)});
    return;
  }
  const GroupRow& group = *choice->algorithms.group;
  if (ke.group != static_cast<std::uint16_t>(group.id)) {
    return refuse(turn, sa, NotifyType::invalid_ke_payload, group_bytes(group));
  }
  IkeRekeyAnswer answer;
  answer.id = turn.numbers.next<SaId>();
  answer.nonces = {find<wire::NoncePayload>(message.payloads)->data, turn.nonce()};
  answer.choice = *std::move(choice);
  answer.new_spi = new_spi;
  answer.agree_wanted = turn.numbers.next<JobId>();
  turn.act(core::StartJob{sa.id, *answer.agree_wanted, core::AgreeKey{group.id, ke.data}});
  if (std::holds_alternative<IkeRekeyRequest>(up.ours)) {
    up.rival = Rival{answer.id, answer.nonces.lowest(), false};
  }
  up.peers = PeerExchange{wire::ExchangeType::create_child_sa, {}, std::move(answer)};
}

//   <-- HDR, SK {SA, Nr, KEr, [N(QUICK_CRASH_DETECTION)]}
void rekey_agreed(Turn& turn, Sa& sa, core::JobResult result) {
  auto& up = *sa.established();
  const auto answer = std::get<IkeRekeyAnswer>(std::move(up.peers->what));
  const IkeSpi theirs = spi_of(answer.choice.peer_spi);
  auto keys = result ? keys_for(turn, up, answer.choice.algorithms, result->shared.view(),
                                answer.nonces, {theirs, answer.new_spi})
                     : std::unexpected(result.error());
  auto made = keys ? make_successor(turn, sa, wire::Role::responder, answer.new_spi, theirs,
                                    answer.choice.algorithms, *std::move(keys), answer.nonces)
                   : nullptr;
  if (made == nullptr) {
    up.rival.reset();
    return refuse(turn, sa, NotifyType::invalid_syntax);
  }
  wire::Payloads payloads{
      answer.choice.answer, wire::NoncePayload{answer.nonces.responder},
      wire::KePayload{static_cast<std::uint16_t>(answer.choice.algorithms.group->id),
                      to_bytes(result->key->public_value())}};
  append_token(turn.crash_tokens, made->spis(), payloads);
  up.peers.reset();
  send_answer(turn, sa, up.window, wire::ExchangeType::create_child_sa, payloads);
  made->id = answer.id;
  up.rekey_at = kNever;
  up.patience = turn.now + limits::kAwaitDelete;
  made->established()->patience = turn.now + limits::kAwaitDelete;
  if (std::holds_alternative<IkeRekeyRequest>(up.ours)) {
    up.rival->born = true;  // who takes over is decided when ours is answered
  } else if (sa.is_current()) {
    make_current(turn, *made);
  }
  turn.born.push_back(std::move(made));
}

}  // namespace ipsec::v2
