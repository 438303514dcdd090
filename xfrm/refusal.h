// Why the kernel refused, in words that say what to do. Internal to the room.
#pragma once

#include <optional>
#include <string>

#include "ike/base/error.h"
#include "xfrm/model.h"
#include "xfrm/probe.h"
#include "xfrm/records.h"
#include "xfrm/socket.h"

namespace ipsec::xfrm {

// "ESP SA 0x1000002a to 192.0.2.1".
[[nodiscard]] std::string name_of(const SaKey& key);
// "out policy 10.0.0.0/8 -> 10.1.0.0/16".
[[nodiscard]] std::string name_of(const PolicyKey& key);
// "ESP over IPv4", and the module it is in.
[[nodiscard]] Missing protocol_missing(Protocol protocol, Family family);
// "this kernel lacks X; module Y brings it".
[[nodiscard]] std::string in_words(const Missing& missing);

// "`doing`: why". `missing` is known only where it was looked for.
[[nodiscard]] KernelError refused(const std::string& doing, const Refusal& refusal,
                                  const std::optional<Missing>& missing = std::nullopt);
// The same for an answer that Socket::ask or dump gave as an error.
[[nodiscard]] KernelError refused(const std::string& doing, const KernelError& error);

}  // namespace ipsec::xfrm
