// What the kernel holds against what it should hold.
#include <cerrno>
#include <set>
#include <utility>

#include "xfrm/batch.h"
#include "xfrm/kernel.h"
#include "xfrm/reconcile.h"
#include "xfrm/refusal.h"

namespace ipsec::xfrm {
namespace {

// What the step of a plan is about: policies that are missing come first, then those that are too
// many, then SAs.
std::string object_of(const ReconcilePlan& plan, std::size_t step) {
  if (step < plan.add_policies.size()) return name_of(plan.add_policies[step].key);
  step -= plan.add_policies.size();
  if (step < plan.delete_policies.size()) return name_of(plan.delete_policies[step]);
  return name_of(plan.delete_sas[step - plan.delete_policies.size()].key);
}

}  // namespace

std::expected<Kernel::Reconciled, KernelError> Kernel::reconcile(const std::vector<SaKey>& wanted) {
  const auto sas = counters();
  if (!sas) return std::unexpected(sas.error());
  const auto found_policies = all_policies();
  if (!found_policies) return std::unexpected(found_policies.error());
  ReconcilePlan todo = plan(wanted, policies_.desired(), *sas, *found_policies);
  for (const SaUsage& sa : *sas) {
    if (sa.attachment.mark) marked_[sa.key] = sa.attachment;
  }
  const std::size_t known_as_occupied = todo.occupied.size();
  if (auto done = carry_out(todo, *found_policies); !done) return std::unexpected(done.error());
  policies_.mark_occupied(todo.occupied);

  const std::size_t refused_places = todo.occupied.size() - known_as_occupied;
  Reconciled result{.adopted = std::move(todo.adopt),
                    .lost = std::move(todo.lost),
                    .deleted = {},
                    .occupied = std::move(todo.occupied),
                    .policies_added = todo.add_policies.size() - refused_places,
                    .policies_deleted = todo.delete_policies.size()};
  for (const auto& sa : todo.delete_sas) result.deleted.push_back(sa.key);
  for (const auto* keys : {&result.lost, &result.deleted}) {
    for (const SaKey& key : *keys) marked_.erase(key);
  }
  return result;
}

std::expected<void, KernelError> Kernel::flush() {
  policies_ = {};
  if (auto emptied = reconcile({}); !emptied) return std::unexpected(std::move(emptied.error()));
  return {};
}

// In the order that lets nothing pass in clear and leads nothing astray. A place that looked empty
// may hold a policy of a kind that we do not read: then it is another program's.
std::expected<void, KernelError> Kernel::carry_out(ReconcilePlan& todo,
                                                   const std::vector<PolicyRecord>& found) {
  const std::size_t adds = todo.add_policies.size();
  const std::size_t count = adds + todo.delete_policies.size() + todo.delete_sas.size();
  if (count == 0) return {};
  std::set<PolicyKey> standing;
  for (const PolicyRecord& policy : found) standing.insert(policy.key);
  Batch batch(socket_, count);
  for (const auto& policy : todo.add_policies) {
    const auto verb = standing.contains(policy.key) ? PolicyVerb::replace : PolicyVerb::add;
    write_policy(batch.bytes(), batch.next(), verb, policy);
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
    const bool is_add = refusal.index < adds;
    const int number = refusal.error_number;
    if (is_add && number == EEXIST) {
      todo.occupied.push_back(todo.add_policies[refusal.index].key);
    } else if (is_add || (number != ENOENT && number != ESRCH)) {
      // (Gone in between is what was wanted.)
      return std::unexpected(refused("reconcile " + object_of(todo, refusal.index), refusal));
    }
  }
  return {};
}

}  // namespace ipsec::xfrm
