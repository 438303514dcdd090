// Objects declared in TOML: what `ipsecctl apply` and the files at boot say, and what `ipsecctl
// dump` writes.
//
//   [[tunnel]]
//   name = "hq"
//   gateway = "gw"
//   local_cidrs = ["10.0.1.0/24"]
//   ike = { version = 2, dh = [14] }       # or [tunnel.ike]
//   rules = [{ local = "10.0.1.0/24", peers = ["192.168.2.0/24"] }]
//
// NOTE: Contract. Reading sees to form only: known tables and keys, values of the right type. What
// they mean is for a Draft to check, and where it was said is kept for its refusals.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ike/gateway/draft.h"

namespace ipsec::gateway::toml {

struct Place {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  auto operator<=>(const Place&) const = default;
};

struct Declaration {
  Kind kind = Kind::vpc;
  std::string name;
  Fields fields;
  Place place;
  std::map<std::string, Place, std::less<>> field_places;
};

// What is wrong, and where; `line` is the text there, but for a secret.
struct Complaint {
  Place place;
  std::string line;
  std::string what;
  bool operator==(const Complaint&) const = default;
};

// In the order of the kinds, so that what is referred to is declared before. All complaints come at
// once but for those of broken syntax, where the first hides the rest.
[[nodiscard]] std::expected<std::vector<Declaration>, std::vector<Complaint>> read(
    std::string_view text);

// The places in the text of what a draft refused; those about objects that the text does not
// declare are at its beginning.
[[nodiscard]] std::vector<Complaint> complaints(const Refusals& refusals,
                                                const std::vector<Declaration>& declarations,
                                                std::string_view text);

// "FILE:7:12: tunnel 'hq': no key 'peer_cidr'; is 'peer_cidrs' meant?" and the line with a mark
// below it.
[[nodiscard]] std::string describe(const Complaint& complaint, std::string_view file);

enum class Secrets : bool { left_out, shown };
// Reading it and declaring what it says gives the same objects, but for ids and times; fields at
// their defaults are left out.
[[nodiscard]] std::string write(const Inventory& inventory, std::string_view account,
                                Secrets secrets);
// What was declared, whether or not it would be taken: the TOML of a plan.
[[nodiscard]] std::string write(const std::vector<Declaration>& declarations, Secrets secrets);

}  // namespace ipsec::gateway::toml
