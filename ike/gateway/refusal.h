// Why a change of the configuration was refused: which object, which value, what rule, what to do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ike/gateway/schema/kind.h"

namespace ipsec::gateway {

struct Refusal {
  enum class Cause : std::uint8_t { invalid, not_found, conflict, limit, in_use };

  Cause cause = Cause::invalid;
  Kind kind = Kind::vpc;
  std::string object;  // its name
  std::string field;   // empty: the object as a whole
  std::string value;   // empty: nothing was given, or it is secret
  std::string why;
  std::string advice;
  bool operator==(const Refusal&) const = default;
};
using Refusals = std::vector<Refusal>;

// One line: "tunnel 'hq': peer_cidrs '10.0.3.0/24': overlaps 10.0.0.0/16 of vpc 'prod'; choose a
// range outside it".
[[nodiscard]] std::string describe(const Refusal& refusal);

}  // namespace ipsec::gateway
