// The configured tunnels, found by hash: however many there are, a handshake looks at a few.
//
// NOTE: Limits. Tunnels that share both addresses and identities are tried key by key, at most
// limits::kKeysTried of them.
#pragma once

#include <map>
#include <span>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ike/core/config.h"

namespace ipsec::core {

class Directory {
 public:
  void set(TunnelPointer tunnel);
  void remove(TunnelId id);
  [[nodiscard]] TunnelPointer find(TunnelId id) const;
  [[nodiscard]] TunnelPointer find(Reqid reqid) const;

  // The distinct IKE offers of the tunnels that a first message of this version between these
  // addresses may be for; those that name the remote address stand before those for any, and so
  // with the local one. Empty: nobody we know.
  [[nodiscard]] std::vector<const IkeOffers*> offers_for(IkeVersion version, const Address& local,
                                                         const Address& remote) const;

  // How many tunnels such a message may be for: those that name the remote address, and those that
  // take any.
  struct Claims {
    std::size_t named = 0;
    std::size_t any = 0;
    [[nodiscard]] std::size_t all() const { return named + any; }
  };
  [[nodiscard]] Claims claims(IkeVersion version, const Address& local,
                              const Address& remote) const;

  // The tunnels of IKEv1's main mode between these addresses, which need a key before they know an
  // identity (RFC 2409 5.4): those with the address named before any-address ones.
  [[nodiscard]] std::vector<TunnelPointer> candidates(const Address& local,
                                                      const Address& remote) const;

  // The tunnels an IKE_AUTH, or an aggressive mode, may be for, best match first: by the peer's
  // identity (and ours, where the peer named it), with the address named before any-address ones.
  [[nodiscard]] std::vector<TunnelPointer> candidates(IkeVersion version, const Address& local,
                                                      const Address& remote, const Identity& peer,
                                                      const Identity* ours) const;

  // Whether another tunnel may be up between the same two identities, of whichever version. Who
  // says INITIAL_CONTACT says that none is (RFC 7296 2.4, RFC 2407 4.6.3.3), and the peer ends it.
  [[nodiscard]] bool shares_identities(const TunnelConfig& tunnel) const;

  [[nodiscard]] std::size_t size() const { return tunnels_.size(); }
  [[nodiscard]] const std::unordered_map<TunnelId, TunnelPointer>& all() const { return tunnels_; }

 private:
  struct OffersInUse {
    IkeOffers offers;
    std::size_t uses = 0;
  };
  using Bucket = std::vector<TunnelPointer>;
  // The local and the remote address named (any included).
  using Named = std::tuple<IkeVersion, Address, Address>;

  [[nodiscard]] bool fits(const TunnelConfig& tunnel, const Address& local, const Address& remote,
                          const Identity* ours) const;
  void index(const TunnelPointer& tunnel);
  void unindex(const TunnelConfig& tunnel);

  std::unordered_map<TunnelId, TunnelPointer> tunnels_;
  std::unordered_map<Reqid, TunnelId> by_reqid_;
  std::unordered_map<Identity, Bucket> by_peer_identity_;
  Bucket without_peer_identity_;
  // Each set of offers once.
  std::map<Named, std::vector<std::unique_ptr<OffersInUse>>> offers_;
  std::map<Named, Bucket> main_mode_;
};

}  // namespace ipsec::core
