#include "ike/daemon/configuration.h"

#include <utility>

#include "ike/daemon/translate.h"
#include "xfrm/model.h"

namespace ipsec::daemon {

void Configuration::carry_out_all() {
  for (const auto* tunnel : inventory_.all<gateway::Tunnel>()) carry_out(tunnel->meta.id);
}

std::expected<void, ConfigError> Configuration::commit(gateway::Plan&& plan, std::string_view who,
                                                       std::chrono::sys_seconds now) {
  if (auto saved = store_.save(plan, who, now); !saved) return saved;
  for (const gateway::Step& step : plan.steps) {
    if (step.what != gateway::Step::What::remove || running(step.id) == nullptr) continue;
    leaving_[step.id] = inventory_.find(step.id);
  }
  inventory_ = std::move(plan.inventory);
  ++revision_;
  // What goes leaves its ranges to what comes.
  for (const gateway::Step& step : plan.steps) {
    if (step.what == gateway::Step::What::remove && step.id.kind == Kind::tunnel) {
      withdraw(step.id);
    }
  }
  for (const gateway::Step& step : plan.steps) {
    if (step.id.kind == Kind::tunnel) carry_out(step.id);
  }
  port_.committed(plan.steps);
  return {};
}

const gateway::Tunnel* Configuration::tunnel(const ObjectId& id) const {
  if (const auto* tunnel = inventory_.get<gateway::Tunnel>(id)) return tunnel;
  const auto found = leaving_.find(id);
  return found == leaving_.end() ? nullptr : std::get_if<gateway::Tunnel>(found->second.get());
}

const core::TunnelConfig* Configuration::running(const ObjectId& id) const {
  const auto found = running_.find(id);
  return found == running_.end() ? nullptr : found->second.config.get();
}

void Configuration::carry_out(const ObjectId& id) {
  const auto* tunnel = inventory_.get<gateway::Tunnel>(id);
  if (tunnel == nullptr) return;
  auto meaning = gateway::meaning_of(inventory_, *tunnel);
  if (!meaning) return withdraw(id);
  const auto found = running_.find(id);
  if (found != running_.end() && found->second.meaning == *meaning) return;

  const std::size_t count = reqids_of(*meaning);
  // The old traps stand until the new ones do: nothing leaves in clear in between.
  const auto first = take_reqids(count, id);
  if (!first) return withdraw(id);
  auto fitted = translate(*meaning, tunnel->meta.name, {tunnel_id(id), *first});
  port_.fit(fitted);
  auto config = std::make_shared<const core::TunnelConfig>(std::move(fitted));
  core::TunnelPointer before;
  if (found != running_.end()) {
    before = found->second.config;
    if (!before->children.empty()) reqids_.erase(before->children.front().reqid);
  }
  running_[id] = {*std::move(meaning), config, count};
  port_.set(std::move(config), before.get());
}

void Configuration::withdraw(const ObjectId& id) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  const core::TunnelPointer config = found->second.config;
  if (!config->children.empty()) reqids_.erase(config->children.front().reqid);
  running_.erase(found);
  port_.remove(*config);
}

// After a restart a tunnel has the place it had, and else one that hangs on its id alone, so that
// the kernel's policies are what they were and need no change. One that is set anew goes on from
// there: a reqid is not given out again soon, so that what the kernel still says of the one before
// is not taken for the new one's.
std::optional<Reqid> Configuration::take_reqids(std::size_t count, const ObjectId& owner) {
  const std::uint64_t size = xfrm::kLastReqid.value - xfrm::kFirstReqid.value + 1ULL;
  if (count > size) return std::nullopt;
  std::uint64_t at = xfrm::kFirstReqid.value + owner.number % size;
  if (const auto found = running_.find(owner); found != running_.end()) {
    const auto& children = found->second.config->children;
    if (!children.empty()) at = children.front().reqid.value + found->second.reqids;
  } else if (const auto before = port_.first_reqid(tunnel_id(owner));
             before && xfrm::is_ours(*before)) {
    at = before->value;
  }
  bool wrapped = false;
  for (;;) {
    if (at + count - 1 > xfrm::kLastReqid.value) {
      if (std::exchange(wrapped, true)) return std::nullopt;
      at = xfrm::kFirstReqid.value;
    }
    // The run that begins at or before the last one wanted, if it reaches into them.
    const auto last = static_cast<std::uint32_t>(at + count - 1);
    auto run = reqids_.upper_bound(Reqid{last});
    if (run == reqids_.begin()) break;
    --run;
    if (run->first.value + run->second.second <= at) break;
    at = run->first.value + run->second.second;
  }
  const Reqid first{static_cast<std::uint32_t>(at)};
  reqids_[first] = {owner, count};
  return first;
}

std::optional<ObjectId> Configuration::owner_of(Reqid reqid) const {
  auto run = reqids_.upper_bound(reqid);
  if (run == reqids_.begin()) return std::nullopt;
  --run;
  if (run->first.value + run->second.second <= reqid.value) return std::nullopt;
  return run->second.first;
}

}  // namespace ipsec::daemon
