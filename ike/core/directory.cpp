#include "ike/core/directory.h"

#include <algorithm>

#include "ike/base/limits.h"

namespace ipsec::core {

void Directory::set(TunnelPointer tunnel) {
  remove(tunnel->id);
  index(tunnel);
  const TunnelId id = tunnel->id;
  tunnels_.emplace(id, std::move(tunnel));
}

void Directory::remove(TunnelId id) {
  const auto found = tunnels_.find(id);
  if (found == tunnels_.end()) return;
  unindex(*found->second);
  tunnels_.erase(found);
}

TunnelPointer Directory::find(TunnelId id) const {
  const auto found = tunnels_.find(id);
  return found == tunnels_.end() ? nullptr : found->second;
}

TunnelPointer Directory::find(Reqid reqid) const {
  const auto found = by_reqid_.find(reqid);
  return found == by_reqid_.end() ? nullptr : find(found->second);
}

std::vector<const IkeOffers*> Directory::offers_for(IkeVersion version, const Address& local,
                                                    const Address& remote) const {
  std::vector<const IkeOffers*> offers;
  const auto append = [&](const Address& named_local, const Address& named_remote) {
    const auto found = offers_.find({version, named_local, named_remote});
    if (found == offers_.end()) return;
    for (const auto& in_use : found->second) offers.push_back(&in_use->offers);
  };
  const Address any = Address::any(local.family());
  append(local, remote);
  append(any, remote);
  append(local, any);
  append(any, any);
  return offers;
}

Directory::Claims Directory::claims(IkeVersion version, const Address& local,
                                    const Address& remote) const {
  const auto count = [&](const Address& named_local, const Address& named_remote) {
    std::size_t tunnels = 0;
    const auto found = offers_.find({version, named_local, named_remote});
    if (found == offers_.end()) return tunnels;
    for (const auto& in_use : found->second) tunnels += in_use->uses;
    return tunnels;
  };
  const Address any = Address::any(local.family());
  return {count(local, remote) + count(any, remote), count(local, any) + count(any, any)};
}

std::vector<TunnelPointer> Directory::candidates(const Address& local,
                                                 const Address& remote) const {
  std::vector<TunnelPointer> found;
  const auto append = [&](const Address& named_local, const Address& named_remote) {
    const auto bucket = main_mode_.find({IkeVersion::v1, named_local, named_remote});
    if (bucket == main_mode_.end()) return;
    for (const TunnelPointer& tunnel : bucket->second) {
      if (found.size() >= limits::kKeysTried) return;
      if (tunnel->start != Start::down) found.push_back(tunnel);
    }
  };
  const Address any = Address::any(local.family());
  append(local, remote);
  append(any, remote);
  append(local, any);
  append(any, any);
  return found;
}

std::vector<TunnelPointer> Directory::candidates(IkeVersion version, const Address& local,
                                                 const Address& remote, const Identity& peer,
                                                 const Identity* ours) const {
  std::vector<TunnelPointer> found;
  const auto take = [&](const Bucket& bucket, bool any_address) {
    for (const TunnelPointer& tunnel : bucket) {
      if (found.size() >= limits::kKeysTried) return;
      if (tunnel->remote.is_any() != any_address || tunnel->version != version) continue;
      if (fits(*tunnel, local, remote, ours)) found.push_back(tunnel);
    }
  };
  const auto named = by_peer_identity_.find(peer);
  for (const bool any_address : {false, true}) {
    if (named != by_peer_identity_.end()) take(named->second, any_address);
    take(without_peer_identity_, any_address);
  }
  return found;
}

bool Directory::shares_identities(const TunnelConfig& tunnel) const {
  if (!tunnel.remote_identity) return false;
  const auto bucket = by_peer_identity_.find(*tunnel.remote_identity);
  if (bucket == by_peer_identity_.end()) return false;
  return std::ranges::any_of(bucket->second, [&](const TunnelPointer& other) {
    return other->id != tunnel.id && other->start != Start::down &&
           other->local_identity == tunnel.local_identity;
  });
}

// Behind a destination NAT the address a packet was sent to is not the one the tunnel names, so an
// unset local address fits all.
bool Directory::fits(const TunnelConfig& tunnel, const Address& local, const Address& remote,
                     const Identity* ours) const {
  const bool local_fits = tunnel.local.is_any() || tunnel.local == local;
  const bool remote_fits = tunnel.remote.is_any() || tunnel.remote == remote;
  const bool identity_fits = ours == nullptr || *ours == tunnel.local_identity;
  return tunnel.start != Start::down && local_fits && remote_fits && identity_fits;
}

void Directory::index(const TunnelPointer& tunnel) {
  for (const ChildConfig& child : tunnel->children) by_reqid_[child.reqid] = tunnel->id;
  auto& bucket = tunnel->remote_identity ? by_peer_identity_[*tunnel->remote_identity]
                                         : without_peer_identity_;
  bucket.push_back(tunnel);
  const Named named{tunnel->version, tunnel->local, tunnel->remote};
  if (tunnel->version == IkeVersion::v1 && !tunnel->aggressive) main_mode_[named].push_back(tunnel);
  auto& offers = offers_[named];
  const auto same = std::ranges::find_if(
      offers, [&](const auto& in_use) { return in_use->offers == tunnel->offers; });
  if (same != offers.end()) {
    ++(*same)->uses;
  } else {
    offers.push_back(std::make_unique<OffersInUse>(tunnel->offers, 1));
  }
}

void Directory::unindex(const TunnelConfig& tunnel) {
  for (const ChildConfig& child : tunnel.children) by_reqid_.erase(child.reqid);
  const auto erase_from = [&tunnel](Bucket& bucket) {
    std::erase_if(bucket, [&](const TunnelPointer& other) { return other->id == tunnel.id; });
  };
  if (tunnel.remote_identity) {
    const auto bucket = by_peer_identity_.find(*tunnel.remote_identity);
    if (bucket != by_peer_identity_.end()) {
      erase_from(bucket->second);
      if (bucket->second.empty()) by_peer_identity_.erase(bucket);
    }
  } else {
    erase_from(without_peer_identity_);
  }
  const Named named{tunnel.version, tunnel.local, tunnel.remote};
  if (const auto bucket = main_mode_.find(named); bucket != main_mode_.end()) {
    erase_from(bucket->second);
    if (bucket->second.empty()) main_mode_.erase(bucket);
  }
  const auto offers = offers_.find(named);
  if (offers == offers_.end()) return;
  std::erase_if(offers->second, [&](const auto& in_use) {
    return in_use->offers == tunnel.offers && --in_use->uses == 0;
  });
  if (offers->second.empty()) offers_.erase(offers);
}

}  // namespace ipsec::core
