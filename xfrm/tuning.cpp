// net.core.xfrm_larval_drop = 0
//   A packet that finds a policy and no SA waits, up to 100 a policy, until the SA is there, and is
//   not dropped. So the first packets of `start = traffic` get through, and so do those that come
//   while an SA takes another's place (Kernel::move).
//
// Thresholds of the policy hash (XFRM_MSG_NEWSPDINFO), from host prefixes to /24 and /64
//   The kernel keeps policies with shorter prefixes than these in lists that a change walks
//   through. With 10,000 children of /24s a change takes 50 times what it takes with ten; hashed,
//   the same.
#include "xfrm/tuning.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <expected>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "ike/base/unique_fd.h"
#include "xfrm/batch.h"
#include "xfrm/messages.h"
#include "xfrm/refusal.h"

namespace ipsec::xfrm {
namespace {

constexpr const char* kLarvalDrop = "/proc/sys/net/core/xfrm_larval_drop";
constexpr HashThresholds kKernelsOwn{{32, 32}, {128, 128}};
constexpr HashThresholds kOurs{{24, 24}, {64, 64}};

std::string failure(const KernelError& error, std::string_view cost) {
  return fmt::format("{}; {}", describe(error), cost);
}

void hold_packets(Tuned& tuned) {
  const UniqueFd file(::open(kLarvalDrop, O_RDWR | O_CLOEXEC));
  char now = 0;
  const bool read = file.get() >= 0 && ::pread(file.get(), &now, 1, 0) == 1;
  if (read && now == '0') return;
  if (read && ::pwrite(file.get(), "0", 1, 0) == 1) {
    tuned.done.emplace_back("net.core.xfrm_larval_drop = 0");
  } else {
    tuned.failed.push_back(
        failure({"set net.core.xfrm_larval_drop", errno},
                "packets that find no SA while one is made or moved are dropped"));
  }
}

std::expected<HashThresholds, KernelError> ask_thresholds(Socket& socket) {
  const std::uint32_t sequence = socket.reserve_sequence(1);
  Bytes question;
  write_get_hash_thresholds(question, {.sequence = sequence});
  std::optional<HashThresholds> found;
  const auto asked = socket.ask(question, sequence, [&](ByteView message) {
    if (const auto parsed = parse_hash_thresholds(message)) found = *parsed;
  });
  if (!asked) return std::unexpected(asked.error());
  if (!found) return std::unexpected(KernelError{"an answer without sense", EBADMSG});
  return *found;
}

std::expected<void, KernelError> set_thresholds(Socket& socket, const HashThresholds& wanted) {
  const std::string doing = "hash policies from /24 on";
  Batch batch(socket, 1);
  write_hash_thresholds(batch.bytes(), batch.next(), wanted);
  const auto refusals = batch.send();
  if (!refusals) return std::unexpected(refused(doing, refusals.error()));
  if (!refusals->empty()) return std::unexpected(refused(doing, refusals->front()));
  return {};
}

void hash_prefixes(Tuned& tuned, Socket& socket) {
  const auto now = ask_thresholds(socket);
  if (now && *now != kKernelsOwn) return;
  const auto set = now ? set_thresholds(socket, kOurs) : std::unexpected(now.error());
  if (set) {
    tuned.done.emplace_back("policies are hashed from /24 on, those of IPv6 from /64");
  } else {
    tuned.failed.push_back(failure(set.error(), "thousands of tunnels will be slow to set up"));
  }
}

}  // namespace

Tuned tune_namespace(Socket& socket) {
  Tuned tuned;
  hold_packets(tuned);
  hash_prefixes(tuned, socket);
  return tuned;
}

}  // namespace ipsec::xfrm
