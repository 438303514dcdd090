// Routes follow tunnels: what each wants in which tables, when, and what came of it (M96 to M103).
//
// NOTE: Contract. Routes hang on the set of installed children, never on the last event: a rekey, a
// duplicate or a reauthentication moves none.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "ike/control/types/replies.h"
#include "ike/core/engine/engine.h"
#include "ike/daemon/configuration.h"
#include "ike/daemon/log.h"
#include "ike/daemon/loop.h"
#include "ike/daemon/route_note.h"
#include "ike/daemon/routing/claims.h"
#include "route/exec/driver.h"
#include "route/kernel/kernel_driver.h"
#include "route/tables.h"

namespace ipsec::daemon {

class Router final : public Timed {
 public:
  struct Parts {
    Loop& loop;
    Log& log;
    Configuration& configuration;
    const core::Engine& engine;
    const gateway::RouteSettings& settings;
    route::NamespaceOpener& opener;
    std::filesystem::path note;  // see route_note.h
    // "routes-up", "routes-down", "route-trouble", and their words.
    std::function<void(TunnelId, std::string event, std::string text)> tell;
  };
  explicit Router(Parts parts);
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;
  ~Router() override;

  // Once, when all tunnels are configured: what a daemon before this one left waits for its tunnel.
  void begin();
  // Something happened to the tunnel, or it is gone. Carried out by flush().
  void look_at(TunnelId tunnel);
  // Subnets, gateways or settings changed.
  void look_at_all();
  // Which tables there are may have changed.
  void look_at_tables();
  void settings_changed();
  void flush();
  // `ipsecctl stop --flush`: nothing is wanted any more.
  void withdraw_all();
  // What that asked for is done, or has failed; a program takes its time.
  [[nodiscard]] bool is_withdrawn() const { return tables_.at_rest(); }

  // Into a tunnel's status.
  void fill(control::TunnelStatusView& view, TunnelId tunnel) const;
  [[nodiscard]] std::vector<control::RouteView> view(const gateway::Tunnel& tunnel,
                                                     bool drift) const;

  [[nodiscard]] Time next_deadline() const override;
  void tick(Time now) override;

 private:
  enum class Pair : std::uint8_t { down, up, undecided };
  struct PairState {
    Pair is = Pair::down;
    Time due = kNever;  // when it becomes what it is not yet
  };
  struct Known {
    std::map<RangePair, PairState> pairs;
    std::vector<RouteRow> rows;
    bool decided = false;
    // As they were last: a route that stays for a moment without SAs stays as it is.
    std::optional<Address> remote;
    std::optional<Protection> protection;
    Time cause_at{};  // when something came to be wanted
    std::size_t told_ok = 0;
    std::string told_trouble;
    Time due = kNever;
  };
  struct Facts;

  class LoopReactor;

  [[nodiscard]] Facts facts_of(TunnelId tunnel) const;
  void settle_pairs(Known& known, const Facts& facts);
  // `awaited`: the tunnel may still come up and take over what was found at the start.
  [[nodiscard]] PairState settled(PairState state, bool is_up, bool awaited,
                                  const Facts& facts) const;
  [[nodiscard]] static TunnelState state_of(Known& known, const Facts& facts);
  void decide(TunnelId tunnel);
  void report(TunnelId tunnel);
  [[nodiscard]] route::Driver* driver_of(const route::Table& table);
  [[nodiscard]] std::expected<route::Way, route::Trouble> way_to(const Address& peer);
  void ways_changed();
  void make_programs();
  void clean_noted_tables();
  // Before anything is put into a table that is not in the note.
  void note_tables();

  Parts parts_;
  std::unique_ptr<LoopReactor> reactor_;
  route::KernelDriver kernel_;
  std::map<std::string, std::unique_ptr<route::exec::ExecDriver>> programs_;
  gateway::RouteSettings programs_as_;  // the settings they were made with
  route::Tables tables_;
  RouteNote note_;
  std::set<route::Table> noted_;
  std::uint64_t noted_generation_ = 0;
  bool begun_ = false;
  bool leaving_ = false;  // withdraw_all() is being carried out
  Time grace_until_ = kNever;
  std::unordered_map<TunnelId, Known> known_;
  std::set<TunnelId> to_decide_;
  std::set<TunnelId> to_report_;
  std::set<std::pair<Time, TunnelId>> due_;
  std::map<Address, std::expected<route::Way, route::Trouble>> ways_;
  Time look_again_ = kNever;
};

}  // namespace ipsec::daemon
