#include "ike/v1/sa.h"

#include <utility>

#include "ike/v1/informational.h"
#include "ike/v1/pairs.h"
#include "ike/v1/phase1.h"
#include "ike/v1/quick.h"
#include "ike/v1/schedule.h"

namespace ipsec::v1 {
namespace {

struct DeadlineOf {
  const Sa& sa;
  Time operator()(const Proposed& state) const { return state.timer.deadline(); }
  Time operator()(const KeyPending&) const { return kNever; }
  Time operator()(const KeySent& state) const { return state.timer.deadline(); }
  Time operator()(const SecretPending&) const { return kNever; }
  Time operator()(const AuthSent& state) const { return state.timer.deadline(); }
  Time operator()(const Answered& state) const { return state.expires_at; }
  Time operator()(const AgreePending& state) const { return state.expires_at; }
  Time operator()(const KeyAnswered& state) const { return state.expires_at; }
  Time operator()(const Established& up) const { return deadline_of(sa, up); }
  Time operator()(const Closed&) const { return kNever; }
};

void established_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram) {
  const auto message = wire::v1::parse_message(datagram.bytes);
  if (!message) return turn.drop("malformed");
  switch (message->header.exchange) {
    case wire::ExchangeType::quick_mode:
      return quick_arrived(turn, sa, datagram, *message);
    case wire::ExchangeType::informational_v1:
      return informational_arrived(turn, sa, datagram, *message);
    case wire::ExchangeType::identity_protection:
    case wire::ExchangeType::aggressive:
      return phase1_repeated(turn, *sa.established(), datagram);
    default:
      return turn.drop("message not expected");
  }
}

}  // namespace

Sa::Progress Sa::progress() const {
  if (std::holds_alternative<Closed>(state)) return Progress::closed;
  return established() != nullptr ? Progress::established : Progress::opening;
}

bool Sa::is_half_open() const {
  return std::holds_alternative<Answered>(state) || std::holds_alternative<AgreePending>(state) ||
         std::holds_alternative<KeyAnswered>(state);
}

// Main mode's third message has our cookie and is answered to it; in aggressive mode the last one.
bool Sa::is_unproven() const {
  if (const auto* pending = std::get_if<AgreePending>(&state)) return pending->phase1.aggressive;
  if (const auto* answered = std::get_if<KeyAnswered>(&state)) return answered->phase1.aggressive;
  return std::holds_alternative<Answered>(state);
}

bool Sa::is_committed() const { return std::holds_alternative<AuthSent>(state); }

Time Sa::deadline() const { return std::visit(DeadlineOf{*this}, state); }

std::optional<Sa::Details> Sa::details() const {
  const auto* up = established();
  if (up == nullptr) return std::nullopt;
  return Details{up->algorithms, up->path};
}

void Sa::begin(Turn& turn) { v1::begin(turn, *this); }

void Sa::opened_again(Turn& turn, const core::Datagram& datagram) {
  if (const auto* answered = std::get_if<Answered>(&state)) {
    return repeat_answer(turn, answered->said, datagram);
  }
  if (const auto* answered = std::get_if<KeyAnswered>(&state)) {
    return repeat_answer(turn, answered->said, datagram);
  }
  turn.drop("message repeated while being served");
}

void Sa::arrived(Turn& turn, const core::Datagram& datagram) {
  if (established() != nullptr) return established_arrived(turn, *this, datagram);
  if (role == wire::Role::initiator) return answer_arrived(turn, *this, datagram);
  request_arrived(turn, *this, datagram);
}

void Sa::ticked(Turn& turn) {
  if (established() != nullptr) return tick_established(turn, *this);
  if (const auto* waiting = std::get_if<Answered>(&state)) {
    return expire_half_open(turn, *this, waiting->expires_at);
  }
  if (const auto* waiting = std::get_if<AgreePending>(&state)) {
    return expire_half_open(turn, *this, waiting->expires_at);
  }
  if (const auto* waiting = std::get_if<KeyAnswered>(&state)) {
    return expire_half_open(turn, *this, waiting->expires_at);
  }
  tick_opening(turn, *this);
}

void Sa::job_done(Turn& turn, JobId job, core::JobResult result) {
  if (const auto* pending = std::get_if<KeyPending>(&state)) {
    if (pending->job == job) key_ready(turn, *this, std::move(result));
  } else if (const auto* deriving = std::get_if<SecretPending>(&state)) {
    if (deriving->job == job) secret_ready(turn, *this, std::move(result));
  } else if (const auto* agreeing = std::get_if<AgreePending>(&state)) {
    if (agreeing->job == job) agreed(turn, *this, std::move(result));
  } else if (established() != nullptr) {
    quick_job_done(turn, *this, job, std::move(result));
  }
}

void Sa::spi_allocated(Turn& turn, core::Ticket ticket,
                       const std::expected<xfrm::SaKey, KernelError>& result) {
  if (established() != nullptr) return quick_spi_ready(turn, *this, ticket, result);
  if (result) turn.act(core::RemoveSa{*result});
}

void Sa::sas_installed(Turn& turn, core::Ticket ticket,
                       const std::expected<void, KernelError>& result) {
  if (established() == nullptr || quick_installed(turn, *this, ticket, result)) return;
  // An outbound half that was switched to, or policies.
  core::switch_answered(turn, *this, ticket, result.has_value());
}

void Sa::ordered(core::Order order) {
  auto* up = established();
  if (up == nullptr) return;
  const bool anew = order == core::Order::rekey_ike || order == core::Order::reauthenticate;
  if (anew) up->reauthentication_wanted = true;
  if (order == core::Order::probe) up->probe_wanted = true;
}

void Sa::superseded(Time now, Time delete_at) {
  auto* up = established();
  if (up == nullptr) return;
  if (up->deleted) {
    // The peer may have deleted them too, in a message that was lost.
    doubt_children(*association, now);
    auto why = *std::move(up->deleted);
    state = Closed{std::move(why)};
    return;
  }
  up->superseded_at = now;
  up->delete_at = delete_at;
  up->probe_wanted = up->peer.dead_peer_detection && delete_at != kNever;
}

void Sa::give_up(Turn&, std::string reason) { state = Closed{std::move(reason)}; }

void Sa::close(Turn& turn, std::string reason) {
  if (closed()) return;
  const bool was_current = is_current() && established() != nullptr;
  if (established() != nullptr) abandon_quicks(turn, *this);
  state = Closed{reason};
  if (was_current) core::end(turn, association, id, std::move(reason));
}

}  // namespace ipsec::v1
