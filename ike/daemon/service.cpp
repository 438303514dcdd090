#include "ike/daemon/service.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "ike/daemon/problems.h"

namespace ipsec::daemon {

void Service::handle(const control::Request& request, const Caller& caller, Responder respond) {
  const Asker asker{caller.account,
                    fmt::format("{} (uid {})", caller.user, caller.credentials.uid)};
  std::visit(
      [&](const auto& it) {
        if constexpr (requires { list(it, asker, request.id); }) {
          auto listing = list(it, asker, request.id);
          if (listing) return respond(*std::move(listing));
          respond(std::unexpected(std::move(listing.error())));
        } else if constexpr (requires { begin(it, asker, std::move(respond)); }) {
          begin(it, asker, std::move(respond));
        } else {
          respond(run(it, asker));
        }
      },
      request.operation);
}

// --- finding -----------------------------------------------------------------------------------

std::expected<Service::Ids, control::Error> Service::resolve(Kind kind,
                                                             const std::vector<std::string>& names,
                                                             const Asker& asker) const {
  Ids out;
  std::vector<control::Problem> problems;
  for (const std::string& name : names) {
    const auto id = parts_.configuration.inventory().resolve(asker.account, kind, name);
    if (id) {
      if (std::ranges::find(out, *id) == out.end()) out.push_back(*id);
      continue;
    }
    control::Problem problem;
    problem.object = fmt::format("{} '{}'", name_of(kind), name);
    problem.why = id.error();
    problem.text = fmt::format("{}: {}", problem.object, problem.why);
    problems.push_back(std::move(problem));
  }
  if (problems.empty()) return out;
  control::Error error = error_of(std::move(problems));
  error.code = control::ErrorCode::not_found;
  return std::unexpected(std::move(error));
}

std::expected<Service::Ids, control::Error> Service::resolve_tunnels(
    const std::vector<std::string>& names, const Asker& asker) const {
  if (!names.empty()) return resolve(Kind::tunnel, names, asker);
  Ids out;
  for (const auto* tunnel : parts_.configuration.inventory().all<gateway::Tunnel>()) {
    if (tunnel->meta.account == asker.account) out.push_back(tunnel->meta.id);
  }
  return out;
}

// --- changing ----------------------------------------------------------------------------------

gateway::Draft::Maker Service::maker(const Asker& asker) const {
  return {asker.account, parts_.now().wall, parts_.random};
}

gateway::Draft Service::draft(const Asker& asker) const {
  return {parts_.configuration.inventory(), parts_.settings, maker(asker)};
}

Answer Service::finish(gateway::Draft&& draft, bool dry_run, const Asker& asker) {
  auto plan = std::move(draft).finish();
  if (!plan) return std::unexpected(error_of(plan.error()));
  return finish(*std::move(plan), dry_run, asker);
}

Answer Service::finish(gateway::Plan&& plan, bool dry_run, const Asker& asker) {
  control::PlanReply reply;
  reply.done = !dry_run;
  reply.warnings = plan.warnings;
  reply.steps.reserve(plan.steps.size());
  for (const gateway::Step& step : plan.steps) {
    control::StepView view = view_of(step);
    view.carries_traffic = carries_traffic(step.id);
    reply.steps.push_back(std::move(view));
  }
  if (dry_run || plan.steps.empty()) return reply;
  if (auto saved = parts_.configuration.commit(std::move(plan), asker.who, parts_.now().wall);
      !saved) {
    return std::unexpected(control::Error{
        control::ErrorCode::failed,
        fmt::format("nothing was changed: {}: {}", saved.error().where, saved.error().why),
        {}});
  }
  for (const control::StepView& step : reply.steps) {
    parts_.log.write(
        Level::info,
        fmt::format("{} {} {} '{}'", asker.who, step.what, name_of(step.kind), step.name),
        {.event = "configured"});
  }
  return reply;
}

Answer Service::run(const control::Create& it, const Asker& asker) {
  auto change = draft(asker);
  change.create(it.kind, it.name, it.fields);
  return finish(std::move(change), it.dry_run, asker);
}

Answer Service::run(const control::Set& it, const Asker& asker) {
  const auto ids = resolve(it.kind, it.names, asker);
  if (!ids) return std::unexpected(ids.error());
  auto change = draft(asker);
  for (const ObjectId& id : *ids) change.set(id, it.fields);
  return finish(std::move(change), it.dry_run, asker);
}

Answer Service::run(const control::Rename& it, const Asker& asker) {
  const auto ids = resolve(it.kind, {it.name}, asker);
  if (!ids) return std::unexpected(ids.error());
  auto change = draft(asker);
  change.rename(ids->front(), it.to);
  return finish(std::move(change), false, asker);
}

Answer Service::run(const control::Delete& it, const Asker& asker) {
  const auto ids = resolve(it.kind, it.names, asker);
  if (!ids) return std::unexpected(ids.error());
  auto change = draft(asker);
  for (const ObjectId& id : *ids) change.remove(id);
  return finish(std::move(change), it.dry_run, asker);
}

// --- seeing ------------------------------------------------------------------------------------

control::ObjectView Service::view(const ObjectId& id, Secrets secrets) const {
  const gateway::Inventory& inventory = parts_.configuration.inventory();
  const auto object = inventory.find(id);
  control::ObjectView out = view_of(inventory, *object, secrets);
  if (id.kind == Kind::tunnel) out.status = status_of(id);
  return out;
}

Answer Service::run(const control::Show& it, const Asker& asker) {
  const auto ids = resolve(it.kind, it.names, asker);
  if (!ids) return std::unexpected(ids.error());
  if (it.kind == Kind::tunnel) parts_.traffic.refresh();
  control::ObjectsReply reply{it.kind, {}};
  reply.objects.reserve(ids->size());
  for (const ObjectId& id : *ids) {
    reply.objects.push_back(view(id, it.secrets ? Secrets::shown : Secrets::left_out));
  }
  return reply;
}

}  // namespace ipsec::daemon
