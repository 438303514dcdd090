// Children that we ask for.
#include <algorithm>

#include <fmt/format.h>

#include "ike/base/limits.h"
#include "ike/core/proposal.h"
#include "ike/v2/child_exchange.h"
#include "ike/v2/children.h"
#include "ike/v2/handlers.h"
#include "ike/v2/payload_access.h"

namespace ipsec::v2 {
namespace {

using core::Cause;
using core::Failure;
using core::Stage;
using wire::NotifyType;

ChildRequest& request_of(Sa& sa) { return std::get<ChildRequest>(sa.established()->ours); }

ChildRequest make_request(Turn& turn, const Sa& sa, std::size_t rule,
                          core::SelectorPair selectors) {
  ChildRequest request;
  request.rule = rule;
  request.offered = std::move(selectors);
  request.offers = sa.tunnel().children[rule].offers;
  request.spi_wanted = turn.numbers.next<core::Ticket>();
  turn.act(core::AllocateSpi{sa.id, *request.spi_wanted, request.offers.front().protocol,
                             sa.remote.address, sa.local.address});
  return request;
}

void want_key(Turn& turn, const Sa& sa, ChildRequest& request, const GroupRow* group) {
  request.group = group;
  if (group == nullptr) return;
  request.key_wanted = turn.numbers.next<JobId>();
  turn.act(core::StartJob{sa.id, *request.key_wanted, core::GenerateKey{group->id}});
}

const GroupRow* preferred_group(const core::ChildOffers& offers) {
  for (const auto& offer : offers) {
    if (!offer.groups.empty()) return offer.groups.front();
  }
  return nullptr;
}

//   HDR, SK {[N(REKEY_SA),] SA, Ni, [KEi,] TSi, TSr} -->
void send_when_ready(Turn& turn, Sa& sa) {
  ChildRequest& request = request_of(sa);
  if (request.spi_wanted || request.key_wanted) return;
  wire::Payloads payloads;
  if (request.replaces) {
    const Child* old = sa.association->find(*request.replaces);
    if (old == nullptr || old->successor) {
      // The peer deleted or rekeyed it while we gathered.
      abandon(turn, sa, request);
      sa.established()->ours = std::monostate{};
      return;
    }
    Writer spi;
    spi.u32(old->inbound.value);
    const auto protocol =
        old->protocol == xfrm::Protocol::esp ? wire::ProtocolId::esp : wire::ProtocolId::ah;
    payloads.emplace_back(
        wire::NotifyPayload{protocol, to_bytes(spi.view()), NotifyType::rekey_sa, {}});
  }
  request.nonces.initiator = turn.nonce();
  append_child_offer(request, core::Pfs::negotiated, payloads);
  send_request(turn, sa, sa.established()->window, wire::ExchangeType::create_child_sa, payloads,
               core::RetransmitSchedule::established(sa.tunnel().dpd_timeout));
}

Failure child_failure(Cause cause, std::string ours, std::string theirs, std::string detail = {}) {
  return {Stage::child, cause, std::move(ours), std::move(theirs), std::move(detail)};
}

// The request is over without a child. What asked for it is asked again later, by the schedule.
void give_up(Turn& turn, Sa& sa, ChildRequest& request, Failure why) {
  abandon(turn, sa, request);
  Association& association = *sa.association;
  Child* old = request.replaces ? association.find(*request.replaces) : nullptr;
  const Duration pause = turn.jittered(limits::kTemporaryFailureRetry, 0.5);
  if (old != nullptr && old->usable()) old->rekey_at = turn.now + pause;
  const std::size_t rule = request.rule;
  const bool superseded = request.rival || (old != nullptr && old->successor);
  const bool request_was_rekey = request.replaces.has_value();
  sa.established()->ours = std::monostate{};
  if (superseded) return;  // the crossing rekey of the peer did what ours was for
  if (request_was_rekey) {
    turn.tell(core::ExchangeFailed{association.tunnel->id, std::move(why)});
    return;
  }
  association.rule_retry_at[rule] = turn.now + pause;
  turn.signals.emplace_back(RuleFailed{sa.id, rule, std::move(why)});
}

// We made a child in vain: the peer has it and must be told.
void delete_unwanted(Turn& turn, Child& child) {
  child.phase = Replaced{false, turn.now};
  child.rekey_at = kNever;
}

// RFC 7296 2.8.1: of two children that crossing rekeys made, the one with the lowest nonce goes,
// and who made it deletes it; the maker of the other deletes the old one.
bool lost(const ChildRequest& request) {
  return request.rival && request.nonces.lowest() < request.rival->lowest_nonce;
}

// Ours lost: traffic stays where it is until the peer, who made the winner, shows that it is ready.
void yield(Turn& turn, Sa& sa, Child* rival, Child* old) {
  const bool waits = rival == nullptr || std::holds_alternative<InboundOnly>(rival->phase);
  if (!waits) return repoint(turn, sa, *rival);
  if (rival != nullptr) turn.act(core::WatchInbound{sa.id, rival->inbound_key()});
  if (old != nullptr) {
    repoint(turn, sa, *old);
  } else if (rival != nullptr) {
    switch_outbound(turn, sa, *rival);
  }
}

void finish(Turn& turn, Sa& sa) {
  auto& up = *sa.established();
  ChildRequest request = std::move(std::get<ChildRequest>(up.ours));
  up.ours = std::monostate{};
  Association& association = *sa.association;
  association.children.push_back(*std::move(request.made));
  Child& made = association.children.back();
  const ChildId made_id = made.id;
  move_child(turn, sa, made);
  Child* rival = request.rival ? association.find(request.rival->id) : nullptr;
  Child* old = request.replaces ? association.find(*request.replaces) : nullptr;
  if (old != nullptr && old->lingering()) old = nullptr;  // the peer deleted it meanwhile
  if (lost(request)) {
    yield(turn, sa, rival, old);
    turn.act(core::RemoveSa{made.outbound_key()});
    delete_unwanted(turn, made);
    return;
  }
  if (rival != nullptr) {
    supersede(turn, *rival, made_id, Owes::peer);
    drop_outbound(turn, *rival);
  } else if (request.rival && up.peers) {
    auto* answer = std::get_if<ChildAnswer>(&up.peers->what);
    if (answer != nullptr && answer->id == request.rival->id) answer->lost_to = made_id;
  }
  const auto tunnel = association.tunnel->id;
  made.announced = true;
  if (old != nullptr) {
    supersede(turn, *old, made_id, Owes::we);
    drop_outbound(turn, *old);
    turn.tell(core::ChildRekeyed{tunnel, old->id, made_id});
  } else {
    turn.tell(core::ChildUp{tunnel, made_id, made.reqid, made.selectors, made.algorithms,
                            made.inbound, made.outbound});
  }
  association.rule_tries[request.rule] = 0;
  turn.signals.emplace_back(RuleUp{sa.id});
}

Child make_child(Turn& turn, const Sa& sa, const ChildRequest& request) {
  Child child;
  child.id = turn.numbers.next<ChildId>();
  child.rule = request.rule;
  child.reqid = sa.tunnel().children[request.rule].reqid;
  child.protocol = request.choice->algorithms.protocol;
  child.inbound = request.spi;
  child.outbound = request.choice->peer_spi;
  child.local = sa.local;
  child.remote = sa.remote;
  child.encapsulated = sa.nat.any();
  child.selectors = request.selectors;
  child.algorithms = request.choice->algorithms;
  child.lowest_nonce = request.nonces.lowest();
  set_child_lifetime(turn, sa.tunnel(), child);
  return child;
}

// Lost before anything was installed: what the peer made of ours only needs its Delete.
void concede(Turn& turn, Sa& sa) {
  auto& up = *sa.established();
  ChildRequest request = std::move(std::get<ChildRequest>(up.ours));
  up.ours = std::monostate{};
  Association& association = *sa.association;
  const Child* rival = association.find(request.rival->id);
  if (rival != nullptr && std::holds_alternative<InboundOnly>(rival->phase)) {
    turn.act(core::WatchInbound{sa.id, rival->inbound_key()});
  }
  Child made = make_child(turn, sa, request);
  delete_unwanted(turn, made);
  association.children.push_back(std::move(made));
}

void install(Turn& turn, Sa& sa, ByteView shared) {
  auto& up = *sa.established();
  ChildRequest& request = request_of(sa);
  if (lost(request)) return concede(turn, sa);
  const auto& algorithms = request.choice->algorithms;
  auto keys = crypto::derive_child_keys(
      turn.crypto, up.algorithms.prf->id, up.sk_d.view(), shared, request.nonces.view(),
      core::encryption_key_size(algorithms), core::integrity_key_size(algorithms));
  if (!keys) {
    give_up(turn, sa, request, child_failure(Cause::internal, {}, {}, describe(keys.error())));
    return;
  }
  request.made = make_child(turn, sa, request);
  request.install_wanted =
      install_child(turn, sa, *request.made, *keys, wire::Role::initiator, Halves::both);
}

// What is wrong with an answer that a row has admitted, if anything.
std::optional<Failure> check_answer(const ChildRequest& request, const Received& message,
                                    core::Pfs pfs, std::optional<core::ChildChoice>& choice,
                                    core::SelectorPair& selectors) {
  const auto& sa_payload = *find<wire::SaPayload>(message.payloads);
  auto accepted = core::accept(request.offers, sa_payload, pfs);
  if (!accepted) {
    return child_failure(Cause::no_proposal_chosen, core::describe(request.offers),
                         core::describe(sa_payload), describe(accepted.error()));
  }
  const auto* local = find<wire::TsPayload>(message.payloads, wire::Role::initiator);
  const auto* remote = find<wire::TsPayload>(message.payloads, wire::Role::responder);
  core::SelectorPair answered{local->selectors, remote->selectors};
  // RFC 7296 2.9: the responder may narrow, never widen.
  const bool narrowed = !answered.local.empty() && !answered.remote.empty() &&
                        core::covers(request.offered, answered);
  if (!narrowed) {
    return child_failure(Cause::selectors_unacceptable, core::describe(request.offered),
                         core::describe(answered), "the peer answered outside of what we offered");
  }
  const auto* ke = find<wire::KePayload>(message.payloads);
  const GroupRow* chosen = pfs == core::Pfs::negotiated ? accepted->algorithms.group : nullptr;
  const bool ke_fits = chosen == nullptr ? true
                                         : ke != nullptr && request.group == chosen &&
                                               ke->group == static_cast<std::uint16_t>(chosen->id);
  if (!ke_fits) {
    return child_failure(Cause::invalid_ke,
                         request.group != nullptr ? std::string(request.group->name) : "no PFS",
                         chosen != nullptr ? std::string(chosen->name) : "no PFS");
  }
  choice = *std::move(accepted);
  selectors = std::move(answered);
  return std::nullopt;
}

// The peer has made a child that we cannot take: it must go there too (RFC 7296 1.3.1 leaves no
// other way). An already established IKE SA says so with a Delete as soon as the window is free.
void refuse_answer(Turn& turn, Sa& sa, ChildRequest& request, Failure why,
                   const wire::SaPayload& answer) {
  if (!answer.proposals.empty() && answer.proposals.front().spi.size() == 4) {
    Reader reader(answer.proposals.front().spi);
    Child doomed;
    doomed.id = turn.numbers.next<ChildId>();
    doomed.rule = request.rule;
    doomed.reqid = sa.tunnel().children[request.rule].reqid;
    doomed.protocol = request.offers.front().protocol;
    doomed.inbound = request.spi;
    doomed.outbound = ChildSpi{reader.u32("SPI")};
    doomed.local = sa.local;
    doomed.remote = sa.remote;
    request.spi = {};  // the doomed child gives it back
    sa.association->children.push_back(std::move(doomed));
    delete_unwanted(turn, sa.association->children.back());
  }
  give_up(turn, sa, request, std::move(why));
}

}  // namespace

ChildRequest gather_first_child(Turn& turn, const Sa& sa) {
  return make_request(turn, sa, 0, sa.tunnel().children.front().selectors);
}

void append_child_offer(const ChildRequest& request, core::Pfs pfs, wire::Payloads& payloads) {
  payloads.emplace_back(core::write_offers(request.offers, request.spi, pfs));
  if (pfs == core::Pfs::negotiated) {
    payloads.emplace_back(wire::NoncePayload{request.nonces.initiator});
    if (request.group != nullptr) {
      payloads.emplace_back(wire::KePayload{static_cast<std::uint16_t>(request.group->id),
                                            to_bytes(request.key->public_value())});
    }
  }
  payloads.emplace_back(wire::TsPayload{wire::Role::initiator, request.offered.local});
  payloads.emplace_back(wire::TsPayload{wire::Role::responder, request.offered.remote});
}

// RFC 7296 1.2: IKE_AUTH sets the first child up with the nonces of IKE_SA_INIT and no exchange of
// its own; its failure leaves the IKE SA standing.
void first_child_answered(Turn& turn, Sa& sa, ChildRequest request, const Received& message) {
  auto& up = *sa.established();
  up.ours = std::move(request);
  ChildRequest& ours = request_of(sa);
  const auto* sa_payload = find<wire::SaPayload>(message.payloads);
  const bool whole = sa_payload != nullptr &&
                     find<wire::TsPayload>(message.payloads, wire::Role::initiator) != nullptr &&
                     find<wire::TsPayload>(message.payloads, wire::Role::responder) != nullptr;
  if (!whole) {
    handle_child_refusal(turn, sa, message);
    return;
  }
  auto problem = check_answer(ours, message, core::Pfs::left_out, ours.choice, ours.selectors);
  if (problem) {
    refuse_answer(turn, sa, ours, *std::move(problem), *sa_payload);
    return;
  }
  install(turn, sa, {});
}

void start_child(Turn& turn, Sa& sa, std::size_t rule, core::SelectorPair selectors) {
  auto request = make_request(turn, sa, rule, std::move(selectors));
  want_key(turn, sa, request, preferred_group(request.offers));
  sa.established()->ours = std::move(request);
}

void start_child_rekey(Turn& turn, Sa& sa, Child& child) {
  auto request = make_request(turn, sa, child.rule, child.selectors);
  request.replaces = child.id;
  // With the group it has, so that a rekey changes nothing the peer could refuse; a child of
  // IKE_AUTH has none yet.
  const GroupRow* group =
      child.algorithms.group != nullptr ? child.algorithms.group : preferred_group(request.offers);
  want_key(turn, sa, request, group);
  child.rekey_at = kNever;
  sa.established()->ours = std::move(request);
}

void request_spi_ready(Turn& turn, Sa& sa, const std::expected<ChildSpi, KernelError>& result) {
  ChildRequest& request = request_of(sa);
  request.spi_wanted.reset();
  if (!result) {
    give_up(turn, sa, request,
            child_failure(Cause::kernel_refused, describe(Error(result.error())), {}));
    return;
  }
  request.spi = *result;
  send_when_ready(turn, sa);
}

void request_key_ready(Turn& turn, Sa& sa, core::JobResult result) {
  ChildRequest& request = request_of(sa);
  request.key_wanted.reset();
  if (!result) {
    give_up(turn, sa, request, child_failure(Cause::internal, {}, {}, describe(result.error())));
    return;
  }
  request.key = std::move(result->key);
  send_when_ready(turn, sa);
}

void handle_child_answer(Turn& turn, Sa& sa, const Received& message) {
  auto& up = *sa.established();
  ChildRequest& request = request_of(sa);
  settle_request(up.window);
  const auto& sa_payload = *find<wire::SaPayload>(message.payloads);
  request.nonces.responder = find<wire::NoncePayload>(message.payloads)->data;
  auto problem =
      check_answer(request, message, core::Pfs::negotiated, request.choice, request.selectors);
  if (problem) {
    refuse_answer(turn, sa, request, *std::move(problem), sa_payload);
    return;
  }
  const auto* ke = find<wire::KePayload>(message.payloads);
  if (request.choice->algorithms.group == nullptr) {
    install(turn, sa, {});
    return;
  }
  request.secret_wanted = turn.numbers.next<JobId>();
  turn.act(
      core::StartJob{sa.id, *request.secret_wanted, core::DeriveSecret{request.key, ke->data}});
}

void handle_child_refusal(Turn& turn, Sa& sa, const Received& message) {
  auto& up = *sa.established();
  ChildRequest& request = request_of(sa);
  settle_request(up.window);
  const auto* error = find_error(message.payloads);
  const auto type = error != nullptr ? error->type : NotifyType::invalid_syntax;
  if (type == NotifyType::invalid_ke_payload && request.restarts < limits::kInitRestarts) {
    Reader reader(error->data);
    const std::uint16_t wanted = reader.u16("group");
    for (const auto& offer : request.offers) {
      const auto group = std::ranges::find_if(offer.groups, [&](const GroupRow* row) {
        return row != nullptr && static_cast<std::uint16_t>(row->id) == wanted;
      });
      if (group == offer.groups.end() || *group == request.group) continue;
      ++request.restarts;
      want_key(turn, sa, request, *group);
      return;
    }
  }
  if (type == NotifyType::single_pair_required && !request.replaces) {
    sa.association->rule_single_pair[request.rule] = true;
  }
  // RFC 7296 2.25.1: the peer does not know it; neither do we from now on, and the schedule asks
  // for a new one.
  if (type == NotifyType::child_sa_not_found && request.replaces) {
    const ChildId gone = *request.replaces;
    const bool expected = request.rival.has_value();
    abandon(turn, sa, request);
    up.ours = std::monostate{};
    const Child* old = sa.association->find(gone);
    if (old != nullptr && !old->successor && !expected) remove_child(turn, *sa.association, gone);
    return;
  }
  give_up(turn, sa, request,
          child_failure(core::cause_of(type),
                        type == NotifyType::ts_unacceptable ? core::describe(request.offered)
                                                            : core::describe(request.offers),
                        wire::name_of(type)));
}

void fail_child_request(Turn& turn, Sa& sa, core::Failure why) {
  settle_request(sa.established()->window);
  give_up(turn, sa, request_of(sa), std::move(why));
}

void request_secret_ready(Turn& turn, Sa& sa, core::JobResult result) {
  ChildRequest& request = request_of(sa);
  request.secret_wanted.reset();
  if (!result) {
    give_up(turn, sa, request,
            child_failure(Cause::protocol_violation, {}, {}, describe(result.error())));
    return;
  }
  install(turn, sa, result->shared.view());
}

void request_installed(Turn& turn, Sa& sa, const std::expected<void, KernelError>& result) {
  ChildRequest& request = request_of(sa);
  request.install_wanted.reset();
  if (result) {
    finish(turn, sa);
    return;
  }
  // The batch left nothing in the kernel, but the peer has its half.
  auto why = child_failure(Cause::kernel_refused, describe(Error(result.error())), {});
  Child doomed = *std::move(request.made);
  request.made.reset();
  request.spi = {};
  sa.association->children.push_back(std::move(doomed));
  delete_unwanted(turn, sa.association->children.back());
  give_up(turn, sa, request, std::move(why));
}

void set_child_lifetime(Turn& turn, const core::TunnelConfig& tunnel, Child& child) {
  constexpr double kMargin = 0.1;
  const Duration lifetime = tunnel.children[child.rule].lifetime;
  child.rekey_at = turn.now + turn.jittered(lifetime * 9 / 10, kMargin);
  child.expires_at = turn.now + lifetime;
}

}  // namespace ipsec::v2
