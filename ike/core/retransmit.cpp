#include "ike/core/retransmit.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "ike/base/limits.h"

namespace ipsec::core {

RetransmitSchedule RetransmitSchedule::opening() {
  using std::chrono::seconds;
  return RetransmitSchedule({seconds{2}, seconds{4}, seconds{6}});
}

RetransmitSchedule RetransmitSchedule::established(Duration timeout) {
  static constexpr std::array kShares{64, 96, 144, 216, 324, 486, 729};
  static constexpr auto kAll = std::accumulate(kShares.begin(), kShares.end(), 0);
  std::vector<Duration> waits;
  waits.reserve(kShares.size());
  for (const int share : kShares) waits.push_back(timeout * share / kAll);
  // The last wait takes what the divisions left over, so that the sum is exact.
  waits.back() += timeout - std::accumulate(waits.begin(), waits.end(), Duration::zero());
  return RetransmitSchedule(std::move(waits));
}

RetransmitSchedule RetransmitSchedule::after(Duration wait) const {
  std::vector<Duration> waits{wait};
  waits.insert(waits.end(), waits_.begin(), waits_.end());
  return RetransmitSchedule(std::move(waits));
}

RetransmitSchedule RetransmitSchedule::in_doubt(Duration timeout) {
  if (timeout <= limits::kDoubtPatience) return established(timeout);
  static constexpr std::size_t kSends = limits::kDoubtPatience / limits::kDoubtResend;
  return RetransmitSchedule(std::vector<Duration>(kSends, limits::kDoubtResend));
}

Duration RetransmitSchedule::total() const {
  return std::accumulate(waits_.begin(), waits_.end(), Duration::zero());
}

Time probe_time(Time heard_at, Duration delay) {
  static constexpr int kMoments = 32;
  const Time latest = heard_at + delay;
  const Duration step = delay / kMoments;
  return step > Duration::zero() ? latest - latest.time_since_epoch() % step : latest;
}

std::optional<RetransmitSchedule> ask_on(const Asked& asked, Time now) {
  if (asked.heard_at <= asked.since) return std::nullopt;
  const Time until = std::min(asked.heard_at + asked.delay + asked.timeout,
                              asked.since + limits::kTimeoutsWithoutAnswer * asked.timeout);
  if (until <= now) return std::nullopt;
  return RetransmitSchedule::established(std::min(asked.timeout, until - now));
}

Retransmission::Retransmission(const RetransmitSchedule& schedule, Time sent_at)
    : waits_(schedule.waits().begin(), schedule.waits().end()),
      sends_(1),
      deadline_(sent_at + waits_.front()) {}

Retransmission::Verdict Retransmission::poll(Time now) {
  if (now < deadline_) return Verdict::wait;
  if (sends_ >= waits_.size()) {
    deadline_ = kNever;
    return Verdict::give_up;
  }
  // Counted from now: after a stall (a suspended machine) the peer gets its full time to answer
  // instead of a burst.
  deadline_ = now + waits_[sends_];
  ++sends_;
  return Verdict::send_again;
}

void Retransmission::hurry(const RetransmitSchedule& schedule, Time now) {
  if (deadline_ == kNever) return;
  const auto left = std::span(waits_).subspan(sends_);
  const Time end = std::accumulate(left.begin(), left.end(), deadline_);
  if (end <= now + schedule.total()) return;
  waits_.resize(sends_);
  waits_.insert(waits_.end(), schedule.waits().begin(), schedule.waits().end());
  deadline_ = now;
}

}  // namespace ipsec::core
