#include "ike/daemon/daemon.h"

#include <grp.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "ike/crypto/self_test.h"
#include "ike/daemon/configuration.h"
#include "ike/daemon/continuity.h"
#include "ike/daemon/crash_secret.h"
#include "ike/daemon/declared.h"
#include "ike/daemon/driver.h"
#include "ike/daemon/event_words.h"
#include "ike/daemon/fitting.h"
#include "ike/daemon/instance.h"
#include "ike/daemon/keeper_line.h"
#include "ike/daemon/notify.h"
#include "ike/daemon/opener.h"
#include "ike/daemon/privileges.h"
#include "ike/daemon/router.h"
#include "ike/daemon/service.h"
#include "ike/daemon/system/random.h"
#include "ike/daemon/upgrade.h"
#include "ike/daemon/version.h"
#include "ike/gateway/toml/settings.h"

namespace ipsec::daemon {
namespace {

// How long peers have to acknowledge that their tunnels end, when all of them do.
constexpr std::chrono::seconds kFarewell{2};

std::unexpected<Trouble> trouble(const Error& error) {
  return std::unexpected(Trouble{describe(error)});
}

std::chrono::sys_seconds wall_now() {
  return std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
}

// Where the configuration is carried out: first what blocks, then what negotiates.
class Carrier final : public TunnelPort {
 public:
  using Told = std::function<void(TunnelId)>;
  using Committed = std::function<void(const std::vector<gateway::Step>&)>;

  Carrier(Driver& driver, Fitting& fitting, Continuity& continuity, Told was_set, Told was_removed,
          Committed committed)
      : driver_(driver),
        fitting_(fitting),
        continuity_(continuity),
        was_set_(std::move(was_set)),
        was_removed_(std::move(was_removed)),
        committed_(std::move(committed)) {}

  void fit(core::TunnelConfig& tunnel) override { fitting_.fit(tunnel); }
  [[nodiscard]] std::optional<Reqid> first_reqid(TunnelId tunnel) override {
    return continuity_.first_reqid(tunnel);
  }
  void set(core::TunnelPointer tunnel, const core::TunnelConfig* before) override {
    driver_.set_traps(*tunnel);
    const TunnelId id = tunnel->id;
    if (!tunnel->children.empty()) {
      continuity_.set_first_reqid(id, tunnel->children.front().reqid);
    }
    driver_.handle(core::SetTunnel{tunnel});
    if (before != nullptr) {
      driver_.remove_traps(*before);
      fitting_.release(*before, tunnel.get());
    }
    was_set_(id);
  }
  void remove(const core::TunnelConfig& tunnel) override {
    driver_.handle(core::RemoveTunnel{tunnel.id});
    continuity_.forget(tunnel.id);
    driver_.remove_traps(tunnel);
    fitting_.release(tunnel);
    was_removed_(tunnel.id);
  }
  void committed(const std::vector<gateway::Step>& steps) override { committed_(steps); }

 private:
  Driver& driver_;
  Fitting& fitting_;
  Continuity& continuity_;
  Told was_set_;
  Told was_removed_;
  Committed committed_;
};

// What a daemon that takes everything down waits for: its peers, then its route programs, each for
// so long at most. Wakes the loop when their time is over: nothing else need happen by then.
class Farewell final : public Timed {
 public:
  enum class Waits : std::uint8_t { for_nothing, for_peers, for_programs };

  explicit Farewell(Loop& loop) : loop_(loop) { loop_.add(*this); }
  Farewell(const Farewell&) = delete;
  Farewell& operator=(const Farewell&) = delete;
  ~Farewell() override { loop_.remove(*this); }

  void wait(Waits waits, Duration longest) {
    waits_ = waits;
    until_ = is_cut_short_ ? loop_.now() : loop_.now() + longest;
  }
  // For what is waited for now, and for what would be next.
  void cut_short() {
    is_cut_short_ = true;
    until_ = loop_.now();
  }
  [[nodiscard]] Waits waits() const { return waits_; }
  [[nodiscard]] bool is_over() const { return loop_.now() >= until_; }

  [[nodiscard]] Time next_deadline() const override { return until_; }
  void tick(Time) override {}

 private:
  Loop& loop_;
  Waits waits_ = Waits::for_nothing;
  Time until_ = kNever;
  bool is_cut_short_ = false;
};

// The file may be missing where nobody named one: then everything is at its default.
std::expected<gateway::DaemonSettings, Trouble> read_settings(const Options& options) {
  if (!options.config_named && !std::filesystem::exists(options.config)) {
    return gateway::DaemonSettings{};
  }
  auto text = read_file(options.config);
  if (!text) return trouble(text.error());
  auto settings = gateway::toml::read_settings(*text);
  if (settings) return *std::move(settings);
  std::string lines;
  for (const auto& complaint : settings.error()) {
    lines +=
        (lines.empty() ? "" : "\n") + gateway::toml::describe(complaint, options.config.string());
  }
  return std::unexpected(Trouble{lines});
}

// A group that is not there lets nobody in.
std::optional<control::GroupId> group_named(const std::string& name) {
  if (name.empty()) return std::nullopt;
  const group* found = ::getgrnam(name.c_str());  // NOLINT(concurrency-mt-unsafe): one thread asks
  if (found == nullptr) return std::nullopt;
  return found->gr_gid;
}

control::Access access_of(const gateway::ControlSettings& settings) {
  return {group_named(settings.group), group_named(settings.readers)};
}

// Signals come through a descriptor. Before any thread is started, so that none has them.
std::expected<UniqueFd, KernelError> open_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  (void)std::signal(SIGPIPE, SIG_IGN);
  UniqueFd fd(::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) return std::unexpected(KernelError{"waiting for signals: signalfd", errno});
  return fd;
}

Level level_of(const control::EventView& event) {
  static constexpr std::array kWarnings{"try-failed",    "exchange-failed", "phase1-failed",
                                        "phase2-failed", "disconnected",    "route-trouble"};
  const bool warns = std::ranges::find(kWarnings, event.event) != kWarnings.end();
  return warns ? Level::warning : Level::info;
}

// Everything in the order in which one thing stands on another; it goes in the reverse.
struct Parts {
  std::unique_ptr<Opener> opener;
  Log log;
  KeeperLine keeper;
  Instance instance;
  Loop loop;
  UniqueFd signals;
  std::unique_ptr<const crypto::Provider> crypto;
  xfrm::Kernel kernel;
  xfrm::Monitor monitor;
  UdpSockets udp;
  std::unique_ptr<Pool> pool;
  ControlListener listener;
};

class Daemon {
 public:
  Daemon(Options options, gateway::DaemonSettings settings, Parts parts, gateway::Store store,
         gateway::Inventory inventory, std::expected<gateway::Journal, ConfigError> journal,
         RuntimeStore::Opened runtime, const Secret& crash_secret)
      : options_(std::move(options)),
        settings_(std::move(settings)),
        parts_(std::move(parts)),
        notify_(parts_.loop),
        farewell_(parts_.loop),
        engine_(*parts_.crypto, random_, crash_secret, core::Keeping::yes),
        continuity_(std::move(runtime.store), std::move(runtime.records), parts_.log),
        chronicle_(parts_.loop, parts_.log, std::move(journal)),
        traffic_({parts_.loop, parts_.kernel, board_, [this](TunnelId id) { return name_of(id); },
                  [this](const control::EventView& event) { publish(event); }}),
        driver_({parts_.loop, parts_.log, engine_, parts_.kernel, parts_.monitor, parts_.udp,
                 *parts_.pool, traffic_, continuity_, board_,
                 [this](Reqid reqid) { return owner_of(reqid); },
                 [this](const std::vector<core::Event>& events) { tell(events); }}),
        fitting_(parts_.kernel, parts_.log, settings_.kernel.offload),
        carrier_(
            driver_, fitting_, continuity_, [this](TunnelId id) { was_configured(id); },
            [this](TunnelId id) { forget_if_gone(id); },
            [this](const std::vector<gateway::Step>& steps) { was_committed(steps); }),
        configuration_(std::move(store), std::move(inventory), carrier_),
        router_({parts_.loop, parts_.log, configuration_, engine_, settings_.gateway.routes,
                 *parts_.opener, options_.state_dir / "route-tables",
                 [this](TunnelId id, std::string event, std::string text) {
                   publish(board_.tell(id, name_of(id), std::move(event), std::move(text), now()));
                 }}),
        upgrade_(
            {parts_.loop, parts_.log, parts_.keeper, parts_.instance, [this] { make_room(); }}),
        service_({configuration_, driver_, engine_, board_, traffic_, router_, chronicle_,
                  parts_.log, settings_.gateway, random_, parts_.kernel, fitting_,
                  [this] { return reload(); }, [this](bool flush) { stop(flush); },
                  [this](Responder respond) { upgrade_.ask(std::move(respond)); },
                  [this] { return now(); }, about()}),
        control_({parts_.loop, parts_.log, service_}, std::move(parts_.listener), rules()) {
    board_.number_from(chronicle_.last_number());
    parts_.loop.watch(parts_.signals.get(), EPOLLIN, [this](std::uint32_t) { take_signals(); });
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon() { parts_.loop.forget(parts_.signals.get()); }

  [[nodiscard]] Ending run();

 private:
  void tell(const std::vector<core::Event>& events);
  void publish(const control::EventView& event);
  void was_configured(TunnelId id);
  void was_committed(const std::vector<gateway::Step>& steps);
  void forget_if_gone(TunnelId id);
  [[nodiscard]] std::string name_of(TunnelId id) const;
  [[nodiscard]] std::optional<TunnelId> owner_of(Reqid reqid) const;
  [[nodiscard]] Instant now() const { return {parts_.loop.now(), wall_now()}; }
  void take_signals();
  [[nodiscard]] std::vector<std::string> reload();
  [[nodiscard]] std::vector<std::string> apply_boot_files();
  void complain(const std::vector<std::string>& wrong);
  void apply_log_levels();
  [[nodiscard]] ControlRules rules() const {
    return {access_of(settings_.control),
            {settings_.accounts, std::string(gateway::kDefaultAccount)}};
  }
  void stop(bool flush);
  void make_room();
  void end_if_said_farewell();
  [[nodiscard]] static control::VersionReply about();

  Options options_;
  gateway::DaemonSettings settings_;
  Parts parts_;
  SystemRandom random_;
  Notify notify_;
  Farewell farewell_;
  core::Engine engine_;
  Continuity continuity_;
  Board board_;
  Chronicle chronicle_;
  Traffic traffic_;
  Driver driver_;
  Fitting fitting_;
  Carrier carrier_;
  Configuration configuration_;
  Router router_;
  Upgrade upgrade_;
  Service service_;
  ControlSocket control_;
};

Ending Daemon::run() {
  // Before any tunnel is set: each takes what is its own.
  continuity_.restore(board_);
  driver_.resume();
  complain(apply_boot_files());
  configuration_.carry_out_all();
  driver_.take_kernel_over();
  fitting_.remove_orphans();
  router_.begin();
  const std::size_t tunnels = configuration_.inventory().all<gateway::Tunnel>().size();
  parts_.log.write(Level::info,
                   fmt::format("ipsecd {} is ready with {} tunnels", kProductVersion, tunnels),
                   {.event = "ready"});
  upgrade_.ready(parts_.udp.fds());
  notify_.say(fmt::format("READY=1\nSTATUS={} tunnels", tunnels));
  parts_.loop.run([this] { end_if_said_farewell(); });
  // To a service manager that hears of a stop, what comes after it is none of the unit's.
  notify_.say(upgrade_.has_begun() ? "RELOADING=1" : "STOPPING=1");
  parts_.log.write(Level::info, "ipsecd stops", {.event = "stopped"});
  return upgrade_.has_begun() ? Ending::for_upgrade : Ending::by_order;
}

void Daemon::tell(const std::vector<core::Event>& events) {
  std::set<TunnelId> tunnels;
  const Instant at = now();
  for (const core::Event& event : events) {
    const TunnelId tunnel = tunnel_of(event);
    tunnels.insert(tunnel);
    publish(board_.take(event, name_of(tunnel), at));
  }
  for (const TunnelId tunnel : tunnels) {
    if (const auto status = engine_.status(tunnel)) {
      if (const auto news = board_.observe(name_of(tunnel), *status, at)) publish(*news);
      traffic_.look_at(tunnel);
    } else {
      forget_if_gone(tunnel);
    }
    router_.look_at(tunnel);
  }
  router_.flush();
}

void Daemon::was_configured(TunnelId id) {
  const auto status = engine_.status(id);
  board_.configured(id, status ? status->connection : core::Connection::idle, now());
}

// A tunnel's routes hang on its gateway and on the subnets of its VPC as well.
void Daemon::was_committed(const std::vector<gateway::Step>& steps) {
  for (const gateway::Step& step : steps) {
    if (step.id.kind != Kind::tunnel) {
      router_.look_at_all();
      break;
    }
    router_.look_at(tunnel_id(step.id));
  }
  router_.look_at_tables();
  router_.flush();
}

// One without SAs is gone at once, others when their last SA is.
void Daemon::forget_if_gone(TunnelId id) {
  if (engine_.status(id)) return;
  configuration_.gone(object_id(id));
  if (configuration_.tunnel(object_id(id)) == nullptr) board_.forget(id);
}

void Daemon::publish(const control::EventView& event) {
  parts_.log.write(level_of(event), event.text,
                   {.tunnel = event.tunnel, .phase = event.phase, .event = event.event});
  const auto id = ObjectId::parse(event.tunnel_id);
  const auto* tunnel = id ? configuration_.tunnel(*id) : nullptr;
  const std::string account(tunnel != nullptr ? tunnel->meta.account : gateway::kDefaultAccount);
  chronicle_.add(event, account);
  control_.publish(event, account);
}

std::string Daemon::name_of(TunnelId id) const {
  const auto* tunnel = configuration_.tunnel(object_id(id));
  return tunnel == nullptr ? object_id(id).to_string() : tunnel->meta.name;
}

std::optional<TunnelId> Daemon::owner_of(Reqid reqid) const {
  const auto owner = configuration_.owner_of(reqid);
  if (!owner) return std::nullopt;
  return tunnel_id(*owner);
}

void Daemon::take_signals() {
  signalfd_siginfo info{};
  while (::read(parts_.signals.get(), &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo == SIGHUP) {
      complain(reload());
    } else {
      stop(false);
    }
  }
}

std::vector<std::string> Daemon::reload() {
  notify_.say("RELOADING=1");
  std::vector<std::string> wrong;
  if (auto read = read_settings(options_)) {
    // Where it listens, the worker threads and the log's place are settled at the start.
    settings_ = *std::move(read);
    apply_log_levels();
    control_.set_rules(rules());
    router_.settings_changed();
  } else {
    wrong.push_back(read.error().line);
  }
  if (auto reopened = parts_.log.reopen(); !reopened) {
    wrong.push_back(describe(Error(reopened.error())));
  }
  auto refused = apply_boot_files();
  wrong.insert(wrong.end(), std::make_move_iterator(refused.begin()),
               std::make_move_iterator(refused.end()));
  notify_.say("READY=1");
  return wrong;
}

// What is wrong in a file is three lines: the place, the line there, and a mark.
void Daemon::complain(const std::vector<std::string>& wrong) {
  for (std::string_view text : wrong) {
    for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
      parts_.log.write(Level::error, text.substr(0, end));
      text.remove_prefix(end + 1);
    }
    parts_.log.write(Level::error, text);
  }
}

void Daemon::apply_log_levels() {
  parts_.log.set_levels(settings_.log);
  if (options_.log_level) parts_.log.set_level(*options_.log_level);
}

// All files or none: half a configuration is worse than the one of yesterday.
std::vector<std::string> Daemon::apply_boot_files() {
  const auto sources = read_sources(options_.conf_dir);
  if (!sources) return {describe(Error(sources.error()))};
  if (sources->empty()) return {};
  auto plan = plan_of(*sources, {configuration_.inventory(),
                                 settings_.gateway,
                                 {std::string(gateway::kDefaultAccount), wall_now(), random_}});
  std::vector<std::string> wrong;
  if (!plan) {
    for (const control::Problem& problem : plan.error()) wrong.push_back(problem.text);
  } else {
    const auto who = fmt::format("files of {}", options_.conf_dir.string());
    const auto saved = configuration_.commit(*std::move(plan), who, wall_now());
    if (saved) return {};
    wrong.push_back(describe(Error(saved.error())));
  }
  wrong.push_back(fmt::format("nothing of {} was applied; what is stored stays in force",
                              options_.conf_dir.string()));
  return wrong;
}

void Daemon::stop(bool flush) {
  const bool leaves = farewell_.waits() != Farewell::Waits::for_nothing;
  // Who cannot wait for the peers any longer still finds nothing left in the kernel.
  if (!flush) return leaves ? farewell_.cut_short() : parts_.loop.stop();
  if (leaves) return;
  farewell_.wait(Farewell::Waits::for_peers, kFarewell);
  for (const auto* tunnel : configuration_.inventory().all<gateway::Tunnel>()) {
    const auto* running = configuration_.running(tunnel->meta.id);
    if (running != nullptr) driver_.handle(core::RemoveTunnel{running->id});
  }
}

// One that ends for good already has no room to give.
void Daemon::make_room() {
  if (farewell_.waits() == Farewell::Waits::for_nothing) parts_.loop.stop();
}

void Daemon::end_if_said_farewell() {
  using Waits = Farewell::Waits;
  if (farewell_.waits() == Waits::for_nothing) return;
  if (farewell_.waits() == Waits::for_peers) {
    if (engine_.snapshot().sas > 0 && !farewell_.is_over()) return;
    driver_.flush_kernel();
    continuity_.end();
    router_.withdraw_all();
    farewell_.wait(Waits::for_programs, settings_.gateway.routes.program_timeout);
  }
  if (!router_.is_withdrawn() && !farewell_.is_over()) return;
  fitting_.release_all();
  parts_.loop.stop();
}

control::VersionReply Daemon::about() {
  control::VersionReply reply;
  reply.version = kProductVersion;
  reply.pid = static_cast<std::uint64_t>(::getpid());
  reply.started = wall_now();
  utsname system{};
  if (::uname(&system) == 0) reply.kernel = system.release;
  return reply;
}

// --- starting ----------------------------------------------------------------------------------

struct Stored {
  gateway::Store store;
  gateway::Inventory inventory;
};

std::expected<Stored, ConfigError> open_store(const Options& options) {
  std::error_code error;
  std::filesystem::create_directories(options.state_dir, error);
  if (error) {
    return std::unexpected(ConfigError{
        options.state_dir.string(),
        fmt::format("cannot be made: {}; name another with --state-dir", error.message())});
  }
  auto store = gateway::Store::open(options.state_dir / "ipsecd.db");
  if (!store) return std::unexpected(std::move(store.error()));
  auto inventory = store->load();
  if (!inventory) return std::unexpected(std::move(inventory.error()));
  return Stored{*std::move(store), *std::move(inventory)};
}

// Keys that come from wrong arithmetic would be found out by a peer at best, and by nobody at
// worst.
std::expected<std::unique_ptr<const crypto::Provider>, Trouble> open_crypto(
    const CryptoSource& source) {
  auto provider = source();
  if (!provider) return std::unexpected(Trouble{provider.error().what});
  if (const auto right = crypto::self_test(**provider); !right) {
    return std::unexpected(
        Trouble{fmt::format("the cryptographic library is not to be trusted: {}; "
                            "reinstall libssl3, or undo what openssl.cnf changes",
                            right.error().what)});
  }
  return *std::move(provider);
}

std::expected<Parts, Trouble> open_parts(const Options& options,
                                         const gateway::DaemonSettings& settings,
                                         const CryptoSource& source) {
  auto crypto = open_crypto(source);
  if (!crypto) return std::unexpected(std::move(crypto.error()));
  // First: it is to have none of the descriptors, and all of the privileges.
  auto opener = Opener::start();
  if (!opener) return trouble(opener.error());
  auto log = Log::open(options.log_to.value_or(settings.log.to));
  if (!log) return trouble(log.error());
  log->set_levels(settings.log);
  if (options.log_level) log->set_level(*options.log_level);
  auto keeper = KeeperLine::open(options.kept);
  if (!keeper) return trouble(keeper.error());
  auto inherited = keeper->inheritance();
  auto instance = Instance::claim(options.run_dir, keeper->process(), inherited);
  if (!instance) return trouble(instance.error());
  auto loop = Loop::create();
  if (!loop) return trouble(loop.error());
  auto signals = open_signals();
  if (!signals) return trouble(signals.error());
  auto kernel = xfrm::Kernel::open();
  if (!kernel) return trouble(kernel.error());
  auto monitor = xfrm::Monitor::open(kernel->port());
  if (!monitor) return trouble(monitor.error());
  auto listener =
      ControlListener::open(options.run_dir / "control.sock", access_of(settings.control));
  if (!listener) return trouble(listener.error());
  auto udp = UdpSockets::open(settings.listen, std::move(inherited));
  if (!udp) return trouble(udp.error());
  if (auto dropped = drop_privileges(); !dropped) return trouble(dropped.error());
  auto pool = Pool::start(**crypto, settings.threads);
  if (!pool) return trouble(pool.error());
  return Parts{*std::move(opener),  *std::move(log),     *std::move(keeper), *std::move(instance),
               *std::move(loop),    *std::move(signals), *std::move(crypto), *std::move(kernel),
               *std::move(monitor), *std::move(udp),     *std::move(pool),   *std::move(listener)};
}

// Without one the daemon works all the same.
std::expected<gateway::Journal, ConfigError> open_journal(const Options& options, Log& log) {
  const auto file = options.state_dir / "journal.db";
  auto opened = gateway::Journal::open(file, {});
  if (!opened) return std::unexpected(std::move(opened.error()));
  if (const auto& moved = opened->moved) {
    log.write(Level::warning,
              fmt::format("the log of connections {} was broken ({}) and is begun anew; what was "
                          "there is in {}",
                          file.string(), moved->why, moved->to.string()));
  }
  return std::move(opened->journal);
}

std::expected<RuntimeStore::Opened, KernelError> open_runtime_store(const Options& options,
                                                                    Log& log) {
  // Without it nothing tells a machine that was started anew, and nothing is gone on from.
  auto boot_id = read_file("/proc/sys/kernel/random/boot_id");
  if (!boot_id) return std::unexpected(KernelError{describe(Error(boot_id.error())), 0});
  auto opened = RuntimeStore::open(options.run_dir, *boot_id);
  if (!opened) {
    log.write(Level::error,
              fmt::format("there is no runtime store: {}; tunnels are negotiated anew, now and "
                          "whenever ipsecd ends",
                          describe(Error(opened.error()))),
              {.event = "runtime-store"});
    return RuntimeStore::none();
  }
  if (!opened->why_empty.empty()) {
    log.write(Level::warning,
              fmt::format("{}; tunnels that were up are negotiated anew", opened->why_empty),
              {.event = "runtime-store"});
  }
  if (opened->unfinished) {
    log.write(Level::info,
              fmt::format("{}: the last change was not finished, and is left out",
                          (options.run_dir / "runtime").string()),
              {.event = "runtime-store"});
  }
  return opened;
}

void tell_about_kernel(Parts& parts, bool tune) {
  const xfrm::Tuned tuned = tune ? parts.kernel.tune() : xfrm::Tuned{};
  for (const std::string& line : tuned.done) parts.log.write(Level::info, line);
  for (const std::string& line : tuned.failed) parts.log.write(Level::warning, line);
  for (const xfrm::Missing& missing : parts.kernel.features().missing) {
    parts.log.write(
        Level::warning,
        fmt::format("this kernel lacks {}{}", missing.what,
                    missing.module.empty() ? std::string() : "; modprobe " + missing.module));
  }
}

}  // namespace

std::expected<Ending, Trouble> run(const Options& options, const CryptoSource& source) {
  auto settings = read_settings(options);
  if (!settings) return std::unexpected(std::move(settings.error()));
  auto parts = open_parts(options, *settings, source);
  if (!parts) return std::unexpected(std::move(parts.error()));
  auto stored = open_store(options);
  if (!stored) return trouble(stored.error());
  tell_about_kernel(*parts, settings->kernel.tune);
  auto runtime = open_runtime_store(options, parts->log);
  if (!runtime) return trouble(runtime.error());
  auto journal = open_journal(options, parts->log);
  SystemRandom random;
  const CrashSecret crash = load_crash_secret(options.state_dir / "qcd-secret", random);
  for (const std::string& line : crash.warnings) parts->log.write(Level::warning, line);
  return Daemon(options, *std::move(settings), *std::move(parts), std::move(stored->store),
                std::move(stored->inventory), std::move(journal), *std::move(runtime), crash.secret)
      .run();
}

std::expected<std::string, Trouble> check_configuration(const Options& options) {
  const auto settings = read_settings(options);
  if (!settings) return std::unexpected(settings.error());
  SystemRandom random;
  const gateway::Inventory inventory;
  const auto sources = read_sources(options.conf_dir);
  if (!sources) return trouble(sources.error());
  const auto plan = plan_of(
      *sources,
      {inventory, settings->gateway, {std::string(gateway::kDefaultAccount), wall_now(), random}});
  if (!plan) {
    std::string lines;
    for (const control::Problem& problem : plan.error()) {
      lines += (lines.empty() ? "" : "\n") + problem.text;
    }
    return std::unexpected(Trouble{lines});
  }
  return fmt::format("{} files, {} objects: all well\n", sources->size(), plan->inventory.size());
}

}  // namespace ipsec::daemon
