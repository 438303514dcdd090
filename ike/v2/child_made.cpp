// Children that we ask for, once the peer has made its half: whether its answer will do, keys,
// installation, and who of two that crossed stays.
#include <algorithm>

#include "ike/base/limits.h"
#include "ike/core/proposal.h"
#include "ike/core/sa/children.h"
#include "ike/v2/child_request.h"
#include "ike/v2/handlers.h"
#include "ike/v2/payload_access.h"

namespace ipsec::v2 {
namespace {

using core::Cause;
using core::Failure;

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
    made.phase = Replaced{false, turn.now};
    made.rekey_at = kNever;
    return;
  }
  if (rival != nullptr) {
    // Whichever of the two the kernel installed last has the policies.
    if (std::holds_alternative<Active>(rival->phase)) repoint(turn, sa, made);
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
  leave_unmade(association, make_child(turn, sa, turn.numbers.next<ChildId>(), request),
               request.reserved);
}

// The peer has its half, and ours cannot be made.
void fail_made(Turn& turn, Sa& sa, ChildRequest& request, Failure why) {
  leave_unmade(*sa.association, make_child(turn, sa, turn.numbers.next<ChildId>(), request),
               std::exchange(request.reserved, {}));
  give_up_request(turn, sa, request, std::move(why));
}

void install(Turn& turn, Sa& sa, ByteView shared) {
  auto& up = *sa.established();
  ChildRequest& request = request_of(sa);
  if (lost(request)) return concede(turn, sa);
  const auto& algorithms = request.choice->algorithms;
  auto keys = crypto::derive_child_keys(
      turn.crypto, up.algorithms.prf->id, up.keys.sk_d.view(), shared, request.nonces.view(),
      core::encryption_key_size(algorithms), core::integrity_key_size(algorithms));
  if (!keys) {
    return fail_made(turn, sa, request,
                     child_failure(Cause::internal, {}, {}, describe(keys.error())));
  }
  request.made = make_child(turn, sa, turn.numbers.next<ChildId>(), request);
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
    doomed.inbound = request.reserved->spi;
    doomed.outbound = ChildSpi{reader.u32("SPI")};
    leave_unmade(*sa.association, std::move(doomed), std::exchange(request.reserved, {}));
  }
  give_up_request(turn, sa, request, std::move(why));
}

}  // namespace

// RFC 7296 1.2: IKE_AUTH sets the first child up with the nonces of IKE_SA_INIT and no exchange of
// its own; its failure leaves the IKE SA standing.
void first_child_answered(Turn& turn, Sa& sa, ChildRequest request, const Received& message) {
  auto& up = *sa.established();
  request.in_auth = true;
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
  const auto& early = request.deleted_early;
  if (std::ranges::find(early, request.choice->peer_spi) != early.end()) {
    return forsake_child_request(turn, sa);
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

void request_secret_ready(Turn& turn, Sa& sa, core::JobResult result) {
  ChildRequest& request = request_of(sa);
  request.secret_wanted.reset();
  if (!result) {
    return fail_made(turn, sa, request,
                     child_failure(Cause::protocol_violation, {}, {}, describe(result.error())));
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
  request.reserved.reset();
  leave_unmade(*sa.association, *std::exchange(request.made, {}), {});
  give_up_request(turn, sa, request, std::move(why));
}

// The peer deletes what it has just made for us: whatever is on its way to our kernel goes again,
// and traffic stays with what there was, as if ours had lost a crossing.
void forsake_child_request(Turn& turn, Sa& sa) {
  ChildRequest& request = request_of(sa);
  Association& association = *sa.association;
  Child* rival = request.rival ? association.find(request.rival->id) : nullptr;
  Child* old = request.replaces ? association.find(*request.replaces) : nullptr;
  if (old != nullptr && old->lingering()) old = nullptr;
  if (request.made) {
    drop_policies_if_last(turn, association, *request.made);
    yield(turn, sa, rival, old);
  }
  give_up_request(turn, sa, request,
                  child_failure(Cause::peer_refused, core::describe(request.selectors), "Delete",
                                "the peer deleted the child before it was installed"));
}

}  // namespace ipsec::v2
