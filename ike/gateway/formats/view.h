// A tunnel as one of its sides sees it, everything resolved: what the writers of all formats read.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ike/gateway/formats/export.h"
#include "ike/gateway/formats/proposals.h"

namespace ipsec::gateway::formats {

// Ranges that go through one child SA.
struct Ranges {
  std::vector<Cidr> local;
  std::vector<Cidr> remote;
  bool operator==(const Ranges&) const = default;
};
struct CidrPair {
  Cidr local;
  Cidr remote;
};

struct View {
  std::string title;       // for comments: "tunnel 'hq' (tun-0123456789abcdef)"
  std::string name;        // letters, digits, dashes: good in every product
  std::string id;          // "tun-0123456789abcdef"
  std::string local_name;  // of the gateway or the peer object, for comments
  std::string remote_name;
  std::optional<Address> local;   // none: it is not known, or changes
  std::optional<Address> remote;  // the same; then it only responds to it
  bool remote_pending = false;    // it will have one, and is to be called there
  std::optional<Identity> local_id;
  std::optional<Identity> remote_id;
  std::string key;  // what to write as the pre-shared key
  bool key_shown = false;
  std::vector<Ranges> children;
  bool enabled = true;
  Start start = Start::automatic;
  IkePolicy ike;  // as configured, so that `auto` may be told from what was named; no identities
  IpsecPolicy ipsec;
  Profile profile = Profile::automatic;
  Proposals ike_offers;
  Proposals child_offers;
  Dpd dpd;
  bool force_encapsulation = false;
  std::uint32_t fragment_bytes = 0;

  [[nodiscard]] std::vector<CidrPair> pairs() const;
  [[nodiscard]] bool has_pfs() const { return !child_offers.front().groups.empty(); }
};

// Warnings are of what is missing: an address that is not known yet, say. Nothing where the tunnel
// refers to objects that are not there.
[[nodiscard]] std::expected<View, std::string> view_of(const Inventory& inventory,
                                                       const Tunnel& tunnel, Side side,
                                                       Secrets secrets,
                                                       std::vector<std::string>& warnings);

// "hq (IKEv2) ..." : the comment lines that every format begins with, without comment signs.
[[nodiscard]] std::vector<std::string> heading(const View& view);

// Letters, digits, dashes and underscores, at most so many; never empty.
[[nodiscard]] std::string plain_name(std::string_view name, std::size_t longest);

}  // namespace ipsec::gateway::formats
