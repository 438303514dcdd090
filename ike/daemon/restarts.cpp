#include "ike/daemon/restarts.h"

#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include <fmt/format.h>

namespace ipsec::daemon {
namespace {

constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::seconds kLongestPause{10};
// One that worked for so long does not die of how it is started.
constexpr std::chrono::seconds kSound{60};
// Doubling beyond this is longer than kLongestPause.
constexpr std::uint32_t kDoublings = 7;

}  // namespace

Duration Restarts::after(std::optional<Duration> ready) {
  if (ready && *ready >= kSound) in_a_row_ = 0;
  const std::uint32_t before = in_a_row_++;
  if (before == 0) return Duration::zero();
  return std::min<Duration>(kFirstPause * (1U << std::min(before - 1, kDoublings)), kLongestPause);
}

std::string words_of_end(int status) {
  if (!WIFSIGNALED(status)) return fmt::format("ended with status {}", WEXITSTATUS(status));
  const char* const name = ::sigabbrev_np(WTERMSIG(status));
  return name == nullptr ? fmt::format("died by signal {}", WTERMSIG(status))
                         : fmt::format("died by SIG{}", name);
}

}  // namespace ipsec::daemon
