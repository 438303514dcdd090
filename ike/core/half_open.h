// The half-open SAs that we hold as responder, and who may have another.
//
// NOTE: Limits. Each configured peer has room of its own, by the number of its tunnels; addresses
// that only any-address tunnels take share a part of the whole (ike/base/limits.h). In IKEv1 they
// may be anybody's until their second message: those have a part of their own, in which the oldest
// gives way.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "ike/base/endpoint.h"
#include "ike/base/strong_id.h"
#include "ike/core/directory.h"

namespace ipsec::core {

class HalfOpen {
 public:
  // An opening message, found again when it is repeated.
  struct Opening {
    Endpoint remote;
    IkeSpi initiator;
    auto operator<=>(const Opening&) const = default;
  };
  // Between whom; `claims` is what the directory says of these addresses.
  struct Peer {
    Address local;
    Address remote;
    Directory::Claims claims;
  };
  enum class Admission : std::uint8_t { free, with_cookie, refused };
  struct Verdict {
    Admission admission = Admission::free;
    std::string_view reason;  // a literal, where it is refused
  };

  // Whether a peer has shown that it receives what is sent to its address.
  enum class Proof : std::uint8_t { shown, owed };

  [[nodiscard]] std::optional<SaId> find(const Opening& opening) const;
  [[nodiscard]] Verdict admit(const Peer& peer, Proof proof = Proof::shown) const;
  // `sa` is younger than all that were added before.
  void add(const Opening& opening, const Peer& peer, SaId sa, Proof proof = Proof::shown);
  // It has shown what it owed.
  void proven(SaId sa);
  // Of the strangers that owe their proof the oldest, where there are too many.
  [[nodiscard]] std::optional<SaId> surplus() const;
  // Nothing where it is not half-open (any more).
  void remove(SaId sa);
  [[nodiscard]] std::size_t size() const { return by_opening_.size(); }

 private:
  using Pair = std::pair<Address, Address>;  // local, remote
  struct Entry {
    Opening opening;
    Pair pair;
    bool stranger = false;
  };

  std::map<Opening, SaId> by_opening_;
  std::unordered_map<SaId, Entry> entries_;
  std::map<Pair, std::size_t> by_peer_;
  std::size_t strangers_ = 0;     // without the unproven
  std::set<SaId> unproven_ = {};  // strangers, the oldest first
};

}  // namespace ipsec::core
