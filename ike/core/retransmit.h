// When a peer is asked whether it is there, when a request is sent again and when it is given up.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "ike/base/time.h"

namespace ipsec::core {

// Waits between sends; the last wait ends in giving up. So n waits are n sends; there is at least
// one.
class RetransmitSchedule {
 public:
  // The opening exchange: three sends within 12 s make a try (ruling on M83).
  [[nodiscard]] static RetransmitSchedule opening();
  // An established SA: seven sends, each wait half as long again as the one before (RFC 7296 2.4:
  // it must grow exponentially), that sum to `timeout` exactly; with DPD 8 s / 13 s a dead peer is
  // found within 21 s (M91). Doubling waits left four sends, and on a line that loses 30 % each way
  // one request in 15 died of it.
  [[nodiscard]] static RetransmitSchedule established(Duration timeout);
  // Of the same, where somebody says that the peer has lost it: see limits::kDoubtPatience. Never
  // longer than the one above.
  [[nodiscard]] static RetransmitSchedule in_doubt(Duration timeout);

  // The same, where what was sent long ago is sent again that much later, and then by the schedule.
  [[nodiscard]] RetransmitSchedule after(Duration wait) const;

  [[nodiscard]] std::span<const Duration> waits() const { return waits_; }
  [[nodiscard]] Duration total() const;

 private:
  explicit RetransmitSchedule(std::vector<Duration> waits) : waits_(std::move(waits)) {}
  std::vector<Duration> waits_;
};

// When a peer that was last heard then is asked whether it is there: up to a 32nd of the delay
// early, so that many peers are asked at once and not one by one. A system call takes a batch, and
// most of what a question costs is system calls.
[[nodiscard]] Time probe_time(Time heard_at, Duration delay);

// A peer that has been heard of since a request was sent, and since somebody last said that it has
// lost its SAs (both in `since`), is there, whatever becomes of that request, and is asked on: no
// longer than one that falls silent is waited for, and not without end where it never answers.
// nullopt where it is given up.
struct Asked {
  Time since{};
  Time heard_at{};
  Duration delay{};
  Duration timeout{};
};
[[nodiscard]] std::optional<RetransmitSchedule> ask_on(const Asked& asked, Time now);

// What the path has done to our requests.
struct PathRecord {
  std::uint64_t requests = 0;
  std::uint64_t resent = 0;
  // Of the newest request that was sent once only: of others nobody knows which copy was answered.
  std::optional<Duration> round_trip;
};

// One request on the wire.
class Retransmission {
 public:
  Retransmission() = default;
  Retransmission(const RetransmitSchedule& schedule, Time sent_at);

  enum class Verdict : std::uint8_t { wait, send_again, give_up };
  // At `now`: advances past at most one deadline; the next wait begins at `now`. give_up is said
  // once, after which there is no deadline any more.
  [[nodiscard]] Verdict poll(Time now);
  // Due at `now`, and after that as `schedule` says; nothing changes where it is given up as soon
  // by itself.
  void hurry(const RetransmitSchedule& schedule, Time now);
  [[nodiscard]] Time deadline() const { return deadline_; }
  [[nodiscard]] std::uint32_t sends() const { return sends_; }

 private:
  std::vector<Duration> waits_;
  std::uint32_t sends_ = 0;
  Time deadline_ = kNever;
};

}  // namespace ipsec::core
