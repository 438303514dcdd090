#include "ike/v2/protocol.h"

#include <fmt/format.h>

#include "ike/core/sa/children.h"
#include "ike/v2/auth_exchange.h"
#include "ike/v2/channel.h"
#include "ike/v2/child_exchange.h"
#include "ike/v2/crash_detection.h"
#include "ike/v2/ike_rekey.h"
#include "ike/v2/payload_access.h"
#include "ike/v2/rows.h"

namespace ipsec::v2 {
namespace {

using core::Cause;
using core::Failure;
using core::Stage;
using wire::NotifyType;

Window* window_of(Sa& sa) {
  if (auto* state = std::get_if<AuthSent>(&sa.state)) return &state->window;
  if (auto* state = std::get_if<InitAnswered>(&sa.state)) return &state->window;
  if (auto* state = std::get_if<Established>(&sa.state)) return &state->window;
  return nullptr;
}

Stage stage_of(const Sa& sa) {
  if (std::holds_alternative<InitSent>(sa.state)) return Stage::ike_sa_init;
  return sa.established() != nullptr ? Stage::child : Stage::ike_auth;
}

// An authentic answer that is of no use ends its exchange; the SA goes on.
void fail_exchange(Turn& turn, Sa& sa, Failure why) {
  if (std::holds_alternative<AuthSent>(sa.state)) return fail_opening(turn, sa, std::move(why));
  auto* up = sa.established();
  if (up == nullptr) return;
  if (std::holds_alternative<ChildRequest>(up->ours)) {
    return fail_child_request(turn, sa, std::move(why));
  }
  if (std::holds_alternative<IkeRekeyRequest>(up->ours)) {
    return fail_ike_rekey(turn, sa, std::move(why));
  }
  // Deletes and probes only need an answer, whatever is in it.
  Received empty;
  empty.header.exchange = wire::ExchangeType::informational;
  const auto admission = admit(situation_of(sa, true), empty);
  if (admission.row != nullptr) admission.row->handler(turn, sa, empty);
}

// An authentic request that cannot be served (RFC 7296 2.21.3): answered, counted, and no more.
void refuse_request(Turn& turn, Sa& sa, Window& window, wire::ExchangeType exchange,
                    wire::NotifyPayload notify, Failure why) {
  const std::vector<wire::Payload> payloads{std::move(notify)};
  send_answer(turn, sa, window, exchange, payloads);
  if (auto* answered = std::get_if<InitAnswered>(&sa.state)) answered->refused = true;
  const auto& tunnel = sa.association->tunnel;
  turn.tell_refused(tunnel != nullptr ? tunnel->id : TunnelId{}, std::move(why));
}

Failure not_admitted(const Sa& sa, const Received& message, const NotAdmitted& why) {
  const auto situation = situation_of(sa, message.header.flags.response);
  if (why.out_of_state) {
    return {stage_of(sa), Cause::protocol_violation, std::string(name_of(situation)),
            wire::name_of(message.header.exchange), "no such message is expected now"};
  }
  return {stage_of(sa), Cause::protocol_violation, std::string(why.nearest),
          wire::name_of(message.header.exchange),
          fmt::format("missing: {}; unexpected: {}", why.missing.empty() ? "none" : why.missing,
                      why.unexpected.empty() ? "none" : why.unexpected)};
}

void route(Turn& turn, Sa& sa, Window* window, const Received& message) {
  const bool response = message.header.flags.response;
  const auto* critical = find_critical(message.payloads);
  const auto admission = admit(situation_of(sa, response), message);
  if (critical == nullptr && admission.row != nullptr) {
    admission.row->handler(turn, sa, message);
    return;
  }
  turn.drop(critical != nullptr ? "unknown critical payload" : "message not admitted");
  auto why = critical != nullptr
                 ? Failure{stage_of(sa), Cause::protocol_violation, "known payloads",
                           fmt::format("critical payload {}", static_cast<int>(critical->type)),
                           "RFC 7296 2.5"}
                 : not_admitted(sa, message, admission.why);
  if (window == nullptr) return;  // in clear: it may be anyone's
  if (response) return fail_exchange(turn, sa, std::move(why));
  auto notify = critical != nullptr ? make_notify(NotifyType::unsupported_critical_payload,
                                                  {static_cast<std::uint8_t>(critical->type)})
                                    : make_notify(NotifyType::invalid_syntax);
  refuse_request(turn, sa, *window, message.header.exchange, std::move(notify), std::move(why));
}

void clear_answer_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram) {
  auto message = wire::parse_message(datagram.bytes);
  if (!message) return turn.drop("malformed");
  const auto& header = message->header;
  const bool ours = header.flags.response && header.message_id.value == 0 &&
                    header.exchange == wire::ExchangeType::ike_sa_init && !message->sealed;
  if (!ours) return turn.drop("clear message not expected");
  route(turn, sa, nullptr,
        {header, std::move(message->payloads), datagram.local, datagram.remote, datagram.bytes});
}

void sealed_arrived(Turn& turn, Sa& sa, Window& window, const core::Datagram& datagram) {
  auto arrival = receive(turn, window, datagram);
  if (const auto* discarded = std::get_if<Discarded>(&arrival)) return turn.drop(discarded->reason);
  if (std::holds_alternative<Repeated>(arrival)) return;
  const auto* up = sa.established();
  const bool serving = up != nullptr && up->peers.has_value();
  if (const auto* unreadable = std::get_if<Unreadable>(&arrival)) {
    Failure why{stage_of(sa),
                Cause::malformed_message,
                {},
                wire::name_of(unreadable->header.exchange),
                describe(Error(unreadable->error))};
    turn.drop("malformed inside");
    if (unreadable->header.flags.response) return fail_exchange(turn, sa, std::move(why));
    if (serving) return;
    return refuse_request(turn, sa, window, unreadable->header.exchange,
                          make_notify(NotifyType::invalid_syntax), std::move(why));
  }
  const auto& message = std::get<Received>(arrival);
  if (serving && !message.header.flags.response) {
    return turn.drop("request repeated while being served");
  }
  if (up != nullptr) follow_peer(turn, sa, message.local, message.remote);
  route(turn, sa, &window, message);
}

}  // namespace

void datagram_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram) {
  if (sa.established() != nullptr && doubt_arrived(turn, sa, datagram)) return;
  if (std::holds_alternative<InitSent>(sa.state)) return clear_answer_arrived(turn, sa, datagram);
  Window* window = window_of(sa);
  if (window == nullptr) return turn.drop("message out of state");
  sealed_arrived(turn, sa, *window, datagram);
}

void job_done(Turn& turn, Sa& sa, JobId job, core::JobResult result) {
  if (const auto* state = std::get_if<KeyPending>(&sa.state)) {
    if (state->job == job) init_key_ready(turn, sa, std::move(result));
    return;
  }
  if (const auto* state = std::get_if<AuthPreparing>(&sa.state)) {
    if (state->secret_wanted == job) init_secret_ready(turn, sa, std::move(result));
    return;
  }
  if (const auto* state = std::get_if<AgreePending>(&sa.state)) {
    if (state->job == job) agreed_secret_ready(turn, sa, std::move(result));
    return;
  }
  auto* up = sa.established();
  if (up == nullptr) return;
  if (const auto* request = std::get_if<ChildRequest>(&up->ours)) {
    if (request->key_wanted == job) return request_key_ready(turn, sa, std::move(result));
    if (request->secret_wanted == job) return request_secret_ready(turn, sa, std::move(result));
  }
  if (const auto* request = std::get_if<IkeRekeyRequest>(&up->ours)) {
    if (request->key_wanted == job) return rekey_key_ready(turn, sa, std::move(result));
    if (request->secret_wanted == job) return rekey_secret_ready(turn, sa, std::move(result));
  }
  if (!up->peers) return;
  if (const auto* answer = std::get_if<ChildAnswer>(&up->peers->what)) {
    if (answer->agree_wanted == job) answer_agreed(turn, sa, std::move(result));
  } else if (std::get<IkeRekeyAnswer>(up->peers->what).agree_wanted == job) {
    rekey_agreed(turn, sa, std::move(result));
  }
}

void spi_allocated(Turn& turn, Sa& sa, core::Ticket ticket,
                   const std::expected<xfrm::SaKey, KernelError>& result) {
  if (auto* state = std::get_if<AuthPreparing>(&sa.state)) {
    if (state->child && state->child->spi_wanted == ticket) {
      first_spi_ready(turn, sa, result);
      return;
    }
  }
  if (auto* up = sa.established()) {
    const auto* request = std::get_if<ChildRequest>(&up->ours);
    if (request != nullptr && request->spi_wanted == ticket) {
      return request_spi_ready(turn, sa, result);
    }
    const auto* answer = up->peers ? std::get_if<ChildAnswer>(&up->peers->what) : nullptr;
    if (answer != nullptr && answer->spi_wanted == ticket) {
      return answer_spi_ready(turn, sa, result);
    }
  }
  // Nobody waits for it any more.
  if (result) turn.act(core::RemoveSa{*result});
}

void sas_installed(Turn& turn, Sa& sa, core::Ticket ticket,
                   const std::expected<void, KernelError>& result) {
  auto* up = sa.established();
  if (up == nullptr) return;
  const auto* request = std::get_if<ChildRequest>(&up->ours);
  if (request != nullptr && request->install_wanted == ticket) {
    return request_installed(turn, sa, result);
  }
  const auto* answer = up->peers ? std::get_if<ChildAnswer>(&up->peers->what) : nullptr;
  if (answer != nullptr && answer->install_wanted == ticket) {
    return answer_installed(turn, sa, result);
  }
  // An outbound half that was switched to, or policies.
  switch_answered(turn, sa, ticket, result.has_value());
}

}  // namespace ipsec::v2
