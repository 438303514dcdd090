#include "ike/core/retransmit.h"

#include <numeric>

namespace ipsec::core {

RetransmitSchedule RetransmitSchedule::opening() {
  using std::chrono::seconds;
  return RetransmitSchedule({seconds{2}, seconds{4}, seconds{6}});
}

RetransmitSchedule RetransmitSchedule::established(Duration timeout) {
  const Duration unit = timeout / 13;
  // The last wait takes what the division left over, so that the sum is exact.
  return RetransmitSchedule({unit, 2 * unit, 4 * unit, timeout - 7 * unit});
}

Duration RetransmitSchedule::total() const {
  return std::accumulate(waits_.begin(), waits_.end(), Duration::zero());
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

}  // namespace ipsec::core
