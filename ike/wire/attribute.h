// The attribute of a transform, which IKEv1 and IKEv2 share (RFC 2408 3.3, RFC 7296 3.3.5).
#pragma once

#include <cstdint>
#include <variant>

#include "ike/base/bytes.h"

namespace ipsec::wire {

// A number in the short form, bytes in the long one.
struct Attribute {
  std::uint16_t type = 0;  // 15 bits
  std::variant<std::uint16_t, Bytes> value;
  bool operator==(const Attribute&) const = default;
};

}  // namespace ipsec::wire
