#include "ike/daemon/keeper.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "ike/daemon/instance.h"
#include "ike/daemon/keeper_channel.h"
#include "ike/daemon/keeper_line.h"
#include "ike/daemon/log.h"
#include "ike/daemon/loop.h"
#include "ike/daemon/notify.h"
#include "ike/daemon/privileges.h"
#include "ike/daemon/restarts.h"
#include "ike/daemon/trial.h"

namespace ipsec::daemon {
namespace {

constexpr int kFailed = 1;
constexpr std::array kSignals{SIGTERM, SIGINT, SIGHUP, SIGCHLD};

sigset_t set_of(std::span<const int> signals) {
  sigset_t out;
  sigemptyset(&out);
  for (const int signal : signals) sigaddset(&out, signal);
  return out;
}

std::vector<int> numbers_of(const std::vector<UniqueFd>& fds) {
  std::vector<int> out;
  out.reserve(fds.size());
  for (const UniqueFd& fd : fds) out.push_back(fd.get());
  return out;
}

class Keeper final : public Timed {
 public:
  struct Parts {
    Loop loop;
    Log log;
    UniqueFd signals;
    Program program;
    std::filesystem::path pid_file;
    std::vector<UniqueFd> held;  // across an upgrade
  };
  explicit Keeper(Parts parts) : parts_(std::move(parts)) {
    parts_.loop.add(*this);
    parts_.loop.watch(parts_.signals.get(), EPOLLIN, [this](std::uint32_t) { take_signals(); });
  }
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;
  ~Keeper() override { parts_.loop.remove(*this); }

  [[nodiscard]] int run();

  [[nodiscard]] Time next_deadline() const override { return start_at_; }
  void tick(Time) override { start(); }

 private:
  void start();
  [[noreturn]] void become_daemon(int channel) const;
  void take_signals();
  void forward(int signal);
  void reap();
  void hear();
  void hold(Message&& message);
  void begin_trial();
  void daemon_ended(int status);
  void start_later(const std::string& how);
  void begin_anew();
  void end(int status);

  Parts parts_;
  Restarts restarts_;
  UniqueFd channel_;
  pid_t daemon_ = 0;  // 0: none
  pid_t trial_ = 0;
  std::optional<Time> ready_since_;
  Time start_at_ = kNever;
  std::string end_before_;  // what the next daemon is told
  bool is_told_to_stop_ = false;
  int status_ = 0;
};

// The signal that told of the end of the daemon before may have told of its trial's too, which is a
// zombie of the new program's now.
int Keeper::run() {
  reap();
  start_at_ = parts_.loop.now();
  parts_.loop.run([] {});
  return status_;
}

// --- starting a daemon -------------------------------------------------------------------------

void Keeper::start() {
  start_at_ = kNever;
  ready_since_.reset();
  // Nobody else says so while there is no daemon.
  notify_alive();
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return start_later(std::generic_category().message(errno));
  }
  channel_ = UniqueFd(ends[0]);
  const UniqueFd its(ends[1]);
  (void)send_message(channel_.get(), Word::held, end_before_, numbers_of(parts_.held));
  const pid_t process = ::fork();
  if (process == 0) become_daemon(its.get());
  if (process < 0) return start_later(std::generic_category().message(errno));
  daemon_ = process;
  parts_.loop.watch(channel_.get(), EPOLLIN, [this](std::uint32_t) { hear(); });
}

// SIGHUP waits until the daemon takes it; by the others one that is only beginning may end.
void Keeper::become_daemon(int channel) const {
  const sigset_t open = set_of(std::array{SIGTERM, SIGINT, SIGCHLD});
  (void)::pthread_sigmask(SIG_UNBLOCK, &open, nullptr);
  (void)::fcntl(channel, F_SETFD, 0);
  exec_program(parts_.program, {fmt::format("{}={}", kKeptOption, channel)});
  const auto line = fmt::format("ipsecd: {} cannot be started: {}\n", parts_.program.path,
                                std::generic_category().message(errno));
  (void)!::write(STDERR_FILENO, line.data(), line.size());
  ::_exit(kFailed);
}

// --- signals and ends --------------------------------------------------------------------------

void Keeper::take_signals() {
  signalfd_siginfo info{};
  while (::read(parts_.signals.get(), &info, sizeof(info)) == sizeof(info)) {
    const auto signal = static_cast<int>(info.ssi_signo);
    if (signal == SIGCHLD) {
      reap();
    } else {
      forward(signal);
    }
  }
}

void Keeper::forward(int signal) {
  if (signal == SIGHUP) {
    // What cannot be opened anew stays in use, and the daemon says so.
    (void)parts_.log.reopen();
  } else {
    is_told_to_stop_ = true;
  }
  if (daemon_ != 0) {
    (void)::kill(daemon_, signal);
  } else if (is_told_to_stop_) {
    end(0);
  }
}

void Keeper::reap() {
  int status = 0;
  for (pid_t process = 0; (process = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (process == daemon_) daemon_ended(status);
    if (process != trial_) continue;
    trial_ = 0;
    // One that went well has said all there is to say.
    if (status != 0 && channel_) {
      (void)send_message(channel_.get(), Word::unfit, "the trial " + words_of_end(status));
    }
  }
}

void Keeper::daemon_ended(int status) {
  // What it said last is in the channel still.
  hear();
  parts_.loop.forget(channel_.get());
  channel_.reset();
  daemon_ = 0;
  const bool upgrades = WIFEXITED(status) && WEXITSTATUS(status) == kEndsForUpgrade;
  const bool in_order =
      WIFEXITED(status) && (WEXITSTATUS(status) == 0 || (upgrades && is_told_to_stop_));
  const bool by_order = WIFSIGNALED(status) && is_told_to_stop_ &&
                        (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGINT);
  if (in_order || by_order) return end(0);
  const std::string how = upgrades ? "made room for a new one" : words_of_end(status);
  // It has said why, where it could.
  if (parts_.held.empty() || is_told_to_stop_) {
    if (WIFSIGNALED(status)) parts_.log.write(Level::error, "ipsecd " + how);
    return end(WIFEXITED(status) ? WEXITSTATUS(status) : kFailed);
  }
  if (upgrades) begin_anew();
  start_later(how);
}

void Keeper::start_later(const std::string& how) {
  if (parts_.held.empty()) {
    parts_.log.write(Level::error, "ipsecd was not started: " + how);
    return end(kFailed);
  }
  const auto now = parts_.loop.now();
  const auto pause =
      restarts_.after(ready_since_ ? std::optional(now - *ready_since_) : std::nullopt);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(pause).count();
  parts_.log.write(Level::warning,
                   fmt::format("ipsecd {}; it is started again {}", how,
                               ms == 0 ? "at once" : fmt::format("in {} ms", ms)),
                   {.event = "died"});
  end_before_ = how;
  ready_since_.reset();
  start_at_ = now + pause;
}

// The lock is held until this process ends, so the file is nobody else's.
void Keeper::end(int status) {
  std::error_code ignored;
  if (!parts_.held.empty()) std::filesystem::remove(parts_.pid_file, ignored);
  if (status != 0) notify_failure();
  status_ = status;
  parts_.loop.stop();
}

// --- what the daemon says ----------------------------------------------------------------------

void Keeper::hear() {
  for (;;) {
    auto message = receive_message(channel_.get(), Waits::no);
    // Its end is heard of by SIGCHLD. Until then there is nothing more to be heard.
    if (!message && message.error() != EAGAIN) parts_.loop.forget(channel_.get());
    if (!message) return;
    if (message->word == Word::try_program) {
      begin_trial();
    } else if (message->word == Word::keep || message->word == Word::ready) {
      hold(*std::move(message));
    }
  }
}

void Keeper::hold(Message&& message) {
  parts_.held = std::move(message.fds);
  if (message.word == Word::ready) {
    ready_since_ = parts_.loop.now();
  } else {
    (void)send_message(channel_.get(), Word::kept);
  }
}

// In a process of its own, since it waits.
void Keeper::begin_trial() {
  const pid_t process = ::fork();
  if (process < 0) {
    (void)send_message(channel_.get(), Word::unfit, std::generic_category().message(errno));
    return;
  }
  trial_ = process;
  if (process != 0) return;
  // Without a keeper nobody would start what was tried.
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const sigset_t open = set_of(kSignals);
  (void)::pthread_sigmask(SIG_UNBLOCK, &open, nullptr);
  const auto version = try_program(parts_.program);
  const bool told = version ? send_message(channel_.get(), Word::fits, *version)
                            : send_message(channel_.get(), Word::unfit, version.error());
  ::_exit(told ? 0 : kFailed);
}

// The same process with the new program, to which the old one hands on what it holds. Signals that
// come meanwhile wait. Comes back where it fails: then the old one starts the new daemon.
void Keeper::begin_anew() {
  std::string list;
  for (const int fd : numbers_of(parts_.held)) {
    list += fmt::format("{}{}", list.empty() ? "" : ",", fd);
    (void)::fcntl(fd, F_SETFD, 0);
  }
  parts_.log.write(Level::info, "the keeper goes on as the new program", {.event = "upgrade"});
  exec_program(parts_.program, {fmt::format("{}={}", kHeldOption, list)});
  parts_.log.write(Level::warning,
                   fmt::format("the keeper stays the old program: {}: {}", parts_.program.path,
                               std::generic_category().message(errno)));
  for (const int fd : numbers_of(parts_.held)) (void)::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

// --- beginning ---------------------------------------------------------------------------------

// What is at this path later is what is started then.
std::string own_path() {
  static constexpr std::string_view kGone = " (deleted)";
  std::error_code error;
  std::string path = std::filesystem::read_symlink("/proc/self/exe", error).string();
  if (path.ends_with(kGone)) path.resize(path.size() - kGone.size());
  return path;
}

Program own_program(int argc, const char* const* argv) {
  Program out{own_path(), {}};
  for (const std::string_view word : std::span(argv, static_cast<std::size_t>(argc))) {
    if (!word.starts_with(kHeldOption)) out.arguments.emplace_back(word);
  }
  return out;
}

std::expected<Log, ConfigError> open_log(const Options& options) {
  if (options.log_to) {
    if (auto log = Log::open(*options.log_to)) return log;
  }
  // The daemon says what is wrong with its log; and what else the settings say, it alone knows.
  return Log::open("stderr");
}

}  // namespace

int keep(int argc, const char* const* argv, const Options& options) {
  (void)::prctl(PR_SET_NAME, "ipsecd-keeper");
  (void)std::signal(SIGPIPE, SIG_IGN);
  // Who started us may have ignored it; then nothing would be heard of the daemon's end.
  (void)std::signal(SIGCHLD, SIG_DFL);
  const sigset_t signals = set_of(kSignals);
  (void)::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  UniqueFd signal_fd(::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
  auto loop = Loop::create();
  auto log = open_log(options);
  if (!signal_fd || !loop || !log) {
    const auto line = fmt::format("ipsecd: the keeper cannot begin: {}\n",
                                  std::generic_category().message(errno));
    (void)!::write(STDERR_FILENO, line.data(), line.size());
    notify_failure();
    return kFailed;
  }
  if (auto shrunk = drop_keepers_privileges(); !shrunk) {
    log->write(Level::warning, describe(Error(shrunk.error())));
  }
  std::vector<UniqueFd> held;
  held.reserve(options.held.size());
  for (const int fd : options.held) {
    (void)::fcntl(fd, F_SETFD, FD_CLOEXEC);
    held.emplace_back(fd);
  }
  return Keeper({*std::move(loop), *std::move(log), std::move(signal_fd), own_program(argc, argv),
                 options.run_dir / kPidFile, std::move(held)})
      .run();
}

}  // namespace ipsec::daemon
