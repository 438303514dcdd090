#include "ike/wire/v1/identity.h"

#include <utility>

#include "ike/wire/v1/payload_codec.h"

namespace ipsec::wire::v1 {
namespace {

// Subnets and ranges are two values of the family's size.
struct Halves {
  ByteView first;
  ByteView second;
};
Halves halves_of(ByteView data) {
  return {data.first(data.size() / 2), data.subspan(data.size() / 2)};
}

// How many ones a mask begins with; nothing where another one follows a zero.
std::optional<int> prefix_length_of(const Address& mask) {
  int length = 0;
  while (length < bits(mask.family()) && mask.bit(length)) ++length;
  if (mask.with_host_bits(length, false) != mask) return std::nullopt;
  return length;
}

Address mask_of(Family family, int prefix_length) {
  return Address::any(family).with_host_bits(0, true).with_host_bits(prefix_length, false);
}

std::optional<AddressRange> host_of(ByteView data) {
  const auto address = Address::from_bytes(data);
  return address ? AddressRange::make(*address, *address) : std::nullopt;
}

// RFC 2407 4.6.2.5: where the mask is zero the address may be anything, so host bits are no fault.
std::optional<AddressRange> subnet_of(ByteView data) {
  const auto [first, second] = halves_of(data);
  const auto address = Address::from_bytes(first);
  const auto mask = Address::from_bytes(second);
  if (!address || !mask) return std::nullopt;
  const auto length = prefix_length_of(*mask);
  return length ? std::optional(Cidr::enclosing(*address, *length).range()) : std::nullopt;
}

std::optional<AddressRange> range_of(ByteView data) {
  const auto [first, second] = halves_of(data);
  const auto begin = Address::from_bytes(first);
  const auto end = Address::from_bytes(second);
  return begin && end ? AddressRange::make(*begin, *end) : std::nullopt;
}

std::optional<AddressRange> addresses_of(const IdPayload& id) {
  // The sizes of the two families overlap: eight octets are no IPv6 subnet.
  if (address_id_size(id.type) != id.data.size()) return std::nullopt;
  switch (id.type) {
    case IdType::ipv4:
    case IdType::ipv6:
      return host_of(id.data);
    case IdType::ipv4_subnet:
    case IdType::ipv6_subnet:
      return subnet_of(id.data);
    case IdType::ipv4_range:
    case IdType::ipv6_range:
      return range_of(id.data);
    default:
      return std::nullopt;
  }
}

// The one port that stands for these, or nothing. Protocol 0 has none.
std::optional<std::uint16_t> port_of(std::uint8_t protocol, const PortRange& ports) {
  if (ports.is_any()) return 0;
  const bool sayable = protocol != 0 && ports.first == ports.last && ports.first != 0;
  return sayable ? std::optional(ports.first) : std::nullopt;
}

// The types that have the same number and meaning in IKEv2, so in Identity. RFC822_ADDR and
// USER_FQDN are two names of one thing.
bool is_identity(IdType type) {
  switch (type) {
    case IdType::ipv4:
    case IdType::fqdn:
    case IdType::user_fqdn:
    case IdType::ipv6:
    case IdType::der_asn1_dn:
    case IdType::der_asn1_gn:
    case IdType::key_id:
      return true;
    default:
      return false;
  }
}

bool size_fits(IdType type, std::size_t size) {
  const auto expected = address_id_size(type);
  return !expected || *expected == size;
}

}  // namespace

std::optional<TrafficSelector> selector_of(const IdPayload& id) {
  const auto addresses = addresses_of(id);
  if (!addresses || (id.protocol == 0 && id.port != 0)) return std::nullopt;
  TrafficSelector selector{.addresses = *addresses, .protocol = id.protocol, .ports = {}};
  if (id.port != 0) selector.ports = {id.port, id.port};
  return selector;
}

std::optional<IdPayload> id_of(const TrafficSelector& selector) {
  const auto port = port_of(selector.protocol, selector.ports);
  if (!port) return std::nullopt;
  const bool v4 = selector.addresses.family() == Family::v4;
  const Address& first = selector.addresses.first();
  const Address& last = selector.addresses.last();
  IdPayload id{.type = {}, .protocol = selector.protocol, .port = *port, .data = {}};
  id.data = to_bytes(first.bytes());
  if (first == last) {
    id.type = v4 ? IdType::ipv4 : IdType::ipv6;
    return id;
  }
  if (const auto prefixes = cover(selector.addresses); prefixes.size() == 1) {
    id.type = v4 ? IdType::ipv4_subnet : IdType::ipv6_subnet;
    append(id.data, mask_of(first.family(), prefixes.front().prefix_length()).bytes());
    return id;
  }
  id.type = v4 ? IdType::ipv4_range : IdType::ipv6_range;
  append(id.data, last.bytes());
  return id;
}

std::optional<Identity> identity_of(const IdPayload& id) {
  if (!is_identity(id.type) || !size_fits(id.type, id.data.size())) return std::nullopt;
  return Identity{.type = ipsec::IdType{std::to_underlying(id.type)}, .data = id.data};
}

std::optional<IdPayload> id_of(const Identity& identity) {
  const IdType type{std::to_underlying(identity.type)};
  if (!is_identity(type) || !size_fits(type, identity.data.size())) return std::nullopt;
  return IdPayload{.type = type, .protocol = 0, .port = 0, .data = identity.data};
}

}  // namespace ipsec::wire::v1
