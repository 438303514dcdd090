// Children that we ask for: asking, and being refused.
#include <utility>

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
using wire::NotifyType;

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
      abandon(turn, request);
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
  request.in_auth = false;
  request.nonces.initiator = turn.nonce();
  append_child_offer(request, core::Pfs::negotiated, payloads);
  send_request(turn, sa, sa.established()->window, wire::ExchangeType::create_child_sa, payloads,
               core::RetransmitSchedule::established(sa.tunnel().dpd_timeout));
}

}  // namespace

ChildRequest gather_first_child(Turn& turn, const Sa& sa) {
  return make_request(turn, sa, 0, sa.tunnel().children.front().selectors);
}

void append_child_offer(const ChildRequest& request, core::Pfs pfs, wire::Payloads& payloads) {
  payloads.emplace_back(core::write_offers(request.offers, request.reserved->spi, pfs));
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

void request_spi_ready(Turn& turn, Sa& sa, const std::expected<xfrm::SaKey, KernelError>& result) {
  ChildRequest& request = request_of(sa);
  request.spi_wanted.reset();
  if (!result) {
    give_up_request(turn, sa, request,
                    child_failure(Cause::kernel_refused, describe(Error(result.error())), {}));
    return;
  }
  request.reserved = *result;
  send_when_ready(turn, sa);
}

void request_key_ready(Turn& turn, Sa& sa, core::JobResult result) {
  ChildRequest& request = request_of(sa);
  request.key_wanted.reset();
  if (!result) {
    give_up_request(turn, sa, request,
                    child_failure(Cause::internal, {}, {}, describe(result.error())));
    return;
  }
  request.key = std::move(result->key);
  send_when_ready(turn, sa);
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
    const GroupRow* group = core::offered_group(request.offers, wanted);
    if (group != nullptr && group != request.group) {
      ++request.restarts;
      want_key(turn, sa, request, group);
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
    abandon(turn, request);
    up.ours = std::monostate{};
    const Child* old = sa.association->find(gone);
    if (old != nullptr && !old->successor && !expected) remove_child(turn, *sa.association, gone);
    return;
  }
  give_up_request(
      turn, sa, request,
      child_failure(core::cause_of(type),
                    type == NotifyType::ts_unacceptable ? core::describe(request.offered)
                                                        : core::describe(request.offers),
                    wire::name_of(type)));
}

void give_up_request(Turn& turn, Sa& sa, ChildRequest& request, Failure why) {
  abandon(turn, request);
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

void fail_child_request(Turn& turn, Sa& sa, core::Failure why) {
  settle_request(sa.established()->window);
  give_up_request(turn, sa, request_of(sa), std::move(why));
}

}  // namespace ipsec::v2
