// How much room the protection of a tunnel leaves in a packet.
#pragma once

#include <cstdint>
#include <optional>

#include "ike/base/address.h"
#include "ike/crypto/registry/registry.h"
#include "xfrm/model.h"

namespace ipsec::daemon {

struct Protection {
  Family outer = Family::v4;
  xfrm::Protocol protocol = xfrm::Protocol::esp;
  const EncryptionRow* encryption = nullptr;  // null for AH
  const IntegrityRow* integrity = nullptr;    // null with an AEAD
  bool encapsulated = false;                  // in UDP
};

// The longest packet that fits whole into an outer one of `mtu_bytes`; nothing where none does.
[[nodiscard]] std::optional<std::uint32_t> inner_mtu(const Protection& protection,
                                                     std::uint32_t mtu_bytes);
// Of TCP inside packets that long, without options; 0 where not even the headers fit.
[[nodiscard]] std::uint32_t tcp_mss(std::uint32_t inner_mtu_bytes, Family inner);

}  // namespace ipsec::daemon
