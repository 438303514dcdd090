#include "ike/daemon/board.h"

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "ike/core/failure.h"
#include "ike/daemon/event_words.h"

namespace ipsec::daemon {
namespace {

using core::Connection;

bool is_failed(Connection connection) {
  return connection == Connection::phase1_failed || connection == Connection::phase2_failed;
}

std::string in_words(Connection connection) {
  switch (connection) {
    case Connection::idle:
      return "idle";
    case Connection::connecting:
      return "connecting";
    case Connection::connected:
      return "connected";
    case Connection::phase1_failed:
      return "phase1-failed";
    case Connection::phase2_failed:
      break;
  }
  return "phase2-failed";
}

std::string spi(std::uint64_t value) { return fmt::format("0x{:016x}", value); }

const core::IkeStatus* current_of(const core::TunnelStatus& status) {
  const auto found = std::ranges::find_if(
      status.ike, [](const core::IkeStatus& ike) { return ike.current && ike.established; });
  return found == status.ike.end() ? nullptr : &*found;
}

control::FailureView view_of(const core::Failure& failure, control::Moment at) {
  return {at,
          std::string(name_of(failure.stage)),
          std::string(name_of(failure.cause)),
          failure.ours,
          failure.theirs,
          failure.detail,
          core::describe(failure),
          fmt::format("{}; in general: {}", hint_for(failure.cause, failure.stage),
                      checklist_for(failure.stage))};
}

std::string nat_of(const core::NatState& nat) {
  if (nat.local) return nat.remote ? "both" : "here";
  return nat.remote ? "there" : "none";
}

template <typename Key>
control::Moment since(const std::map<Key, control::Moment>& moments, const Key& key) {
  const auto found = moments.find(key);
  return found == moments.end() ? control::Moment{} : found->second;
}

std::vector<std::string> in_words(const core::Selectors& selectors) {
  std::vector<std::string> out;
  out.reserve(selectors.size());
  for (const TrafficSelector& selector : selectors) out.push_back(selector.to_string());
  return out;
}

std::uint64_t less(std::uint64_t now, std::uint64_t before) {
  return now > before ? now - before : 0;
}

}  // namespace

// --- what happens ------------------------------------------------------------------------------

control::EventView Board::take(const core::Event& event, const std::string& name, Instant now) {
  const TunnelId tunnel = tunnel_of(event);
  Entry& entry = entries_[tunnel];
  changed_.insert(tunnel);
  if (std::holds_alternative<core::Resumed>(event)) entry.resumed_at = now.wall;
  if (const auto* up = std::get_if<core::IkeUp>(&event)) entry.ike_since[up->sa] = now.wall;
  if (const auto* rekeyed = std::get_if<core::IkeRekeyed>(&event)) {
    entry.ike_since[rekeyed->to] = now.wall;
  }
  if (const auto* up = std::get_if<core::ChildUp>(&event)) entry.child_since[up->child] = now.wall;
  if (const auto* rekeyed = std::get_if<core::ChildRekeyed>(&event)) {
    entry.child_since[rekeyed->to] = now.wall;
  }
  if (std::holds_alternative<core::TryFailed>(event)) {
    entry.has_failed = true;
    entry.failed_at = now.wall;
  }
  // Where we only answer, it is the one failure there is to tell of.
  if (std::holds_alternative<core::ExchangeFailed>(event) && !entry.has_failed) {
    entry.failed_at = now.wall;
  }
  EventWords words = words_for(event);
  return note(entry, tunnel, name, std::move(words.phase), std::move(words.event),
              std::move(words.text), now);
}

std::optional<control::EventView> Board::observe(const std::string& name,
                                                 const core::TunnelStatus& status, Instant now) {
  Entry& entry = entries_[status.id];
  // SAs and children that are no more are not remembered.
  std::set<SaId> sas;
  std::set<ChildId> children;
  for (const core::IkeStatus& ike : status.ike) {
    sas.insert(ike.id);
    for (const core::ChildStatus& child : ike.children) children.insert(child.id);
  }
  std::erase_if(entry.ike_since, [&](const auto& pair) { return !sas.contains(pair.first); });
  std::erase_if(entry.child_since,
                [&](const auto& pair) { return !children.contains(pair.first); });

  if (status.connection == entry.connection) return std::nullopt;
  changed_.insert(status.id);
  const Connection before = std::exchange(entry.connection, status.connection);
  if (before == Connection::connected) entry.resumed_at.reset();
  entry.since = now.wall;
  if (status.connection == Connection::connected) {
    entry.normal = false;
    entry.at_connection = total(entry);
    const bool recovered = std::exchange(entry.has_failed, false);
    return note(entry, status.id, name, "", recovered ? "recovered" : "connected",
                recovered ? "connected again" : "connected", now);
  }
  if (is_failed(status.connection)) {
    const bool first = status.connection == Connection::phase1_failed;
    const auto stage = first ? core::Stage::ike_sa_init : core::Stage::child;
    return note(entry, status.id, name, first ? "1" : "2", in_words(status.connection),
                fmt::format("phase {} failed {} times; {}", first ? 1 : 2, status.tries,
                            checklist_for(stage)),
                now);
  }
  if (before != Connection::connected) return std::nullopt;
  return note(entry, status.id, name, "", "disconnected", "no longer connected", now);
}

control::EventView Board::note(Entry& entry, TunnelId tunnel, const std::string& name,
                               std::string phase, std::string what, std::string text, Instant now) {
  control::EventView view{
      now.wall,       ++number_,        ObjectId{Kind::tunnel, tunnel.value}.to_string(),
      name,           std::move(phase), std::move(what),
      std::move(text)};
  if (entry.events.size() == kEventsPerTunnel) entry.events.pop_front();
  entry.events.push_back(view);
  return view;
}

void Board::configured(TunnelId tunnel, Connection connection, Instant now) {
  Entry& entry = entries_[tunnel];
  entry.has_failed = false;
  // One that stays connected until the new definition takes over has been so since before.
  if (connection == Connection::connected) return;
  changed_.insert(tunnel);
  entry.connection = connection;
  entry.since = now.wall;
}

// --- what it carries ---------------------------------------------------------------------------

void Board::count(TunnelId tunnel, const xfrm::SaKey& key, const xfrm::SaCounters& counters,
                  xfrm::Direction direction) {
  const auto entry = entries_.find(tunnel);
  if (entry == entries_.end()) return;
  entry->second.counted[key] = {direction, counters.bytes, counters.packets};
}

void Board::settle(TunnelId tunnel, const xfrm::SaKey& key) {
  const auto entry = entries_.find(tunnel);
  if (entry == entries_.end()) return;
  const auto node = entry->second.counted.extract(key);
  if (node.empty()) return;
  const Counted& last = node.mapped();
  control::TrafficView& settled = entry->second.settled;
  const bool in = last.direction == xfrm::Direction::in;
  (in ? settled.in_bytes : settled.out_bytes) += last.bytes;
  (in ? settled.in_packets : settled.out_packets) += last.packets;
  changed_.insert(tunnel);
}

void Board::rename(TunnelId tunnel, const xfrm::SaKey& from, const xfrm::SaKey& to) {
  const auto entry = entries_.find(tunnel);
  if (entry == entries_.end()) return;
  auto node = entry->second.counted.extract(from);
  if (node.empty()) return;
  node.key() = to;
  entry->second.counted.insert(std::move(node));
}

control::TrafficView Board::total(const Entry& entry) {
  control::TrafficView out = entry.settled;
  for (const auto& [key, last] : entry.counted) {
    const bool in = last.direction == xfrm::Direction::in;
    (in ? out.in_bytes : out.out_bytes) += last.bytes;
    (in ? out.in_packets : out.out_packets) += last.packets;
  }
  return out;
}

// Ruling on M87: normal once both directions have carried packets since it connected.
std::string Board::traffic_of(const Entry& entry) {
  if (entry.connection != Connection::connected) return "none";
  const control::TrafficView now = total(entry);
  const bool in = less(now.in_packets, entry.at_connection.in_packets) > 0;
  const bool out = less(now.out_packets, entry.at_connection.out_packets) > 0;
  if (in) return out ? "normal" : "inbound";
  return out ? "outbound" : "none";
}

std::optional<control::EventView> Board::traffic_news(TunnelId tunnel, const std::string& name,
                                                      Instant now) {
  if (!awaits_traffic(tunnel)) return std::nullopt;
  Entry& entry = entries_[tunnel];
  if (traffic_of(entry) != "normal") return std::nullopt;
  entry.normal = true;
  changed_.insert(tunnel);
  return note(entry, tunnel, name, "", "traffic-normal", "both directions carry packets", now);
}

bool Board::awaits_traffic(TunnelId tunnel) const {
  const auto found = entries_.find(tunnel);
  return found != entries_.end() && found->second.connection == Connection::connected &&
         !found->second.normal;
}

// --- what people see ---------------------------------------------------------------------------

namespace {

void fill_phases(control::TunnelStatusView& view, const core::TunnelStatus& status,
                 const core::IkeStatus* current) {
  view.phase1 = "down";
  if (!status.ike.empty()) view.phase1 = "connecting";
  if (current != nullptr) view.phase1 = "up";
  view.phase2 = "down";
  if (view.pairs_up > 0) view.phase2 = view.pairs_up == view.pairs ? "up" : "partial";
}

control::Phase1View view_of(const core::IkeStatus& current, control::Moment at) {
  control::Phase1View ike;
  ike.local = current.local.to_string();
  ike.remote = current.remote.to_string();
  ike.peer_id = current.peer_id ? current.peer_id->to_string() : "";
  ike.algorithms = current.algorithms ? core::describe(*current.algorithms) : "";
  ike.our_spi = spi(current.our_spi.value);
  ike.peer_spi = spi(current.peer_spi.value);
  ike.nat = nat_of(current.nat);
  ike.peer_vendor = current.peer_vendor;
  ike.requests = current.path.requests;
  ike.resent = current.path.resent;
  if (current.path.round_trip) {
    ike.round_trip_us = static_cast<std::uint64_t>(
        std::chrono::ceil<std::chrono::microseconds>(*current.path.round_trip).count());
  }
  ike.since = at;
  return ike;
}

// Why a tunnel that ought to come up cannot even begin.
std::string note_for(const gateway::Tunnel& tunnel, const core::TunnelConfig* running) {
  if (running == nullptr) {
    return "waits for an address of its gateway; `ipsecctl gateway set` gives it one";
  }
  if (!tunnel.enabled) return "disabled; `ipsecctl tunnel set` with `--enabled true` starts it";
  if (running->remote.is_any()) return "the peer may come from any address and must begin";
  if (tunnel.start == gateway::Start::respond) return "waits for the peer to begin";
  if (tunnel.start == gateway::Start::traffic) return "begins with the first packet";
  return {};
}

}  // namespace

control::TunnelStatusView Board::view(const gateway::Tunnel& tunnel,
                                      const core::TunnelConfig* running,
                                      const core::TunnelStatus* status, Instant now) const {
  static const Entry nothing{};
  const TunnelId id{tunnel.meta.id.number};
  const auto found = entries_.find(id);
  const Entry& entry = found == entries_.end() ? nothing : found->second;

  control::TunnelStatusView view;
  view.id = tunnel.meta.id.to_string();
  view.name = tunnel.meta.name;
  view.resource = running == nullptr ? "Creating" : "Running";
  view.counters = total(entry);
  view.since = entry.since;
  view.resumed_at = entry.resumed_at;
  const auto rules = tunnel.all_rules();
  view.pairs = count_pairs(rules, {}).all;
  view.phase1 = "down";
  view.phase2 = "down";
  view.traffic = "none";
  view.connection = tunnel.enabled ? "idle" : "disabled";
  if (status == nullptr) {
    view.note = note_for(tunnel, running);
    return view;
  }
  const bool idle = status->connection == Connection::idle;
  if (!idle) view.connection = in_words(status->connection);
  if (idle) view.note = note_for(tunnel, running);
  view.traffic = traffic_of(entry);
  view.tries = static_cast<std::uint32_t>(std::max(status->tries, 0));
  if (status->next_try != kNever && status->connection != Connection::connected) {
    const Duration left = std::max(status->next_try - now.time, Duration::zero());
    view.next_try = now.wall + std::chrono::ceil<std::chrono::seconds>(left);
  }
  if (status->last_failure) view.last_failure = view_of(*status->last_failure, entry.failed_at);

  const core::IkeStatus* current = current_of(*status);
  std::vector<core::SelectorPair> carried;
  if (current != nullptr) {
    view.ike = view_of(*current, since(entry.ike_since, current->id));
    for (const core::ChildStatus& child : current->children) {
      if (!child.usable) continue;
      carried.push_back(child.selectors);
      view.children.push_back({in_words(child.selectors.local), in_words(child.selectors.remote),
                               core::describe(child.algorithms),
                               fmt::format("0x{:08x}", child.inbound.value),
                               fmt::format("0x{:08x}", child.outbound.value), child.reqid.value,
                               since(entry.child_since, child.id)});
    }
  }
  view.pairs_up = count_pairs(rules, carried).up;
  fill_phases(view, *status, current);
  view.weak = weak_of(*status);
  // RFC 2409 5.4: whoever listens learns who speaks, and what to guess keys against.
  if (running != nullptr && running->aggressive) {
    view.weak.emplace_back("aggressive mode (identities in clear)");
  }
  return view;
}

std::vector<control::EventView> Board::events(TunnelId tunnel) const {
  const auto found = entries_.find(tunnel);
  if (found == entries_.end()) return {};
  return {found->second.events.begin(), found->second.events.end()};
}

Pairs count_pairs(const std::vector<gateway::Rule>& rules,
                  const std::vector<core::SelectorPair>& carried) {
  Pairs out;
  for (const gateway::Rule& rule : rules) {
    for (const Cidr& peer : rule.peers) {
      ++out.all;
      const core::SelectorPair pair{{TrafficSelector::of(rule.local)}, {TrafficSelector::of(peer)}};
      const bool up = std::ranges::any_of(
          carried, [&](const core::SelectorPair& child) { return core::covers(child, pair); });
      if (up) ++out.up;
    }
  }
  return out;
}

std::vector<std::string> weak_of(const core::TunnelStatus& status) {
  std::vector<std::string> out;
  const auto look = [&out](const char* where, const auto* row) {
    if (row == nullptr || row->strength != Strength::weak) return;
    std::string name = fmt::format("{} ({})", row->name, where);
    if (std::ranges::find(out, name) == out.end()) out.push_back(std::move(name));
  };
  const core::IkeStatus* current = current_of(status);
  if (current == nullptr) return out;
  if (current->algorithms) {
    look("IKE", current->algorithms->encryption);
    look("IKE", current->algorithms->integrity);
    look("IKE", current->algorithms->prf);
    look("IKE", current->algorithms->group);
  }
  for (const core::ChildStatus& child : current->children) {
    look("IPsec", child.algorithms.encryption);
    look("IPsec", child.algorithms.integrity);
    look("IPsec", child.algorithms.group);
  }
  return out;
}

}  // namespace ipsec::daemon
