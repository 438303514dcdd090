#include "ike/core/engine/ledger.h"

#include <utility>

#include "ike/base/checksum.h"
#include "ike/core/sa/records.h"

namespace ipsec::core {
namespace {

RecordKey key_of(AssociationId id) { return {RecordKind::association, id.value}; }
RecordKey key_of(SaId id) { return {RecordKind::sa, id.value}; }
RecordKey window_of(SaId id) { return {RecordKind::window, id.value}; }

}  // namespace

void Ledger::note(const Sa& sa, Numbers& numbers) {
  if (!sa.outlives_us()) return forget(sa.id);
  Association& association = *sa.association;
  if (!association.id) association.id = numbers.next<AssociationId>();
  Kept& kept = sas_[sa.id];
  if (kept.association != association.id) {
    leave(std::exchange(kept.association, association.id));
    ++associations_[association.id].sas;
  }
  save(writer_.begin(key_of(association.id)), association, meaning(association.tunnel));
  end_record(associations_[association.id].content);
  save(writer_.begin(key_of(sa.id)), sa);
  end_record(kept.sa);
  sa.save_window(writer_.begin(window_of(sa.id)));
  end_record(kept.window);
}

void Ledger::forget(SaId sa) {
  const auto node = sas_.extract(sa);
  if (node.empty()) return;
  drop(key_of(sa));
  drop(window_of(sa));
  leave(node.mapped().association);
}

// Without checksums: what is written next is written whole.
void Ledger::has(const Sa& sa) {
  sas_[sa.id].association = sa.association->id;
  ++associations_[sa.association->id].sas;
}

// Where it is as it was nothing is said of it.
void Ledger::end_record(std::optional<std::uint64_t>& kept) {
  const std::uint64_t now = checksum(writer_.content());
  if (std::exchange(kept, now) == now) return writer_.take_back();
  writer_.end();
}

std::uint64_t Ledger::meaning(const TunnelPointer& tunnel) {
  Meaning& known = meanings_[tunnel->id];
  if (known.of.lock() != tunnel) known = {tunnel, meaning_of(*tunnel)};
  return known.meaning;
}

void Ledger::leave(AssociationId id) {
  const auto left = associations_.find(id);
  if (left == associations_.end() || --left->second.sas > 0) return;
  associations_.erase(left);
  drop(key_of(id));
}

}  // namespace ipsec::core
