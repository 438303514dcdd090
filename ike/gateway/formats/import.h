// Tunnels out of strongSwan's configurations, as declarations for a plan: nothing is changed by
// reading.
//
// A file knows connections; here a tunnel stands on a VPC, subnets, a gateway and a peer. So each
// local range becomes a subnet of one VPC `imported`, each local address a gateway, and
// connections between the same two with the same settings one tunnel. What a file does not say
// takes this gateway's defaults, not strongSwan's.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "ike/gateway/toml/document.h"

namespace ipsec::gateway::formats {

// Something that the file says and the declarations do not.
struct Untaken {
  toml::Place place;
  std::string what;  // "conn hq: leftcert"
  std::string why;
  bool operator==(const Untaken&) const = default;
};

// The VPC that local ranges become subnets of.
inline constexpr std::string_view kImportedVpc = "imported";

struct Imported {
  std::vector<toml::Declaration> declarations;  // in the order of kinds; places are in the file
  std::vector<Untaken> untaken;                 // in the order of the file
  std::vector<std::string> notes;               // what was decided, and should be looked at
};

// Without a table for the objects: a Draft takes the declarations one by one. The error is of
// syntax alone.
[[nodiscard]] std::expected<Imported, toml::Complaint> read_swanctl(std::string_view text);
// `secrets_text` is ipsec.secrets. Where it is empty, the block that our own export puts at the
// end of its text is read instead.
[[nodiscard]] std::expected<Imported, toml::Complaint> read_ipsec_conf(
    std::string_view text, std::string_view secrets_text);

}  // namespace ipsec::gateway::formats
