// What the kernel holds against what it should hold.
#include <cerrno>
#include <utility>

#include "xfrm/batch.h"
#include "xfrm/kernel.h"
#include "xfrm/reconcile.h"
#include "xfrm/refusal.h"

namespace ipsec::xfrm {

// In the order that lets nothing pass in clear and leads nothing astray: policies that are missing,
// then those that are too many, then SAs.
// NOLINTNEXTLINE(readability-function-cognitive-complexity): a plan carried out in its order
std::expected<Kernel::Reconciled, KernelError> Kernel::reconcile(const std::vector<SaKey>& wanted) {
  const auto sas = counters();
  if (!sas) return std::unexpected(sas.error());
  const auto found_policies = all_policies();
  if (!found_policies) return std::unexpected(found_policies.error());
  ReconcilePlan todo = plan(wanted, policies_.desired(), *sas, *found_policies);

  for (const SaUsage& sa : *sas) {
    if (sa.attachment.mark) marked_[sa.key] = sa.attachment;
  }
  const std::size_t adds = todo.add_policies.size();
  const std::size_t removals = todo.delete_policies.size();
  if (const std::size_t count = adds + removals + todo.delete_sas.size(); count != 0) {
    Batch batch(socket_, count);
    for (const auto& policy : todo.add_policies) {
      write_policy(batch.bytes(), batch.next(), PolicyVerb::replace, policy);
    }
    for (const auto& key : todo.delete_policies) {
      write_delete_policy(batch.bytes(), batch.next(), key);
    }
    for (const auto& sa : todo.delete_sas) {
      write_delete_sa(batch.bytes(), batch.next(), sa.key, sa.attachment);
    }
    const auto refusals = batch.send();
    if (!refusals) return std::unexpected(refused("reconcile", refusals.error()));
    for (const Refusal& refusal : *refusals) {
      const std::size_t i = refusal.index;
      // Gone in between is what was wanted.
      if (i >= adds && (refusal.error_number == ENOENT || refusal.error_number == ESRCH)) continue;
      const std::string object = i < adds ? name_of(todo.add_policies[i].key)
                                 : i < adds + removals
                                     ? name_of(todo.delete_policies[i - adds])
                                     : name_of(todo.delete_sas[i - adds - removals].key);
      return std::unexpected(refused("reconcile " + object, refusal));
    }
  }

  Reconciled result{.adopted = std::move(todo.adopt),
                    .lost = std::move(todo.lost),
                    .deleted = {},
                    .occupied = std::move(todo.occupied),
                    .policies_added = adds,
                    .policies_deleted = removals};
  for (const auto& sa : todo.delete_sas) result.deleted.push_back(sa.key);
  for (const auto* keys : {&result.lost, &result.deleted}) {
    for (const SaKey& key : *keys) marked_.erase(key);
  }
  return result;
}

}  // namespace ipsec::xfrm
