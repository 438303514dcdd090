// Traffic selector payloads (RFC 7296 3.13).
#include <optional>

#include "ike/base/limits.h"
#include "ike/wire/payload_codec.h"

namespace ipsec::wire {
namespace {

constexpr std::uint8_t kIpv4Range = 7;
constexpr std::uint8_t kIpv6Range = 8;

// Octets before the ports and before the addresses of a selector.
constexpr std::size_t kPortsOffset = 4;
constexpr std::size_t kAddressesOffset = 8;

std::optional<Family> family_of(std::uint8_t ts_type) {
  if (ts_type == kIpv4Range) return Family::v4;
  if (ts_type == kIpv6Range) return Family::v6;
  return std::nullopt;
}

std::size_t address_size(Family family) { return static_cast<std::size_t>(bits(family)) / 8; }

// The bytes are four or sixteen, or none after a failure.
Address address_from(ByteView bytes) { return Address::from_bytes(bytes).value_or(Address{}); }

// What is wrong with the ports, or nothing. 3.13.1: ranges run upwards but for OPAQUE; protocol 0
// has no ports, so there the field is either "any" or says that it cannot be seen.
std::string_view problem_with_ports(std::uint8_t protocol, const PortRange& ports) {
  if (ports.is_any() || ports.is_opaque()) return {};
  if (ports.first > ports.last) return "TS start port above end";
  if (protocol == 0) return "TS ports without a protocol";
  return {};
}

// 3.13.1
//  |   TS Type     |IP Protocol ID*|       Selector Length         |
//  |           Start Port*         |           End Port*           |
//  |                         Starting Address*                     |
//  |                         Ending Address*                       |
// Types 7 and 8 have exactly this; of another type nothing but the length can be trusted, and the
// selector is skipped.
std::optional<TrafficSelector> parse_selector(Reader& reader) {
  Structure structure = read_structure(reader, "TS header", "TS length");
  Reader& body = structure.body;
  const auto family = family_of(structure.first);
  if (!family) return std::nullopt;
  const std::size_t size = address_size(*family);
  if (body.remaining() != 4 + 2 * size) {
    body.fail_at("TS length", structure.start + 2);
    return std::nullopt;
  }
  TrafficSelector selector;
  selector.protocol = structure.second;
  selector.ports.first = body.u16("TS start port");
  selector.ports.last = body.u16("TS end port");
  if (const auto problem = problem_with_ports(selector.protocol, selector.ports);
      !problem.empty()) {
    body.fail_at(problem, structure.start + kPortsOffset);
  }
  const Address first = address_from(body.bytes(size, "TS start address"));
  const Address last = address_from(body.bytes(size, "TS end address"));
  const auto range = AddressRange::make(first, last);
  if (!range) {
    body.fail_at("TS start address above end", structure.start + kAddressesOffset);
    return std::nullopt;
  }
  selector.addresses = *range;
  return selector;
}

void write_selector(Writer& writer, const TrafficSelector& selector) {
  if (const auto problem = problem_with_ports(selector.protocol, selector.ports);
      !problem.empty()) {
    writer.fail(problem);
  }
  const std::size_t start = writer.size();
  writer.u8(selector.addresses.family() == Family::v4 ? kIpv4Range : kIpv6Range);
  writer.u8(selector.protocol);
  const auto length = writer.length_u16(start, "TS length");
  writer.u16(selector.ports.first);
  writer.u16(selector.ports.last);
  writer.bytes(selector.addresses.first().bytes());
  writer.bytes(selector.addresses.last().bytes());
}

}  // namespace

// 3.13
//  | Number of TSs |                 RESERVED                      |
//  |                       <Traffic Selectors>                     |
// A count of zero is let through although the RFC asks for one or more: it means what a payload of
// unknown types alone means, nothing to narrow to, and gets the same TS_UNACCEPTABLE.
TsPayload parse_ts(Role role, Reader& body) {
  TsPayload ts{.role = role, .selectors = {}};
  const std::size_t count = body.u8("TS count");
  body.skip(3, "TS reserved octets");
  for (std::size_t i = 0; i < count && body.ok(); ++i) {
    if (const auto selector = parse_selector(body)) ts.selectors.push_back(*selector);
  }
  body.expect_end("bytes after the last TS");
  return ts;
}

void write_body(Writer& writer, const TsPayload& ts) {
  if (ts.selectors.size() > limits::kSelectors) writer.fail("TS count");
  writer.u8(static_cast<std::uint8_t>(ts.selectors.size()));
  writer.zeros(3);
  for (const TrafficSelector& selector : ts.selectors) write_selector(writer, selector);
}

}  // namespace ipsec::wire
