#include "ike/v2/informational.h"

#include <algorithm>

#include "ike/base/limits.h"
#include "ike/core/sa/children.h"
#include "ike/v2/child_exchange.h"
#include "ike/v2/crash_detection.h"
#include "ike/v2/establish.h"
#include "ike/v2/handlers.h"
#include "ike/v2/payload_access.h"

namespace ipsec::v2 {
namespace {

void send_informational(Turn& turn, Sa& sa, std::span<const wire::Payload> payloads) {
  send_request(turn, sa, sa.established()->window, wire::ExchangeType::informational, payloads,
               core::RetransmitSchedule::established(sa.tunnel().dpd_timeout));
}

wire::ProtocolId wire_protocol(xfrm::Protocol protocol) {
  return protocol == xfrm::Protocol::esp ? wire::ProtocolId::esp : wire::ProtocolId::ah;
}

// Deletes name the SPIs the sender receives on (RFC 7296 3.11), one payload for each protocol.
wire::Payloads delete_payloads(std::span<const xfrm::SaKey> inbound) {
  wire::Payloads payloads;
  for (const auto protocol : {xfrm::Protocol::esp, xfrm::Protocol::ah}) {
    wire::DeletePayload payload{wire_protocol(protocol), {}};
    for (const xfrm::SaKey& key : inbound) {
      if (key.protocol == protocol) payload.spis.push_back(key.spi);
    }
    if (!payload.spis.empty()) payloads.emplace_back(std::move(payload));
  }
  return payloads;
}

bool being_deleted_by_us(const Established& up, ChildId id) {
  const auto* request = std::get_if<ChildDeleteRequest>(&up.ours);
  return request != nullptr && std::ranges::find(request->children, id) != request->children.end();
}

// The peer may have made the child we asked for and deleted it again before its answer reached us.
void remember_early_delete(Established& up, ChildSpi spi) {
  ChildRequest* request = up.unanswered_child();
  if (request == nullptr || request->deleted_early.size() == limits::kSpisPerDelete) return;
  request->deleted_early.push_back(spi);
}

// The children a Delete of the peer names, and the halves of ours that go back for them. Those that
// we are deleting ourselves at the moment are left out of the answer (RFC 7296 1.4.1).
std::vector<xfrm::SaKey> delete_named(Turn& turn, Sa& sa, const wire::DeletePayload& payload) {
  std::vector<xfrm::SaKey> answered;
  Association& association = *sa.association;
  for (const ChildSpi spi : payload.spis) {
    const ChildRequest* coming = sa.established()->coming(spi);
    if (coming != nullptr &&
        wire_protocol(coming->choice->algorithms.protocol) == payload.protocol) {
      answered.push_back(*coming->reserved);
      forsake_child_request(turn, sa);
      continue;
    }
    Child* child = association.find_outbound(spi);
    if (child == nullptr) remember_early_delete(*sa.established(), spi);
    if (child == nullptr || child->lingering() ||
        wire_protocol(child->protocol) != payload.protocol) {
      continue;
    }
    if (!being_deleted_by_us(*sa.established(), child->id))
      answered.push_back(child->inbound_key());
    retire(turn, sa, *child);
  }
  return answered;
}

}  // namespace

//   HDR, SK {D} -->
void start_child_delete(Turn& turn, Sa& sa, std::vector<ChildId> children) {
  std::vector<xfrm::SaKey> inbound;
  for (const ChildId id : children) {
    Child* child = sa.association->find(id);
    if (child == nullptr) continue;
    inbound.push_back(child->inbound_key());
    drop_outbound(turn, *child);
  }
  const auto payloads = delete_payloads(inbound);
  sa.established()->ours = ChildDeleteRequest{std::move(children)};
  send_informational(turn, sa, payloads);
}

//   HDR, SK {D} -->
void start_ike_delete(Turn& turn, Sa& sa) {
  const std::vector<wire::Payload> payloads{wire::DeletePayload{}};
  sa.established()->ours = IkeDeleteRequest{};
  send_informational(turn, sa, payloads);
}

//   HDR, SK {[N(QUICK_CRASH_DETECTION)]} -->
void start_probe(Turn& turn, Sa& sa) {
  auto& up = *sa.established();
  up.probe_wanted = false;
  up.ours = ProbeRequest{};
  wire::Payloads payloads;
  if (std::exchange(up.token_owed, false)) append_token(turn.crash_tokens, sa.spis(), payloads);
  send_informational(turn, sa, payloads);
}

void start_probe_in_doubt(Turn& turn, Sa& sa) {
  start_probe(turn, sa);
  auto& sent = sa.established()->window.sent;
  if (!sent) return;
  sent->timer = {core::RetransmitSchedule::in_doubt(sa.tunnel().dpd_timeout), turn.now};
}

void handle_informational_request(Turn& turn, Sa& sa, const Received& message) {
  auto& up = *sa.established();
  keep_token(up, message.payloads);
  bool ike_deleted = false;
  std::vector<xfrm::SaKey> answered;
  for (const auto& payload : message.payloads) {
    const auto* deletes = std::get_if<wire::DeletePayload>(&payload);
    if (deletes == nullptr) continue;
    if (deletes->protocol == wire::ProtocolId::ike) {
      ike_deleted = true;
    } else {
      const auto some = delete_named(turn, sa, *deletes);
      answered.insert(answered.end(), some.begin(), some.end());
    }
  }
  // RFC 7296 1.4.1: the answer to the Delete of an IKE SA is empty.
  const auto payloads = ike_deleted ? wire::Payloads{} : delete_payloads(answered);
  send_answer(turn, sa, up.window, wire::ExchangeType::informational, payloads);
  if (!ike_deleted) return;
  if (up.rival && up.rival->born && sa.is_current()) {
    // Ours is forgotten (RFC 7296 2.25.2); the peer's own rekey stands.
    sa.association->current = up.rival->sa;
    turn.tell(core::IkeRekeyed{sa.tunnel().id, sa.id, up.rival->sa});
  }
  close(turn, sa, "deleted by the peer");
}

void handle_child_delete_answer(Turn& turn, Sa& sa, const Received&) {
  auto& up = *sa.established();
  settle_request(up.window);
  const auto request = std::get<ChildDeleteRequest>(std::move(up.ours));
  up.ours = std::monostate{};
  for (const ChildId id : request.children) {
    Child* child = sa.association->find(id);
    if (child != nullptr && !child->lingering()) retire(turn, sa, *child);
  }
}

void handle_ike_delete_answer(Turn& turn, Sa& sa, const Received&) {
  settle_request(sa.established()->window);
  close(turn, sa, "deleted by us");
}

void handle_probe_answer(Turn&, Sa& sa, const Received&) {
  settle_request(sa.established()->window);
  sa.established()->ours = std::monostate{};
}

}  // namespace ipsec::v2
