#include "ike/daemon/driver.h"

#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

namespace ipsec::daemon {
namespace {

// After other people's hands in the kernel's tables, or lost events: a storm of them is one look.
constexpr std::chrono::milliseconds kReconcileDelay{100};
constexpr std::chrono::seconds kReconcileInterval{1};
// Datagrams handled before their answers leave: 32 of them are 3 ms of IKE_AUTHs, and a flood fills
// as many.
constexpr std::size_t kAnsweredTogether = 32;

std::vector<xfrm::TrapSpec> traps_of(const core::TunnelConfig& tunnel) {
  std::vector<xfrm::TrapSpec> out;
  out.reserve(tunnel.children.size());
  for (const core::ChildConfig& child : tunnel.children) {
    const auto protocol =
        child.offers.empty() ? xfrm::Protocol::esp : child.offers.front().protocol;
    out.push_back({child.reqid, tunnel.local, tunnel.remote, protocol, child.selectors.local,
                   child.selectors.remote, tunnel.kernel.attachment});
  }
  return out;
}

}  // namespace

Driver::Driver(Parts parts) : parts_(std::move(parts)) {
  for (const int fd : parts_.udp.fds()) {
    parts_.loop.watch(fd, EPOLLIN, [this, fd](std::uint32_t) { receive(fd); });
  }
  parts_.loop.watch(parts_.pool.fd(), EPOLLIN, [this](std::uint32_t) { take_results(); });
  parts_.loop.watch(parts_.monitor.fd(), EPOLLIN, [this](std::uint32_t) { take_events(); });
  parts_.loop.add(*this);
}

Driver::~Driver() {
  for (const int fd : parts_.udp.fds()) parts_.loop.forget(fd);
  parts_.loop.forget(parts_.pool.fd());
  parts_.loop.forget(parts_.monitor.fd());
  parts_.loop.remove(*this);
}

void Driver::handle(core::Input input) {
  did_short_job_ = false;
  if (take(std::move(input))) parts_.udp.flush();
}

// What an action leads to waits until the engine has said all it had to say. False where that goes
// on already.
bool Driver::take(core::Input input) {
  waiting_.push_back(std::move(input));
  if (std::exchange(handling_, true)) return false;
  // One reading for all that comes of it: where the clock is a system call it is not cheap.
  const Time now = parts_.loop.now();
  while (!waiting_.empty()) {
    core::Input next = std::move(waiting_.front());
    waiting_.pop_front();
    auto actions = parts_.engine.handle(std::move(next), now);
    // The change that lets an SA go says what it has carried, too: whoever goes on from there
    // removes it as nobody's, and would count nothing.
    for (const core::Action& action : actions) {
      const auto* gone = std::get_if<core::RemoveSa>(&action);
      if (gone != nullptr) parts_.traffic.leaving(gone->key);
    }
    for (core::Action& action : actions) execute(action);
    if (!events_.empty()) parts_.tell(std::exchange(events_, {}));
    parts_.continuity.persist(parts_.board);
  }
  handling_ = false;
  return true;
}

Time Driver::next_deadline() const {
  return std::min(parts_.engine.next_deadline(), reconcile_at_);
}

void Driver::tick(Time now) {
  if (reconcile_at_ <= now) reconcile(now);
  if (parts_.engine.next_deadline() <= now) handle(core::Tick{});
}

// What came together is answered together, a system call for all: but no answer waits for long.
void Driver::receive(int fd) {
  std::size_t taken = 0;
  did_short_job_ = false;
  parts_.udp.receive(fd, [&](core::Datagram&& datagram) {
    take(std::move(datagram));
    if (++taken % kAnsweredTogether == 0) parts_.udp.flush();
  });
  parts_.udp.flush();
}

void Driver::take_results() {
  did_short_job_ = false;
  for (core::JobDone& result : parts_.pool.take_results()) take(std::move(result));
  parts_.udp.flush();
}

// --- actions -----------------------------------------------------------------------------------

void Driver::execute(core::Action& action) {
  std::visit([this](auto& what) { execute(what); }, action);
}

void Driver::execute(core::SendDatagram& action) { parts_.udp.send(std::move(action)); }

void Driver::execute(core::AllocateSpi& action) {
  auto key = parts_.kernel.allocate_spi(action.protocol, action.source, action.destination);
  if (!key) complain(key.error());
  waiting_.emplace_back(core::SpiAllocated{action.sa, action.ticket, std::move(key)});
}

void Driver::execute(core::InstallSas& action) {
  auto result = parts_.kernel.install(action.sas, action.policies);
  if (result) {
    for (const xfrm::SaSpec& sa : action.sas) {
      installed_.insert(sa.key());
      const auto owner = parts_.owner_of(sa.reqid);
      if (owner) parts_.traffic.installed(*owner, sa.key(), sa.direction);
    }
  } else {
    complain(result.error());
  }
  for (const std::string& device : parts_.kernel.take_offload_refusals()) {
    parts_.log.write(Level::warning,
                     fmt::format("{} takes no SAs; the processor encrypts instead", device));
  }
  waiting_.emplace_back(core::SasInstalled{action.sa, action.ticket, std::move(result)});
}

void Driver::execute(core::RemoveSa& action) {
  // What it has carried is known before it goes: so counters only grow. One that was adopted in
  // this turn had nobody to be counted for until now.
  parts_.traffic.leaving(action.key);
  parts_.continuity.persist(parts_.board);
  forget(action.key);
  if (auto removed = parts_.kernel.remove(action.key); !removed) not_removed(removed.error());
}

void Driver::execute(core::RemovePolicies& action) {
  if (auto removed = parts_.kernel.remove(action.policies); !removed) not_removed(removed.error());
}

// It belongs to nobody now, and the next look at the tables takes it away.
void Driver::not_removed(const KernelError& error) {
  complain(error);
  take(xfrm::ForeignChange{});
}

void Driver::execute(core::MoveSa& action) {
  auto moved =
      parts_.kernel.move(action.key, action.source, action.destination, action.encapsulate);
  xfrm::SaKey key = action.key;
  key.destination = action.destination.address;
  if (!moved) {
    complain(moved.error());
    // Where it is nobody sends any more: it goes, and the engine has the pair made anew, as with
    // one that the kernel took away.
    parts_.traffic.lost(action.key);
    forget(action.key);
    if (auto gone = parts_.kernel.remove(action.key); !gone) not_removed(gone.error());
    waiting_.emplace_back(core::KernelExpired{key, true});
    return;
  }
  if (installed_.erase(action.key) > 0) installed_.insert(key);
  parts_.traffic.moved(action.key, key);
  auto node = watched_.extract(action.key);
  if (node.empty()) return;
  node.key() = key;
  watched_.insert(std::move(node));
}

void Driver::execute(core::WatchInbound& action) {
  const auto seen = parts_.kernel.watch(action.key);
  if (seen && !*seen) {
    watched_[action.key] = action.sa;
    return;
  }
  // Where it cannot be watched the engine goes on as if it had been seen: better a switch too early
  // than one that never comes.
  if (!seen) complain(seen.error());
  waiting_.emplace_back(core::InboundSeen{action.sa, action.key});
}

// A short one that comes alone costs half as much again with two threads to wake for it. Where more
// come at once there is work for all threads.
void Driver::execute(core::StartJob& action) {
  const bool here = core::is_short(action.what) && !std::exchange(did_short_job_, true);
  if (here) return void(waiting_.emplace_back(parts_.pool.run(action)));
  parts_.pool.submit(std::move(action));
}

void Driver::execute(core::Persist& action) {
  parts_.continuity.persist(action.batch, parts_.board);
}

void Driver::execute(core::AdoptSas& action) {
  for (const auto& [key, direction] : action.sas) {
    installed_.insert(key);
    parts_.traffic.installed(action.tunnel, key, direction);
  }
  for (const xfrm::SaKey& key : action.held) parts_.kernel.remember(key);
  if (action.policies) parts_.kernel.remember(*action.policies);
}

void Driver::execute(core::Event& action) { events_.push_back(std::move(action)); }

// --- what the kernel tells ---------------------------------------------------------------------

void Driver::take_events() {
  auto events = parts_.monitor.read();
  if (!events) return complain(events.error());
  for (const xfrm::KernelEvent& event : *events) {
    std::visit([this](const auto& what) { take(what); }, event);
  }
}

void Driver::take(const xfrm::Acquired& event) { handle(core::KernelAcquired{event.reqid}); }

void Driver::take(const xfrm::FirstUsed& event) {
  if (event.has_soft_limit) {
    if (auto awaited = parts_.kernel.await_volume(event.key); !awaited) complain(awaited.error());
  }
  const auto node = watched_.extract(event.key);
  if (!node.empty()) handle(core::InboundSeen{node.mapped(), event.key});
}

// So it is in use too, whether or not that was told.
void Driver::take(const xfrm::SoftExpired& event) {
  take(xfrm::FirstUsed{event.key});
  handle(core::KernelExpired{event.key, false});
}

void Driver::take(const xfrm::HardExpired& event) {
  parts_.traffic.lost(event.key);
  forget(event.key);
  handle(core::KernelExpired{event.key, true});
}

void Driver::take(const xfrm::MappingChanged& event) {
  handle(core::KernelMapping{event.key, event.remote});
}

void Driver::take(const xfrm::ForeignChange&) {
  if (reconcile_at_ != kNever) return;
  reconcile_at_ =
      std::max(parts_.loop.now() + kReconcileDelay, reconciled_at_ + kReconcileInterval);
}

void Driver::take(const xfrm::Overrun&) {
  ++overruns_;
  take(xfrm::ForeignChange{});
  catch_up();
}

// What was said meanwhile and nobody heard is read off the SAs; to be told twice does no harm.
void Driver::catch_up() {
  const auto sas = parts_.kernel.counters();
  if (!sas) return complain(sas.error());
  for (const xfrm::SaUsage& sa : *sas) {
    if (!installed_.contains(sa.key)) continue;
    const bool has_soft_limit = sa.soft_limit_bytes != 0;
    if (has_soft_limit && sa.counters.bytes >= sa.soft_limit_bytes) {
      take(xfrm::SoftExpired{sa.key});
    } else if (sa.awaits_first_use && sa.counters.packets > 0) {
      take(xfrm::FirstUsed{sa.key, has_soft_limit});
    }
  }
}

void Driver::reconcile(Time now) {
  reconcile_at_ = kNever;
  reconciled_at_ = now;
  const std::vector<xfrm::SaKey> wanted(installed_.begin(), installed_.end());
  const auto result = parts_.kernel.reconcile(wanted);
  if (!result) {
    complain(result.error());
    reconcile_at_ = now + kReconcileInterval;
    return;
  }
  if (result->lost.empty() && result->deleted.empty() && result->policies_added == 0 &&
      result->policies_deleted == 0 && result->occupied.empty()) {
    return;
  }
  parts_.log.write(
      Level::warning,
      fmt::format(
          "another program changed the kernel's IPsec tables: {} SAs of ours were gone and "
          "are negotiated anew, {} policies were put back, {} SAs and {} policies of nobody "
          "were removed, {} policies have no place because another program's stands there",
          result->lost.size(), result->policies_added, result->deleted.size(),
          result->policies_deleted, result->occupied.size()));
  for (const xfrm::SaKey& key : result->lost) take(xfrm::HardExpired{key});
}

void Driver::forget(const xfrm::SaKey& key) {
  installed_.erase(key);
  watched_.erase(key);
}

// --- traps -------------------------------------------------------------------------------------

void Driver::set_traps(const core::TunnelConfig& tunnel) {
  for (const xfrm::TrapSpec& trap : traps_of(tunnel)) {
    if (!kernel_is_ours_) {
      parts_.kernel.remember(trap);
    } else if (auto set = parts_.kernel.set_trap(trap); !set) {
      complain(set.error());
    }
  }
}

void Driver::remove_traps(const core::TunnelConfig& tunnel) {
  for (const xfrm::TrapSpec& trap : traps_of(tunnel)) {
    if (auto removed = parts_.kernel.remove_trap(trap); !removed) complain(removed.error());
  }
}

// What cannot be read is as good as gone: everything is negotiated anew.
void Driver::resume() {
  auto records = parts_.continuity.take_records();
  if (records.empty()) return;
  const auto found = parts_.kernel.counters();
  if (!found) return complain(found.error());
  core::Resume resume{std::move(records), {}};
  resume.in_kernel.reserve(found->size());
  for (const xfrm::SaUsage& sa : *found) {
    resume.in_kernel.push_back({sa.key, sa.source, sa.encapsulation});
  }
  handle(std::move(resume));
}

// In one go with the old ones: the kernel searches long for each policy that it is to delete, and
// replaces one at no more cost than adding it.
void Driver::take_kernel_over() {
  kernel_is_ours_ = true;
  const std::vector<xfrm::SaKey> wanted(installed_.begin(), installed_.end());
  const auto result = parts_.kernel.reconcile(wanted);
  if (result) {
    tell_of_occupied(result->occupied.size());
    for (const xfrm::SaKey& key : result->lost) take(xfrm::HardExpired{key});
  } else {
    complain(result.error());
    reconcile_at_ = parts_.loop.now() + kReconcileInterval;
  }
  handle(core::ResumeOver{});
  if (!installed_.empty()) catch_up();
}

void Driver::tell_of_occupied(std::size_t count) {
  if (count == 0) return;
  parts_.log.write(Level::error,
                   fmt::format("{} policies have no place in the kernel because another program's "
                               "stands there; `ip xfrm policy` shows whose",
                               count),
                   {.event = "kernel"});
}

void Driver::flush_kernel() {
  installed_.clear();
  watched_.clear();
  if (auto flushed = parts_.kernel.flush(); !flushed) complain(flushed.error());
}

Counted Driver::counted() const {
  return {parts_.udp.counters(), parts_.engine.drops(), refused_by_kernel_,
          parts_.kernel.ignored() + parts_.monitor.ignored(), overruns_};
}

void Driver::complain(const KernelError& error) {
  ++refused_by_kernel_;
  parts_.log.write(Level::error, describe(Error(error)), {.event = "kernel"});
}

}  // namespace ipsec::daemon
