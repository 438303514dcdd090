#include "ike/daemon/traffic.h"

#include <chrono>
#include <utility>

namespace ipsec::daemon {
namespace {

constexpr std::chrono::seconds kLeastAge{1};
constexpr std::chrono::seconds kLookEvery{5};
// What an SA carried that ends without us, by its hard lifetime or by another program's hand, is
// lost since the last look.
constexpr std::chrono::seconds kKeepEvery{30};

}  // namespace

void Traffic::installed(TunnelId tunnel, const xfrm::SaKey& key, xfrm::Direction direction) {
  owners_[key] = {tunnel, direction};
}

void Traffic::leaving(const xfrm::SaKey& key) {
  const auto owner = owners_.find(key);
  if (owner == owners_.end()) return;
  if (const auto counters = parts_.kernel.counters(key)) {
    parts_.board.count(owner->second.tunnel, key, *counters, owner->second.direction);
  }
  lost(key);
}

void Traffic::lost(const xfrm::SaKey& key) {
  const auto node = owners_.extract(key);
  if (!node.empty()) parts_.board.settle(node.mapped().tunnel, key);
}

void Traffic::moved(const xfrm::SaKey& from, const xfrm::SaKey& to) {
  auto node = owners_.extract(from);
  if (node.empty()) return;
  parts_.board.rename(node.mapped().tunnel, from, to);
  node.key() = to;
  owners_.insert(std::move(node));
}

void Traffic::look_at(TunnelId tunnel) {
  if (parts_.board.awaits_traffic(tunnel)) awaited_.insert(tunnel);
}

// A failure of the kernel leaves the counters of last time: there will be another look.
void Traffic::refresh() {
  const Time now = parts_.loop.now();
  if (owners_.empty() || now < refreshed_at_ + kLeastAge) return;
  refreshed_at_ = now;
  const auto counters = parts_.kernel.counters();
  if (!counters) return;
  for (const xfrm::SaUsage& usage : *counters) {
    const auto owner = owners_.find(usage.key);
    if (owner == owners_.end()) continue;
    parts_.board.count(owner->second.tunnel, usage.key, usage.counters, owner->second.direction);
  }
  const auto wall =
      std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  std::erase_if(awaited_, [&](TunnelId tunnel) {
    const auto news = parts_.board.traffic_news(tunnel, parts_.name_of(tunnel), {now, wall});
    if (news) parts_.publish(*news);
    return !parts_.board.awaits_traffic(tunnel);
  });
}

Time Traffic::next_deadline() const {
  if (owners_.empty()) return kNever;
  return refreshed_at_ + (awaited_.empty() ? kKeepEvery : kLookEvery);
}

void Traffic::tick(Time) { refresh(); }

}  // namespace ipsec::daemon
