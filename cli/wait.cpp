#include "cli/wait.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <limits>
#include <system_error>

#include <fmt/format.h>

namespace ipsec::cli {

Interrupt Interrupt::of_signals() {
  Interrupt interrupt;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  if (::pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0) {
    interrupt.fd_ = UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    // Without a descriptor for them the signals must go on ending the process.
    if (!interrupt.fd_) ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  }
  return interrupt;
}

namespace {

int milliseconds_until(Deadline deadline) {
  using std::chrono::milliseconds;
  if (!deadline) return -1;
  const auto left =
      std::chrono::ceil<milliseconds>(*deadline - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, std::numeric_limits<int>::max()));
}

}  // namespace

Woke wait_for(int fd, For what, const Interrupt& interrupt, Deadline deadline) {
  const short events = what == For::reading ? POLLIN : POLLOUT;
  std::array<pollfd, 2> waiting{{{interrupt.fd(), POLLIN, 0}, {fd, events, 0}}};
  while (true) {
    const int count = ::poll(waiting.data(), waiting.size(), milliseconds_until(deadline));
    if (count < 0 && errno != EINTR) return Woke::ready;  // the read or write will tell
    if (count > 0) return waiting[0].revents != 0 ? Woke::interrupted : Woke::ready;
    if (count == 0) return Woke::timed_out;
  }
}

std::expected<std::string, std::string> read_all(int fd, const Interrupt& interrupt,
                                                 std::size_t most_bytes) {
  std::string out;
  std::array<char, 65536> part{};
  while (out.size() <= most_bytes) {
    if (wait_for(fd, For::reading, interrupt, std::nullopt) == Woke::interrupted) {
      return std::unexpected("interrupted");
    }
    const ssize_t count = ::read(fd, part.data(), part.size());
    if (count == 0) return out;
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) return std::unexpected(std::generic_category().message(errno));
    out.append(part.data(), static_cast<std::size_t>(count));
  }
  return std::unexpected(fmt::format("longer than {} bytes", most_bytes));
}

}  // namespace ipsec::cli
