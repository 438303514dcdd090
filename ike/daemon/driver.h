// The engine among real things: datagrams, kernel, worker threads. What it asks for is done here,
// and what comes of that goes back to it.
//
// NOTE: Contract. handle() runs to the end of what an input leads to, but for jobs of the pool.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ike/core/engine/engine.h"
#include "ike/daemon/board.h"
#include "ike/daemon/continuity.h"
#include "ike/daemon/counters.h"
#include "ike/daemon/log.h"
#include "ike/daemon/loop.h"
#include "ike/daemon/pool.h"
#include "ike/daemon/traffic.h"
#include "ike/daemon/udp.h"
#include "xfrm/kernel.h"
#include "xfrm/monitor.h"

namespace ipsec::daemon {

class Driver final : public Timed {
 public:
  struct Parts {
    Loop& loop;
    Log& log;
    core::Engine& engine;
    xfrm::Kernel& kernel;
    xfrm::Monitor& monitor;
    UdpSockets& udp;
    Pool& pool;
    Traffic& traffic;
    Continuity& continuity;
    Board& board;
    std::function<std::optional<TunnelId>(Reqid)> owner_of;
    // All of one turn, when all that it asks for is done.
    std::function<void(const std::vector<core::Event>&)> tell;
  };
  explicit Driver(Parts parts);
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  ~Driver() override;

  void handle(core::Input input);
  [[nodiscard]] Time next_deadline() const override;
  void tick(Time now) override;

  // What the kernel is to have below the tunnels' own policies: nothing leaves in clear. Until
  // take_kernel_over() they are noted only.
  void set_traps(const core::TunnelConfig& tunnel);
  void remove_traps(const core::TunnelConfig& tunnel);

  // Once, before any tunnel is set: the engine goes on with what a daemon before this one left in
  // the runtime store, as far as the kernel has it.
  void resume();
  // Once, when all tunnels are set: what else that daemon left goes, or becomes what is wanted now,
  // without a moment in which packets pass in clear.
  void take_kernel_over();

  // Everything of ours goes from the kernel: `ipsecctl stop --flush`.
  void flush_kernel();
  [[nodiscard]] const core::Engine& engine() const { return parts_.engine; }
  [[nodiscard]] Counted counted() const;

 private:
  // As handle(), but what is to be sent waits for a flush.
  bool take(core::Input input);
  void receive(int fd);
  void take_results();
  void take_events();

  void execute(core::Action& action);
  void execute(core::SendDatagram& action);
  void execute(core::AllocateSpi& action);
  void execute(core::InstallSas& action);
  void execute(core::RemoveSa& action);
  void execute(core::RemovePolicies& action);
  void execute(core::MoveSa& action);
  void execute(core::WatchInbound& action);
  void execute(core::StartJob& action);
  void execute(core::Persist& action);
  void execute(core::AdoptSas& action);
  void execute(core::Event& action);

  void take(const xfrm::Acquired& event);
  void take(const xfrm::FirstUsed& event);
  void take(const xfrm::SoftExpired& event);
  void take(const xfrm::HardExpired& event);
  void take(const xfrm::MappingChanged& event);
  void take(const xfrm::ForeignChange& event);
  void take(const xfrm::Overrun& event);

  void catch_up();
  void forget(const xfrm::SaKey& key);
  void reconcile(Time now);
  void tell_of_occupied(std::size_t count);
  void complain(const KernelError& error);
  void not_removed(const KernelError& error);

  Parts parts_;
  std::deque<core::Input> waiting_;
  std::vector<core::Event> events_;
  bool handling_ = false;
  bool did_short_job_ = false;  // of what came together
  bool kernel_is_ours_ = false;
  std::set<xfrm::SaKey> installed_;
  std::map<xfrm::SaKey, SaId> watched_;
  Time reconcile_at_ = kNever;
  Time reconciled_at_{};
  std::uint64_t refused_by_kernel_ = 0;
  std::uint64_t overruns_ = 0;
};

}  // namespace ipsec::daemon
