#include "ike/core/agreements.h"

namespace ipsec::core {

std::string_view Agreements::refusal(TunnelId tunnel, Whose whose, Time now) {
  const std::string_view why = judge(tunnel, whose, now);
  if (why.empty()) return why;
  ++withheld_;
  last_withheld_ = now;
  return why;
}

std::string_view Agreements::judge(TunnelId tunnel, Whose whose, Time now) {
  const bool stranger = whose == Whose::stranger;
  if (under_way_.size() >= limits::kAgreementsAtOnce ||
      (stranger && strangers_under_way_ >= limits::kAgreementsOfStrangersAtOnce)) {
    return "aggressive mode withheld, too many key exchanges at once";
  }
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    of_tunnel_.clear();
  }
  // The narrowest first: what one tunnel is refused does not count for all.
  int& of_tunnel = of_tunnel_[tunnel];
  if (of_tunnel >= limits::kAgreementsPerTunnel) {
    return "aggressive mode withheld, too many openings a second of one tunnel";
  }
  if (stranger && !strangers_.take(now)) {
    return "aggressive mode withheld, too many openings a second of addresses not configured";
  }
  if (!all_.take(now)) return "aggressive mode withheld, too many openings a second";
  ++of_tunnel;
  return {};
}

void Agreements::begun(SaId sa, Whose whose) {
  const bool fresh = under_way_.emplace(sa, whose).second;
  if (fresh && whose == Whose::stranger) ++strangers_under_way_;
}

void Agreements::over(SaId sa) {
  const auto found = under_way_.find(sa);
  if (found == under_way_.end()) return;
  if (found->second == Whose::stranger) --strangers_under_way_;
  under_way_.erase(found);
}

}  // namespace ipsec::core
