#include "ike/v2/establish.h"

#include "ike/base/limits.h"
#include "ike/core/sa/children.h"

namespace ipsec::v2 {
namespace {

// An exchange that will not be finished: SPIs and kernel SAs it has taken are given back.
void abandon_exchanges(Turn& turn, Established& up) {
  if (const auto* request = std::get_if<ChildRequest>(&up.ours)) give_back(turn, *request);
  up.ours = std::monostate{};
  if (!up.peers) return;
  if (const auto* answer = std::get_if<ChildAnswer>(&up.peers->what)) give_back(turn, *answer);
  up.peers.reset();
}

}  // namespace

crypto::IkeKeys forget_proofs(crypto::IkeKeys keys) {
  keys.sk_pi = {};
  keys.sk_pr = {};
  return keys;
}

void establish(Turn& turn, Sa& sa, Window window, const InitOutcome& init, crypto::IkeKeys keys) {
  Established next{init.algorithms, forget_proofs(std::move(keys)), std::move(window)};
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

void make_current(Turn& turn, Sa& sa) {
  const SaId before = sa.association->current;
  if (before == sa.id) return;
  sa.association->current = sa.id;
  turn.tell(core::IkeRekeyed{sa.tunnel().id, before, sa.id});
}

}  // namespace ipsec::v2
