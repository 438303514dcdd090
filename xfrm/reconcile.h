// Desired against found; pure.
#pragma once

#include <vector>

#include "xfrm/model.h"
#include "xfrm/records.h"

namespace ipsec::xfrm {

struct ReconcilePlan {
  std::vector<SaKey> adopt;
  // SAs are never put back: their sequence numbers are gone, and the peer would drop what bears old
  // ones. They are negotiated anew.
  std::vector<SaKey> lost;
  std::vector<SaUsage> delete_sas;
  std::vector<PolicyRecord> add_policies;  // missing, or not as they should be
  std::vector<PolicyKey> delete_policies;
  std::vector<PolicyKey> occupied;  // wanted, but another program's policy has the place
};

// Rows whose reqid is not ours are left alone.
[[nodiscard]] ReconcilePlan plan(const std::vector<SaKey>& wanted_sas,
                                 const std::vector<PolicyRecord>& wanted_policies,
                                 const std::vector<SaUsage>& found_sas,
                                 const std::vector<PolicyRecord>& found_policies);

}  // namespace ipsec::xfrm
