#include "route/exec/process.h"

#include <poll.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill is POSIX
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "ike/base/limits.h"
#include "route/exec/words.h"

namespace ipsec::route::exec {
namespace {

enum class End : std::uint8_t { open, closed };

// Hands on what can be read now, but not more than others may wait for.
template <typename Take>
End drain(int fd, const Take& take) {
  std::array<char, 8'192> piece{};
  for (std::size_t total = 0; total < limits::kProgramBytesPerTurn;) {
    const ssize_t count = ::read(fd, piece.data(), piece.size());
    if (count == 0) return End::closed;
    if (count < 0) return errno == EAGAIN || errno == EINTR ? End::open : End::closed;
    take(std::string_view(piece.data(), static_cast<std::size_t>(count)));
    total += static_cast<std::size_t>(count);
  }
  return End::open;
}

std::string name_of_signal(int number) {
  const char* const name = ::sigabbrev_np(number);
  return name == nullptr ? fmt::to_string(number) : fmt::format("SIG{}", name);
}

}  // namespace

std::expected<std::unique_ptr<Process>, std::string> Process::start(
    Reactor& reactor, const Job& job, const std::function<void()>& stirred) {
  auto spawned = spawn(job.program, job.input);
  if (!spawned) return std::unexpected(describe(spawned.error()));
  std::unique_ptr<Process> process(
      new Process(reactor, *std::move(spawned), reactor.now(), job.timeout));
  for (const UniqueFd* fd : {&process->on_.pidfd, &process->on_.output, &process->on_.errors}) {
    reactor.watch(fd->get(), stirred);
  }
  return process;
}

Process::Process(Reactor& reactor, Spawned spawned, Time now, std::chrono::seconds timeout)
    : reactor_(reactor), on_(std::move(spawned)), timeout_(timeout), deadline_(now + timeout) {}

Process::~Process() {
  if (gone_) return;
  kill();
  // One that would not die before will not now.
  const auto wait =
      stage_ == Stage::given_up ? limits::kProgramReapWait.zero() : limits::kProgramReapWait;
  pollfd ended{.fd = on_.pidfd.get(), .events = POLLIN, .revents = 0};
  (void)::poll(&ended, 1, static_cast<int>(wait.count()));
  siginfo_t info{};
  (void)::waitid(P_PIDFD, static_cast<id_t>(on_.pidfd.get()), &info, WEXITED | WNOHANG);
  if (!exited_) close(on_.pidfd);
  close(on_.output);
  close(on_.errors);
}

void Process::advance(Time now) {
  if (gone_) return;
  // In this order: what had been written before the end is there after it was seen.
  look_for_end(now);
  take_output(now);
  take_errors(now);
  const auto is_over = [&] { return exited_ && !on_.output && !on_.errors; };
  if (!is_over() && now >= deadline_) overdue(now);
  if (is_over()) conclude();
}

void Process::kill() const {
  if (!gone_) signal_group(SIGKILL);
}

std::optional<Process::Result> Process::take_result() {
  return std::exchange(result_, std::nullopt);
}

void Process::look_for_end(Time now) {
  if (exited_) return;
  siginfo_t info{};
  // It stays a zombie, so that the number of its group stays its own.
  const int done =
      ::waitid(P_PIDFD, static_cast<id_t>(on_.pidfd.get()), &info, WEXITED | WNOHANG | WNOWAIT);
  if (done == 0 && info.si_pid == 0) return;
  exited_ = true;
  lost_ = done != 0;
  reactor_.forget(on_.pidfd.get());
  deadline_ = std::min(deadline_, now + limits::kProgramGrace);
}

void Process::take_output(Time now) {
  if (!on_.output) return;
  const auto take = [&](std::string_view piece) { output_ += piece; };
  if (drain(on_.output.get(), take) == End::closed) close(on_.output);
  if (output_.size() <= limits::kProgramAnswerBytes) return;
  end_it(now, fmt::format("it wrote more than {} bytes", limits::kProgramAnswerBytes));
  output_ = {};
  close(on_.output);
}

void Process::take_errors(Time now) {
  if (!on_.errors) return;
  const auto take = [&](std::string_view piece) {
    errors_ += piece.substr(0, limits::kProgramErrorBytes - errors_.size());
    errors_seen_ += piece.size();
  };
  if (drain(on_.errors.get(), take) == End::closed) close(on_.errors);
  if (errors_seen_ <= limits::kProgramAnswerBytes) return;
  end_it(now, fmt::format("it wrote more than {} bytes to stderr", limits::kProgramAnswerBytes));
  close(on_.errors);
}

void Process::overdue(Time now) {
  if (exited_) {
    if (why_.empty()) why_ = "it ended, but what it has started goes on and holds its output open";
    close(on_.output);
    close(on_.errors);
    return;
  }
  switch (stage_) {
    case Stage::working:
      end_it(now, fmt::format("it did not end within {} s and was killed", timeout_.count()));
      return;
    case Stage::asked_to_end:
      signal_group(SIGKILL);
      stage_ = Stage::killed;
      deadline_ = now + limits::kProgramGrace;
      return;
    case Stage::killed:
      // It hangs in the kernel. Nobody waits for it but its descriptor.
      stage_ = Stage::given_up;
      deadline_ = kNever;
      result_ = std::unexpected(with_errors(why_ + ", but does not die"));
      close(on_.output);
      close(on_.errors);
      return;
    case Stage::given_up:
      return;
  }
}

// The first reason stays.
void Process::end_it(Time now, std::string why) {
  if (why_.empty()) why_ = std::move(why);
  if (stage_ != Stage::working) return;
  signal_group(SIGTERM);
  stage_ = Stage::asked_to_end;
  deadline_ = now + limits::kProgramGrace;
}

void Process::conclude() {
  signal_group(SIGKILL);
  std::string why = reaped();
  if (!why_.empty()) why = why_;
  gone_ = true;
  deadline_ = kNever;
  on_.pidfd.reset();
  if (stage_ == Stage::given_up) return;
  if (why.empty()) {
    result_ = std::move(output_);
  } else {
    result_ = std::unexpected(with_errors(std::move(why)));
  }
}

void Process::signal_group(int number) const {
  if (!lost_) (void)::kill(-on_.pid, number);
}

void Process::close(UniqueFd& fd) {
  if (!fd) return;
  reactor_.forget(fd.get());
  fd.reset();
}

// What its end says against it.
std::string Process::reaped() {
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(on_.pidfd.get()), &info, WEXITED | WNOHANG) != 0) {
    return "how it ended is not known";
  }
  if (std::string failure = failure_to_start(on_.report); !failure.empty()) {
    return fmt::format("it cannot be started: {}", failure);
  }
  if (info.si_code != CLD_EXITED) {
    return fmt::format("it was ended by {}", name_of_signal(info.si_status));
  }
  return info.si_status == 0 ? "" : fmt::format("it ended with status {}", info.si_status);
}

std::string Process::with_errors(std::string why) const {
  const std::string line = first_line(errors_);
  return line.empty() ? why : fmt::format("{}: {}", why, line);
}

}  // namespace ipsec::route::exec
