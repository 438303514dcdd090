// What the runtime store keeps of an IKEv1 SA, and how it goes on from there.
//
// Of phase 1 what the peer may hold for up already: our proof is on its way, and is said again; in
// aggressive mode that is the responder's first message. Of quick modes those are kept that the
// peer may go on with: ours that are over, whose last message it may ask for again, and its own
// that wait for its proof. Others begin anew, under another message id.
#include <algorithm>
#include <utility>

#include "ike/base/limits.h"
#include "ike/core/sa/layouts.h"
#include "ike/v1/sa.h"

namespace ipsec::core {

template <>
struct Layout<crypto::v1::Secrets> {
  static void walk(auto& archive, auto& it) {
    archive(it.skeyid, it.skeyid_d, it.skeyid_a, it.skeyid_e);
  }
};
template <>
struct Layout<v1::Abilities> {
  static void walk(auto& archive, auto& it) { archive(it.nat, it.dead_peer_detection); }
};
template <>
struct Layout<v1::Said> {
  static void walk(auto& archive, auto& it) { archive(it.heard, it.answer); }
};
template <>
struct Layout<v1::Probe> {
  static void walk(auto& archive, auto& it) { archive(it.sequence, it.sent); }
};

}  // namespace ipsec::core

namespace ipsec::v1 {
namespace {

using core::Loader;
using core::Saver;

// How far it is; the numbers are those in the file.
enum class SavedStage : std::uint8_t { established = 0, proving = 1, answered = 2 };

// Aggressive mode's responder, whose message had its proof.
const KeyAnswered* answered_in(const State& state) {
  const auto* answered = std::get_if<KeyAnswered>(&state);
  return answered != nullptr && answered->keys ? answered : nullptr;
}

bool is_kept(const Quick& quick) {
  return quick.stage == Quick::Stage::answered || quick.stage == Quick::Stage::over;
}

void walk_quick(auto& archive, auto& it) {
  archive(it.role, it.stage, it.making.rule, it.making.selectors, it.making.nonces, it.child,
          it.said, it.expires_at);
  archive.expect(is_kept(it), "stage");
}

void save_quicks(Saver& archive, const Established& up) {
  const auto count =
      std::ranges::count_if(up.quicks, [](const auto& entry) { return is_kept(entry.second); });
  archive(static_cast<std::uint32_t>(count));
  for (const auto& [id, quick] : up.quicks) {
    if (!is_kept(quick)) continue;
    archive(id, to_bytes(quick.iv.next()));
    walk_quick(archive, quick);
  }
}

void load_quicks(Loader& archive, Established& up) {
  std::uint32_t count = 0;
  archive(count);
  for (std::uint32_t i = 0; i < count && archive.ok(); ++i) {
    std::uint32_t id = 0;
    Bytes iv;
    archive(id, iv);
    Quick quick{.iv = crypto::v1::IvChain(std::move(iv)), .making = {}, .terms = {}};
    walk_quick(archive, quick);
    up.quicks.emplace(id, std::move(quick));
  }
}

void walk_rest(auto& archive, auto& up) {
  archive(up.last_block, up.peer, up.said, up.lowest_nonce, up.reauthentication_wanted, up.deleted,
          up.reauthenticate_at, up.delete_at, up.superseded_at, up.expires_at);
}

void walk_phase1(auto& archive, auto& it) {
  archive(it.aggressive, it.choice.algorithms, it.choice.lifetimes.time,
          it.choice.lifetimes.kilobytes, it.sa_body, it.initiator_id_body, it.responder_id_body,
          it.nonces, it.initiator_public, it.responder_public, it.peer);
}

void save_sent(Saver& archive, const AuthSent& sent) {
  walk_phase1(archive, sent.phase1);
  archive(sent.keys.secrets, to_bytes(sent.iv.next()), sent.sent);
}

std::optional<AuthSent> load_sent(Loader& archive, const crypto::Provider& crypto) {
  Phase1 phase1;
  crypto::v1::Secrets secrets;
  Bytes iv;
  Bytes sent;
  walk_phase1(archive, phase1);
  archive(secrets, iv, sent);
  if (!archive.ok()) return std::nullopt;
  auto keys = Keys::make(crypto, phase1.choice.algorithms, std::move(secrets));
  if (!keys || iv.size() != keys->cipher->block_size()) return std::nullopt;
  return AuthSent{
      std::move(phase1), *std::move(keys), crypto::v1::IvChain(std::move(iv)), std::move(sent), {}};
}

void save_answered(Saver& archive, const KeyAnswered& answered) {
  walk_phase1(archive, answered.phase1);
  archive(answered.keys->secrets, answered.said, answered.expires_at);
}

std::optional<KeyAnswered> load_answered(Loader& archive, const crypto::Provider& crypto) {
  KeyAnswered answered;
  crypto::v1::Secrets secrets;
  walk_phase1(archive, answered.phase1);
  archive(secrets, answered.said, answered.expires_at);
  archive.expect(answered.phase1.aggressive, "mode");
  if (!archive.ok()) return std::nullopt;
  auto keys = Keys::make(crypto, answered.phase1.choice.algorithms, std::move(secrets));
  if (!keys) return std::nullopt;
  answered.keys = *std::move(keys);
  return answered;
}

}  // namespace

bool Sa::outlives_us() const {
  return established() != nullptr || is_committed() || answered_in(state) != nullptr;
}

void Sa::save(Saver& archive) const {
  if (const auto* sent = std::get_if<AuthSent>(&state)) {
    archive(SavedStage::proving);
    return save_sent(archive, *sent);
  }
  if (const auto* answered = answered_in(state)) {
    archive(SavedStage::answered);
    return save_answered(archive, *answered);
  }
  archive(SavedStage::established);
  const Established& up = *established();
  archive(up.algorithms, up.keys.secrets);
  walk_rest(archive, up);
  save_quicks(archive, up);
}

void Sa::save_window(Saver& archive) const {
  if (established() == nullptr) return;
  const Established& up = *established();
  archive(up.probe, up.next_sequence, up.question,
          std::vector<std::uint32_t>(up.heard_ids.begin(), up.heard_ids.end()));
}

bool Sa::load(Loader& archive, Loader& window, const crypto::Provider& crypto,
              RandomSource& /*random*/) {
  SavedStage stage{};
  archive(stage);
  archive.expect(stage <= SavedStage::answered, "stage");
  if (stage == SavedStage::proving) {
    auto sent = load_sent(archive, crypto);
    if (!sent) return false;
    state = *std::move(sent);
    return true;
  }
  if (stage == SavedStage::answered) {
    auto answered = load_answered(archive, crypto);
    if (!answered) return false;
    state = *std::move(answered);
    return true;
  }
  crypto::IkeAlgorithms algorithms;
  crypto::v1::Secrets secrets;
  archive(algorithms, secrets);
  if (!archive.ok()) return false;
  auto keys = Keys::make(crypto, algorithms, std::move(secrets));
  if (!keys) return false;
  Established up{algorithms, *std::move(keys), {}, {}, {}, {}};
  walk_rest(archive, up);
  load_quicks(archive, up);
  std::vector<std::uint32_t> heard;
  window(up.probe, up.next_sequence, up.question, heard);
  up.heard_ids.assign(heard.begin(), heard.end());
  const bool fits = up.last_block.size() == up.keys.cipher->block_size();
  state = std::move(up);
  return archive.ok() && window.ok() && fits;
}

// Peers count our questions (RFC 3706 5.3) and may answer none but the next: one that is out is
// asked again as it was.
void Sa::resumed(Turn& turn, const core::Comeback& comeback) {
  if (auto* sent = std::get_if<AuthSent>(&state)) {
    const auto again = core::RetransmitSchedule::opening().after(comeback.probe_after);
    sent->timer = {again, turn.now};
    return;
  }
  // The peer's proof may have come while nobody was there: our message again brings it back.
  if (const auto* answered = answered_in(state)) {
    return turn.act(core::SendDatagram{local, remote, answered->said.answer});
  }
  auto& up = *established();
  const auto schedule =
      core::RetransmitSchedule::established(tunnel().dpd_timeout).after(comeback.probe_after);
  up.heard_at = turn.now + comeback.probe_after - tunnel().dpd_delay;
  if (up.probe) {
    up.probe->timer = {schedule, turn.now};
    up.probe->sent_at = turn.now;
  }
  for (auto& [message, quick] : up.quicks) {
    if (quick.stage == Quick::Stage::answered) quick.timer = {schedule, turn.now};
  }
  // Of others the end is when they go.
  const bool goes_on = is_current() && !up.deleted;
  if (goes_on) up.expires_at = core::Comeback::end_of(up.expires_at, turn.now);
  up.reauthenticate_at =
      std::max(up.reauthenticate_at, comeback.succeed_at(up.expires_at, turn.now));
  if (nat.local) up.keepalive_at = turn.now;
  up.silent_until = turn.now + limits::kV1SilentAfterComeback;
  // Nothing answers a Delete, and what was to be said of these may not have been.
  const bool some = std::ranges::any_of(association->children, &Child::lingering);
  if (is_current() && some) association->repeat_deletes_at = turn.now;
}

}  // namespace ipsec::v1
