// Children that the peer asks for.
#include <algorithm>

#include <fmt/format.h>

#include "ike/base/limits.h"
#include "ike/core/proposal.h"
#include "ike/core/sa/children.h"
#include "ike/v2/child_exchange.h"
#include "ike/v2/handlers.h"
#include "ike/v2/payload_access.h"

namespace ipsec::v2 {
namespace {

using core::Cause;
using core::Failure;
using wire::NotifyType;

ChildAnswer& answer_of(Sa& sa) { return std::get<ChildAnswer>(sa.established()->peers->what); }

// Answers what was suspended, or never was, and is done with it.
void conclude(Turn& turn, Sa& sa, wire::Payloads payloads) {
  auto& up = *sa.established();
  const PeerExchange exchange = *std::move(up.peers);
  up.peers.reset();
  wire::Payloads whole = exchange.preface;
  whole.insert(whole.end(), std::make_move_iterator(payloads.begin()),
               std::make_move_iterator(payloads.end()));
  send_answer(turn, sa, up.window, exchange.exchange, whole);
}

//   <-- HDR, SK {[IDr, AUTH,] N(error)}
void refuse(Turn& turn, Sa& sa, NotifyType type, Failure why, Bytes data = {}) {
  abandon(turn, answer_of(sa));
  wire::Payloads payloads;
  payloads.emplace_back(make_notify(type, std::move(data)));
  conclude(turn, sa, std::move(payloads));
  turn.tell_refused(sa.tunnel().id, std::move(why));
}

struct RuleMatch {
  std::size_t rule = 0;
  core::SelectorPair selectors;
};

// The rule that covers all of the offer if there is one, else the first that has anything in
// common.
std::optional<RuleMatch> match_rule(const core::TunnelConfig& tunnel,
                                    const core::SelectorPair& offered) {
  std::optional<RuleMatch> first;
  for (std::size_t rule = 0; rule < tunnel.children.size(); ++rule) {
    const auto& allowed = tunnel.children[rule].selectors;
    auto narrowed = core::narrow(offered, allowed);
    if (!narrowed) continue;
    if (core::covers(allowed, offered)) return RuleMatch{rule, *std::move(narrowed)};
    if (!first) first = RuleMatch{rule, *std::move(narrowed)};
  }
  return first;
}

// What a rekey request is refused for (RFC 7296 2.25.1), or nothing.
std::optional<NotifyType> check_rekeyed(Established& up, const Child* old, ChildSpi spi) {
  // Not here yet, or perhaps not even known, since the answer that makes it is still on its way:
  // the peer may ask again (RFC 7296 2.25). CHILD_SA_NOT_FOUND would make it forget the child.
  const bool may_come = old == nullptr && up.unanswered_child() != nullptr;
  if (may_come || up.coming(spi) != nullptr) return NotifyType::temporary_failure;
  if (old == nullptr || old->lingering()) return NotifyType::child_sa_not_found;
  const auto* deletes = std::get_if<ChildDeleteRequest>(&up.ours);
  const bool deleting = deletes != nullptr &&
                        std::ranges::find(deletes->children, old->id) != deletes->children.end();
  if (deleting || old->delete_at() != kNever) return NotifyType::temporary_failure;
  return std::nullopt;
}

// Both ends rekeying the same child, or asking for the same new one, at once: who of the two stays
// is decided when ours is answered.
void note_crossing(Established& up, const ChildAnswer& answer) {
  auto* ours = std::get_if<ChildRequest>(&up.ours);
  if (ours == nullptr) return;
  const bool same_rekey = ours->replaces && ours->replaces == answer.replaces;
  const bool same_new =
      !ours->replaces && ours->rule == answer.rule && ours->offered == answer.selectors;
  if (same_rekey || same_new) ours->rival = RivalChild{answer.id, answer.nonces.lowest()};
}

void install_when_ready(Turn& turn, Sa& sa) {
  auto& up = *sa.established();
  ChildAnswer& answer = answer_of(sa);
  if (answer.spi_wanted || answer.agree_wanted) return;
  const auto& algorithms = answer.choice->algorithms;
  auto keys = crypto::derive_child_keys(turn.crypto, up.algorithms.prf->id, up.keys.sk_d.view(),
                                        answer.agreed.shared.view(), answer.nonces.view(),
                                        core::encryption_key_size(algorithms),
                                        core::integrity_key_size(algorithms));
  if (!keys) {
    refuse(turn, sa, NotifyType::no_proposal_chosen,
           child_failure(Cause::internal, {}, {}, describe(keys.error())));
    return;
  }
  answer.made = make_child(turn, sa, answer.id, answer);
  // With an old child in place outbound waits until the peer is ready; without one there is nothing
  // to lose.
  const bool waits = answer.replaces || sa.association->accompanied;
  answer.install_wanted = install_child(turn, sa, *answer.made, *keys, wire::Role::responder,
                                        waits ? Halves::inbound_only : Halves::both);
}

//   <-- HDR, SK {[IDr, AUTH,] SA, [Nr,] [KEr,] TSi, TSr}
wire::Payloads answer_payloads(const ChildAnswer& answer) {
  wire::Payloads payloads;
  payloads.emplace_back(answer.choice->answer);
  if (answer.pfs == core::Pfs::negotiated) {
    payloads.emplace_back(wire::NoncePayload{answer.nonces.responder});
    if (answer.choice->algorithms.group != nullptr) {
      payloads.emplace_back(
          wire::KePayload{static_cast<std::uint16_t>(answer.choice->algorithms.group->id),
                          to_bytes(answer.agreed.key->public_value())});
    }
  }
  payloads.emplace_back(wire::TsPayload{wire::Role::initiator, answer.selectors.remote});
  payloads.emplace_back(wire::TsPayload{wire::Role::responder, answer.selectors.local});
  return payloads;
}

// Algorithms, and the group if one was chosen. True once nothing stands against the child.
bool negotiate(Turn& turn, Sa& sa, const wire::KePayload* ke) {
  ChildAnswer& answer = answer_of(sa);
  auto choice = core::choose(answer.offers, answer.offered, ChildSpi{}, answer.pfs);
  if (!choice) {
    refuse(turn, sa, NotifyType::no_proposal_chosen,
           child_failure(Cause::no_proposal_chosen, choice.error().ours, choice.error().theirs));
    return false;
  }
  const GroupRow* group = answer.pfs == core::Pfs::negotiated ? choice->algorithms.group : nullptr;
  const bool fits =
      group == nullptr || (ke != nullptr && ke->group == static_cast<std::uint16_t>(group->id));
  if (!fits) {
    refuse(turn, sa, NotifyType::invalid_ke_payload,
           child_failure(Cause::invalid_ke, std::string(group->name),
                         ke != nullptr ? fmt::format("group {}", ke->group) : "no KE payload"),
           group_bytes(*group));
    return false;
  }
  if (group != nullptr) answer.peer_public = ke->data;
  answer.choice = *std::move(choice);
  return true;
}

// The rule, the selectors and the child that is replaced. True once they are settled.
bool settle_scope(Turn& turn, Sa& sa, const Received& message) {
  ChildAnswer& answer = answer_of(sa);
  const auto& tunnel = sa.tunnel();
  const core::SelectorPair offered{
      find<wire::TsPayload>(message.payloads, wire::Role::responder)->selectors,
      find<wire::TsPayload>(message.payloads, wire::Role::initiator)->selectors};
  auto match = match_rule(tunnel, offered);
  if (!match) {
    refuse(turn, sa, NotifyType::ts_unacceptable,
           child_failure(Cause::selectors_unacceptable, describe_rules(tunnel),
                         core::describe(offered)));
    return false;
  }
  if (sa.association->children.size() >= limits::kChildrenPerSa) {
    refuse(turn, sa, NotifyType::no_additional_sas,
           child_failure(Cause::protocol_violation,
                         fmt::format("at most {} children", limits::kChildrenPerSa), "one more"));
    return false;
  }
  answer.rule = match->rule;
  answer.selectors = std::move(match->selectors);
  answer.offers = tunnel.children[answer.rule].offers;
  if (!answer.replaces) {
    // One child for a pair of ranges: a second one takes the place of the first.
    const Child* same = find_equal(*sa.association, answer.rule, answer.selectors);
    if (same != nullptr) answer.replaces = same->id;
  }
  return true;
}

}  // namespace

void handle_child_request(Turn& turn, Sa& sa, const Received& message) {
  auto& up = *sa.established();
  ChildAnswer answer;
  answer.nonces = {find<wire::NoncePayload>(message.payloads)->data, turn.nonce()};
  up.peers = PeerExchange{wire::ExchangeType::create_child_sa, {}, ChildAnswer{}};
  // RFC 7296 2.25.2: not while the IKE SA itself is being rekeyed or closed.
  const bool busy = std::holds_alternative<IkeRekeyRequest>(up.ours) ||
                    std::holds_alternative<IkeDeleteRequest>(up.ours) || !sa.is_current();
  if (busy) {
    refuse(turn, sa, NotifyType::temporary_failure,
           child_failure(Cause::peer_refused, "IKE SA being rekeyed or closed", "a child"));
    return;
  }
  if (const auto* rekey = find_notify(message.payloads, NotifyType::rekey_sa)) {
    Reader reader(rekey->spi);
    const ChildSpi spi{reader.u32("SPI")};
    const Child* old = sa.association->find_outbound(spi);
    if (const auto refusal = check_rekeyed(up, old, spi)) {
      refuse(turn, sa, *refusal,
             child_failure(Cause::peer_refused, "child gone or going", "a rekey of it"),
             rekey->spi);
      return;
    }
    answer.replaces = old->id;
  }
  const wire::ExchangeType exchange = wire::ExchangeType::create_child_sa;
  serve_child(turn, sa, message, exchange, {}, std::move(answer));
}

void serve_child(Turn& turn, Sa& sa, const Received& message, wire::ExchangeType exchange,
                 wire::Payloads preface, ChildAnswer child) {
  child.offered = *find<wire::SaPayload>(message.payloads);
  sa.established()->peers = PeerExchange{exchange, std::move(preface), std::move(child)};
  if (!settle_scope(turn, sa, message)) return;
  if (!negotiate(turn, sa, find<wire::KePayload>(message.payloads))) return;

  ChildAnswer& answer = answer_of(sa);
  answer.id = turn.numbers.next<ChildId>();
  note_crossing(*sa.established(), answer);
  answer.spi_wanted = turn.numbers.next<core::Ticket>();
  turn.act(core::AllocateSpi{sa.id, *answer.spi_wanted, answer.choice->algorithms.protocol,
                             sa.remote.address, sa.local.address});
  const GroupRow* group = answer.choice->algorithms.group;
  if (answer.pfs == core::Pfs::left_out || group == nullptr) return;
  answer.agree_wanted = turn.numbers.next<JobId>();
  turn.act(
      core::StartJob{sa.id, *answer.agree_wanted, core::AgreeKey{group->id, answer.peer_public}});
}

void answer_spi_ready(Turn& turn, Sa& sa, const std::expected<xfrm::SaKey, KernelError>& result) {
  ChildAnswer& answer = answer_of(sa);
  answer.spi_wanted.reset();
  if (!result) {
    refuse(turn, sa, NotifyType::temporary_failure,
           child_failure(Cause::kernel_refused, describe(Error(result.error())), {}));
    return;
  }
  answer.reserved = *result;
  // The same choice once more, now with the SPI in its answer.
  answer.choice = core::choose(answer.offers, answer.offered, result->spi, answer.pfs).value();
  install_when_ready(turn, sa);
}

void answer_agreed(Turn& turn, Sa& sa, core::JobResult result) {
  ChildAnswer& answer = answer_of(sa);
  answer.agree_wanted.reset();
  if (!result) {
    refuse(turn, sa, NotifyType::invalid_syntax,
           child_failure(Cause::protocol_violation, {}, {}, describe(result.error())));
    return;
  }
  answer.agreed = *std::move(result);
  install_when_ready(turn, sa);
}

void answer_installed(Turn& turn, Sa& sa, const std::expected<void, KernelError>& result) {
  auto& up = *sa.established();
  ChildAnswer& answer = answer_of(sa);
  answer.install_wanted.reset();
  if (!result) {
    answer.made.reset();
    answer.reserved.reset();
    refuse(turn, sa, NotifyType::temporary_failure,
           child_failure(Cause::kernel_refused, describe(Error(result.error())), {}));
    return;
  }
  Association& association = *sa.association;
  wire::Payloads payloads = answer_payloads(answer);
  association.children.push_back(*std::move(answer.made));
  Child& made = association.children.back();
  made.announced = true;
  move_child(turn, sa, made);
  Child* old = answer.replaces ? association.find(*answer.replaces) : nullptr;
  if (old != nullptr && old->lingering()) old = nullptr;
  const auto* ours = std::get_if<ChildRequest>(&up.ours);
  const bool undecided = ours != nullptr && ours->rival && ours->rival->id == made.id;
  if (answer.lost_to) {
    // The old child may be long gone: it is the exchanges that crossed.
    Child* winner = association.find(*answer.lost_to);
    const bool pointed_at = std::holds_alternative<Active>(made.phase);
    if (pointed_at && winner != nullptr) repoint(turn, sa, *winner);
    supersede(turn, made, *answer.lost_to, Owes::peer);
    drop_outbound(turn, made);
    made.announced = false;
  } else if (old != nullptr) {
    supersede(turn, *old, made.id, Owes::peer);
    turn.tell(core::ChildRekeyed{association.tunnel->id, old->id, made.id});
    if (!undecided) turn.act(core::WatchInbound{sa.id, made.inbound_key()});
  } else {
    if (answer.replaces || !association.accompanied) {
      switch_outbound(turn, sa, made);  // the old one went while we worked
    } else {
      turn.act(core::WatchInbound{sa.id, made.inbound_key()});
    }
    turn.tell(core::ChildUp{association.tunnel->id, made.id, made.reqid, made.selectors,
                            made.algorithms, made.inbound, made.outbound});
  }
  association.rule_tries[answer.rule] = 0;
  turn.signals.emplace_back(RuleUp{sa.id});
  conclude(turn, sa, std::move(payloads));
}

}  // namespace ipsec::v2
