#include "ike/core/half_open.h"

#include <algorithm>

#include "ike/base/limits.h"

namespace ipsec::core {
namespace {

// Nobody has configured this very address.
bool is_stranger(const Directory::Claims& claims) { return claims.named == 0; }

std::size_t room_of(const Directory::Claims& claims) {
  const std::size_t room = claims.all() * limits::kHalfOpenPerTunnel;
  return is_stranger(claims) ? std::min(room, limits::kHalfOpenPerStranger) : room;
}

}  // namespace

std::optional<SaId> HalfOpen::find(const Opening& opening) const {
  const auto found = by_opening_.find(opening);
  return found == by_opening_.end() ? std::nullopt : std::optional(found->second);
}

HalfOpen::Verdict HalfOpen::admit(const Peer& peer, Proof proof) const {
  if (size() >= limits::kHalfOpen) return {Admission::refused, "too many half-open SAs"};
  const auto counted = by_peer_.find({peer.local, peer.remote});
  const std::size_t held = counted == by_peer_.end() ? 0 : counted->second;
  if (held >= room_of(peer.claims)) {
    return {Admission::refused, "too many half-open SAs of one peer"};
  }
  const bool counts = is_stranger(peer.claims) && proof == Proof::shown;
  if (counts && strangers_ >= limits::kHalfOpenStrangers) {
    return {Admission::refused, "too many half-open SAs of addresses not configured"};
  }
  // Who only says that he is at a peer's address cannot use up its room: when every tunnel of the
  // peer could be on its way already, a cookie has to show that he is there (RFC 7296 2.6).
  const bool tight = size() >= limits::kCookieThreshold || held >= peer.claims.all();
  return {tight ? Admission::with_cookie : Admission::free, {}};
}

void HalfOpen::add(const Opening& opening, const Peer& peer, SaId sa, Proof proof) {
  const bool stranger = is_stranger(peer.claims);
  by_opening_.emplace(opening, sa);
  entries_.emplace(sa, Entry{opening, {peer.local, peer.remote}, stranger});
  ++by_peer_[{peer.local, peer.remote}];
  if (!stranger) return;
  if (proof == Proof::shown) {
    ++strangers_;
  } else {
    unproven_.insert(sa);
  }
}

void HalfOpen::proven(SaId sa) {
  if (unproven_.erase(sa) > 0) ++strangers_;
}

std::optional<SaId> HalfOpen::surplus() const {
  if (unproven_.size() <= limits::kHalfOpenUnproven) return std::nullopt;
  return *unproven_.begin();
}

void HalfOpen::remove(SaId sa) {
  const auto found = entries_.find(sa);
  if (found == entries_.end()) return;
  const Entry& entry = found->second;
  by_opening_.erase(entry.opening);
  const auto counted = by_peer_.find(entry.pair);
  if (--counted->second == 0) by_peer_.erase(counted);
  if (entry.stranger && unproven_.erase(sa) == 0) --strangers_;
  entries_.erase(found);
}

}  // namespace ipsec::core
