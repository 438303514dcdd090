#include "ike/daemon/translate.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace ipsec::daemon {
namespace {

core::Profile profile_of(gateway::Profile profile) {
  return profile == gateway::Profile::modern ? core::Profile::modern : core::Profile::automatic;
}

core::Start start_of(const gateway::Meaning& meaning) {
  if (!meaning.enabled) return core::Start::down;
  switch (meaning.start) {
    case gateway::Start::automatic:
      return core::Start::automatic;
    case gateway::Start::traffic:
      return core::Start::on_traffic;
    case gateway::Start::respond:
      break;
  }
  return core::Start::respond;
}

// --- offers ------------------------------------------------------------------------------------

// Ciphers that protect integrity themselves are offered apart from those that do not (RFC 5282 8),
// and before them where the best of all is one of them.
template <typename Offer>
void name_ciphers(std::vector<Offer>& offers, const std::vector<const EncryptionRow*>& named) {
  if (named.empty()) return;
  Offer& aead = offers[0];
  Offer& classic = offers[1];
  aead.encryption.clear();
  classic.encryption.clear();
  for (const EncryptionRow* row : named) {
    (row->is_aead() ? aead : classic).encryption.push_back(row);
  }
  if (!named.front()->is_aead()) std::swap(offers[0], offers[1]);
  std::erase_if(offers, [](const Offer& offer) { return offer.encryption.empty(); });
}

template <typename Offer>
void name_hashes(std::vector<Offer>& offers, const std::vector<const IntegrityRow*>& named) {
  if (named.empty()) return;
  for (Offer& offer : offers) {
    if (!offer.integrity.empty()) offer.integrity = named;
  }
}

// Who names a hash for IKE means its PRF too: peers have one setting for both.
std::vector<const PrfRow*> prfs_of(const std::vector<const IntegrityRow*>& named) {
  std::vector<const PrfRow*> out;
  for (const IntegrityRow* integrity : named) {
    const auto rows = all_prfs();
    const auto row = std::ranges::find(rows, integrity->hash, &PrfRow::hash);
    if (row != rows.end()) out.push_back(&*row);
  }
  return out;
}

// Aggressive mode offers one group a try: those first that old peers have.
void put_common_first(std::vector<const GroupRow*>& groups) {
  for (const std::string_view name : {"modp1536", "modp1024", "modp2048"}) {
    const auto at = std::ranges::find(groups, name, &GroupRow::name);
    if (at != groups.end()) std::rotate(groups.begin(), at, at + 1);
  }
}

core::IkeOffers ike_offers(const gateway::Meaning& meaning) {
  const gateway::IkePolicy& policy = meaning.ike;
  auto offers = core::default_ike_offers(profile_of(meaning.profile));
  name_hashes(offers, policy.integrity);
  for (core::IkeOffer& offer : offers) {
    if (!policy.integrity.empty()) offer.prfs = prfs_of(policy.integrity);
    if (!policy.dh.empty()) {
      offer.groups = policy.dh;
    } else if (policy.mode == gateway::IkeMode::aggressive) {
      put_common_first(offer.groups);
    }
  }
  name_ciphers(offers, policy.encryption);
  return offers;
}

// One "none" alone is no PFS at all, which an empty list says.
std::vector<const GroupRow*> pfs_groups(const std::vector<gateway::PfsChoice>& choices) {
  std::vector<const GroupRow*> groups;
  groups.reserve(choices.size());
  for (const gateway::PfsChoice& choice : choices) groups.push_back(choice.group);
  if (std::ranges::all_of(groups, [](const GroupRow* group) { return group == nullptr; }))
    return {};
  return groups;
}

core::ChildOffers child_offers(const gateway::Meaning& meaning) {
  const gateway::IpsecPolicy& policy = meaning.ipsec;
  auto offers = core::default_child_offers(profile_of(meaning.profile));
  name_hashes(offers, policy.integrity);
  if (!policy.pfs.empty()) {
    for (core::ChildOffer& offer : offers) offer.groups = pfs_groups(policy.pfs);
  }
  if (policy.protocol == gateway::IpsecProtocol::esp) {
    name_ciphers(offers, policy.encryption);
    return offers;
  }
  core::ChildOffer authentic = offers[1];
  authentic.protocol = xfrm::Protocol::ah;
  authentic.encryption.clear();
  return {std::move(authentic)};
}

// --- ranges ------------------------------------------------------------------------------------

// Where routes decide what a device is sent, the child takes all of it; the ranges are the routes'.
core::SelectorPair everything(const std::vector<gateway::Rule>& rules) {
  core::SelectorPair all;
  for (const Family family : {Family::v4, Family::v6}) {
    const bool wanted = std::ranges::any_of(
        rules, [&](const gateway::Rule& rule) { return rule.local.family() == family; });
    if (!wanted) continue;
    const auto any = TrafficSelector::of(Cidr::enclosing(Address::any(family), 0));
    all.local.push_back(any);
    all.remote.push_back(any);
  }
  return all;
}

// Local ranges with the same peer ranges share a child: the plain form is one.
std::vector<core::SelectorPair> selector_pairs(const gateway::Meaning& meaning) {
  if (!meaning.interface.empty()) return {everything(meaning.rules)};
  std::vector<core::SelectorPair> out;
  for (const gateway::Rule& rule : meaning.rules) {
    core::Selectors remote;
    for (const Cidr& peer : rule.peers) remote.push_back(TrafficSelector::of(peer));
    auto same = std::ranges::find(out, remote, &core::SelectorPair::remote);
    if (same == out.end()) same = out.insert(same, {{}, std::move(remote)});
    same->local.push_back(TrafficSelector::of(rule.local));
  }
  return out;
}

}  // namespace

core::TunnelConfig translate(const gateway::Meaning& meaning, std::string name,
                             const TunnelNumbers& numbers) {
  core::TunnelConfig tunnel;
  tunnel.id = numbers.id;
  tunnel.name = std::move(name);
  tunnel.local = meaning.local;
  tunnel.remote = meaning.remote;
  tunnel.local_identity = meaning.local_id;
  tunnel.remote_identity = meaning.peer_id;
  tunnel.credential = core::make_shared_key_credential(Secret::copy_of(meaning.psk.bytes()));
  tunnel.version =
      meaning.ike.version == gateway::IkeVersion::v1 ? core::IkeVersion::v1 : core::IkeVersion::v2;
  tunnel.aggressive = meaning.ike.mode == gateway::IkeMode::aggressive;
  tunnel.offers = ike_offers(meaning);
  tunnel.start = start_of(meaning);
  tunnel.ike_lifetime = meaning.ike.lifetime;
  tunnel.dpd_delay = meaning.dpd.delay;
  tunnel.dpd_timeout = meaning.dpd.timeout;
  if (meaning.force_encapsulation) tunnel.encapsulation = core::ForceEncapsulation::yes;
  tunnel.fragment_bytes = meaning.fragment_bytes;

  tunnel.kernel.interface = meaning.interface;
  tunnel.kernel.copy_dscp = meaning.ipsec.copy_dscp;
  tunnel.kernel.copy_ecn = meaning.ipsec.copy_ecn;
  if (meaning.ipsec.output_mark != 0) {
    tunnel.kernel.output_mark = xfrm::Mark{.value = meaning.ipsec.output_mark};
  }

  const auto offers = child_offers(meaning);
  Reqid reqid = numbers.first_reqid;
  for (core::SelectorPair& pair : selector_pairs(meaning)) {
    core::ChildConfig child;
    child.reqid = reqid;
    ++reqid.value;
    child.selectors = std::move(pair);
    child.offers = offers;
    child.lifetime = meaning.ipsec.lifetime;
    child.lifetime_bytes = meaning.ipsec.lifetime_kb * 1024;
    child.replay_window_packets = meaning.ipsec.replay_window;
    tunnel.children.push_back(std::move(child));
  }
  return tunnel;
}

std::size_t reqids_of(const gateway::Meaning& meaning) { return selector_pairs(meaning).size(); }

}  // namespace ipsec::daemon
