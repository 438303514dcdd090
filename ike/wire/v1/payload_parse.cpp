// The bodies of IKEv1 payloads, SA apart: bytes to values. Each drawing starts behind the generic
// payload header.
#include <utility>

#include "ike/base/limits.h"
#include "ike/wire/v1/payload_codec.h"

namespace ipsec::wire::v1 {
namespace {

// RFC 2407 4.6.2
//  |   ID Type     |  Protocol ID  |             Port              |
//  |                     Identification Data                       |
IdPayload parse_id(Reader& body) {
  IdPayload id;
  id.type = IdType{body.u8("ID type")};
  id.protocol = body.u8("ID protocol");
  id.port = body.u16("ID port");
  if (const auto size = address_id_size(id.type); size && body.remaining() != *size) {
    body.fail("length of an address ID");
  }
  id.data = to_bytes(body.rest());
  return id;
}

// RFC 2408 3.9, 3.10
//  | Cert Encoding |  Certificate Data, Certificate Authority      |
template <typename Certificate>
Certificate parse_certificate(Reader& body, std::string_view encoding_field) {
  Certificate certificate;
  certificate.encoding = body.u8(encoding_field);
  certificate.data = to_bytes(body.rest());
  return certificate;
}

// RFC 2408 3.13
//  |                           Nonce Data                          |
NoncePayload parse_nonce(Reader& body) {
  if (!nonce_size_fits(body.remaining())) body.fail("nonce length");
  return {.data = to_bytes(body.rest())};
}

Doi read_doi(Reader& body, std::string_view field) {
  const std::size_t start = body.offset();
  const Doi doi{body.u32(field)};
  if (!is_understood(doi)) body.fail_at(field, start);
  return doi;
}

// RFC 2408 3.14
//  |              Domain of Interpretation  (DOI)                  |
//  |  Protocol-ID  |   SPI Size    |      Notify Message Type      |
//  |                Security Parameter Index (SPI)                 |
//  |                       Notification Data                       |
NotificationPayload parse_notification(Reader& body) {
  NotificationPayload notification;
  notification.doi = read_doi(body, "notification DOI");
  notification.protocol = ProtocolId{body.u8("notification protocol")};
  const std::size_t size_at = body.offset();
  const std::size_t spi_size = body.u8("notification SPI size");
  notification.type = NotifyType{body.u16("notification type")};
  if (!notification_spi_size_fits(notification.protocol, spi_size)) {
    body.fail_at("notification SPI size", size_at);
  }
  notification.spi = to_bytes(body.bytes(spi_size, "notification SPI"));
  notification.data = to_bytes(body.rest());
  return notification;
}

// RFC 2408 3.15
//  |              Domain of Interpretation  (DOI)                  |
//  |  Protocol-Id  |   SPI Size    |           # of SPIs           |
//  |               Security Parameter Index(es) (SPI)              |
DeletePayload parse_delete(Reader& body) {
  DeletePayload deletion;
  deletion.doi = read_doi(body, "delete DOI");
  const std::size_t start = body.offset();
  deletion.protocol = ProtocolId{body.u8("delete protocol")};
  const std::size_t spi_size = body.u8("delete SPI size");
  const std::size_t count = body.u16("delete SPI count");
  const auto expected_size = deleted_spi_size(deletion.protocol);
  if (!expected_size) body.fail_at("delete protocol", start);
  if (spi_size != expected_size) body.fail_at("delete SPI size", start + 1);
  if (count > limits::kSpisPerDelete || body.remaining() != count * spi_size) {
    body.fail_at("delete SPI count", start + 2);
  }
  while (body.more()) {
    if (deletion.protocol == ProtocolId::isakmp) {
      const IkeSpi initiator{body.u64("delete SPI")};
      deletion.isakmp_sas.push_back({initiator, IkeSpi{body.u64("delete SPI")}});
    } else {
      deletion.child_sas.push_back(ChildSpi{body.u32("delete SPI")});
    }
  }
  return deletion;
}

// RFC 3947 5.2
//  |    ID Type    |                   RESERVED                    |
//  |           IPv4 (4 octets) or IPv6 address (16 octets)         |
NatOriginalAddressPayload parse_nat_original_address(bool draft, Reader& body) {
  const std::size_t start = body.offset();
  const IdType type{body.u8("NAT-OA type")};
  body.skip(3, "NAT-OA reserved octets");
  if (type != IdType::ipv4 && type != IdType::ipv6) body.fail_at("NAT-OA type", start);
  if (body.remaining() != address_id_size(type)) body.fail("NAT-OA address length");
  const auto address = Address::from_bytes(body.rest());
  return {.draft = draft, .address = address.value_or(Address{})};
}

}  // namespace

Payload parse_payload(PayloadType type, Reader& body) {
  switch (type) {
    case PayloadType::sa:
      return parse_sa(body);
    case PayloadType::key_exchange:
      return KePayload{.data = to_bytes(body.rest())};
    case PayloadType::id:
      return parse_id(body);
    case PayloadType::certificate:
      return parse_certificate<CertificatePayload>(body, "CERT encoding");
    case PayloadType::certificate_request:
      return parse_certificate<CertificateRequestPayload>(body, "CR encoding");
    case PayloadType::hash:
      return HashPayload{.data = to_bytes(body.rest())};
    case PayloadType::signature:
      return SignaturePayload{.data = to_bytes(body.rest())};
    case PayloadType::nonce:
      return parse_nonce(body);
    case PayloadType::notification:
      return parse_notification(body);
    case PayloadType::delete_:
      return parse_delete(body);
    case PayloadType::vendor_id:
      return VendorIdPayload{.data = to_bytes(body.rest())};
    case PayloadType::nat_discovery:
    case PayloadType::nat_discovery_draft:
      return NatDiscoveryPayload{.draft = type == PayloadType::nat_discovery_draft,
                                 .hash = to_bytes(body.rest())};
    case PayloadType::nat_original_address:
    case PayloadType::nat_original_address_draft:
      return parse_nat_original_address(type == PayloadType::nat_original_address_draft, body);
    default:
      return UnknownPayload{.type = type, .data = to_bytes(body.rest())};
  }
}

}  // namespace ipsec::wire::v1
