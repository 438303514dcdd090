// What a tunnel offers, `auto` spelled out: the same that the daemon hands to the engine
// (daemon/translate.cpp), in terms that need no engine. tests/unit/formats holds the two together.
#pragma once

#include <vector>

#include "ike/gateway/meaning.h"

namespace ipsec::gateway::formats {

// Algorithms that go together; lists are best first.
struct Proposal {
  std::vector<const EncryptionRow*> encryption;  // empty exactly for AH
  std::vector<const IntegrityRow*> integrity;    // empty exactly where the ciphers are AEADs
  std::vector<const PrfRow*> prfs;               // of IKE alone
  std::vector<const GroupRow*> groups;  // of ESP and AH: null is "none will do too", empty no PFS
  bool operator==(const Proposal&) const = default;
};
using Proposals = std::vector<Proposal>;

[[nodiscard]] Proposals ike_proposals(const IkePolicy& policy, Profile profile);
[[nodiscard]] Proposals child_proposals(const IpsecPolicy& policy, Profile profile);

}  // namespace ipsec::gateway::formats
