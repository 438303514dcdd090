// One input's worth of context: what the exchanges may read, and where their results collect.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ike/base/random.h"
#include "ike/base/time.h"
#include "ike/core/crash_tokens.h"
#include "ike/core/directory.h"
#include "ike/core/io.h"
#include "ike/core/rate_limit.h"
#include "ike/core/sa/sa.h"

namespace ipsec::core {

// Hands out the engine's numbers.
struct Numbers {
  std::uint64_t last = 0;
  template <typename Id>
  [[nodiscard]] Id next() {
    return Id{++last};
  }
};

// Messages that came to nothing, by reason. Keys are literals.
using Drops = std::map<std::string_view, std::uint64_t>;

// What happened that concerns more than this one SA; the engine reads it after the turn.
struct OpeningFailed {
  SaId sa;
  Failure failure;
};
struct AssociationUp {
  SaId sa;
};
struct AssociationDown {
  std::shared_ptr<Association> association;
};
struct RuleFailed {
  SaId sa;
  std::size_t rule = 0;
  Failure failure;
};
struct RuleUp {
  SaId sa;
};
// The peer asked for what could not be served.
struct ServingFailed {
  TunnelId tunnel;
  Failure failure;
};
// IKEv1: a new phase 1 is to take this SA's place.
struct SuccessorWanted {
  SaId sa;
};
// IKEv1: this SA, the current one, is deleted, but not what was made under it.
struct HeirWanted {
  SaId sa;
};
// IKEv1: nobody answers on this SA, the current one. Another of the same association may be known
// to the peer still.
struct PeerLost {
  SaId sa;
  std::string reason;
};
// The peer was heard from elsewhere on this SA, and its others go there too.
struct Followed {
  SaId sa;
};
using Signal = std::variant<OpeningFailed, AssociationUp, AssociationDown, RuleFailed, RuleUp,
                            ServingFailed, SuccessorWanted, HeirWanted, PeerLost, Followed>;

struct Turn {
  Time now;
  const crypto::Provider& crypto;
  RandomSource& random;
  const Directory& directory;
  Numbers& numbers;
  Drops& drops;
  Actions& actions;
  RateLimit& clear_refusals;
  const CrashTokens& crash_tokens;
  std::vector<Signal> signals;
  std::vector<std::unique_ptr<Sa>> born;

  void act(Action action) { actions.push_back(std::move(action)); }
  void tell(Event event) { actions.emplace_back(std::move(event)); }
  // Tells that the peer's exchange came to nothing, for a tunnel (or none that is known).
  void tell_refused(TunnelId tunnel, Failure why);
  void drop(std::string_view reason) { ++drops[reason]; }
  [[nodiscard]] Bytes nonce();
  [[nodiscard]] IkeSpi spi();
  // `whole` less a random part of up to `fraction` of it: so that many SAs do not act at once.
  [[nodiscard]] Duration jittered(Duration whole, double fraction);
  // When an SA of this lifetime, made now, is rekeyed.
  [[nodiscard]] Time rekey_time(Duration lifetime);
  // The same by volume. Both sides see the same bytes at the same time: so who made the
  // SA rekeys it earlier than the other would.
  [[nodiscard]] std::uint64_t rekey_bytes(std::uint64_t lifetime, bool we_made_it);
};

}  // namespace ipsec::core
