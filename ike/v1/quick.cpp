// What both roles of quick mode share, and who of them goes on.
#include "ike/v1/quick.h"

#include <algorithm>
#include <limits>

#include "ike/base/limits.h"
#include "ike/v1/pairs.h"

namespace ipsec::v1 {
namespace {

template <typename Fits>
std::optional<QuickId> find_quick(const Established& up, Fits fits) {
  const auto found =
      std::ranges::find_if(up.quicks, [&](const auto& entry) { return fits(entry.second); });
  return found == up.quicks.end() ? std::nullopt : std::optional(found->first);
}

void go_on(Turn& turn, Sa& sa, QuickId id) {
  const Quick& quick = sa.established()->quicks.at(id);
  if (quick.role == wire::Role::initiator) return go_on_as_initiator(turn, sa, id);
  go_on_as_responder(turn, sa, id);
}

// The peer never showed that it has its half: to be deleted there. If it has, it may have deleted
// those that were to be replaced, and nothing came of that message either.
void delete_unproven(const Turn& turn, const Sa& sa, const Quick& quick) {
  Child* child = quick.child ? sa.association->find(*quick.child) : nullptr;
  const bool unproven = child != nullptr && std::holds_alternative<InboundOnly>(child->phase);
  if (!unproven) return;
  child->phase = Replaced{false, turn.now};
  for (Child* other : pair_of(*sa.association, child->rule, child->selectors)) {
    other->rekey_at = turn.now;
  }
}

// The peer's, whose third message did not come; but traffic through the child did, which says the
// same.
bool is_proven(const Sa& sa, const Quick& quick) {
  if (quick.stage != Quick::Stage::answered) return false;
  const Child* child = quick.child ? sa.association->find(*quick.child) : nullptr;
  return child == nullptr || !std::holds_alternative<InboundOnly>(child->phase);
}

bool is_protocol_esp(const Quick& quick) {
  return quick.making.choice->algorithms.protocol == xfrm::Protocol::esp;
}

}  // namespace

void remember(Established& up, QuickId id) {
  up.heard_ids.push_back(id);
  if (up.heard_ids.size() > limits::kV1ExchangesRemembered) up.heard_ids.pop_front();
}

void outlive(const Turn& turn, const Sa& sa, Child& child) {
  if (sa.is_current()) return;
  child.rekey_at = turn.now;
  for (const Child* other : pair_of(*sa.association, child.rule, child.selectors)) {
    if (other->id == child.id) continue;
    child.rekey_at = std::max(child.rekey_at, other->made_at + limits::kV1AgainAfter);
  }
}

Result<crypto::v1::IvChain> iv_of(const Turn& turn, const Established& up, MessageId id) {
  auto iv = crypto::v1::exchange_iv(turn.crypto, *up.algorithms.prf, up.last_block, id,
                                    up.keys.cipher->block_size());
  if (!iv) return std::unexpected(iv.error());
  return crypto::v1::IvChain(*std::move(iv));
}

Child make_quick_child(Turn& turn, const Sa& sa, const Quick& quick) {
  Child child = core::make_child(turn, sa, turn.numbers.next<ChildId>(), quick.making);
  const core::proposal_v1::Lifetimes& agreed = quick.terms.lifetimes;
  if (agreed.time.count() > 0 && agreed.time < child.lifetime) {
    child.lifetime = agreed.time;
    child.rekey_at = turn.rekey_time(agreed.time);
    child.expires_at = turn.now + agreed.time;
  }
  // What of kilobytes is ours was cut to whole ones. The peer's have up to 64 bits.
  static constexpr auto kMost = std::numeric_limits<std::uint64_t>::max() / 1024;
  const std::uint64_t agreed_bytes = std::min(agreed.kilobytes, kMost) * 1024;
  const bool narrower =
      child.lifetime_bytes == 0 || agreed_bytes < child.lifetime_bytes / 1024 * 1024;
  if (agreed_bytes != 0 && narrower) child.lifetime_bytes = agreed_bytes;
  return child;
}

Result<crypto::ChildKeys> keys_of(const Turn& turn, const Established& up, const Quick& quick) {
  const auto& choice = *quick.making.choice;
  const ChildSpi ours = quick.making.reserved->spi;
  const bool asked = quick.role == wire::Role::initiator;
  const crypto::v1::ChildSpiPair spis{asked ? ours : choice.peer_spi,
                                      asked ? choice.peer_spi : ours};
  return crypto::v1::derive_child_keys(
      turn.crypto, *up.algorithms.prf, up.keys.secrets.skeyid_d.view(), quick.shared.view(),
      is_protocol_esp(quick) ? crypto::v1::Protocol::esp : crypto::v1::Protocol::ah, spis,
      quick.making.nonces.view(), {choice.algorithms.encryption, choice.algorithms.integrity});
}

void quick_arrived(Turn& turn, Sa& sa, const core::Datagram& datagram,
                   const wire::v1::Message& message) {
  auto& up = *sa.established();
  if (!message.sealed) return turn.drop("quick mode in clear");
  const QuickId id = message.header.message_id.value;
  const auto known = up.quicks.find(id);
  if (known == up.quicks.end()) {
    const bool over = std::ranges::find(up.heard_ids, id) != up.heard_ids.end();
    if (over) return turn.drop("quick mode that is over");
    return offer_arrived(turn, sa, datagram, message);
  }
  const Quick& quick = known->second;
  // Whatever it answers, it is answered the same again.
  const bool repeated = !quick.said.heard.empty() && equal(quick.said.heard, datagram.bytes);
  if (repeated) {
    if (quick.said.answer.empty()) return turn.drop("message repeated while being served");
    return turn.act(core::SendDatagram{datagram.local, datagram.remote, quick.said.answer});
  }
  if (quick.stage == Quick::Stage::offered) return offer_answered(turn, sa, id, datagram, message);
  if (quick.stage == Quick::Stage::answered) return proof_arrived(turn, sa, id, datagram, message);
  turn.drop("quick mode's message not expected");
}

void quick_spi_ready(Turn& turn, Sa& sa, core::Ticket ticket,
                     const std::expected<xfrm::SaKey, KernelError>& result) {
  auto& up = *sa.established();
  const auto id = find_quick(up, [&](const Quick& it) { return it.making.spi_wanted == ticket; });
  if (!id) {
    if (result) turn.act(core::RemoveSa{*result});
    return;
  }
  Quick& quick = up.quicks.at(*id);
  quick.making.spi_wanted.reset();
  if (!result) {
    return fail_quick(
        turn, sa, *id,
        child_failure(core::Cause::kernel_refused, describe(Error(result.error())), {}));
  }
  quick.making.reserved = *result;
  go_on(turn, sa, *id);
}

void quick_job_done(Turn& turn, Sa& sa, JobId job, core::JobResult result) {
  auto& up = *sa.established();
  const auto id = find_quick(
      up, [&](const Quick& it) { return it.key_wanted == job || it.secret_wanted == job; });
  if (!id) return;
  Quick& quick = up.quicks.at(*id);
  if (!result) {
    return fail_quick(
        turn, sa, *id,
        child_failure(core::Cause::protocol_violation, {}, {}, describe(result.error())));
  }
  if (quick.key_wanted == job) quick.key = result->key;
  quick.shared = std::move(result->shared);
  quick.key_wanted.reset();
  quick.secret_wanted.reset();
  go_on(turn, sa, *id);
}

bool quick_installed(Turn& turn, Sa& sa, core::Ticket ticket,
                     const std::expected<void, KernelError>& result) {
  auto& up = *sa.established();
  const auto id =
      find_quick(up, [&](const Quick& it) { return it.making.install_wanted == ticket; });
  if (!id) return false;
  Quick& quick = up.quicks.at(*id);
  quick.making.install_wanted.reset();
  if (!result) quick.making.reserved.reset();  // the batch left nothing in the kernel
  if (quick.role == wire::Role::initiator) {
    installed_as_initiator(turn, sa, *id, result);
  } else {
    installed_as_responder(turn, sa, *id, result);
  }
  return true;
}

void take_back(Turn& turn, const Sa& sa, const Quick& quick, Duration wait) {
  core::give_back(turn, quick.making);
  if (quick.role != wire::Role::initiator || !quick.making.replaces) return;
  Child* old = sa.association->find(*quick.making.replaces);
  if (old != nullptr && old->usable()) old->rekey_at = turn.now + wait;
}

void fail_quick(Turn& turn, Sa& sa, QuickId id, core::Failure why) {
  auto& up = *sa.established();
  const Quick& quick = up.quicks.at(id);
  take_back(turn, sa, quick, turn.jittered(limits::kTemporaryFailureRetry, 0.5));
  const bool asked = quick.role == wire::Role::initiator;
  const std::size_t rule = quick.making.rule;
  if (!asked) remember(up, id);
  up.quicks.erase(id);
  if (asked) {
    turn.signals.emplace_back(RuleFailed{sa.id, rule, why});
  } else {
    turn.tell_refused(sa.tunnel().id, std::move(why));
  }
}

Time quick_deadline(const Established& up) {
  Time at = kNever;
  for (const auto& [id, quick] : up.quicks) {
    at = std::min({at, quick.expires_at, quick.timer.deadline()});
  }
  return at;
}

void forget_oldest(Established& up) {
  if (up.quicks.size() < limits::kV1ExchangesRemembered) return;
  auto oldest = up.quicks.end();
  for (auto it = up.quicks.begin(); it != up.quicks.end(); ++it) {
    if (it->second.stage != Quick::Stage::over) continue;
    if (oldest == up.quicks.end() || it->second.expires_at < oldest->second.expires_at) oldest = it;
  }
  if (oldest != up.quicks.end()) up.quicks.erase(oldest);
}

void tick_quicks(Turn& turn, Sa& sa) {
  auto& up = *sa.established();
  std::vector<QuickId> gone;
  for (auto& [id, quick] : up.quicks) {
    if (is_proven(sa, quick) || quick.expires_at <= turn.now) {
      gone.push_back(id);
      continue;
    }
    switch (quick.timer.poll(turn.now)) {
      case core::Retransmission::Verdict::wait:
        break;
      case core::Retransmission::Verdict::send_again:
        turn.act(core::SendDatagram{sa.local, sa.remote, quick.said.answer});
        ++up.path.resent;
        break;
      case core::Retransmission::Verdict::give_up:
        gone.push_back(id);
        break;
    }
  }
  for (const QuickId id : gone) {
    const Quick& quick = up.quicks.at(id);
    if (quick.stage == Quick::Stage::answered) delete_unproven(turn, sa, quick);
    if (quick.stage == Quick::Stage::over || quick.stage == Quick::Stage::answered) {
      remember(up, id);
      up.quicks.erase(id);
      continue;
    }
    fail_quick(
        turn, sa, id,
        child_failure(core::Cause::peer_silent, sa.local.to_string(), sa.remote.to_string(),
                      "quick mode's message 1 was not answered: most often other algorithms, "
                      "ranges or PFS there"));
  }
}

void abandon_unanswered(Turn& turn, Sa& sa) {
  std::erase_if(sa.established()->quicks, [&](const auto& entry) {
    const Quick& quick = entry.second;
    const bool ours = quick.role == wire::Role::initiator;
    if (!ours || quick.stage > Quick::Stage::offered) return false;
    take_back(turn, sa, quick, turn.jittered(limits::kTemporaryFailureRetry, 0.5));
    return true;
  });
}

void abandon_quicks(Turn& turn, Sa& sa) {
  auto& up = *sa.established();
  for (const auto& [id, quick] : up.quicks) {
    if (quick.stage == Quick::Stage::over) continue;
    if (quick.stage == Quick::Stage::answered) {
      delete_unproven(turn, sa, quick);
    } else {
      take_back(turn, sa, quick, turn.jittered(limits::kTemporaryFailureRetry, 0.5));
    }
  }
  up.quicks.clear();
}

}  // namespace ipsec::v1
