#include "ike/v2/rows.h"

#include <algorithm>
#include <array>

#include "ike/v2/handlers.h"
#include "ike/v2/payload_access.h"

namespace ipsec::v2 {
namespace {

using wire::ExchangeType;
using wire::NotifyType;

// The order matters where noted: the first row that fits is taken.
constexpr std::array kRows = [] {
  using enum wire::PayloadType;
  // Certificates and configuration requests are read and passed over where a peer adds them to a
  // PSK exchange; a request that cannot do without them fails for want of AUTH or TS.
  constexpr PayloadSet kPassedOver = {certificate, certificate_request, configuration};
  return std::array{
      // RFC 7296 1.2
      //   <-- HDR, SAr1, KEr, Nr, [CERTREQ], N(NAT_DETECTION_*)
      Row{"IKE_SA_INIT answer",
          Situation::init_sent,
          ExchangeType::ike_sa_init,
          {sa, key_exchange, nonce},
          kPassedOver,
          {},
          handle_init_answer},
      // RFC 7296 2.6, 1.3
      //   <-- HDR, N(COOKIE) or N(INVALID_KE_PAYLOAD) or another error
      Row{"IKE_SA_INIT refusal",
          Situation::init_sent,
          ExchangeType::ike_sa_init,
          {notify},
          kPassedOver,
          {},
          handle_init_refusal},

      // RFC 7296 1.2
      //   HDR, SK {IDi, [CERT,] [CERTREQ,] [IDr,] AUTH, SAi2, TSi, TSr} -->
      Row{"IKE_AUTH request",
          Situation::init_answered,
          ExchangeType::ike_auth,
          {id_initiator, auth, sa, ts_initiator, ts_responder},
          PayloadSet{id_responder}.with(kPassedOver),
          {},
          handle_auth_request},
      // RFC 6023 3: without a child
      //   HDR, SK {IDi, [IDr,] AUTH} -->
      Row{"IKE_AUTH request without a child",
          Situation::init_answered,
          ExchangeType::ike_auth,
          {id_initiator, auth},
          PayloadSet{id_responder}.with(kPassedOver),
          {},
          handle_auth_request},
      // RFC 7296 2.16: IDi without AUTH asks for EAP, which we do not do
      //   HDR, SK {IDi, SAi2, TSi, TSr} -->
      Row{"IKE_AUTH request for EAP",
          Situation::init_answered,
          ExchangeType::ike_auth,
          {id_initiator},
          PayloadSet{id_responder, sa, ts_initiator, ts_responder}.with(kPassedOver),
          {},
          handle_auth_for_eap},

      // RFC 7296 1.2; the second form is 1.2's IKE SA without its child, or RFC 6023
      //   <-- HDR, SK {IDr, [CERT,] AUTH, SAr2, TSi, TSr}
      //   <-- HDR, SK {IDr, [CERT,] AUTH, N(error)}
      Row{"IKE_AUTH answer",
          Situation::auth_sent,
          ExchangeType::ike_auth,
          {id_responder, auth},
          PayloadSet{sa, ts_initiator, ts_responder}.with(kPassedOver),
          {},
          handle_auth_answer},
      // RFC 7296 2.21.2
      //   <-- HDR, SK {N(AUTHENTICATION_FAILED)}
      Row{"IKE_AUTH refusal",
          Situation::auth_sent,
          ExchangeType::ike_auth,
          {notify},
          PayloadSet{id_responder}.with(kPassedOver),
          {},
          handle_auth_refusal},

      // RFC 7296 1.3.3; before the next row, which it would fit too
      //   HDR, SK {N(REKEY_SA), SA, Ni, [KEi], TSi, TSr} -->
      Row{"child rekey request",
          Situation::serving,
          ExchangeType::create_child_sa,
          {sa, nonce, ts_initiator, ts_responder},
          {key_exchange},
          NotifyType::rekey_sa,
          handle_child_request},
      // RFC 7296 1.3.1
      //   HDR, SK {SA, Ni, [KEi], TSi, TSr} -->
      Row{"child request",
          Situation::serving,
          ExchangeType::create_child_sa,
          {sa, nonce, ts_initiator, ts_responder},
          {key_exchange},
          {},
          handle_child_request},
      // RFC 7296 1.3.2
      //   HDR, SK {SA, Ni, KEi} -->
      Row{"IKE rekey request",
          Situation::serving,
          ExchangeType::create_child_sa,
          {sa, nonce, key_exchange},
          {},
          {},
          handle_ike_rekey_request},
      // RFC 7296 1.4
      //   HDR, SK {[N,] [D,] [CP,] ...} -->
      Row{"informational request",
          Situation::serving,
          ExchangeType::informational,
          {},
          PayloadSet{delete_}.with(kPassedOver),
          {},
          handle_informational_request},

      // RFC 7296 1.3.1, 1.3.3
      //   <-- HDR, SK {SA, Nr, [KEr], TSi, TSr}
      Row{"child answer",
          Situation::child_asked,
          ExchangeType::create_child_sa,
          {sa, nonce, ts_initiator, ts_responder},
          {key_exchange},
          {},
          handle_child_answer},
      //   <-- HDR, SK {N(error)}
      Row{"child refusal",
          Situation::child_asked,
          ExchangeType::create_child_sa,
          {notify},
          {},
          {},
          handle_child_refusal},
      // RFC 7296 1.3.2
      //   <-- HDR, SK {SA, Nr, KEr}
      Row{"IKE rekey answer",
          Situation::ike_rekey_asked,
          ExchangeType::create_child_sa,
          {sa, nonce, key_exchange},
          {},
          {},
          handle_ike_rekey_answer},
      //   <-- HDR, SK {N(error)}
      Row{"IKE rekey refusal",
          Situation::ike_rekey_asked,
          ExchangeType::create_child_sa,
          {notify},
          {},
          {},
          handle_ike_rekey_refusal},
      // RFC 7296 1.4.1; the answer may be empty where both deleted at once
      //   <-- HDR, SK {[D]}
      Row{"child delete answer",
          Situation::child_delete_asked,
          ExchangeType::informational,
          {},
          PayloadSet{delete_}.with(kPassedOver),
          {},
          handle_child_delete_answer},
      //   <-- HDR, SK {}
      Row{"IKE delete answer",
          Situation::ike_delete_asked,
          ExchangeType::informational,
          {},
          PayloadSet{delete_}.with(kPassedOver),
          {},
          handle_ike_delete_answer},
      Row{"liveness answer",
          Situation::probe_asked,
          ExchangeType::informational,
          {},
          PayloadSet{delete_}.with(kPassedOver),
          {},
          handle_probe_answer},
  };
}();

struct OutstandingOf {
  Situation operator()(const std::monostate&) const { return Situation::none; }
  Situation operator()(const ChildRequest&) const { return Situation::child_asked; }
  Situation operator()(const IkeRekeyRequest&) const { return Situation::ike_rekey_asked; }
  Situation operator()(const ChildDeleteRequest&) const { return Situation::child_delete_asked; }
  Situation operator()(const IkeDeleteRequest&) const { return Situation::ike_delete_asked; }
  Situation operator()(const ProbeRequest&) const { return Situation::probe_asked; }
};

PayloadSet present_in(const Received& message) {
  PayloadSet present{};
  for (const auto& payload : message.payloads) {
    if (std::holds_alternative<wire::UnknownPayload>(payload)) continue;
    present = present.with({wire::type_of(payload)});
  }
  return present;
}

bool has_notify(const Received& message, const Row& row) {
  return !row.required_notify || find_notify(message.payloads, *row.required_notify) != nullptr;
}

}  // namespace

Situation situation_of(const Sa& sa, bool response) {
  if (std::holds_alternative<InitSent>(sa.state)) {
    return response ? Situation::init_sent : Situation::none;
  }
  if (std::holds_alternative<AuthSent>(sa.state)) {
    return response ? Situation::auth_sent : Situation::none;
  }
  if (const auto* answered = std::get_if<InitAnswered>(&sa.state)) {
    return response || answered->refused ? Situation::none : Situation::init_answered;
  }
  const Established* up = sa.established();
  if (up == nullptr) return Situation::none;
  return response ? std::visit(OutstandingOf{}, up->ours) : Situation::serving;
}

std::string_view name_of(Situation situation) {
  switch (situation) {
    case Situation::init_sent:
      return "waiting for the IKE_SA_INIT answer";
    case Situation::init_answered:
      return "waiting for IKE_AUTH";
    case Situation::auth_sent:
      return "waiting for the IKE_AUTH answer";
    case Situation::serving:
      return "established";
    case Situation::child_asked:
      return "waiting for a child";
    case Situation::ike_rekey_asked:
      return "waiting for the rekeyed IKE SA";
    case Situation::child_delete_asked:
      return "deleting a child";
    case Situation::ike_delete_asked:
      return "deleting the IKE SA";
    case Situation::probe_asked:
      return "probing the peer";
    case Situation::none:
      break;
  }
  return "waiting for nothing";
}

std::string PayloadSet::to_string() const {
  std::string text;
  for (int number = 33; number < 33 + 64; ++number) {
    const auto type = static_cast<wire::PayloadType>(number);
    if (has(type)) text += (text.empty() ? "" : ", ") + wire::name_of(type);
  }
  return text;
}

std::span<const Row> all_rows() { return kRows; }

Admission admit(Situation situation, const Received& message) {
  static constexpr PayloadSet kAlways = {wire::PayloadType::notify, wire::PayloadType::vendor_id};
  const PayloadSet present = present_in(message);
  Admission result;
  result.why.out_of_state = true;
  for (const Row& row : kRows) {
    if (row.situation != situation || row.exchange != message.header.exchange) continue;
    const PayloadSet missing = row.required.without(present);
    const PayloadSet unexpected =
        present.without(row.required).without(row.optional).without(kAlways);
    if (missing.empty() && unexpected.empty() && has_notify(message, row)) {
      result.row = &row;
      return result;
    }
    if (result.why.out_of_state) {
      result.why = {row.name, missing.to_string(), unexpected.to_string(), false};
    }
  }
  return result;
}

}  // namespace ipsec::v2
