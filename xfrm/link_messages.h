// rtnetlink messages about the interfaces of tunnels. Internal to the room.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "ike/base/bytes.h"
#include "ike/base/error.h"
#include "xfrm/interface.h"
#include "xfrm/messages.h"
#include "xfrm/probe.h"

namespace ipsec::xfrm {

// The kinds this kernel has, the best first.
[[nodiscard]] std::expected<std::vector<InterfaceKind>, KernelError> probe_interfaces();

// "xfrm", "vti", or "vti6" where the outer addresses are IPv6.
[[nodiscard]] std::string kind_name(InterfaceKind kind, Family outer);

// Makes the interface, down; `underlay` is the index of the device below, 0 for none.
void write_new_link(Bytes& batch, const Header& header, InterfaceKind kind,
                    const InterfaceSpec& spec, std::uint32_t underlay);
// Brings it up, and lets a VTI's IPv4 packets pass without a second look at the policies.
void write_link_up(Bytes& batch, const Header& header, InterfaceKind kind, std::uint32_t index);
void write_get_link(Bytes& batch, const Header& header, const std::string& name);
void write_delete_link(Bytes& batch, const Header& header, std::uint32_t index);

// What a link is, so far as a tunnel's interface goes.
struct FoundLink {
  std::uint32_t index = 0;
  std::string kind;    // "" for a device without one, such as a network card
  InterfaceSpec spec;  // without the underlay's name
  std::uint32_t underlay = 0;
};
[[nodiscard]] std::expected<FoundLink, Malformed> parse_link(ByteView message);

}  // namespace ipsec::xfrm
