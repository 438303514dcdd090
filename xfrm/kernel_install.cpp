// Installing: one batch of SAs and policies, wholly or not at all.
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "xfrm/batch.h"
#include "xfrm/kernel.h"
#include "xfrm/refusal.h"

namespace ipsec::xfrm {
namespace {

// A held SPI that timed out or a larval SA in the way, then offload refused: two other forms.
constexpr int kForms = 3;

// Where none of ours stands, whatever stands there is another program's, and stays.
void write_change(Batch& batch, const PolicyKey& key, const std::optional<PolicyRecord>& standing,
                  const std::optional<PolicyRecord>& wanted) {
  if (wanted) {
    const auto verb = standing ? PolicyVerb::replace : PolicyVerb::add;
    write_policy(batch.bytes(), batch.next(), verb, *wanted);
  } else {
    write_delete_policy(batch.bytes(), batch.next(), key);
  }
}

// A policy that is gone need not be deleted.
bool is_gone(const std::optional<PolicyRecord>& wanted, const Refusal& refusal) {
  return !wanted && (refusal.error_number == ENOENT || refusal.error_number == ESRCH);
}

KernelError policy_refused(const PolicyChange& change, const Refusal& refusal) {
  auto error = refused((change.after ? "set " : "delete ") + name_of(change.key), refusal);
  if (change.after && refusal.error_number == EEXIST) {
    error.operation += "; it is another program's: delete it, or choose other ranges";
  }
  return error;
}

}  // namespace

std::expected<void, KernelError> Kernel::install(const std::vector<SaSpec>& sas,
                                                 const std::optional<PolicySpec>& policies) {
  std::vector<Attempt> attempts;
  attempts.reserve(sas.size());
  for (const SaSpec& spec : sas) {
    Attempt attempt{.spec = &spec,
                    .verb = held_.contains(spec.key()) ? SaVerb::update : SaVerb::add};
    if (spec.offload) {
      attempt.offload_interface = if_nametoindex(spec.offload->device.c_str());
      if (attempt.offload_interface == 0) refuse_offload(spec.offload->device);
    }
    attempts.push_back(attempt);
  }
  PolicyTable::Pending pending = policies ? policies_.set(*policies) : PolicyTable::Pending{};
  std::vector<bool> taken(pending.changes().size(), false);

  auto installed = install_all(attempts, pending, taken);
  if (!installed) {
    return std::unexpected(undo(std::move(installed.error()), attempts, pending, taken));
  }
  for (const SaSpec& spec : sas) {
    held_.erase(spec.key());
    if (spec.attachment.mark) marked_[spec.key()] = spec.attachment;
  }
  policies_.commit(std::move(pending));
  return {};
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): one round of sending and its answers
std::expected<void, KernelError> Kernel::install_all(std::vector<Attempt>& attempts,
                                                     const PolicyTable::Pending& policies,
                                                     std::vector<bool>& taken) {
  const auto& changes = policies.changes();
  for (int form = 0; form < kForms; ++form) {
    std::vector<Attempt*> tried;
    for (Attempt& attempt : attempts) {
      if (!attempt.accepted) tried.push_back(&attempt);
    }
    const std::size_t policies_sent = form == 0 ? changes.size() : 0;
    if (tried.empty() && policies_sent == 0) return {};

    Batch batch(socket_, tried.size() + policies_sent);
    for (Attempt* attempt : tried) {
      attempt->accepted = true;
      write_sa(batch.bytes(), batch.next(), attempt->verb, *attempt->spec, features_.messages,
               {.offload_interface = attempt->offload_interface});
    }
    for (std::size_t i = 0; i < policies_sent; ++i) {
      taken[i] = true;
      write_change(batch, changes[i].key, changes[i].before, changes[i].after);
    }
    const auto refusals = batch.send();
    // Unknown, what of it was taken: all of it is undone.
    if (!refusals) return std::unexpected(refused("install SAs and policies", refusals.error()));

    std::optional<KernelError> error;
    for (const Refusal& refusal : *refusals) {
      std::optional<KernelError> why;
      if (refusal.index < tried.size()) {
        why = settle(*tried[refusal.index], refusal);
      } else {
        const std::size_t i = refusal.index - tried.size();
        taken[i] = false;
        if (!is_gone(changes[i].after, refusal)) why = policy_refused(changes[i], refusal);
      }
      if (!error) error = std::move(why);
    }
    if (error) return std::unexpected(*std::move(error));
  }
  const auto left = std::ranges::find(attempts, false, &Attempt::accepted);
  if (left == attempts.end()) return {};
  return std::unexpected(KernelError{
      "install " + name_of(left->spec->key()) + ": the kernel takes it in no form", EAGAIN});
}

std::optional<KernelError> Kernel::settle(Attempt& attempt, const Refusal& refusal) {
  attempt.accepted = false;
  const int number = refusal.error_number;
  if (attempt.verb == SaVerb::update && number == ESRCH) {
    // The kernel holds an SPI for 30 s only (net.core.xfrm_acq_expires).
    attempt.verb = SaVerb::add;
    return std::nullopt;
  }
  if (attempt.verb == SaVerb::add && number == EEXIST) {
    // A packet that met the policy while the SA was away has left a larval one of its name.
    const auto there = look(attempt.spec->key(), "install");
    if (there && there->larval) {
      attempt.verb = SaVerb::update;
      return std::nullopt;
    }
  }
  if (attempt.offload_interface != 0 &&
      (number == EOPNOTSUPP || number == EINVAL || number == ENODEV)) {
    attempt.offload_interface = 0;
    refuse_offload(attempt.spec->offload->device);
    return std::nullopt;
  }
  return why_refused(*attempt.spec, refusal);
}

void Kernel::refuse_offload(const std::string& device) {
  if (offload_refused_.insert(device).second) offload_untold_.push_back(device);
}

KernelError Kernel::why_refused(const SaSpec& spec, const Refusal& refusal) {
  const std::string doing = "install " + name_of(spec.key());
  const int number = refusal.error_number;
  if (number == EPROTONOSUPPORT) {
    return refused(doing, refusal, protocol_missing(spec.protocol, spec.destination.family()));
  }
  // ENOSYS: an algorithm; ENOENT: what makes a mode of it.
  if (number != ENOSYS && number != ENOENT) return refused(doing, refusal);
  const auto missing = probe_algorithms(socket_, spec.protocol, spec.destination.family(),
                                        spec.encryption, spec.integrity);
  return refused(doing, refusal, missing ? *missing : std::nullopt);
}

// Backwards, so that no policy ever leads to an SA that is gone. The SPIs held for the SAs go with
// them.
// NOLINTNEXTLINE(readability-function-cognitive-complexity): gather, send, tell
KernelError Kernel::undo(KernelError error, const std::vector<Attempt>& attempts,
                         const PolicyTable::Pending& policies, const std::vector<bool>& taken) {
  const auto& changes = policies.changes();
  struct Step {
    const PolicyChange* policy = nullptr;
    const SaSpec* sa = nullptr;
  };
  std::vector<Step> steps;
  for (std::size_t i = changes.size(); i-- > 0;) {
    if (taken[i]) steps.push_back({.policy = &changes[i]});
  }
  for (std::size_t i = attempts.size(); i-- > 0;) {
    const SaKey key = attempts[i].spec->key();
    if (attempts[i].accepted || held_.contains(key)) steps.push_back({.sa = attempts[i].spec});
  }
  if (!steps.empty()) {
    Batch batch(socket_, steps.size());
    for (const Step& step : steps) {
      if (step.policy != nullptr) {
        write_change(batch, step.policy->key, step.policy->after, step.policy->before);
      } else {
        write_delete_sa(batch.bytes(), batch.next(), step.sa->key(), step.sa->attachment);
      }
    }
    const auto refusals = batch.send();
    if (!refusals) error.operation += "; undoing it failed too: " + refusals.error().operation;
    for (const Refusal& refusal : refusals.value_or(std::vector<Refusal>{})) {
      const Step& step = steps[refusal.index];
      const bool gone = step.policy != nullptr ? is_gone(step.policy->before, refusal)
                                               : refusal.error_number == ESRCH;
      if (gone) continue;
      error.operation +=
          fmt::format("; undoing it failed too: {} (errno {})",
                      step.policy != nullptr ? name_of(step.policy->key) : name_of(step.sa->key()),
                      refusal.error_number);
      break;
    }
  }
  for (const Attempt& attempt : attempts) held_.erase(attempt.spec->key());
  return error;
}

// --- Policies alone ---

std::expected<void, KernelError> Kernel::change(PolicyTable::Pending&& pending) {
  std::vector<Attempt> none;
  std::vector<bool> taken(pending.changes().size(), false);
  auto changed = install_all(none, pending, taken);
  if (!changed) return std::unexpected(undo(std::move(changed.error()), none, pending, taken));
  policies_.commit(std::move(pending));
  return {};
}

std::expected<void, KernelError> Kernel::remove(const PolicySpec& policies) {
  return change(policies_.remove(policies));
}

std::expected<void, KernelError> Kernel::set_trap(const TrapSpec& trap) {
  return change(policies_.set(trap));
}

std::expected<void, KernelError> Kernel::remove_trap(const TrapSpec& trap) {
  return change(policies_.remove(trap));
}

void Kernel::remember(const PolicySpec& policies) { policies_.commit(policies_.set(policies)); }

void Kernel::remember(const TrapSpec& trap) { policies_.commit(policies_.set(trap)); }

}  // namespace ipsec::xfrm
