#include "xfrm/reconcile.h"

#include <algorithm>
#include <map>
#include <set>

namespace ipsec::xfrm {
namespace {

void plan_sas(ReconcilePlan& plan, const std::vector<SaKey>& wanted,
              const std::vector<SaUsage>& found) {
  const std::set<SaKey> missing_from(wanted.begin(), wanted.end());
  std::set<SaKey> missing = missing_from;
  for (const SaUsage& sa : found) {
    if (!is_ours(sa.reqid)) continue;
    if (!missing_from.contains(sa.key)) {
      plan.delete_sas.push_back(sa);
    } else if (missing.erase(sa.key) != 0) {
      plan.adopt.push_back(sa.key);
    }
  }
  plan.lost.assign(missing.begin(), missing.end());
}

void plan_policies(ReconcilePlan& plan, const std::vector<PolicyRecord>& wanted,
                   const std::vector<PolicyRecord>& found) {
  std::map<PolicyKey, const PolicyRecord*> places;
  for (const PolicyRecord& policy : found) places[policy.key] = &policy;
  for (const PolicyRecord& policy : wanted) {
    const auto place = places.find(policy.key);
    if (place == places.end()) {
      plan.add_policies.push_back(policy);
      continue;
    }
    const PolicyRecord& there = *place->second;
    if (!is_ours(there.protection.reqid)) {
      plan.occupied.push_back(policy.key);
    } else if (there != policy) {
      plan.add_policies.push_back(policy);
    }
    places.erase(place);
  }
  for (const auto& [key, policy] : places) {
    if (is_ours(policy->protection.reqid)) plan.delete_policies.push_back(key);
  }
}

}  // namespace

ReconcilePlan plan(const std::vector<SaKey>& wanted_sas,
                   const std::vector<PolicyRecord>& wanted_policies,
                   const std::vector<SaUsage>& found_sas,
                   const std::vector<PolicyRecord>& found_policies) {
  ReconcilePlan result;
  plan_sas(result, wanted_sas, found_sas);
  plan_policies(result, wanted_policies, found_policies);
  return result;
}

}  // namespace ipsec::xfrm
