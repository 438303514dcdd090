#include "ike/v1/informational.h"

#include <algorithm>

#include "ike/base/limits.h"
#include "ike/v1/pairs.h"
#include "ike/v1/quick.h"

namespace ipsec::v1 {
namespace {

using wire::v1::DeletePayload;
using wire::v1::NotificationPayload;
using wire::v1::NotifyType;
using wire::v1::Payload;

//   HDR*, HASH(1), N or D
std::optional<Bytes> make_informational(Turn& turn, const Sa& sa, const Established& up,
                                        std::vector<Payload> payloads) {
  const MessageId id = new_message_id(turn.spi());
  auto iv = iv_of(turn, up, id);
  if (!iv) return std::nullopt;
  return seal_with_hash(up, *iv, header_of(sa.spis(), wire::ExchangeType::informational_v1, id),
                        std::move(payloads), [&](ByteView rest) {
                          return crypto::v1::hash_1(turn.crypto, *up.algorithms.prf,
                                                    up.keys.secrets.skeyid_a.view(), id, rest);
                        });
}

std::optional<Bytes> send(Turn& turn, const Sa& sa, const Established& up,
                          std::vector<Payload> payloads) {
  auto message = make_informational(turn, sa, up, std::move(payloads));
  if (message) {
    turn.act(core::SendDatagram{sa.local, sa.remote, *message});
  } else {
    turn.drop("own message failed");
  }
  return message;
}

Bytes cookies_of(const Sa& sa) {
  Writer writer;
  writer.u64(sa.spis().initiator.value);
  writer.u64(sa.spis().responder.value);
  return to_bytes(writer.view());
}

Bytes number_bytes(std::uint32_t number) {
  Writer writer;
  writer.u32(number);
  return to_bytes(writer.view());
}

NotificationPayload liveness(const Sa& sa, NotifyType type, std::uint32_t sequence) {
  return {wire::v1::Doi::ipsec, wire::v1::ProtocolId::isakmp, cookies_of(sa), type,
          number_bytes(sequence)};
}

void probe_answered(Turn& turn, Established& up, const NotificationPayload& notify) {
  Reader reader(notify.data);
  const std::uint32_t sequence = reader.u32("sequence");
  if (!up.probe || !reader.ok() || up.probe->sequence != sequence) {
    return turn.drop("answer to no question of ours");
  }
  if (up.probe->timer.sends() == 1) up.path.round_trip = turn.now - up.probe->sent_at;
  up.probe.reset();
}

void notified(Turn& turn, Sa& sa, Established& up, const NotificationPayload& notify,
              const core::Datagram& datagram) {
  switch (notify.type) {
    case NotifyType::r_u_there: {
      Reader reader(notify.data);
      const std::uint32_t sequence = reader.u32("sequence");
      if (!reader.ok()) return turn.drop("malformed inside");
      auto answer = send(turn, sa, up, {liveness(sa, NotifyType::r_u_there_ack, sequence)});
      up.question = {datagram.bytes, std::move(answer).value_or(Bytes{})};
      return;
    }
    case NotifyType::r_u_there_ack:
      return probe_answered(turn, up, notify);
    case NotifyType::initial_contact:
      // RFC 2407 4.6.3.3. Some say it behind phase 1: what was there before it is not there any
      // more.
      if (sa.is_current()) doubt_children(*sa.association, sa.association->established_at);
      return;
    default:
      break;
  }
  if (wire::v1::is_error(notify.type)) refused(turn, sa, notify);
}

// Its children live on without it for a while: many delete an ISAKMP SA when its lifetime ends and
// make another once they need it (RFC 2408 2.1 sets the two apart). Who goes for good deletes them
// first.
void leave_children(Turn& turn, Sa& sa, std::string reason) {
  auto& up = *sa.established();
  const bool holds = std::ranges::any_of(sa.association->children, &Child::usable);
  if (!sa.is_current() || !holds || sa.association->closing) {
    // It may have ended all there was, as we made another phase 1, in messages that were lost.
    const bool in_doubt = !sa.is_current() && (up.probe || up.probe_wanted);
    if (in_doubt) doubt_children(*sa.association, up.superseded_at);
    return sa.close(turn, std::move(reason));
  }
  abandon_quicks(turn, sa);
  up.probe.reset();
  up.deleted = std::move(reason);
  sa.association->repeat_deletes_at = turn.now;  // some may have crossed the one of this SA
  up.expires_at = turn.now + limits::kAwaitDelete;
  turn.signals.emplace_back(core::HeirWanted{sa.id});
}

void send_delete(Turn& turn, const Sa& sa) {
  DeletePayload payload;
  payload.isakmp_sas.push_back({sa.spis().initiator, sa.spis().responder});
  (void)send(turn, sa, *sa.established(), {std::move(payload)});
}

// The SPIs are those that the peer receives on.
void deleted(Turn& turn, Sa& sa, const DeletePayload& payload) {
  for (const ChildSpi spi : payload.child_sas) {
    Child* child = sa.association->find_outbound(spi);
    if (child == nullptr || child->lingering()) continue;
    leave_pair(turn, sa, *child);
    core::retire(turn, sa, *child);
  }
  for (const auto& cookies : payload.isakmp_sas) {
    const auto ours = sa.spis();
    if (cookies.initiator == ours.initiator && cookies.responder == ours.responder) {
      return leave_children(turn, sa, "deleted by the peer");
    }
  }
}

// In clear it may be anyone's, INVALID-COOKIE too: a reason to look whether the peer still knows
// this SA, and no more.
void ask_at_once(Turn& turn, Sa& sa, Established& up) {
  const bool may_ask = sa.is_current() && !up.deleted && up.peer.dead_peer_detection;
  const bool recently = up.doubted_at && turn.now - *up.doubted_at < limits::kDoubtInterval;
  if (!may_ask || recently) return;
  up.doubted_at = turn.now;
  const auto schedule = core::RetransmitSchedule::in_doubt(sa.tunnel().dpd_timeout);
  if (up.probe) return up.probe->timer.hurry(schedule, turn.now);
  start_probe(turn, sa);
  if (up.probe) up.probe->timer = {schedule, turn.now};
}

}  // namespace

//   <-- HDR, N(INVALID-COOKIE)
void refuse_unknown(Turn& turn, const core::Datagram& datagram, const crypto::SpiPair& cookies) {
  if (!turn.clear_refusals.take(turn.now)) {
    return turn.drop("refusal withheld, too many a second");
  }
  auto message = write_refusal(cookies, new_message_id(turn.spi()), NotifyType::invalid_cookie);
  if (!message) return;
  turn.act(core::SendDatagram{datagram.local, datagram.remote, *std::move(message)});
}

bool hash_1_fits(const Turn& turn, const PrfRow& prf, const Keys& keys, MessageId id,
                 const Opened& opened) {
  const auto* hash = opened.payloads.empty()
                         ? nullptr
                         : std::get_if<wire::v1::HashPayload>(&opened.payloads[0].payload);
  if (hash == nullptr) return false;
  const auto expected =
      crypto::v1::hash_1(turn.crypto, prf, keys.secrets.skeyid_a.view(), id,
                         wire::v1::bytes_behind(opened.chain, opened.payloads, 0));
  return expected && equal_constant_time(expected->view(), hash->data);
}

void informational_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram,
                           const wire::v1::Message& message) {
  auto& up = *sa.established();
  const MessageId id = message.header.message_id;
  if (!message.sealed) {
    turn.drop("informational exchange in clear");
    return ask_at_once(turn, sa, up);
  }
  // Its answer was lost. No sign that the peer lives: it may be anyone's recording.
  const Said& question = up.question;
  if (!question.answer.empty() && equal(question.heard, datagram.bytes)) {
    return turn.act(core::SendDatagram{datagram.local, datagram.remote, question.answer});
  }
  if (std::ranges::find(up.heard_ids, id.value) != up.heard_ids.end()) {
    return turn.drop("informational exchange that is over");
  }
  const auto iv = iv_of(turn, up, id);
  const auto opened = iv ? open(up.keys, *iv, datagram.bytes, *message.sealed) : std::nullopt;
  if (!opened || !hash_1_fits(turn, up, id, *opened)) return turn.drop("not authentic");
  up.heard_at = turn.now;
  remember(up, id.value);
  core::follow_peer(turn, sa, datagram.local, datagram.remote);
  for (const auto& placed : opened->payloads) {
    if (sa.established() == nullptr) return;
    if (const auto* notify = std::get_if<NotificationPayload>(&placed.payload)) {
      notified(turn, sa, up, *notify, datagram);
    } else if (const auto* payload = std::get_if<DeletePayload>(&placed.payload)) {
      deleted(turn, sa, *payload);
    }
  }
}

void send_notify(Turn& turn, Sa& sa, NotificationPayload notify) {
  (void)send(turn, sa, *sa.established(), {std::move(notify)});
}

namespace {

// Our kernel holds nothing of one that was never made, which might linger while the peer is told.
bool is_told_again(const Turn& turn, Child& child) {
  auto* never_made = std::get_if<core::Unmade>(&child.phase);
  static constexpr int kTimes = limits::kInboundLinger / limits::kV1RepeatsDeletesAfter;
  if (never_made == nullptr || ++never_made->told >= kTimes) return false;
  never_made->delete_at = turn.now + limits::kV1RepeatsDeletesAfter;
  return true;
}

void send_deletes(Turn& turn, const Sa& sa, const std::vector<ChildId>& children) {
  for (const auto protocol : {xfrm::Protocol::esp, xfrm::Protocol::ah}) {
    DeletePayload payload;
    payload.protocol =
        protocol == xfrm::Protocol::esp ? wire::v1::ProtocolId::esp : wire::v1::ProtocolId::ah;
    for (const ChildId id : children) {
      const Child* child = sa.association->find(id);
      if (child != nullptr && child->protocol == protocol) {
        payload.child_sas.push_back(child->inbound);
      }
    }
    if (!payload.child_sas.empty()) (void)send(turn, sa, *sa.established(), {std::move(payload)});
  }
}

}  // namespace

void repeat_deletes(Turn& turn, const Sa& sa) {
  std::vector<ChildId> children;
  for (const Child& child : sa.association->children) {
    if (child.lingering() && children.size() < limits::kSpisPerDelete) children.push_back(child.id);
  }
  send_deletes(turn, sa, children);
  sa.association->repeat_deletes_at =
      children.empty() ? kNever : turn.now + limits::kV1RepeatsDeletesAfter;
}

void delete_children(Turn& turn, Sa& sa, const std::vector<ChildId>& children) {
  send_deletes(turn, sa, children);
  Time& repeat_at = sa.association->repeat_deletes_at;
  repeat_at = std::min(repeat_at, turn.now + limits::kV1RepeatsDeletesAfter);
  for (const ChildId id : children) {
    Child* child = sa.association->find(id);
    if (child == nullptr || is_told_again(turn, *child)) continue;
    leave_pair(turn, sa, *child);
    core::retire(turn, sa, *child);
  }
}

void delete_sa(Turn& turn, Sa& sa, std::string reason) {
  if (const auto& deleted = sa.established()->deleted) return sa.close(turn, *deleted);
  if (sa.is_current()) {
    std::vector<ChildId> children;
    for (const Child& child : sa.association->children) {
      if (!child.lingering() && children.size() < limits::kSpisPerDelete) {
        children.push_back(child.id);
      }
    }
    delete_children(turn, sa, children);
  }
  send_delete(turn, sa);
  sa.close(turn, std::move(reason));
}

void expire_sa(Turn& turn, Sa& sa) {
  if (const auto& deleted = sa.established()->deleted) return sa.close(turn, *deleted);
  send_delete(turn, sa);
  leave_children(turn, sa, "its time is over");
}

void start_probe(Turn& turn, Sa& sa) {
  auto& up = *sa.established();
  up.probe_wanted = false;
  const std::uint32_t sequence = up.next_sequence++;
  auto message = make_informational(turn, sa, up, {liveness(sa, NotifyType::r_u_there, sequence)});
  if (!message) return turn.drop("own message failed");
  turn.act(core::SendDatagram{sa.local, sa.remote, *message});
  ++up.path.requests;
  up.probe = Probe{sequence,
                   *std::move(message),
                   {core::RetransmitSchedule::established(sa.tunnel().dpd_timeout), turn.now},
                   turn.now};
}

}  // namespace ipsec::v1
