#include "ike/v1/schedule.h"

#include <algorithm>

#include <fmt/format.h>

#include "ike/base/limits.h"
#include "ike/core/retransmit.h"
#include "ike/v1/informational.h"
#include "ike/v1/pairs.h"
#include "ike/v1/quick.h"

namespace ipsec::v1 {
namespace {

enum class Work : std::uint8_t {
  delete_sa,
  repeat_deletes,
  delete_children,
  succeed,
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

bool is_asked_for(const Established& up, std::size_t rule, const core::SelectorPair& selectors) {
  return std::ranges::any_of(up.quicks, [&](const auto& entry) {
    const Quick& quick = entry.second;
    const bool busy = quick.stage != Quick::Stage::over && quick.stage != Quick::Stage::answered;
    return busy && quick.making.rule == rule && quick.making.selectors == selectors;
  });
}

// Peers remember few exchanges, ours and theirs, probes and deletes among them, and cannot decrypt
// the rest of one that they have forgotten: charon has room for three. So ours come one by one.
bool is_asking(const Established& up) {
  return std::ranges::any_of(up.quicks, [](const auto& entry) {
    const Quick& quick = entry.second;
    return quick.role == wire::Role::initiator && quick.stage != Quick::Stage::over;
  });
}

// A child whose quick mode crosses a new phase 1 may be lost: charon takes its children over to the
// new IKE SA when that is up, destroys the old one, and never sees the third message. So neither
// begins while the other is under way; a quick mode that is not answered at once is not waited for.
bool is_making_children(const Established& up) {
  return std::ranges::any_of(up.quicks, [](const auto& entry) {
    const Quick& quick = entry.second;
    const bool silent = quick.stage == Quick::Stage::offered && quick.timer.sends() > 1;
    return quick.stage != Quick::Stage::over && !silent;
  });
}

// A peer may let go what was made under an ISAKMP SA with it, and not know yet that it is to be
// made anew (charon takes over what it has when another phase 1 is up, and no child that it asks
// for after that): such a child is due at once, or waits for its next try.
bool holds_children(const Sa& sa, Time now) {
  return std::ranges::any_of(sa.association->children, [&](const Child& child) {
    if (!child.usable() || !is_newest_proven(*sa.association, child)) return false;
    const bool waits =
        child.rekey_at == kNever || child.rekey_at <= now + limits::kTemporaryFailureRetry;
    const bool just_made = child.made_at + limits::kV1AgainAfter > now;
    return waits || just_made;
  });
}

// By order at once, or before the lifetime ends. Then it waits for quick modes, but not for each
// that the peer begins in time, until it is too late.
Time succession_time(const Established& up) {
  const bool making = is_making_children(up);
  if (up.reauthentication_wanted && !making) return {};
  if (!making || up.reauthenticate_at == kNever) return up.reauthenticate_at;
  const Duration room = (up.expires_at - up.reauthenticate_at) / 2;
  return up.reauthenticate_at + std::min<Duration>(limits::kV1WaitsForQuicks, room);
}

// The peer cannot read what follows our last message of phase 1 until it has read that one, and may
// take the second first: charon does it with many threads, and says PAYLOAD-MALFORMED. And after a
// comeback, an exchange that it began meanwhile comes first: of those that are open it remembers
// few.
Time silent_until(const Sa& sa, const Established& up) {
  if (sa.role == wire::Role::initiator || !sa.is_current()) return up.silent_until;
  return std::max(up.silent_until, sa.association->established_at + limits::kV1FollowsAfter);
}

// A pair of the rule that no child has and no quick mode is about: after a refusal the next one,
// for it may be that one alone that the peer does not have.
std::optional<core::SelectorPair> next_pair(const Sa& sa, const Established& up, std::size_t rule) {
  auto missing = core::missing_of(*sa.association, rule);
  if (missing.empty()) return std::nullopt;
  const auto tries = static_cast<std::size_t>(sa.association->rule_tries[rule]);
  std::ranges::rotate(missing,
                      missing.begin() + static_cast<std::ptrdiff_t>(tries % missing.size()));
  for (auto& pair : missing) {
    if (!is_asked_for(up, rule, pair)) return std::move(pair);
  }
  return std::nullopt;
}

void add_child_work(const Sa& sa, const Established& up, std::vector<Item>& items) {
  const Association& association = *sa.association;
  Item deletes{kNever, Work::delete_children, {}, 0};
  Item rekey{kNever, Work::rekey_child, {}, 0};
  for (const Child& child : association.children) {
    deletes.at = std::min(deletes.at, child.delete_at());
    // What is cheap to tell comes first: there may be hundreds of them.
    const bool due = child.rekey_at < rekey.at && std::holds_alternative<Active>(child.phase) &&
                     !is_asked_for(up, child.rule, child.selectors) &&
                     is_newest(association, child);
    if (due) rekey = {child.rekey_at, Work::rekey_child, child.id, 0};
  }
  items.push_back(deletes);
  if (is_asking(up) || association.succession) return;
  items.push_back(rekey);
  if (!association.tunnel->may_initiate()) return;
  for (std::size_t rule = 0; rule < association.tunnel->children.size(); ++rule) {
    if (!next_pair(sa, up, rule)) continue;
    items.push_back({association.rule_retry_at[rule], Work::make_child, {}, rule});
  }
}

std::vector<Item> all_work(const Sa& sa, const Established& up) {
  std::vector<Item> items;
  const Association& association = *sa.association;
  if (!sa.is_current()) {
    const Time end = up.probe || up.probe_wanted ? kNever : std::min(up.delete_at, up.expires_at);
    items.push_back({association.closing ? Time{} : end, Work::delete_sa, {}, 0});
    if (up.probe_wanted && !up.probe) items.push_back({Time{}, Work::probe, {}, 0});
    return items;
  }
  const Time end = std::min(up.expires_at, association.patience);
  items.push_back({association.closing ? Time{} : end, Work::delete_sa, {}, 0});
  items.push_back({succession_time(up), Work::succeed, {}, 0});
  if (up.deleted) return items;
  items.push_back({association.repeat_deletes_at, Work::repeat_deletes, {}, 0});
  add_child_work(sa, up, items);
  if (up.peer.dead_peer_detection && !up.probe) {
    const Time quiet = core::probe_time(up.heard_at, sa.tunnel().dpd_delay);
    items.push_back({up.probe_wanted ? Time{} : quiet, Work::probe, {}, 0});
  }
  return items;
}

std::vector<Item> agenda(const Sa& sa, const Established& up) {
  auto items = all_work(sa, up);
  if (sa.association->closing) return items;
  const Time from = silent_until(sa, up);
  for (Item& item : items) item.at = std::max(item.at, from);
  return items;
}

// It says nothing any more but its Delete: so it may do that after its end.
bool may_stay(const Turn& turn, const Sa& sa) {
  const Duration since = turn.now - sa.established()->superseded_at;
  return !sa.is_current() && since < 2 * limits::kAwaitDelete && holds_children(sa, turn.now);
}

void stay(const Turn& turn, Established& up) {
  up.delete_at = turn.now + limits::kV1AgainAfter;
  up.expires_at = std::max(up.expires_at, up.delete_at);
}

void begin_work(Turn& turn, Sa& sa, const Item& item) {
  auto& up = *sa.established();
  switch (item.work) {
    case Work::delete_sa: {
      const bool closing = sa.association->closing;
      if (!closing && may_stay(turn, sa)) return stay(turn, up);
      if (!closing && up.expires_at <= turn.now) return expire_sa(turn, sa);
      return delete_sa(turn, sa, closing ? "deleted by us" : "another took its place");
    }
    case Work::repeat_deletes:
      return repeat_deletes(turn, sa);
    case Work::delete_children: {
      std::vector<ChildId> due;
      for (const Child& child : sa.association->children) {
        if (child.delete_at() <= turn.now) due.push_back(child.id);
        if (due.size() == limits::kSpisPerDelete) break;
      }
      return delete_children(turn, sa, due);
    }
    case Work::succeed:
      abandon_unanswered(turn, sa);
      // Once; where nothing comes of it, again by order or before the lifetime ends. What has just
      // begun goes with a daemon that dies.
      up.reauthentication_wanted = false;
      up.reauthenticate_at =
          turn.now + std::clamp<Duration>((up.expires_at - turn.now) / 2, std::chrono::seconds{1},
                                          limits::kReauthenticationRetry);
      turn.signals.emplace_back(core::SuccessorWanted{sa.id});
      return;
    case Work::rekey_child:
      return start_child_rekey(turn, sa, *sa.association->find(item.child));
    case Work::make_child:
      return start_quick(turn, sa, item.rule, *next_pair(sa, up, item.rule));
    case Work::probe:
      return start_probe(turn, sa);
  }
}

// Nothing came through these to show that the peer has its half.
void switch_due(Turn& turn, Sa& sa) {
  for (Child& child : sa.association->children) {
    if (child.switch_at > turn.now) continue;
    child.switch_at = kNever;
    if (!std::holds_alternative<InboundOnly>(child.phase)) continue;
    // It may be that our third message was lost.
    repeat_proof(turn, sa, child.id);
    core::inbound_seen(turn, sa, child);
  }
}

// True where nobody is there any more.
bool probe_in_vain(Turn& turn, const Sa& sa, Established& up) {
  if (!up.probe) return false;
  switch (up.probe->timer.poll(turn.now)) {
    case core::Retransmission::Verdict::wait:
      return false;
    case core::Retransmission::Verdict::send_again:
      break;
    case core::Retransmission::Verdict::give_up: {
      const Time asked_at = up.probe->sent_at;
      const Time since = std::max(asked_at, up.doubted_at.value_or(asked_at));
      const auto schedule = core::ask_on(
          {since, up.heard_at, sa.tunnel().dpd_delay, sa.tunnel().dpd_timeout}, turn.now);
      if (!schedule) return true;
      up.probe->timer = {*schedule, turn.now};
    }
  }
  turn.act(core::SendDatagram{sa.local, sa.remote, up.probe->sent});
  ++up.path.resent;
  return false;
}

}  // namespace

Time deadline_of(const Sa& sa, const Established& up) {
  Time at = std::min(up.keepalive_at, quick_deadline(up));
  if (sa.is_current()) at = std::min(at, settle_time(*sa.association));
  if (up.probe) at = std::min(at, up.probe->timer.deadline());
  for (const Item& item : agenda(sa, up)) at = std::min(at, item.at);
  if (!sa.is_current()) return at;
  for (const Child& child : sa.association->children) {
    at = std::min({at, child.expires_at, child.switch_at});
    const auto* lingering = std::get_if<Lingering>(&child.phase);
    if (lingering != nullptr) at = std::min(at, lingering->until);
  }
  return at;
}

void tick_established(Turn& turn, Sa& sa) {
  auto& up = *sa.established();
  if (probe_in_vain(turn, sa, up)) {
    if (!sa.is_current()) {
      // The peer has come back without its memory.
      doubt_children(*sa.association, up.superseded_at);
      return sa.close(turn, "superseded, and unknown to the peer");
    }
    turn.signals.emplace_back(
        core::PeerLost{sa.id, fmt::format("no answer from {} to {} questions whether it is there",
                                          sa.remote.to_string(), up.probe->timer.sends())});
    return;
  }
  core::keep_alive(turn, sa, up.keepalive_at);
  tick_quicks(turn, sa);
  if (sa.is_current()) {
    core::sweep_children(turn, *sa.association);
    core::expire_children(turn, *sa.association);
    switch_due(turn, sa);
    settle_pairs(turn, sa);
  }
  for (const Item& item : agenda(sa, up)) {
    if (item.at <= turn.now) return begin_work(turn, sa, item);
  }
}

}  // namespace ipsec::v1
