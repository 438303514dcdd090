// What the running kernel can do, found out by trying: a version number says little in a world of
// backports, containers and trimmed kernels.
#pragma once

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ike/crypto/registry/registry.h"
#include "xfrm/messages.h"
#include "xfrm/model.h"
#include "xfrm/socket.h"

namespace ipsec::xfrm {

enum class InterfaceKind : std::uint8_t { xfrm, vti };

// A thing the kernel cannot do, and what would bring it.
struct Missing {
  std::string what;    // "ESP over IPv4", "AES-GCM"
  std::string module;  // "esp4"; "" where no module would help
  bool operator==(const Missing&) const = default;
};

struct Features {
  MessageFeatures messages;
  bool extended_sequence_numbers = false;
  std::vector<InterfaceKind> interfaces;  // the best first
  std::vector<Missing> missing;           // for the log at start
};

// Adds SAs between loopback addresses under a reqid of ours and takes them away again.
[[nodiscard]] std::expected<Features, KernelError> probe(Socket& socket);

// Whether an SA with these algorithms can be; nothing is missing where it can. Remembered by the
// caller: a module loaded later is found by asking again.
[[nodiscard]] std::expected<std::optional<Missing>, KernelError> probe_algorithms(
    Socket& socket, Protocol protocol, Family family, const EncryptionRow* encryption,
    const IntegrityRow* integrity);

}  // namespace ipsec::xfrm
