#include "ike/daemon/router.h"

#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "ike/daemon/views.h"

namespace ipsec::daemon {
namespace {

// Links and routes of the machine change in storms.
constexpr std::chrono::milliseconds kWaysDelay{100};

// The SA that leaves the least room.
std::optional<Protection> protection_of(const core::IkeStatus& ike, bool forced) {
  std::optional<Protection> out;
  std::uint32_t least = ~0U;
  for (const core::ChildStatus& child : ike.children) {
    if (!child.usable) continue;
    const Protection protection{ike.remote.address.family(), child.algorithms.protocol,
                                child.algorithms.encryption, child.algorithms.integrity,
                                ike.nat.any() || forced};
    const std::uint32_t inner = inner_mtu(protection, 1500).value_or(0);
    if (inner >= least) continue;
    least = inner;
    out = protection;
  }
  return out;
}

std::string in_ms(Duration lag) {
  return fmt::format("{:.1f} ms", std::chrono::duration<double, std::milli>(lag).count());
}

std::string in_words(route::State state) {
  switch (state) {
    case route::State::pending:
      return "pending";
    case route::State::ok:
      return "ok";
    case route::State::shadowed:
      return "shadowed";
    case route::State::conflict:
      return "conflict";
    case route::State::contested:
      return "contested";
    case route::State::failed:
      break;
  }
  return "failed";
}

std::string in_words(const std::vector<route::Hop>& hops) {
  std::string out;
  for (const route::Hop& hop : hops) {
    if (!out.empty()) out += ", ";
    if (hop.via) out += "via " + hop.via->to_string();
    if (!hop.device.empty()) out += fmt::format("{}dev {}", hop.via ? " " : "", hop.device);
  }
  return out;
}

}  // namespace

// The loop, as drivers want it.
class Router::LoopReactor final : public route::Reactor {
 public:
  explicit LoopReactor(Loop& loop) : loop_(loop) {}
  void watch(int fd, std::function<void()> readable) override {
    loop_.watch(fd, EPOLLIN, [readable = std::move(readable)](std::uint32_t) { readable(); });
  }
  void forget(int fd) override { loop_.forget(fd); }
  [[nodiscard]] Time now() const override { return loop_.now(); }

 private:
  Loop& loop_;
};

Router::Router(Parts parts)
    : parts_(std::move(parts)),
      reactor_(std::make_unique<LoopReactor>(parts_.loop)),
      kernel_(*reactor_, parts_.opener, static_cast<std::uint8_t>(parts_.settings.protocol)),
      tables_({[this](const route::Table& table) { return driver_of(table); },
               [this](TunnelId tunnel) { to_report_.insert(tunnel); },
               [this](const route::Tables::Repair& repair) {
                 parts_.log.write(
                     Level::warning,
                     fmt::format("another program changed table {}: {} routes of ours "
                                 "were put back, {} of nobody were removed",
                                 route::to_string(repair.table), repair.added, repair.removed),
                     {.event = "route-drift"});
               },
               [this] { return parts_.loop.now(); }}),
      note_(parts_.note) {
  kernel_.on_drift([this](const route::Table& table) { tables_.drifted(table); });
  kernel_.on_ways_changed([this] {
    if (look_again_ == kNever) look_again_ = parts_.loop.now() + kWaysDelay;
  });
  make_programs();
  parts_.loop.add(*this);
}

Router::~Router() { parts_.loop.remove(*this); }

void Router::begin() {
  begun_ = true;
  grace_until_ = parts_.loop.now() + parts_.settings.restart_grace;
  look_at_all();
  clean_noted_tables();
  flush();
}

void Router::look_at(TunnelId tunnel) {
  if (begun_) to_decide_.insert(tunnel);
}

void Router::look_at_all() {
  if (!begun_) return;
  for (const auto* tunnel : parts_.configuration.inventory().all<gateway::Tunnel>()) {
    to_decide_.insert(tunnel_id(tunnel->meta.id));
  }
  for (const auto& [tunnel, known] : known_) to_decide_.insert(tunnel);
  look_at_tables();
}

void Router::look_at_tables() {
  if (!begun_) return;
  tables_.configure(tables_of(parts_.configuration.inventory(), parts_.settings));
}

void Router::settings_changed() {
  make_programs();
  look_at_all();
  flush();
}

void Router::flush() {
  if (!begun_ && !leaving_) return;
  for (const TunnelId tunnel : std::exchange(to_decide_, {})) decide(tunnel);
  note_tables();
  tables_.flush();
  note_tables();
  for (const TunnelId tunnel : std::exchange(to_report_, {})) report(tunnel);
}

void Router::withdraw_all() {
  for (const auto& [tunnel, known] : known_) tables_.want(tunnel, "", {});
  known_.clear();
  due_.clear();
  tables_.configure({});
  tables_.flush();
  note_tables();
  to_decide_.clear();
  to_report_.clear();
  begun_ = false;
  leaving_ = true;
}

// --- what a tunnel wants -----------------------------------------------------------------------

struct Router::Facts {
  const gateway::Tunnel* tunnel = nullptr;
  bool at_work = false;  // configured, enabled, not held down
  bool connected = false;
  bool failed = false;
  bool waits = false;
  std::set<RangePair> carried;
  std::optional<Address> remote;
  std::optional<Protection> protection;
};

Router::Facts Router::facts_of(TunnelId id) const {
  Facts facts;
  facts.tunnel = parts_.configuration.inventory().get<gateway::Tunnel>(object_id(id));
  if (facts.tunnel == nullptr) return facts;
  const auto* running = parts_.configuration.running(object_id(id));
  const auto status = parts_.engine.status(id);
  if (running != nullptr && !running->remote.is_any()) facts.remote = running->remote;
  if (running == nullptr || !status) return facts;
  facts.at_work = facts.tunnel->enabled && !status->held_down;
  facts.connected = status->connection == core::Connection::connected;
  facts.failed = status->connection == core::Connection::phase1_failed ||
                 status->connection == core::Connection::phase2_failed;
  facts.waits = facts.at_work && !facts.failed && facts.tunnel->start == gateway::Start::traffic;
  std::vector<core::SelectorPair> children;
  for (const core::IkeStatus& ike : status->ike) {
    if (!ike.current || !ike.established) continue;
    for (const core::ChildStatus& child : ike.children) {
      if (child.usable) children.push_back(child.selectors);
    }
    const auto protection = protection_of(ike, facts.tunnel->force_encapsulation);
    if (!protection) continue;
    facts.remote = ike.remote.address;
    facts.protection = protection;
  }
  if (facts.at_work) facts.carried = carried_pairs(facts.tunnel->all_rules(), children);
  return facts;
}

// Each pair becomes what the children say, after the delay that is set for its direction.
void Router::settle_pairs(Known& known, const Facts& facts) {
  const Time now = parts_.loop.now();
  const bool grace = now < grace_until_ && !known.decided;
  if (facts.connected || facts.failed || !facts.at_work) known.decided = true;
  const bool awaited = grace && !known.decided;
  std::map<RangePair, PairState> pairs;
  known.due = awaited ? grace_until_ : kNever;
  for (const RangePair& pair : all_pairs(facts.tunnel->all_rules())) {
    const auto before = known.pairs.find(pair);
    PairState state{grace ? Pair::undecided : Pair::down, kNever};
    if (before != known.pairs.end()) state = before->second;
    state = settled(state, facts.carried.contains(pair), awaited, facts);
    known.due = std::min(known.due, state.due);
    pairs.emplace(pair, state);
  }
  known.pairs = std::move(pairs);
}

Router::PairState Router::settled(PairState state, bool is_up, bool awaited,
                                  const Facts& facts) const {
  const Pair becomes = is_up ? Pair::up : Pair::down;
  const bool waits = state.is == Pair::undecided && !is_up && awaited;
  if (state.is == becomes || waits) return {state.is, kNever};
  // Nobody comes back from an order, and what was never known to be up need not linger.
  const bool at_once = !facts.at_work || (state.is == Pair::undecided && facts.failed);
  if (!is_up && at_once) return {Pair::down, kNever};
  const Time now = parts_.loop.now();
  const Duration delay = is_up ? parts_.settings.up_delay : parts_.settings.down_delay;
  if (state.due == kNever) state.due = now + delay;
  if (state.due <= now) return {becomes, kNever};
  return state;
}

TunnelState Router::state_of(Known& known, const Facts& facts) {
  if (facts.remote) known.remote = facts.remote;
  if (facts.protection) known.protection = facts.protection;
  TunnelState state;
  for (const auto& [pair, is] : known.pairs) {
    if (is.is == Pair::up) state.carried.insert(pair);
    if (is.is == Pair::undecided) state.undecided.insert(pair);
  }
  state.waits_for_traffic = facts.waits;
  state.remote = known.remote;
  state.protection = known.protection;
  return state;
}

void Router::decide(TunnelId id) {
  const Facts facts = facts_of(id);
  const auto found = known_.find(id);
  if (found != known_.end()) due_.erase({found->second.due, id});
  if (facts.tunnel == nullptr) {
    if (found == known_.end()) return;
    tables_.want(id, "", {});
    known_.erase(found);
    return;
  }
  Known& known = found == known_.end() ? known_[id] : found->second;
  settle_pairs(known, facts);
  if (known.due != kNever) due_.emplace(known.due, id);
  auto rows = rows_of(parts_.configuration.inventory(), parts_.settings, *facts.tunnel,
                      state_of(known, facts), [this](const Address& peer) { return way_to(peer); });
  const auto claims = claims_of(rows);
  if (claims != claims_of(known.rows)) known.cause_at = parts_.loop.now();
  known.rows = std::move(rows);
  tables_.want(id, facts.tunnel->group, claims);
  to_report_.insert(id);
}

// --- what came of it ---------------------------------------------------------------------------

void Router::report(TunnelId id) {
  const auto found = known_.find(id);
  if (found == known_.end()) return;
  Known& known = found->second;
  const auto tally = tables_.tally(id);
  control::TunnelStatusView view;
  fill(view, id);
  if (!view.route_trouble.empty() && view.route_trouble != known.told_trouble) {
    parts_.tell(id, "route-trouble", view.route_trouble);
  }
  const bool all = tally.want > 0 && tally.ok == tally.want && view.route_trouble.empty();
  if (all && (tally.ok != known.told_ok || !known.told_trouble.empty())) {
    parts_.tell(id, "routes-up",
                fmt::format("{} of {} routes are in place, {} after they were wanted", tally.ok,
                            tally.want, in_ms(parts_.loop.now() - known.cause_at)));
    known.told_ok = tally.ok;
  }
  if (tally.want == 0 && known.told_ok > 0) {
    parts_.tell(id, "routes-down", "the tunnel's routes are withdrawn");
    known.told_ok = 0;
  }
  known.told_trouble = view.route_trouble;
}

void Router::fill(control::TunnelStatusView& view, TunnelId tunnel) const {
  const auto tally = tables_.tally(tunnel);
  view.routes_ok = static_cast<std::uint32_t>(tally.ok);
  view.routes = static_cast<std::uint32_t>(tally.want);
  view.route_trouble = tally.trouble;
  const auto found = known_.find(tunnel);
  if (found == known_.end()) return;
  for (const RouteRow& row : found->second.rows) {
    if (row.state != "failed") continue;
    ++view.routes;
    if (!view.route_trouble.empty()) continue;
    view.route_trouble = fmt::format("{} in table {}: {}", row.key.destination.to_string(),
                                     route::to_string(*row.table), row.why);
  }
}

std::vector<control::RouteView> Router::view(const gateway::Tunnel& tunnel, bool drift) const {
  std::vector<control::RouteView> out;
  const TunnelId id = tunnel_id(tunnel.meta.id);
  const auto found = known_.find(id);
  if (found == known_.end()) return out;
  for (const RouteRow& row : found->second.rows) {
    control::RouteView view;
    view.tunnel = tunnel.meta.name;
    view.subnet = row.subnet;
    if (row.table) view.table = route::to_string(*row.table);
    view.destination = row.key.destination.to_string();
    view.metric = row.key.metric;
    view.state = row.state;
    view.why = row.why;
    if (row.claim) {
      const auto standing = tables_.standing(id, *row.table, row.key);
      view.state = in_words(standing.state);
      view.why = standing.why;
      if (standing.holder) {
        const auto* other = parts_.configuration.tunnel(object_id(*standing.holder));
        if (other != nullptr) view.why = fmt::format("tunnel '{}' has the place", other->meta.name);
      }
      if (const auto route = tables_.route_at(*row.table, row.key)) {
        view.next_hop = route->is_blackhole() ? "blackhole" : in_words(route->hops);
        view.mtu = route->mtu;
      } else if (row.claim->retain) {
        view.state = "down";
        view.why = "the tunnel has not come up since the daemon began";
      }
    }
    if (!drift || is_amiss(view)) out.push_back(std::move(view));
  }
  return out;
}

// --- time and drivers --------------------------------------------------------------------------

Time Router::next_deadline() const {
  if (!begun_ && !leaving_) return kNever;
  Time out = std::min({tables_.next_deadline(), kernel_.next_deadline(), look_again_});
  for (const auto& [name, program] : programs_) out = std::min(out, program->next_deadline());
  if (!due_.empty()) out = std::min(out, due_.begin()->first);
  return out;
}

void Router::tick(Time now) {
  if (kernel_.next_deadline() <= now) kernel_.tick(now);
  for (const auto& [name, program] : programs_) {
    if (program->next_deadline() <= now) program->tick(now);
  }
  if (look_again_ <= now) ways_changed();
  while (!due_.empty() && due_.begin()->first <= now) {
    to_decide_.insert(due_.begin()->second);
    due_.erase(due_.begin());
  }
  if (tables_.next_deadline() <= now) tables_.tick();
  flush();
}

void Router::ways_changed() {
  look_again_ = kNever;
  const auto before = std::exchange(ways_, {});
  bool same = true;
  for (const auto& [peer, way] : before) same = same && way_to(peer) == way;
  if (!same) look_at_all();
}

std::expected<route::Way, route::Trouble> Router::way_to(const Address& peer) {
  const auto [found, is_new] = ways_.try_emplace(peer);
  if (is_new) found->second = kernel_.lookup(peer);
  return found->second;
}

route::Driver* Router::driver_of(const route::Table& table) {
  if (table.is_kernel()) return &kernel_;
  const auto found = programs_.find(table.driver);
  return found == programs_.end() ? nullptr : found->second.get();
}

// Those whose line in the settings is as it was go on with what they are at.
void Router::make_programs() {
  const gateway::RouteSettings before = std::exchange(programs_as_, parts_.settings);
  const bool same_bounds = before.program_timeout == programs_as_.program_timeout &&
                           before.program_concurrency == programs_as_.program_concurrency;
  std::set<std::string> changed;
  std::erase_if(programs_, [&](const auto& it) {
    const auto now = programs_as_.programs.find(it.first);
    const bool stays = same_bounds && now != programs_as_.programs.end() &&
                       before.programs.at(it.first) == now->second;
    if (!stays) changed.insert(it.first);
    return !stays;
  });
  for (const auto& [name, path] : programs_as_.programs) {
    auto& program = programs_[name];
    if (program != nullptr) continue;
    program = std::make_unique<route::exec::ExecDriver>(
        *reactor_, route::exec::ExecSettings{name, path, programs_as_.program_timeout,
                                             programs_as_.program_concurrency});
    changed.insert(name);
  }
  for (const std::string& name : changed) tables_.driver_changed(name);
}

// Those that are configured are looked through in any case.
void Router::clean_noted_tables() {
  auto noted = note_.read();
  if (!noted) {
    parts_.log.write(Level::warning, describe(Error(noted.error())));
    return;
  }
  noted_ = *std::move(noted);
  const auto known = tables_.tables();
  for (const route::Table& table : noted_) {
    if (known.contains(table)) continue;
    parts_.log.write(Level::info, fmt::format("table {} is not configured any more: what it holds "
                                              "of ours goes",
                                              route::to_string(table)));
    tables_.clean(table);
  }
}

void Router::note_tables() {
  if (tables_.generation() == std::exchange(noted_generation_, tables_.generation())) return;
  auto tables = tables_.tables();
  if (tables == noted_) return;
  if (const auto written = note_.write(tables); !written) {
    parts_.log.write(Level::warning, describe(Error(written.error())));
  }
  noted_ = std::move(tables);
}

}  // namespace ipsec::daemon
