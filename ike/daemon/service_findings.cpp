// What is wrong, with the machine and with a tunnel: facts are gathered here and judged elsewhere.
#include <algorithm>
#include <set>
#include <utility>

#include "ike/daemon/checks.h"
#include "ike/daemon/diagnose.h"
#include "ike/daemon/service.h"

namespace ipsec::daemon {
namespace {

TunnelPath path_of(const gateway::Tunnel& tunnel, const gateway::Meaning& meaning) {
  std::set<Family> families;
  for (const gateway::Rule& rule : meaning.rules) families.insert(rule.local.family());
  return {tunnel.meta.name, meaning.local, meaning.remote, {families.begin(), families.end()}, {}};
}

KernelSa without_keys(const xfrm::SaRecord& record) {
  const xfrm::SaSpec& sa = record.spec;
  return {sa.direction,
          sa.spi,
          sa.reqid,
          {sa.destination.family(), sa.protocol, sa.encryption, sa.integrity,
           sa.encapsulation.has_value()},
          record.counters};
}

// Of all accounts: the machine carries them all.
std::vector<TunnelPath> paths_of(const Configuration& configuration, Fitting& fitting) {
  std::vector<TunnelPath> paths;
  const gateway::Inventory& inventory = configuration.inventory();
  fitting.forget_answers();
  for (const auto* tunnel : inventory.all<gateway::Tunnel>()) {
    const auto meaning = gateway::meaning_of(inventory, *tunnel);
    if (!meaning) continue;
    paths.push_back(path_of(*tunnel, *meaning));
    const auto* running = configuration.running(tunnel->meta.id);
    if (running != nullptr) paths.back().missing = fitting.missing(*running);
  }
  return paths;
}

}  // namespace

Answer Service::run(const control::Check&, const Asker&) {
  const auto facts =
      gather(Machine(), parts_.kernel.features(), paths_of(parts_.configuration, parts_.fitting));
  return control::FindingsReply{judge(facts)};
}

void Service::add_kernel(TunnelFacts& facts) const {
  const auto ours = [&](Reqid reqid) {
    return parts_.configuration.owner_of(reqid) == facts.tunnel.meta.id;
  };
  const auto sas = parts_.kernel.sas();
  auto policies = parts_.kernel.policies();
  if (!sas || !policies) {
    facts.kernel_error = describe(Error(sas ? policies.error() : sas.error()));
    return;
  }
  for (const xfrm::SaRecord& record : *sas) {
    if (!record.larval && ours(record.spec.reqid)) facts.sas.push_back(without_keys(record));
  }
  std::erase_if(*policies,
                [&](const xfrm::PolicyRecord& policy) { return !ours(policy.protection.reqid); });
  facts.policies = *std::move(policies);
}

Answer Service::run(const control::Diagnose& it, const Asker& asker) {
  const auto ids = resolve(Kind::tunnel, {it.tunnel}, asker);
  if (!ids) return std::unexpected(ids.error());
  const ObjectId& id = ids->front();
  const gateway::Inventory& inventory = parts_.configuration.inventory();
  parts_.traffic.refresh();

  TunnelFacts facts;
  facts.tunnel = *inventory.get<gateway::Tunnel>(id);
  const auto* gateway = inventory.get<gateway::Gateway>(facts.tunnel.gateway);
  facts.gateway = gateway->meta.name;
  facts.gateway_behind_nat = gateway->is_behind_nat();
  facts.meaning = gateway::meaning_of(inventory, facts.tunnel);
  facts.status = parts_.engine.status(tunnel_id(id));
  facts.view = status_of(id);
  facts.openings = parts_.engine.openings();
  facts.now = parts_.now().time;
  add_kernel(facts);
  const Machine machine;
  facts.devices = machine.devices();
  facts.routes = machine.routes();
  if (facts.meaning && !facts.meaning->remote.is_any()) {
    facts.source = source_towards(facts.meaning->remote);
  }
  facts.delivered = parts_.router.view(facts.tunnel, false);
  return control::FindingsReply{judge(facts)};
}

}  // namespace ipsec::daemon
