#include "ike/v2/schedule.h"

#include <algorithm>

#include <fmt/format.h>

#include "ike/base/limits.h"
#include "ike/core/retransmit.h"
#include "ike/core/sa/children.h"
#include "ike/v2/channel.h"
#include "ike/v2/child_exchange.h"
#include "ike/v2/establish.h"
#include "ike/v2/ike_rekey.h"
#include "ike/v2/informational.h"
#include "ike/v2/init_exchange.h"

namespace ipsec::v2 {
namespace {

using core::Cause;
using core::Failure;
using core::Stage;

// What an established SA may begin once its window is free, the most urgent first.
enum class Work : std::uint8_t {
  delete_ike,
  delete_children,
  rekey_ike,
  rekey_child,
  make_child,
  probe,
};

struct Item {
  Time at = kNever;
  Work work{};
  ChildId child;
  std::size_t rule = 0;
};

Time delete_children_at(const Association& association) {
  Time at = kNever;
  for (const Child& child : association.children) at = std::min(at, child.delete_at());
  return at;
}

void add_child_work(const Sa& sa, std::vector<Item>& items) {
  const Association& association = *sa.association;
  Item rekey{kNever, Work::rekey_child, {}, 0};
  for (const Child& child : association.children) {
    const bool plain = std::holds_alternative<Active>(child.phase);
    if (plain && child.rekey_at < rekey.at)
      rekey = {child.rekey_at, Work::rekey_child, child.id, 0};
  }
  items.push_back(rekey);
  if (!association.tunnel->may_initiate()) return;
  for (std::size_t rule = 0; rule < association.tunnel->children.size(); ++rule) {
    if (missing_of(association, rule).empty()) continue;
    items.push_back({association.rule_retry_at[rule], Work::make_child, {}, rule});
  }
}

// Make before break: what one association carried the other does, and where the peer made a child
// it has shown that its own half is in place.
bool complete_heir(const Association& association) {
  const auto heir = association.heir.lock();
  if (heir == nullptr || heir->ended || !heir->established()) return false;
  for (std::size_t rule = 0; rule < heir->tunnel->children.size(); ++rule) {
    if (!missing_of(*heir, rule).empty()) return false;
  }
  for (const Child& child : heir->children) {
    if (std::holds_alternative<InboundOnly>(child.phase) || child.unmade()) return false;
  }
  return true;
}

// In order of urgency. Empty while an exchange of ours is under way.
std::vector<Item> agenda(const Sa& sa, const Established& up) {
  std::vector<Item> items;
  const bool free = std::holds_alternative<std::monostate>(up.ours) && !up.window.sent;
  if (!free) return items;
  const Association& association = *sa.association;
  const bool must_go = up.delete_wanted || association.closing ||
                       (association.closes_with_heir && complete_heir(association));
  const Time patience =
      sa.is_current() ? std::min(association.patience, up.expires_at) : up.patience;
  items.push_back({must_go ? Time{} : patience, Work::delete_ike, {}, 0});
  if (!sa.is_current()) return items;
  items.push_back({delete_children_at(association), Work::delete_children, {}, 0});
  if (!up.peers) {
    // Not while we serve the peer: two exchanges over one child would cross for nothing.
    items.push_back({up.rekey_wanted ? Time{} : up.rekey_at, Work::rekey_ike, {}, 0});
    add_child_work(sa, items);
  }
  const Time quiet = core::probe_time(up.window.heard_at, sa.tunnel().dpd_delay);
  items.push_back({up.probe_wanted || up.token_owed ? Time{} : quiet, Work::probe, {}, 0});
  return items;
}

Time housekeeping_at(const Sa& sa, const Established& up) {
  Time at = up.keepalive_at;
  if (up.window.sent) at = std::min(at, up.window.sent->timer.deadline());
  if (!sa.is_current()) return at;
  for (const Child& child : sa.association->children) {
    at = std::min(at, child.expires_at);
    if (const auto* lingering = std::get_if<Lingering>(&child.phase)) {
      at = std::min(at, lingering->until);
    }
  }
  return at;
}

void delete_due_children(Turn& turn, Sa& sa) {
  std::vector<ChildId> due;
  for (const Child& child : sa.association->children) {
    if (child.delete_at() <= turn.now) due.push_back(child.id);
    if (due.size() == limits::kSpisPerDelete) break;  // the rest in the next exchange
  }
  start_child_delete(turn, sa, std::move(due));
}

void begin_work(Turn& turn, Sa& sa, const Item& item) {
  switch (item.work) {
    case Work::delete_ike:
      return start_ike_delete(turn, sa);
    case Work::delete_children:
      return delete_due_children(turn, sa);
    case Work::rekey_ike:
      return start_ike_rekey(turn, sa);
    case Work::rekey_child:
      return start_child_rekey(turn, sa, *sa.association->find(item.child));
    case Work::make_child:
      return start_child(turn, sa, item.rule, missing_of(*sa.association, item.rule).front());
    case Work::probe:
      return start_probe(turn, sa);
  }
}

// Its answer may be what gets lost, or it was away and has come back without our request.
bool is_asked_on(Turn& turn, const Sa& sa, Established& up) {
  const auto& tunnel = sa.tunnel();
  Window& window = up.window;
  const Time asked_at = window.sent->sent_at;
  const Time since = std::max(asked_at, up.doubted_at.value_or(asked_at));
  const auto schedule =
      core::ask_on({since, window.heard_at, tunnel.dpd_delay, tunnel.dpd_timeout}, turn.now);
  if (!schedule) return false;
  send_again(turn, sa, window);
  window.sent->timer = {*schedule, turn.now};
  return true;
}

void tick_established(Turn& turn, Sa& sa) {
  auto& up = *sa.established();
  if (retransmit(turn, sa, up.window) == Patience::exhausted && !is_asked_on(turn, sa, up)) {
    const std::string silence = fmt::format("no answer from {} to {} sends", sa.remote.to_string(),
                                            up.window.sent->timer.sends());
    // Nobody is there to be told; a superseded SA takes nothing else along.
    return close(turn, sa, silence);
  }
  core::keep_alive(turn, sa, up.keepalive_at);
  if (sa.is_current()) {
    sweep_children(turn, *sa.association);
    expire_children(turn, *sa.association);
  }
  for (const Item& item : agenda(sa, up)) {
    if (item.at <= turn.now) return begin_work(turn, sa, item);
  }
}

Failure silence(Stage stage, const Sa& sa, std::uint32_t sends, std::string_view what) {
  return {stage, Cause::peer_silent, sa.local.to_string(), sa.remote.to_string(),
          fmt::format("{} sent {} times without an answer", what, sends)};
}

void tick_init_sent(Turn& turn, Sa& sa) {
  auto& state = std::get<InitSent>(sa.state);
  switch (state.timer.poll(turn.now)) {
    case core::Retransmission::Verdict::wait:
      return;
    case core::Retransmission::Verdict::send_again:
      turn.act(core::SendDatagram{sa.local, sa.remote, state.request});
      return;
    case core::Retransmission::Verdict::give_up:
      break;
  }
  auto why =
      state.hint.value_or(silence(Stage::ike_sa_init, sa, state.timer.sends(), "IKE_SA_INIT"));
  fail_opening(turn, sa, std::move(why));
}

void tick_auth_sent(Turn& turn, Sa& sa) {
  auto& state = std::get<AuthSent>(sa.state);
  if (retransmit(turn, sa, state.window) == Patience::left) return;
  fail_opening(turn, sa,
               silence(Stage::ike_auth, sa, state.window.sent->timer.sends(), "IKE_AUTH"));
}

void expire_half_open(Turn& turn, Sa& sa, Time expires_at) {
  if (expires_at > turn.now) return;
  turn.drop("half-open SA expired");
  sa.state = Closed{"half-open for too long"};
}

struct DeadlineOf {
  const Sa& sa;
  Time operator()(const KeyPending&) const { return kNever; }
  Time operator()(const InitSent& state) const { return state.timer.deadline(); }
  Time operator()(const AuthPreparing&) const { return kNever; }
  Time operator()(const AuthSent& state) const {
    return state.window.sent ? state.window.sent->timer.deadline() : kNever;
  }
  Time operator()(const AgreePending& state) const { return state.expires_at; }
  Time operator()(const InitAnswered& state) const { return state.expires_at; }
  Time operator()(const Established& up) const {
    Time at = housekeeping_at(sa, up);
    for (const Item& item : agenda(sa, up)) at = std::min(at, item.at);
    return at;
  }
  Time operator()(const Closed&) const { return kNever; }
};

}  // namespace

Time deadline(const Sa& sa) { return std::visit(DeadlineOf{sa}, sa.state); }

void tick(Turn& turn, Sa& sa) {
  if (std::holds_alternative<InitSent>(sa.state)) return tick_init_sent(turn, sa);
  if (std::holds_alternative<AuthSent>(sa.state)) return tick_auth_sent(turn, sa);
  if (const auto* agreeing = std::get_if<AgreePending>(&sa.state)) {
    return expire_half_open(turn, sa, agreeing->expires_at);
  }
  if (const auto* answered = std::get_if<InitAnswered>(&sa.state)) {
    return expire_half_open(turn, sa, answered->expires_at);
  }
  if (sa.established() != nullptr) tick_established(turn, sa);
}

}  // namespace ipsec::v2
