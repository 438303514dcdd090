// What the runtime store has of each SA, so that only what has changed is written: after each turn
// an SA is looked at as a whole, and nobody has to say what he changed (docs/adr/0003).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>

#include "ike/core/config.h"
#include "ike/core/record.h"
#include "ike/core/sa/record_writer.h"
#include "ike/core/sa/sa.h"
#include "ike/core/sa/turn.h"

namespace ipsec::core {

class Ledger {
 public:
  // As the SA and its association are now.
  void note(const Sa& sa, Numbers& numbers);
  void forget(SaId sa);
  // The tunnel is no more.
  void forget(TunnelId tunnel) { meanings_.erase(tunnel); }
  // The store has it from a daemon before this one.
  void has(const Sa& sa);
  // What nobody has taken over.
  void drop(RecordKey key) { writer_.forget(key); }

  [[nodiscard]] bool has_changes() const { return !writer_.empty(); }
  [[nodiscard]] RecordBatch take_changes() { return writer_.take(); }

 private:
  struct Kept {
    AssociationId association;
    std::optional<std::uint64_t> sa;  // checksums; none where it was not written yet
    std::optional<std::uint64_t> window;
  };
  struct KeptAssociation {
    std::optional<std::uint64_t> content;
    int sas = 0;
  };
  struct Meaning {
    std::weak_ptr<const TunnelConfig> of;
    std::uint64_t meaning = 0;
  };

  void end_record(std::optional<std::uint64_t>& kept);
  void leave(AssociationId id);
  [[nodiscard]] std::uint64_t meaning(const TunnelPointer& tunnel);

  std::unordered_map<SaId, Kept> sas_;
  std::unordered_map<AssociationId, KeptAssociation> associations_;
  // Worked out once for one configuration.
  std::unordered_map<TunnelId, Meaning> meanings_;
  RecordWriter writer_;
};

}  // namespace ipsec::core
