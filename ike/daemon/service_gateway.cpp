// The gateway as a whole: limits, audit, its own life.
#include <utility>

#include <fmt/format.h>

#include "ike/daemon/problems.h"
#include "ike/daemon/service.h"

namespace ipsec::daemon {

Answer Service::run(const control::Version&, const Asker&) {
  control::VersionReply reply = parts_.about;
  reply.tunnels = parts_.configuration.inventory().all<gateway::Tunnel>().size();
  return reply;
}

Answer Service::run(const control::ListLimits&, const Asker&) {
  const gateway::Limits& limits = parts_.settings.limits;
  const auto seconds = [](std::chrono::seconds s) { return static_cast<std::uint64_t>(s.count()); };
  return control::LimitsReply{{
      {"tunnels_per_gateway", limits.tunnels_per_gateway, "tunnels of one gateway"},
      {"tunnels_per_peer", limits.tunnels_per_peer, "tunnels to one peer gateway"},
      {"gateways_per_vpc", limits.gateways_per_vpc, "gateways of one VPC"},
      {"peers_per_region", limits.peers_per_region, "peer gateways of one region"},
      {"peer_cidrs_per_tunnel", limits.peer_cidrs_per_tunnel,
       "peer ranges of a tunnel without rules"},
      {"rules_per_tunnel", limits.rules_per_tunnel, "rules of one tunnel"},
      {"peer_cidrs_per_rule", limits.peer_cidrs_per_rule, "peer ranges of one rule"},
      {"lifetime_least_s", seconds(parts_.settings.lifetimes.least), "the shortest lifetime"},
      {"lifetime_most_s", seconds(parts_.settings.lifetimes.most), "the longest lifetime"},
  }};
}

Answer Service::run(const control::ListCounters&, const Asker&) {
  return view_of(parts_.driver.counted());
}

Answer Service::run(const control::Audit& it, const Asker&) {
  auto entries = parts_.configuration.store().audit(it.most);
  if (!entries) {
    return std::unexpected(
        control::Error{control::ErrorCode::failed,
                       fmt::format("{}: {}", entries.error().where, entries.error().why),
                       {}});
  }
  control::AuditReply reply;
  reply.entries.reserve(entries->size());
  for (gateway::AuditEntry& entry : *entries) {
    reply.entries.push_back({entry.at, std::move(entry.who), std::move(entry.what)});
  }
  return reply;
}

Answer Service::run(const control::Reload&, const Asker& asker) {
  parts_.log.write(Level::info, fmt::format("{} asks for a reload", asker.who));
  std::vector<control::Problem> problems;
  for (std::string& wrong : parts_.reload()) {
    control::Problem problem;
    problem.why = wrong.substr(0, wrong.find('\n'));
    problem.text = std::move(wrong);
    problems.push_back(std::move(problem));
  }
  if (!problems.empty()) return std::unexpected(error_of(std::move(problems)));
  return control::DoneReply{};
}

Answer Service::run(const control::Stop& it, const Asker& asker) {
  parts_.log.write(Level::info, fmt::format("{} stops the daemon{}", asker.who,
                                            it.flush ? " and takes its tunnels down" : ""));
  parts_.stop(it.flush);
  return control::DoneReply{};
}

void Service::begin(const control::Upgrade&, const Asker& asker, Responder respond) {
  parts_.log.write(Level::info, fmt::format("{} asks for an upgrade", asker.who));
  parts_.upgrade(std::move(respond));
}

Answer Service::run(const control::SetLogLevel& it, const Asker& asker) {
  const auto level = parse_level(it.level);
  if (!level) {
    return std::unexpected(control::Error{
        control::ErrorCode::usage,
        fmt::format("no log level '{}'; there are error, warning, info and debug", it.level),
        {}});
  }
  if (it.tunnel.empty()) {
    parts_.log.set_level(*level);
    return control::DoneReply{};
  }
  const auto ids = resolve(Kind::tunnel, {it.tunnel}, asker);
  if (!ids) return std::unexpected(ids.error());
  const auto* tunnel = parts_.configuration.inventory().get<gateway::Tunnel>(ids->front());
  parts_.log.set_level(tunnel->meta.name, level);
  return control::DoneReply{};
}

}  // namespace ipsec::daemon
