#include "ike/v2/establish.h"

#include "ike/base/limits.h"
#include "ike/v2/children.h"

namespace ipsec::v2 {

void establish(Turn& turn, Sa& sa, Window window, const InitOutcome& init, Secret sk_d) {
  Established next{init.algorithms, std::move(sk_d), std::move(window)};
  next.lowest_nonce = init.nonces.lowest();
  next.rekey_at = ike_rekey_time(turn, sa.tunnel());
  next.expires_at = turn.now + sa.tunnel().ike_lifetime;
  if (sa.nat.local) next.keepalive_at = turn.now + limits::kNatKeepalive;
  sa.state = std::move(next);

  Association& association = *sa.association;
  association.current = sa.id;
  association.established_at = turn.now;
  association.rule_retry_at.assign(association.tunnel->children.size(), turn.now);
  association.rule_tries.assign(association.tunnel->children.size(), 0);
  association.rule_single_pair.assign(association.tunnel->children.size(), false);
  turn.tell(core::IkeUp{association.tunnel->id, sa.id, sa.local, sa.remote, association.peer,
                        init.algorithms, sa.nat});
  turn.signals.emplace_back(AssociationUp{sa.id});
}

Time ike_rekey_time(Turn& turn, const core::TunnelConfig& tunnel) {
  return turn.rekey_time(tunnel.ike_lifetime);
}

void close(Turn& turn, Sa& sa, std::string reason) {
  if (sa.closed()) return;
  const bool was_current = sa.is_current() && sa.established() != nullptr;
  if (auto* up = sa.established()) abandon_exchanges(turn, *up);
  sa.state = Closed{reason};
  if (was_current) end(turn, sa.association, sa.id, std::move(reason));
}

void end(Turn& turn, const std::shared_ptr<Association>& association, SaId last,
         std::string reason) {
  if (association->ended) return;
  association->ended = true;
  const auto heir = association->heir.lock();
  if (heir != nullptr && !heir->ended) {
    bequeath_children(turn, *association, *heir);
  } else {
    remove_all_children(turn, *association);
  }
  turn.tell(core::IkeDown{association->tunnel->id, last, std::move(reason)});
  turn.signals.emplace_back(AssociationDown{association});
}

void make_current(Turn& turn, Sa& sa) {
  const SaId before = sa.association->current;
  if (before == sa.id) return;
  sa.association->current = sa.id;
  turn.tell(core::IkeRekeyed{sa.tunnel().id, before, sa.id});
}

}  // namespace ipsec::v2
