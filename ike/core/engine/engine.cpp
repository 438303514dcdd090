#include "ike/core/engine/engine.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "ike/base/limits.h"
#include "ike/v1/informational.h"
#include "ike/v1/phase1.h"
#include "ike/v2/crash_detection.h"
#include "ike/v2/init_exchange.h"
#include "ike/v2/payload_access.h"

namespace ipsec::core {

Engine::Engine(const crypto::Provider& crypto, RandomSource& random, const Secret& crash_secret,
               Keeping keeping)
    : crypto_(crypto), random_(random), keeping_(keeping), crash_tokens_(crypto, crash_secret) {}

Actions Engine::handle(Input input, Time now) {
  now_ = std::max(now_, now);  // time that went back would make timers of the past
  actions_.clear();
  // Most turns need no more; each further room is another one, and all of them moved there.
  constexpr std::size_t kUsualActions = 5;
  actions_.reserve(kUsualActions);
  std::visit([this](auto& what) { take(what); }, input);
  tick_due();
  erase_closed();
  persist();
  return std::exchange(actions_, {});
}

// Before all else: what the others let out of the house has to be known to who comes after us.
void Engine::persist() {
  std::sort(unsaved_.begin(), unsaved_.end());
  unsaved_.erase(std::unique(unsaved_.begin(), unsaved_.end()), unsaved_.end());
  for (const SaId id : unsaved_) {
    const Sa* sa = find(id);
    if (sa != nullptr) {
      ledger_.note(*sa, numbers_);
    } else {
      ledger_.forget(id);
    }
  }
  unsaved_.clear();
  if (ledger_.has_changes()) actions_.insert(actions_.begin(), Persist{ledger_.take_changes()});
}

Time Engine::next_deadline() const {
  const Time sa = timers_.empty() ? kNever : timers_.begin()->first;
  const Time tunnel = tunnel_timers_.empty() ? kNever : tunnel_timers_.begin()->first;
  return std::min(sa, tunnel);
}

// --- inputs ---

void Engine::take(Datagram& input) {
  static constexpr std::size_t kKeepalive = 1;  // a lone 0xff (RFC 3948 2.3)
  if (input.bytes.size() == kKeepalive) return;
  const auto header = wire::parse_header(input.bytes);
  if (!header) return void(++drops_["malformed"]);
  if (header->major_version == 1) return take_v1(input);
  if (header->major_version != 2) return refuse_version(input, *header);
  const bool opens = header->exchange == wire::ExchangeType::ike_sa_init &&
                     !header->flags.response && !header->responder_spi;
  if (opens) return open_as_responder(input, *header);
  const IkeSpi ours = header->flags.initiator ? header->responder_spi : header->initiator_spi;
  const auto found = by_spi_.find(ours);
  Sa* sa = found == by_spi_.end() ? nullptr : find(found->second);
  if (sa == nullptr || sa->version() != IkeVersion::v2) return unknown_spi(input, *header);
  const bool roles_fit = header->flags.initiator == (sa->role == wire::Role::responder);
  const bool peer_fits =
      !sa->peer_spi ||
      sa->peer_spi == (header->flags.initiator ? header->initiator_spi : header->responder_spi);
  if (!roles_fit || !peer_fits) return void(++drops_["SPIs or roles do not fit"]);
  run(*sa, [&](Turn& turn, Sa& it) { it.arrived(turn, input); });
}

// Either cookie may be ours: nothing in the header says who began the SA.
void Engine::take_v1(Datagram& input) {
  const auto header = wire::v1::parse_header(input.bytes);
  if (!header) return void(++drops_["malformed"]);
  const auto ours = [this](IkeSpi cookie) {
    const auto found = by_spi_.find(cookie);
    Sa* sa = found == by_spi_.end() ? nullptr : find(found->second);
    return sa != nullptr && sa->version() == IkeVersion::v1 ? sa : nullptr;
  };
  Sa* sa = ours(header->initiator_cookie);
  const bool begun = sa != nullptr && sa->role == wire::Role::initiator;
  if (!begun) sa = header->responder_cookie ? ours(header->responder_cookie) : nullptr;
  if (sa == nullptr && !header->responder_cookie) return open_as_v1_responder(input, *header);
  const IkeSpi theirs = begun ? header->responder_cookie : header->initiator_cookie;
  const bool fits = sa != nullptr && (begun || sa->role == wire::Role::responder) &&
                    (!sa->peer_spi || sa->peer_spi == theirs);
  if (!fits) return unknown_cookies(input, *header);
  run(*sa, [&](Turn& turn, Sa& it) { it.arrived(turn, input); });
}

void Engine::take(Tick&) {}

void Engine::take(SetTunnel& input) {
  Tunnel& tunnel = tunnels_[input.tunnel->id];
  // Removed a moment ago and not gone yet: it begins anew.
  if (directory_.find(input.tunnel->id) == nullptr) tunnel.held_down = tunnel.acquired = false;
  const bool replaces = tunnel.config != nullptr;
  directory_.set(input.tunnel);
  tunnel.config = std::move(input.tunnel);
  if (tunnel.held_down) hold_down(tunnel);
  tunnel.tries = tunnel.refused = 0;
  tunnel.was_up = false;
  tunnel.last_failure.reset();
  tunnel.next_try = now_;
  if (!replaces) resume(tunnel);
  // Last: closing a try may begin the next at once, and that has to be under the new configuration.
  if (replaces) close_all(tunnel);
  reconcile(tunnel);
}

void Engine::take(RemoveTunnel& input) {
  Tunnel* tunnel = find(input.tunnel);
  if (tunnel == nullptr) return;
  directory_.remove(input.tunnel);
  tunnel->held_down = true;
  close_all(*tunnel);
  set_timer(*tunnel, kNever);
  if (tunnel->sas.empty()) erase(input.tunnel);
}

void Engine::take(Command& input) {
  Tunnel* tunnel = find(input.tunnel);
  // A removed one is there until its SAs are closed, and takes no orders.
  if (tunnel == nullptr || directory_.find(input.tunnel) == nullptr) return;
  if (input.order == Order::down) {
    hold_down(*tunnel);
    return close_all(*tunnel);
  }
  const bool lifts = input.order == Order::up || input.order == Order::reauthenticate;
  if (lifts && std::exchange(tunnel->held_down, false)) directory_.set(tunnel->config);
  if (input.order == Order::up) {
    want(*tunnel);
    tunnel->tries = 0;
    tunnel->next_try = now_;
    return reconcile(*tunnel);
  }
  // IKEv1 has no other way to make an IKE SA anew; when, its schedule says.
  const bool by_schedule = tunnel->config->version == IkeVersion::v1;
  if (input.order == Order::reauthenticate && !by_schedule) return reauthenticate(*tunnel);
  order_members(*tunnel, input.order);
}

void Engine::order_members(Tunnel& tunnel, Order order) {
  for (const SaId id : members(tunnel)) {
    Sa* sa = find(id);
    if (sa == nullptr || !sa->is_current() || !sa->is_up()) continue;
    sa->ordered(order);
    if (order == Order::rekey_children) {
      for (auto& child : sa->association->children) {
        if (child.usable()) child.rekey_at = now_;
      }
    }
    reindex(*sa);
  }
}

// The peer is not to bring it up either: to its attempts it is a tunnel that refuses.
void Engine::hold_down(Tunnel& tunnel) {
  tunnel.held_down = true;
  auto refusing = std::make_shared<TunnelConfig>(*tunnel.config);
  refusing->start = Start::down;
  directory_.set(std::move(refusing));
}

// Beside what there is, and only one at a time; without anything there the retry rule starts a try.
void Engine::reauthenticate(Tunnel& tunnel) {
  bool up = false;
  for (const SaId id : members(tunnel)) {
    const Sa* sa = find(id);
    if (sa == nullptr) continue;
    if (sa->opening() && sa->role == wire::Role::initiator) return;
    up = up || (sa->is_up() && !sa->association->closing);
  }
  if (up) start_try(tunnel);
}

void Engine::take(SpiAllocated& input) {
  Sa* sa = find(input.sa);
  if (sa == nullptr) {
    if (input.result) actions_.emplace_back(RemoveSa{*input.result});
    return;
  }
  run(*sa, [&](Turn& turn, Sa& it) { it.spi_allocated(turn, input.ticket, input.result); });
}

void Engine::take(SasInstalled& input) {
  Sa* sa = find(input.sa);
  if (sa != nullptr) {
    run(*sa, [&](Turn& turn, Sa& it) { it.sas_installed(turn, input.ticket, input.result); });
    return;
  }
  // What was installed for an SA that is gone was removed in the same order as it was asked for.
  // Not so an outbound half that was refused: its child may live on under a rekeyed IKE SA.
  if (input.result) return;
  for (auto& [id, other] : sas_) {
    if (!other->is_current() || !other->is_up()) continue;
    const bool hit = std::ranges::any_of(other->association->children, [&](const Child& child) {
      return child.switching && child.switching->ticket == input.ticket;
    });
    if (!hit) continue;
    return run(*other,
               [&](Turn& turn, Sa& it) { it.sas_installed(turn, input.ticket, input.result); });
  }
}

void Engine::take(JobDone& input) {
  agreements_.over(input.sa);
  if (Sa* sa = find(input.sa)) {
    run(*sa, [&](Turn& turn, Sa& it) { it.job_done(turn, input.job, std::move(input.result)); });
  }
}

void Engine::take(KernelAcquired& input) {
  const auto config = directory_.find(input.reqid);
  Tunnel* tunnel = config != nullptr ? find(config->id) : nullptr;
  if (tunnel == nullptr) return;
  want(*tunnel);
  reconcile(*tunnel);
}

void Engine::take(KernelExpired& input) {
  const auto [sa, child] = find(input.key);
  if (child == nullptr) return;
  run(*sa, [&, expired = child](Turn& turn, Sa&) { child_expired(turn, *expired, input.hard); });
}

void Engine::take(KernelMapping& input) {
  const auto [sa, child] = find(input.key);
  // A key of our outbound half names the peer as we send to it: nothing comes in on that. Where we
  // do not encapsulate there is no mapping.
  if (child == nullptr || child->inbound_key() != input.key || !child->encapsulated) return;
  run(*sa, [&](Turn& turn, Sa& it) { follow_peer(turn, it, it.local, input.remote); });
}

void Engine::take(InboundSeen& input) {
  const auto belongs_to = [&](Sa& sa) {
    if (!sa.is_current() || !sa.is_up()) return false;
    Child* child = sa.association->find_inbound(input.key.spi);
    if (child == nullptr || child->inbound_key() != input.key) return false;
    run(sa, [&](Turn& turn, Sa& it) { inbound_seen(turn, it, *child); });
    return true;
  };
  const Sa* asked = find(input.sa);
  Sa* current = asked != nullptr ? find(asked->association->current) : nullptr;
  if (current != nullptr && belongs_to(*current)) return;
  // The SA that asked may have been rekeyed and gone meanwhile: seldom enough for a walk.
  for (auto& [id, sa] : sas_) {
    if (belongs_to(*sa)) return;
  }
}

void Engine::open_as_responder(const Datagram& datagram, const wire::Header& header) {
  const HalfOpen::Opening opening{datagram.remote, header.initiator_spi};
  if (const auto repeated = half_open_.find(opening)) {
    run(*find(*repeated), [&](Turn& turn, Sa& it) { it.opened_again(turn, datagram); });
    return;
  }
  const Address& local = datagram.local.address;
  const Address& remote = datagram.remote.address;
  const HalfOpen::Peer peer{local, remote, directory_.claims(IkeVersion::v2, local, remote)};
  Turn turn = make_turn();
  if (peer.claims.all() == 0) return v2::refuse_stranger(turn, datagram);
  const auto verdict = half_open_.admit(peer);
  if (verdict.admission == HalfOpen::Admission::refused) return turn.drop(verdict.reason);
  const bool with_cookie = verdict.admission == HalfOpen::Admission::with_cookie;
  if (with_cookie) cookies_.refresh(crypto_, random_, now_);
  auto sa = v2::answer_init(turn, datagram, cookies_,
                            with_cookie ? v2::CookieNeeded::yes : v2::CookieNeeded::no);
  if (sa == nullptr) return;
  half_open_.add(opening, peer, sa->id);
  reindex(add(std::move(sa)));
}

void Engine::open_as_v1_responder(const Datagram& datagram, const wire::v1::Header& header) {
  const HalfOpen::Opening opening{datagram.remote, header.initiator_cookie};
  if (const auto repeated = half_open_.find(opening)) {
    run(*find(*repeated), [&](Turn& turn, Sa& it) { it.opened_again(turn, datagram); });
    return;
  }
  const Address& local = datagram.local.address;
  const Address& remote = datagram.remote.address;
  const HalfOpen::Peer peer{local, remote, directory_.claims(IkeVersion::v1, local, remote)};
  Turn turn = make_turn();
  if (peer.claims.all() == 0) return v1::refuse_stranger(turn, datagram);
  const auto verdict = half_open_.admit(peer, HalfOpen::Proof::owed);
  if (verdict.admission == HalfOpen::Admission::refused) return turn.drop(verdict.reason);
  // IKEv1 has no cookie to ask for before there is an SA. Main mode costs nothing until the peer
  // has said ours again, aggressive mode a Diffie-Hellman.
  const auto whose = peer.claims.named > 0 ? Agreements::Whose::named : Agreements::Whose::stranger;
  bool agrees = false;
  const auto may_agree = [&](TunnelId tunnel) {
    const std::string_view why = agreements_.refusal(tunnel, whose, now_);
    agrees = why.empty();
    if (!agrees) turn.drop(why);
    return agrees;
  };
  auto sa = v1::answer_first(turn, datagram, may_agree);
  if (sa == nullptr) return;
  if (agrees) agreements_.begun(sa->id, whose);
  half_open_.add(opening, peer, sa->id, HalfOpen::Proof::owed);
  reindex(add(std::move(sa)));
  const auto surplus = half_open_.surplus();
  if (!surplus) return;
  turn.drop("half-open SA gave way to a younger one");
  run(*find(*surplus), [](Turn& inner, Sa& it) { it.give_up(inner, "too many half-open SAs"); });
}

// RFC 7296 1.5: a request for an SA we do not know is answered in clear, a few times a second; a
// response never is.
void Engine::unknown_spi(const Datagram& datagram, const wire::Header& header) {
  // With the other flag an SA that we have would look like one that we do not know, and a token for
  // it is never given away (RFC 6290 9.2).
  const bool known =
      by_spi_.contains(header.initiator_spi) || by_spi_.contains(header.responder_spi);
  if (known) return void(++drops_["SPIs or roles do not fit"]);
  ++drops_["unknown IKE SPI"];
  if (header.flags.response || !may_refuse()) return;
  if (is_making(header.initiator_spi) || is_making(header.responder_spi)) {
    return void(++drops_["IKE SA that is still being made"]);
  }
  wire::Payloads why{v2::make_notify(wire::NotifyType::invalid_ike_spi)};
  const bool may_be_lost =
      wire::is_sealed(header.next_payload) && header.exchange != wire::ExchangeType::ike_sa_init;
  if (may_be_lost) {
    v2::append_token(crash_tokens_, {header.initiator_spi, header.responder_spi}, why);
  }
  refuse_in_clear(datagram, header, why);
}

// RFC 2408 5.2: so a peer learns what it would else find out by silence. Only what is encrypted is
// said under an SA; an answer to anything else might be answered itself.
void Engine::unknown_cookies(const Datagram& datagram, const wire::v1::Header& header) {
  ++drops_["unknown IKE SPI"];
  const bool known =
      by_spi_.contains(header.initiator_cookie) || by_spi_.contains(header.responder_cookie);
  if (known || !header.flags.encrypted || !header.responder_cookie) return;
  Turn turn = make_turn();
  v1::refuse_unknown(turn, datagram, {header.initiator_cookie, header.responder_cookie});
}

// RFC 7296 2.5: a higher version is told ours; a lower one is IKEv1's business.
void Engine::refuse_version(const Datagram& datagram, const wire::Header& header) {
  ++drops_["unsupported IKE version"];
  if (header.major_version < 2 || header.flags.response || !may_refuse()) return;
  wire::Header answer = header;
  answer.major_version = 2;
  answer.minor_version = 0;
  refuse_in_clear(datagram, answer, {v2::make_notify(wire::NotifyType::invalid_major_version)});
}

bool Engine::may_refuse() {
  const bool may = clear_refusals_.take(now_);
  if (!may) ++drops_["refusal withheld, too many a second"];
  return may;
}

// As seldom as there are refusals: a walk is cheaper than an index of what is there for a moment.
bool Engine::is_making(IkeSpi spi) const {
  return std::ranges::any_of(sas_, [&](const auto& entry) { return entry.second->is_making(spi); });
}

void Engine::refuse_in_clear(const Datagram& datagram, wire::Header answer,
                             const wire::Payloads& why) {
  answer.flags = {!answer.flags.initiator, true, false};
  if (auto message = wire::write_message(answer, why)) {
    actions_.emplace_back(SendDatagram{datagram.local, datagram.remote, *std::move(message)});
  }
}

// --- turns ---

Turn Engine::make_turn() {
  return {now_,     crypto_,         random_,       directory_, numbers_, drops_,
          actions_, clear_refusals_, crash_tokens_, {},         {}};
}

void Engine::finish(Turn& turn, const std::shared_ptr<Association>& association) {
  for (auto& born : std::exchange(turn.born, {})) {
    touched_.push_back(born->id);
    attach(add(std::move(born)));
  }
  for (const auto& signal : std::exchange(turn.signals, {})) {
    std::visit([&](const auto& what) { obey(turn, what); }, signal);
  }
  end_if_orphaned(turn, association);
  for (const auto& signal : std::exchange(turn.signals, {})) {
    std::visit([&](const auto& what) { obey(turn, what); }, signal);
  }
  Tunnel* tunnel = association->tunnel != nullptr ? find(association->tunnel->id) : nullptr;
  if (tunnel != nullptr) {
    note_succession(*tunnel);
    for (const SaId id : members(*tunnel)) {
      if (Sa* sa = find(id)) reindex(*sa);
    }
    reconcile(*tunnel);
  }
  for (const SaId id : std::exchange(touched_, {})) {
    if (Sa* sa = find(id)) reindex(*sa);
  }
}

// The SA that was to take over after crossing rekeys may have gone first. Children without an IKE
// SA are of no use.
void Engine::end_if_orphaned(Turn& turn, const std::shared_ptr<Association>& association) {
  if (!association->established() || association->ended) return;
  const Sa* current = find(association->current);
  if (current != nullptr && !current->closed()) return;
  end(turn, association, association->current, "no IKE SA is left");
}

void Engine::tick_due() {
  for (int i = 0; i < limits::kTicksPerTurn; ++i) {
    if (!timers_.empty() && timers_.begin()->first <= now_) {
      run(*find(timers_.begin()->second), [](Turn& turn, Sa& sa) { sa.ticked(turn); });
    } else if (!tunnel_timers_.empty() && tunnel_timers_.begin()->first <= now_) {
      reconcile(*find(tunnel_timers_.begin()->second));
    } else {
      return;
    }
  }
}

}  // namespace ipsec::core
