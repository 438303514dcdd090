#include "route/exec/spawn.h"

#include <fcntl.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigaction is POSIX
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace ipsec::route::exec {
namespace {

// Linux 6.3; headers of Debian 12 lack it.
constexpr unsigned kNoExecSeal = 8U;
// The new process has its descriptors below it, and what it gets lies above: none is overwritten
// before it is in its place.
constexpr int kFirstFree = 4;
constexpr int kReportPlace = 3;

// All that the new process needs, ready before there is one.
struct Start {
  const char* program;
  char* const* arguments;
  char* const* environment;
  int input;
  int output;
  int errors;
  int report;
  pid_t parent;
};

enum class Step : std::uint8_t {
  leading_a_group,
  descriptors,
  signals,
  directory,
  privileges,
  program
};

struct Report {
  Step step;
  int error_number;
};

bool reset_signals() {
  struct sigaction plain{};
  plain.sa_handler = SIG_DFL;
  // The C library keeps two for itself, and refuses.
  for (int number = 1; number < NSIG; ++number) (void)::sigaction(number, &plain, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  return ::pthread_sigmask(SIG_SETMASK, &none, nullptr) == 0;
}

bool place_descriptors(const Start& start) {
  return ::dup2(start.input, STDIN_FILENO) >= 0 && ::dup2(start.output, STDOUT_FILENO) >= 0 &&
         ::dup2(start.errors, STDERR_FILENO) >= 0 &&
         ::dup3(start.report, kReportPlace, O_CLOEXEC) >= 0 &&
         ::close_range(kReportPlace + 1, ~0U, 0) == 0;
}

// What is left are the capabilities of the bounding set that the daemon has itself.
bool lower_privileges() {
  return ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

// NOTE: Threading. Others of the daemon's threads may have held any lock when this process was
// made: only calls that are safe in a signal handler.
[[noreturn]] void become(const Start& start) {
  const auto give_up = [](Step step, int report) {
    const Report told{step, errno};
    (void)!::write(report, &told, sizeof told);
    ::_exit(127);
  };
  if (::setpgid(0, 0) != 0) give_up(Step::leading_a_group, start.report);
  // Whoever starts the daemon anew must not meet the programs of the one before.
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != start.parent) ::_exit(127);
  if (!place_descriptors(start)) give_up(Step::descriptors, start.report);
  if (!reset_signals()) give_up(Step::signals, kReportPlace);
  if (::chdir("/") != 0) give_up(Step::directory, kReportPlace);
  ::umask(S_IRWXG | S_IRWXO);
  if (!lower_privileges()) give_up(Step::privileges, kReportPlace);
  ::execve(start.program, start.arguments, start.environment);
  give_up(Step::program, kReportPlace);
  ::_exit(127);
}

KernelError failed(const char* operation) { return {operation, errno}; }

std::expected<UniqueFd, KernelError> file_of(std::string_view text) {
  static constexpr const char* kName = "ipsecd-request";
  UniqueFd file(::memfd_create(kName, MFD_CLOEXEC | MFD_ALLOW_SEALING | kNoExecSeal));
  if (!file) file = UniqueFd(::memfd_create(kName, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return std::unexpected(failed("making the request: memfd_create"));
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0) return std::unexpected(failed("making the request: write"));
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  const bool ready = ::fcntl(file.get(), F_ADD_SEALS,
                             F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0 &&
                     ::lseek(file.get(), 0, SEEK_SET) == 0;
  if (!ready) return std::unexpected(failed("making the request: seal"));
  return file;
}

// Out of the way of the places that the program's own will have.
bool lift(UniqueFd& fd) {
  if (fd.get() >= kFirstFree) return true;
  fd = UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kFirstFree));
  return static_cast<bool>(fd);
}

struct Pipe {
  UniqueFd reading;
  UniqueFd writing;
};

// Only our end does not wait: the program's is as programs expect it.
std::expected<Pipe, KernelError> make_pipe() {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return std::unexpected(failed("making a pipe: pipe2"));
  }
  Pipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  if (!lift(pipe.writing) || ::fcntl(pipe.reading.get(), F_SETFL, O_NONBLOCK) != 0) {
    return std::unexpected(failed("making a pipe: fcntl"));
  }
  return pipe;
}

// No handler of the daemon's may run in the new process.
pid_t fork_without_signals(const Start& start) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) become(start);
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return pid;
}

const char* name_of(Step step) {
  switch (step) {
    case Step::leading_a_group:
      return "leading a process group: setpgid";
    case Step::descriptors:
      return "placing descriptors: dup2";
    case Step::signals:
      return "resetting signals: pthread_sigmask";
    case Step::directory:
      return "chdir to /";
    case Step::privileges:
      return "lowering privileges: prctl";
    case Step::program:
      break;
  }
  return "execve";
}

}  // namespace

std::expected<Spawned, KernelError> spawn(const std::string& program, std::string_view input) {
  auto request = file_of(input);
  if (!request) return std::unexpected(std::move(request.error()));
  if (!lift(*request)) return std::unexpected(failed("making the request: fcntl"));
  auto output = make_pipe();
  auto errors = make_pipe();
  auto report = make_pipe();
  for (auto* pipe : {&output, &errors, &report}) {
    if (!*pipe) return std::unexpected(std::move(pipe->error()));
  }
  std::string path = program;
  std::string paths = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  std::string language = "LANG=C";
  const std::array<char*, 2> arguments{path.data(), nullptr};
  const std::array<char*, 3> environment{paths.data(), language.data(), nullptr};
  const pid_t pid = fork_without_signals({.program = path.c_str(),
                                          .arguments = arguments.data(),
                                          .environment = environment.data(),
                                          .input = request->get(),
                                          .output = output->writing.get(),
                                          .errors = errors->writing.get(),
                                          .report = report->writing.get(),
                                          .parent = ::getpid()});
  if (pid < 0) return std::unexpected(failed("starting a process: fork"));
  // As the process itself does: whichever comes first. From here on its group can be ended.
  (void)::setpgid(pid, pid);
  // The header of Debian 12 declares the function for C alone.
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    const KernelError error = failed("watching a process: pidfd_open");
    (void)::kill(-pid, SIGKILL);
    (void)::waitpid(pid, nullptr, 0);
    return std::unexpected(error);
  }
  return Spawned{pid, std::move(pidfd), std::move(output->reading), std::move(errors->reading),
                 std::move(report->reading)};
}

std::string failure_to_start(const UniqueFd& report) {
  Report told{};
  if (::read(report.get(), &told, sizeof told) != sizeof told) return {};
  return describe(KernelError{name_of(told.step), told.error_number});
}

}  // namespace ipsec::route::exec
