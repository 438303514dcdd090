// What both roles of phase 1 share.
#include "ike/v1/phase1.h"

#include "ike/base/limits.h"

namespace ipsec::v1 {

Result<Secret> hash_of(const Turn& turn, const Sa& sa, const Phase1& phase1, const Keys& keys,
                       wire::Role whose) {
  const PrfRow& prf = *phase1.choice.algorithms.prf;
  const auto exchange = phase1.exchange(sa.spis());
  const ByteView skeyid = keys.secrets.skeyid.view();
  return whose == wire::Role::initiator
             ? crypto::v1::initiator_hash(turn.crypto, prf, skeyid, exchange, phase1.sa_body,
                                          phase1.initiator_id_body)
             : crypto::v1::responder_hash(turn.crypto, prf, skeyid, exchange, phase1.sa_body,
                                          phase1.responder_id_body);
}

bool peer_hash_fits(const Turn& turn, const Sa& sa, const Phase1& phase1, const Keys& keys,
                    ByteView received) {
  const auto expected = hash_of(turn, sa, phase1, keys, wire::other(sa.role));
  return expected && equal_constant_time(expected->view(), received);
}

Result<Keys> derive_keys(const Turn& turn, const Sa& sa, const Phase1& phase1,
                         const core::Credential& credential, ByteView shared) {
  const auto& algorithms = phase1.choice.algorithms;
  auto secrets =
      credential.derive_v1(turn.crypto, *algorithms.prf, phase1.nonces.view(), shared, sa.spis());
  if (!secrets) return std::unexpected(secrets.error());
  return Keys::make(turn.crypto, algorithms, *std::move(secrets));
}

Result<crypto::v1::IvChain> first_iv(const Turn& turn, const Sa& sa, const Phase1& phase1,
                                     const Keys& keys) {
  auto iv = crypto::v1::phase1_iv(turn.crypto, *phase1.choice.algorithms.prf,
                                  phase1.exchange(sa.spis()), keys.cipher->block_size());
  if (!iv) return std::unexpected(iv.error());
  return crypto::v1::IvChain(*std::move(iv));
}

void float_ports(Sa& sa) {
  if (!sa.nat.any()) return;
  sa.local.port = kNattPort;
  if (sa.remote.port == kIkePort) sa.remote.port = kNattPort;
}

std::optional<Bytes> send_clear(Turn& turn, const Sa& sa, const Phase1& phase1,
                                std::span<const wire::v1::Payload> payloads) {
  auto message = wire::v1::write_message(header_of(sa.spis(), exchange_of(phase1)), payloads);
  if (!message) return std::nullopt;
  turn.act(core::SendDatagram{sa.local, sa.remote, *message});
  return *std::move(message);
}

void repeat_answer(Turn& turn, const Said& said, const core::Datagram& datagram) {
  const bool repeated = !said.answer.empty() && equal(said.heard, datagram.bytes);
  if (!repeated) return turn.drop("message not expected");
  turn.act(core::SendDatagram{datagram.local, datagram.remote, said.answer});
}

void phase1_repeated(Turn& turn, const Established& up, const core::Datagram& datagram) {
  // As aggressive mode's initiator what is repeated is the message that made us establish.
  if (!up.said.heard.empty()) return repeat_answer(turn, up.said, datagram);
  if (up.said.answer.empty()) return turn.drop("message of a phase 1 that is over");
  turn.act(core::SendDatagram{datagram.local, datagram.remote, up.said.answer});
}

void establish(Turn& turn, Sa& sa, const Phase1& phase1, Keys keys, Bytes last_block, Said said) {
  Established next{phase1.choice.algorithms, std::move(keys),
                   std::move(last_block),    phase1.peer,
                   std::move(said),          phase1.nonces.lowest()};
  next.heard_at = turn.now;
  const Duration lifetime = phase1.choice.lifetimes.time;
  // Who only answers keeps up what is there all the same: the peer may know of no end.
  next.reauthenticate_at = sa.tunnel().remote.is_any() ? kNever : turn.rekey_time(lifetime);
  next.expires_at = turn.now + lifetime;
  if (sa.nat.local) next.keepalive_at = turn.now + limits::kNatKeepalive;
  sa.state = std::move(next);

  Association& association = *sa.association;
  const std::size_t rules = association.tunnel->children.size();
  association.current = sa.id;
  association.established_at = turn.now;
  // In aggressive mode the responder has it only when our last message is there.
  const bool ahead = phase1.aggressive && sa.role == wire::Role::initiator;
  association.crossing_until = turn.now + (ahead ? turn.now - association.begun_at : Duration{});
  association.lowest_nonce = phase1.nonces.lowest();
  association.rule_retry_at.assign(rules, turn.now);
  association.rule_tries.assign(rules, 0);
  // A quick mode is for one pair (RFC 2409 5.5).
  association.rule_single_pair.assign(rules, true);
  turn.tell(core::IkeUp{association.tunnel->id, sa.id, sa.local, sa.remote, association.peer,
                        phase1.choice.algorithms, sa.nat});
  turn.signals.emplace_back(AssociationUp{sa.id});
}

}  // namespace ipsec::v1
