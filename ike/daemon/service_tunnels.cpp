// Tunnels at work: orders, status, SAs, routes.
#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "ike/daemon/diagnose.h"
#include "ike/daemon/service.h"

namespace ipsec::daemon {
namespace {

core::Order order_of(control::Order order) {
  switch (order) {
    case control::Order::up:
      return core::Order::up;
    case control::Order::down:
      return core::Order::down;
    case control::Order::reconnect:
      return core::Order::reauthenticate;
    case control::Order::rekey:
      return core::Order::rekey_children;
    case control::Order::rekey_ike:
      break;
  }
  return core::Order::rekey_ike;
}

bool renews_keys(control::Order order) {
  return order == control::Order::rekey || order == control::Order::rekey_ike;
}

}  // namespace

Answer Service::run(const control::Command& it, const Asker& asker) {
  const auto ids = resolve(Kind::tunnel, it.tunnels, asker);
  if (!ids) return std::unexpected(ids.error());
  control::DoneReply reply;
  for (const ObjectId& id : *ids) {
    const auto* tunnel = parts_.configuration.inventory().get<gateway::Tunnel>(id);
    const core::TunnelConfig* running = parts_.configuration.running(id);
    if (running == nullptr) {
      reply.warnings.push_back(
          fmt::format("tunnel '{}' waits for an address of its gateway; give it one with `ipsecctl "
                      "gateway set`",
                      tunnel->meta.name));
      continue;
    }
    if (!tunnel->enabled && it.order != control::Order::down) {
      reply.warnings.push_back(fmt::format(
          "tunnel '{}' is disabled; `ipsecctl tunnel set {} --enabled true` lets it come up",
          tunnel->meta.name, tunnel->meta.name));
      continue;
    }
    if (it.order == control::Order::up && !running->may_initiate()) {
      reply.warnings.push_back(
          fmt::format("tunnel '{}' has {} and only answers: the peer must begin", tunnel->meta.name,
                      running->remote.is_any() ? "a peer at any address" : "start = respond"));
    }
    if (renews_keys(it.order) && !carries_traffic(id)) {
      reply.warnings.push_back(fmt::format(
          "tunnel '{}' is not connected and has no keys to renew; `ipsecctl tunnel up {}` "
          "brings it up",
          tunnel->meta.name, tunnel->meta.name));
      continue;
    }
    parts_.driver.handle(core::Command{running->id, order_of(it.order)});
  }
  return reply;
}

// --- status ------------------------------------------------------------------------------------

control::TunnelStatusView Service::status_of(const ObjectId& id) const {
  const auto* tunnel = parts_.configuration.tunnel(id);
  const auto status = parts_.engine.status(tunnel_id(id));
  auto view = parts_.board.view(*tunnel, parts_.configuration.running(id),
                                status ? &*status : nullptr, parts_.now());
  parts_.router.fill(view, tunnel_id(id));
  if (parts_.configuration.leaving().contains(id)) {
    view.resource = "Deleting";  // M81
    view.note = "deleted; its SAs are being closed";
  } else if (tunnel->enabled && view.connection != "connected") {
    auto obstacle = parts_.fitting.note(tunnel_id(id));
    if (obstacle.empty()) obstacle = crowd_in_words(parts_.engine.openings(), parts_.now().time);
    if (!obstacle.empty()) view.note = std::move(obstacle);
  }
  return view;
}

// M153: whether its going would interrupt anything.
bool Service::carries_traffic(const ObjectId& id) const {
  const auto status = parts_.engine.status(tunnel_id(id));
  return id.kind == Kind::tunnel && status && status->connection == core::Connection::connected;
}

// --- what happened -----------------------------------------------------------------------------

Answer Service::run(const control::Events& it, const Asker& asker) {
  gateway::Journal::Query query{asker.account, {}, std::nullopt, it.most};
  if (!it.tunnels.empty()) {
    const auto ids = resolve(Kind::tunnel, it.tunnels, asker);
    if (!ids) return std::unexpected(ids.error());
    for (const ObjectId& id : *ids) query.tunnel_ids.push_back(id.to_string());
  }
  if (it.since_s) query.since = parts_.now().wall - std::chrono::seconds(*it.since_s);
  auto events = parts_.chronicle.read(query);
  if (!events) {
    return std::unexpected(
        control::Error{control::ErrorCode::failed, describe(Error(events.error())), {}});
  }
  return control::EventsReply{*std::move(events), it.follow};
}

// --- the kernel's SAs --------------------------------------------------------------------------

namespace {

std::string algorithms_of(const xfrm::SaSpec& sa) {
  std::string out;
  if (sa.encryption != nullptr) out = sa.encryption->name;
  if (sa.integrity != nullptr) {
    out += fmt::format("{}{}", out.empty() ? "" : "-", sa.integrity->name);
  }
  return out;
}

control::Moment moment(std::uint64_t seconds) {
  return control::Moment(std::chrono::seconds(seconds));
}

control::SaView view_of(const xfrm::SaRecord& record, std::string tunnel) {
  const xfrm::SaSpec& sa = record.spec;
  control::SaView view;
  view.tunnel = std::move(tunnel);
  view.direction = sa.direction == xfrm::Direction::in ? "in" : "out";
  view.protocol = sa.protocol == xfrm::Protocol::esp ? "esp" : "ah";
  view.spi = fmt::format("0x{:08x}", sa.spi.value);
  view.reqid = sa.reqid.value;
  view.source = sa.source.to_string();
  view.destination = sa.destination.to_string();
  if (sa.encapsulation) {
    view.source = Endpoint{sa.source, sa.encapsulation->source_port}.to_string();
    view.destination = Endpoint{sa.destination, sa.encapsulation->destination_port}.to_string();
  }
  view.algorithms = algorithms_of(sa);
  const xfrm::SaCounters& counted = record.counters;
  view.added = moment(counted.added_at_s);
  if (counted.used_at_s != 0) view.first_used = moment(counted.used_at_s);
  view.bytes = counted.bytes;
  view.packets = counted.packets;
  view.replayed = counted.replayed;
  view.outside_window = counted.outside_window;
  view.integrity_failed = counted.integrity_failed;
  return view;
}

}  // namespace

Answer Service::run(const control::ListSas& it, const Asker& asker) {
  const auto ids = resolve_tunnels(it.tunnels, asker);
  if (!ids) return std::unexpected(ids.error());
  const std::set<ObjectId> wanted(ids->begin(), ids->end());
  const auto records = parts_.kernel.sas();
  if (!records) {
    return std::unexpected(
        control::Error{control::ErrorCode::failed, describe(Error(records.error())), {}});
  }
  control::SasReply reply;
  for (const xfrm::SaRecord& record : *records) {
    const auto owner = parts_.configuration.owner_of(record.spec.reqid);
    if (record.larval || !owner || !wanted.contains(*owner)) continue;
    const auto* tunnel = parts_.configuration.inventory().get<gateway::Tunnel>(*owner);
    reply.sas.push_back(view_of(record, tunnel->meta.name));
  }
  std::ranges::sort(reply.sas, {}, [](const control::SaView& sa) {
    return std::tie(sa.tunnel, sa.reqid, sa.direction, sa.spi);
  });
  return reply;
}

// --- routes ------------------------------------------------------------------------------------

Answer Service::run(const control::Routes& it, const Asker& asker) {
  auto ids = resolve_tunnels(it.tunnels, asker);
  if (!ids) return std::unexpected(std::move(ids.error()));
  sort_by_name(*ids);
  control::RoutesReply reply;
  for (const ObjectId& id : *ids) {
    const auto* tunnel = parts_.configuration.inventory().get<gateway::Tunnel>(id);
    auto routes = parts_.router.view(*tunnel, it.drift);
    reply.routes.insert(reply.routes.end(), std::make_move_iterator(routes.begin()),
                        std::make_move_iterator(routes.end()));
  }
  return reply;
}

}  // namespace ipsec::daemon
