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
  const MessageId id{static_cast<std::uint32_t>(turn.spi().value) | 1U};  // never zero
  auto iv = iv_of(turn, up, id);
  if (!iv) return std::nullopt;
  return seal_with_hash(up, *iv, header_of(sa.spis(), wire::ExchangeType::informational_v1, id),
                        std::move(payloads), [&](ByteView rest) {
                          return crypto::v1::hash_1(turn.crypto, *up.algorithms.prf,
                                                    up.keys.secrets.skeyid_a.view(), id, rest);
                        });
}

void send(Turn& turn, const Sa& sa, const Established& up, std::vector<Payload> payloads) {
  auto message = make_informational(turn, sa, up, std::move(payloads));
  if (!message) return turn.drop("own message failed");
  turn.act(core::SendDatagram{sa.local, sa.remote, *std::move(message)});
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

void notified(Turn& turn, Sa& sa, Established& up, const NotificationPayload& notify) {
  switch (notify.type) {
    case NotifyType::r_u_there: {
      Reader reader(notify.data);
      const std::uint32_t sequence = reader.u32("sequence");
      if (!reader.ok()) return turn.drop("malformed inside");
      send(turn, sa, up, {liveness(sa, NotifyType::r_u_there_ack, sequence)});
      return;
    }
    case NotifyType::r_u_there_ack:
      return probe_answered(turn, up, notify);
    case NotifyType::initial_contact:
      // It comes in phase 1, or right behind it: there it says nothing that is news.
      return;
    default:
      break;
  }
  if (wire::v1::is_error(notify.type)) refused(turn, sa, notify);
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
      return sa.close(turn, "deleted by the peer");
    }
  }
}

}  // namespace

bool hash_1_fits(const Turn& turn, const Established& up, MessageId id, const Opened& opened) {
  const auto* hash = opened.payloads.empty()
                         ? nullptr
                         : std::get_if<wire::v1::HashPayload>(&opened.payloads[0].payload);
  if (hash == nullptr) return false;
  const auto expected =
      crypto::v1::hash_1(turn.crypto, *up.algorithms.prf, up.keys.secrets.skeyid_a.view(), id,
                         wire::v1::bytes_behind(opened.chain, opened.payloads, 0));
  return expected && equal_constant_time(expected->view(), hash->data);
}

void informational_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram,
                           const wire::v1::Message& message) {
  auto& up = *sa.established();
  const MessageId id = message.header.message_id;
  // In clear it may be anyone's: a reason to look whether the peer still knows this SA, and no
  // more.
  if (!message.sealed) {
    up.probe_wanted = true;
    return turn.drop("informational exchange in clear");
  }
  if (std::ranges::find(up.heard_ids, id.value) != up.heard_ids.end()) {
    return turn.drop("informational exchange that is over");
  }
  const auto iv = iv_of(turn, up, id);
  const auto opened = iv ? open(up.keys, *iv, datagram.bytes, *message.sealed) : std::nullopt;
  if (!opened || !hash_1_fits(turn, up, id, *opened)) return turn.drop("not authentic");
  up.heard_at = turn.now;
  up.heard_ids.push_back(id.value);
  core::follow_peer(turn, sa, datagram.local, datagram.remote);
  for (const auto& placed : opened->payloads) {
    if (sa.established() == nullptr) return;
    if (const auto* notify = std::get_if<NotificationPayload>(&placed.payload)) {
      notified(turn, sa, up, *notify);
    } else if (const auto* payload = std::get_if<DeletePayload>(&placed.payload)) {
      deleted(turn, sa, *payload);
    }
  }
}

void send_notify(Turn& turn, Sa& sa, NotificationPayload notify) {
  send(turn, sa, *sa.established(), {std::move(notify)});
}

void delete_children(Turn& turn, Sa& sa, const std::vector<ChildId>& children) {
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
    if (!payload.child_sas.empty()) send(turn, sa, *sa.established(), {std::move(payload)});
  }
  for (const ChildId id : children) {
    Child* child = sa.association->find(id);
    if (child == nullptr) continue;
    leave_pair(turn, sa, *child);
    core::retire(turn, sa, *child);
  }
}

void delete_sa(Turn& turn, Sa& sa, std::string reason) {
  if (sa.is_current()) {
    std::vector<ChildId> children;
    for (const Child& child : sa.association->children) {
      if (!child.lingering() && children.size() < limits::kSpisPerDelete) {
        children.push_back(child.id);
      }
    }
    delete_children(turn, sa, children);
  }
  DeletePayload payload;
  payload.isakmp_sas.push_back({sa.spis().initiator, sa.spis().responder});
  send(turn, sa, *sa.established(), {std::move(payload)});
  sa.close(turn, std::move(reason));
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
