#include "ike/daemon/trial.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "ike/base/unique_fd.h"
#include "ike/daemon/restarts.h"

namespace ipsec::daemon {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::seconds kTrialLongest{10};
constexpr int kLookAgainMs = 5;
constexpr std::size_t kMostOutput = 4096;
constexpr std::string_view kVersionBegins = "ipsecd ";
// Of a child that did not become the program.
constexpr int kNotStarted = 126;

struct TrialRun {
  int status = 0;
  bool in_time = true;
  std::string output;
};

[[noreturn]] void become(const Program& program, const std::string& option, int output) {
  const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (nothing) (void)::dup2(nothing.get(), STDIN_FILENO);
  (void)::dup2(output, STDOUT_FILENO);
  (void)::dup2(output, STDERR_FILENO);
  // What a trial says of itself is nothing for the service manager.
  ::unsetenv("NOTIFY_SOCKET");  // NOLINT(concurrency-mt-unsafe): one thread
  exec_program(program, {option});
  const auto why = std::generic_category().message(errno);
  (void)!::write(STDOUT_FILENO, why.data(), why.size());
  ::_exit(kNotStarted);
}

// Until it has closed its output, or its time is over.
bool read_output(int fd, std::string& into, SteadyClock::time_point until) {
  std::array<char, 1024> piece{};
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - SteadyClock::now()).count();
    pollfd waiting{fd, POLLIN, 0};
    if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) == 0) return false;
    const ssize_t size = ::read(fd, piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return true;
    if (into.size() < kMostOutput) into.append(piece.data(), static_cast<std::size_t>(size));
  }
}

// One that is silent and goes on is ended when its time is over.
bool wait_for_end(pid_t process, int& status, SteadyClock::time_point until) {
  while (SteadyClock::now() < until) {
    if (::waitpid(process, &status, WNOHANG) == process) return true;
    (void)::poll(nullptr, 0, kLookAgainMs);
  }
  (void)::kill(process, SIGKILL);
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return false;
}

std::expected<TrialRun, std::string> run_with(const Program& program, const std::string& option) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return std::unexpected(std::generic_category().message(errno));
  }
  const UniqueFd out(ends[0]);
  UniqueFd in(ends[1]);
  const pid_t process = ::fork();
  if (process < 0) return std::unexpected(std::generic_category().message(errno));
  if (process == 0) become(program, option, in.get());
  in.reset();
  const auto until = SteadyClock::now() + kTrialLongest;
  TrialRun ran;
  const bool has_said_all = read_output(out.get(), ran.output, until);
  ran.in_time = wait_for_end(process, ran.status, until) && has_said_all;
  return ran;
}

std::string line_of(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

std::expected<std::string, std::string> ask_program(const Program& program,
                                                    const std::string& option) {
  const auto refuse = [&](std::string_view why) {
    return std::unexpected(fmt::format("{} {}", program.path, why));
  };
  const auto ran = run_with(program, option);
  if (!ran) return refuse(fmt::format("cannot be tried: {}", ran.error()));
  if (!ran->in_time)
    return refuse(fmt::format("{} takes longer than {} s", option, kTrialLongest.count()));
  std::string line = line_of(ran->output);
  if (WIFEXITED(ran->status) && WEXITSTATUS(ran->status) == 0) return line;
  if (WIFEXITED(ran->status) && WEXITSTATUS(ran->status) == kNotStarted) {
    return refuse(fmt::format("cannot be started: {}", line));
  }
  return refuse(
      fmt::format("{} {}{}{}", option, words_of_end(ran->status), line.empty() ? "" : ": ", line));
}

}  // namespace

void exec_program(const Program& program, const std::vector<std::string>& more) {
  std::vector<std::string> words = program.arguments;
  words.insert(words.end(), more.begin(), more.end());
  std::vector<char*> raw;
  raw.reserve(words.size() + 1);
  for (std::string& word : words) raw.push_back(word.data());
  raw.push_back(nullptr);
  (void)::execv(program.path.c_str(), raw.data());
}

std::expected<std::string, std::string> try_program(const Program& program) {
  auto version = ask_program(program, "--version");
  if (!version) return version;
  if (!version->starts_with(kVersionBegins)) {
    return std::unexpected(
        fmt::format("{} is no ipsecd: its version is '{}'", program.path, *version));
  }
  if (auto well = ask_program(program, "--check-config"); !well) return well;
  return version->substr(kVersionBegins.size());
}

}  // namespace ipsec::daemon
