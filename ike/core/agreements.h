// The Diffie-Hellmans that we compute for peers who have not shown that they receive what we send:
// IKEv1's aggressive mode wants one for its first message (RFC 2409 5.4), and has no cookie to ask
// for first. The message names a tunnel's identity, in clear: whoever has heard it may say it again
// from any address.
//
// NOTE: Limits. So many a second and so many at once; a tunnel, and the addresses that no tunnel
// names, have a part of it only (ike/base/limits.h). Others' tunnels keep theirs.
#pragma once

#include <cstddef>
#include <string_view>
#include <unordered_map>

#include "ike/base/limits.h"
#include "ike/base/strong_id.h"
#include "ike/base/time.h"
#include "ike/core/rate_limit.h"

namespace ipsec::core {

class Agreements {
 public:
  // Whether the address is one that a tunnel names.
  enum class Whose : std::uint8_t { named, stranger };

  // Whether one may be computed for this tunnel now; if so it is counted. Else why not, a literal.
  [[nodiscard]] std::string_view refusal(TunnelId tunnel, Whose whose, Time now);
  // What was allowed is computed for this SA, and is over.
  void begun(SaId sa, Whose whose);
  void over(SaId sa);

  [[nodiscard]] std::size_t withheld() const { return withheld_; }
  // kNever: none was.
  [[nodiscard]] Time last_withheld() const { return last_withheld_; }

 private:
  [[nodiscard]] std::string_view judge(TunnelId tunnel, Whose whose, Time now);

  RateLimit all_{limits::kAgreementsPerSecond};
  RateLimit strangers_{limits::kAgreementsOfStrangersPerSecond};
  // Of this second.
  Time second_{};
  std::unordered_map<TunnelId, int> of_tunnel_;
  std::unordered_map<SaId, Whose> under_way_;
  std::size_t strangers_under_way_ = 0;
  std::size_t withheld_ = 0;
  Time last_withheld_ = kNever;
};

}  // namespace ipsec::core
