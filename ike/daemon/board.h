// What is known of each tunnel beyond what the engine remembers: since when, what it has carried,
// what happened last. Pure: events, counters and the time come in, views for people go out.
//
// NOTE: Limits. A tunnel that nothing happens to costs nothing; one's log is a ring of
// kEventsPerTunnel entries.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ike/control/types/replies.h"
#include "ike/core/engine/engine.h"
#include "ike/core/sa/archive.h"
#include "ike/gateway/model.h"
#include "xfrm/records.h"

namespace ipsec::daemon {

// Both clocks at one instant: the engine's, and the one on the wall.
struct Instant {
  Time time;
  control::Moment wall;
};

class Board {
 public:
  static constexpr std::size_t kEventsPerTunnel = 200;

  [[nodiscard]] control::EventView take(const core::Event& event, const std::string& name,
                                        Instant now);
  // After the events of a turn: what they mean for the tunnel, if anything: connected, recovered,
  // disconnected, phase1-failed, phase2-failed.
  [[nodiscard]] std::optional<control::EventView> observe(const std::string& name,
                                                          const core::TunnelStatus& status,
                                                          Instant now);

  // Events are numbered on from there.
  void number_from(std::uint64_t number) { number_ = number; }
  // What is no event of the engine's.
  [[nodiscard]] control::EventView tell(TunnelId tunnel, const std::string& name, std::string what,
                                        std::string text, Instant now) {
    return note(entries_[tunnel], tunnel, name, "", std::move(what), std::move(text), now);
  }
  // A tunnel was configured anew: what was counted of failures is over.
  void configured(TunnelId tunnel, core::Connection connection, Instant now);
  // It is gone for good: nothing that is counted later brings it back.
  void forget(TunnelId tunnel) {
    if (entries_.erase(tunnel) > 0) changed_.insert(tunnel);
  }

  // What a daemon after this one goes on from. False where there is no such tunnel.
  [[nodiscard]] bool save(TunnelId tunnel, core::Saver& archive) const;
  // What makes no sense counts as nothing.
  void restore(TunnelId tunnel, ByteView saved);
  // Those that are no more what was saved of them.
  [[nodiscard]] std::set<TunnelId> take_changed() { return std::exchange(changed_, {}); }

  // The kernel's counters of one SA; those of a tunnel are the sum over all it ever had.
  void count(TunnelId tunnel, const xfrm::SaKey& key, const xfrm::SaCounters& counters,
             xfrm::Direction direction);
  // The SA goes on under another name.
  void rename(TunnelId tunnel, const xfrm::SaKey& from, const xfrm::SaKey& to);
  // The SA goes with the counters it had last.
  void settle(TunnelId tunnel, const xfrm::SaKey& key);
  // After counting: whether both directions have carried packets is news once.
  [[nodiscard]] std::optional<control::EventView> traffic_news(TunnelId tunnel,
                                                               const std::string& name,
                                                               Instant now);
  // Connected, and not known to carry packets both ways yet.
  [[nodiscard]] bool awaits_traffic(TunnelId tunnel) const;

  // `running` is null while the gateway has no address, `status` where the engine has no such
  // tunnel.
  [[nodiscard]] control::TunnelStatusView view(const gateway::Tunnel& tunnel,
                                               const core::TunnelConfig* running,
                                               const core::TunnelStatus* status, Instant now) const;
  // The newest last.
  [[nodiscard]] std::vector<control::EventView> events(TunnelId tunnel) const;

 private:
  struct Counted {
    xfrm::Direction direction = xfrm::Direction::in;
    std::uint64_t bytes = 0;
    std::uint64_t packets = 0;
  };
  struct Entry {
    core::Connection connection = core::Connection::idle;
    control::Moment since{};
    std::optional<control::Moment> resumed_at;
    control::Moment failed_at{};
    bool has_failed = false;  // since it was last connected
    bool normal = false;
    std::map<SaId, control::Moment> ike_since;
    std::map<ChildId, control::Moment> child_since;
    std::map<xfrm::SaKey, Counted> counted;
    control::TrafficView settled;
    control::TrafficView at_connection;
    std::deque<control::EventView> events;
  };

  control::EventView note(Entry& entry, TunnelId tunnel, const std::string& name, std::string phase,
                          std::string what, std::string text, Instant now);
  [[nodiscard]] static control::TrafficView total(const Entry& entry);
  [[nodiscard]] static std::string traffic_of(const Entry& entry);

  std::unordered_map<TunnelId, Entry> entries_;
  std::set<TunnelId> changed_;
  std::uint64_t number_ = 0;
};

// How many pairs of a local and a peer range the rules have, and how many of them usable children
// carry.
struct Pairs {
  std::uint32_t up = 0;
  std::uint32_t all = 0;
};
[[nodiscard]] Pairs count_pairs(const std::vector<gateway::Rule>& rules,
                                const std::vector<core::SelectorPair>& carried);

// The names of the algorithms that a person should know are weak.
[[nodiscard]] std::vector<std::string> weak_of(const core::TunnelStatus& status);

}  // namespace ipsec::daemon
