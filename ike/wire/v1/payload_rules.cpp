#include "ike/base/limits.h"
#include "ike/wire/v1/payload_codec.h"

namespace ipsec::wire::v1 {
namespace {

constexpr std::size_t kChildSpiSize = 4;
constexpr std::size_t kCookiePairSize = 16;
constexpr std::size_t kMostOctets = 0xff;

}  // namespace

bool is_known(PayloadType type) {
  switch (type) {
    case PayloadType::none:
    case PayloadType::sa:
    case PayloadType::key_exchange:
    case PayloadType::id:
    case PayloadType::certificate:
    case PayloadType::certificate_request:
    case PayloadType::hash:
    case PayloadType::signature:
    case PayloadType::nonce:
    case PayloadType::notification:
    case PayloadType::delete_:
    case PayloadType::vendor_id:
    case PayloadType::nat_discovery:
    case PayloadType::nat_original_address:
    case PayloadType::nat_discovery_draft:
    case PayloadType::nat_original_address_draft:
      return true;
  }
  return false;
}

std::optional<std::size_t> address_id_size(IdType type) {
  switch (type) {
    case IdType::ipv4:
      return 4;
    case IdType::ipv4_subnet:
    case IdType::ipv4_range:
      return 8;
    case IdType::ipv6:
      return 16;
    case IdType::ipv6_subnet:
    case IdType::ipv6_range:
      return 32;
    default:
      return std::nullopt;
  }
}

bool nonce_size_fits(std::size_t size) {
  return size >= limits::kV1NonceBytesMin && size <= limits::kNonceBytesMax;
}

// A CPI has two octets (RFC 3173 4.1), which some peers put into a field of four. The proposals of
// an unknown protocol will not be chosen, so theirs may be anything.
bool proposal_spi_size_fits(ProtocolId protocol, std::size_t size) {
  switch (protocol) {
    case ProtocolId::isakmp:
      return size <= kCookiePairSize;
    case ProtocolId::ah:
    case ProtocolId::esp:
      return size == kChildSpiSize;
    case ProtocolId::ipcomp:
      return size == 2 || size == kChildSpiSize;
    default:
      return size <= kMostOctets;
  }
}

// RFC 2407 4.6.3.1 to 4.6.3.3 allow the two cookies whatever protocol is named beside them. None at
// all is what refusals have that come before there is an SPI.
bool notification_spi_size_fits(ProtocolId protocol, std::size_t size) {
  switch (protocol) {
    case ProtocolId::isakmp:
      return size <= kCookiePairSize;
    case ProtocolId::ah:
    case ProtocolId::esp:
      return size == 0 || size == kChildSpiSize || size == kCookiePairSize;
    default:
      return size <= kMostOctets;
  }
}

std::optional<std::size_t> deleted_spi_size(ProtocolId protocol) {
  switch (protocol) {
    case ProtocolId::isakmp:
      return kCookiePairSize;
    case ProtocolId::ah:
    case ProtocolId::esp:
      return kChildSpiSize;
    default:
      return std::nullopt;
  }
}

bool is_understood(Doi doi) { return doi == Doi::ipsec || doi == Doi::isakmp; }

}  // namespace ipsec::wire::v1
