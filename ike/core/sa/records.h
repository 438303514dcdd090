// What the runtime store keeps of associations and of SAs (docs/adr/0012): written before the
// message that depends on it leaves, read by a daemon that goes on after this one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "ike/base/bytes.h"
#include "ike/base/random.h"
#include "ike/core/config.h"
#include "ike/core/sa/archive.h"
#include "ike/core/sa/sa.h"

namespace ipsec::core {

// What of a tunnel's configuration its SAs stand on: with another number they are of no use.
[[nodiscard]] std::uint64_t meaning_of(const TunnelConfig& tunnel);

struct SavedAssociation {
  std::shared_ptr<Association> association;  // without its tunnel
  TunnelId tunnel;
  std::uint64_t meaning = 0;
  AssociationId heir;  // none: 0
};
void save(Saver& archive, const Association& association, std::uint64_t meaning);
[[nodiscard]] std::optional<SavedAssociation> load_association(ByteView record);

void save(Saver& archive, const Sa& sa);

struct SavedSa {
  std::unique_ptr<Sa> sa;  // without its association
  AssociationId association;
};
// An SA of that version with nothing in it.
using MakeSa = std::unique_ptr<Sa> (*)(IkeVersion version);
[[nodiscard]] std::optional<SavedSa> load_sa(ByteView record, ByteView window, MakeSa make,
                                             const crypto::Provider& crypto, RandomSource& random);

}  // namespace ipsec::core
