// SAs that a daemon before this one has left: each tunnel takes what is its own when it is set for
// the first time (docs/adr/0012).
#include <algorithm>
#include <map>
#include <utility>

#include "ike/base/limits.h"
#include "ike/core/engine/engine.h"
#include "ike/core/sa/records.h"

namespace ipsec::core {
namespace {

// Its children are only to be deleted, and what they were made for may not be there any more.
void forget_rules(Association& association, std::size_t rules) {
  if (rules == 0) association.children.clear();
  for (Child& child : association.children) child.rule = std::min(child.rule, rules - 1);
}

}  // namespace

// What makes no sense is dropped from the store and counted; the others do not hang on it.
//
// Numbers go on behind those of the records: so far behind that what an SA had in the making, whose
// number is nobody's key, keeps its own.
void Engine::take(Resume& input) {
  static constexpr std::uint64_t kInTheMaking = 1 << 20;
  for (const KernelSa& sa : input.in_kernel) left_.in_kernel.emplace(sa.key.spi, sa);
  std::map<RecordKey, const Record*> records;
  for (const Record& record : input.records) {
    records[record.key] = &record;
    numbers_.last = std::max(numbers_.last, record.key.id);
  }
  std::unordered_map<AssociationId, SavedAssociation> associations;
  for (const auto& [key, record] : records) {
    if (key.kind != RecordKind::association) continue;
    auto saved = load_association(record->content.view());
    if (!saved || saved->association->id.value != key.id) continue;
    for (const Child& child : saved->association->children) {
      numbers_.last = std::max(numbers_.last, child.id.value);
    }
    const AssociationId id = saved->association->id;
    associations.emplace(id, *std::move(saved));
  }
  for (const auto& [id, saved] : associations) {
    const auto heir = associations.find(saved.heir);
    if (heir != associations.end()) {
      saved.association->heir = heir->second.association;
    } else {
      // What was to end for another's sake stays: that one was not up for long enough.
      saved.association->closes_with_heir = false;
      saved.association->patience = kNever;
    }
  }
  for (const auto& [key, record] : records) {
    if (key.kind != RecordKind::sa) continue;
    const auto window = records.find({RecordKind::window, key.id});
    auto saved = window == records.end()
                     ? std::nullopt
                     : load_sa(record->content.view(), window->second->content.view(), make_sa,
                               crypto_, random_);
    const auto association = saved ? associations.find(saved->association) : associations.end();
    const bool fits = saved && saved->sa->id.value == key.id && association != associations.end();
    if (!fits) {
      ++drops_["record of the runtime store that makes no sense"];
      continue;
    }
    saved->sa->association = association->second.association;
    auto& left = left_.tunnels[association->second.tunnel];
    left.meanings[association->first] = association->second.meaning;
    left.sas.push_back(std::move(saved->sa));
    ++left_.sas;
  }
  for (const auto& [key, record] : records) left_.unclaimed.insert(key);
  numbers_.last += kInTheMaking;
}

// Those that nobody has claimed.
void Engine::take(ResumeOver&) {
  for (const RecordKey& key : left_.unclaimed) {
    const bool ours = key.kind == RecordKind::association || key.kind == RecordKind::sa ||
                      key.kind == RecordKind::window;
    if (ours) ledger_.drop(key);
  }
  left_ = {};
}

void Engine::claim(const Sa& sa) {
  left_.unclaimed.erase({RecordKind::association, sa.association->id.value});
  left_.unclaimed.erase({RecordKind::sa, sa.id.value});
  left_.unclaimed.erase({RecordKind::window, sa.id.value});
  ledger_.has(sa);
}

// With everything they have; where the tunnel means another thing by now, to be closed.
void Engine::resume(Tunnel& tunnel) {
  auto node = left_.tunnels.extract(tunnel.config->id);
  if (node.empty()) return;
  Left::OfTunnel& left = node.mapped();
  const std::uint64_t meaning = meaning_of(*tunnel.config);
  std::vector<SaId> resumed;
  for (auto& sa : left.sas) {
    Association& association = *sa->association;
    const std::size_t rules = tunnel.config->children.size();
    const bool in_rules = std::ranges::all_of(
        association.children, [rules](const Child& child) { return child.rule < rules; });
    const bool same = in_rules && left.meanings.at(association.id) == meaning;
    if (association.tunnel == nullptr) {
      association.tunnel = tunnel.config;
      association.rule_retry_at.assign(rules, now_);
      association.rule_tries.assign(rules, 0);
      association.rule_single_pair.resize(rules);
      if (!same) forget_rules(association, rules);
      association.closing = association.closing || !same;
    }
    claim(*sa);
    resumed.push_back(sa->id);
    Sa& added = add(std::move(sa));
    if (!added.is_half_open()) attach(added);
  }
  tunnel.was_up = true;
  // The first may end an association that has no current SA, and the others with it.
  for (const SaId id : resumed) {
    Sa* sa = find(id);
    if (sa != nullptr && !sa->closed()) resume(*sa);
  }
}

void Engine::resume(Sa& sa) {
  const Comeback comeback{left_.in_kernel, moment(limits::kProbeEach, limits::kProbesWithin),
                          moment(limits::kRekeyEach, limits::kRekeysWithin)};
  run(sa, [&](Turn& turn, Sa& it) {
    std::size_t lost = 0;
    const bool leads = it.is_current() && it.is_up();
    if (leads) lost = adopt_children(turn, *it.association, comeback);
    it.resumed(turn, comeback);
    if (!leads) return;
    if (!it.association->closing) resume_children(turn, it, comeback);
    turn.tell(Resumed{it.tunnel().id, it.id, it.association->children.size(), lost});
  });
}

// At random within as long as all of them take, if each has so much of it.
Duration Engine::moment(Duration each, Duration most) {
  Turn turn = make_turn();
  const Duration all = std::min(each * static_cast<Duration::rep>(left_.sas), most);
  return turn.jittered(all, 1.0);
}

}  // namespace ipsec::core
