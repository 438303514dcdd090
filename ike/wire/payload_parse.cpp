// The bodies of IKEv2 payloads, SA and TS apart: bytes to values (RFC 7296 3.4 to 3.16). Each
// drawing starts behind the generic payload header. Reserved octets are ignored (3.2).
#include <utility>

#include "ike/base/limits.h"
#include "ike/wire/payload_codec.h"

namespace ipsec::wire {
namespace {

// 3.4
//  |   Diffie-Hellman Group Num    |           RESERVED            |
//  |                       Key Exchange Data                       |
KePayload parse_ke(Reader& body) {
  KePayload ke;
  ke.group = body.u16("KE group");
  body.skip(2, "KE reserved octets");
  ke.data = to_bytes(body.rest());
  return ke;
}

// 3.5
//  |   ID Type     |                 RESERVED                      |
//  |                   Identification Data                         |
IdPayload parse_id(Role role, Reader& body) {
  IdPayload id{.role = role, .type = IdType{body.u8("ID type")}, .data = {}};
  body.skip(3, "ID reserved octets");
  if (const auto size = address_id_size(id.type); size && body.remaining() != *size) {
    body.fail("length of an address ID");
  }
  id.data = to_bytes(body.rest());
  return id;
}

// 3.6, 3.7
//  | Cert Encoding |                                               |
//  |            Certificate Data, Certification Authority          |
template <typename Certificate>
Certificate parse_certificate(Reader& body, std::string_view encoding_field) {
  Certificate certificate;
  certificate.encoding = body.u8(encoding_field);
  certificate.data = to_bytes(body.rest());
  return certificate;
}

// 3.8
//  | Auth Method   |                RESERVED                       |
//  |                      Authentication Data                      |
AuthPayload parse_auth(Reader& body) {
  AuthPayload auth;
  auth.method = AuthMethod{body.u8("AUTH method")};
  body.skip(3, "AUTH reserved octets");
  auth.data = to_bytes(body.rest());
  return auth;
}

// 3.9
//  |                            Nonce Data                         |
NoncePayload parse_nonce(Reader& body) {
  if (!nonce_size_fits(body.remaining())) body.fail("nonce length");
  return {.data = to_bytes(body.rest())};
}

// 3.10
//  |  Protocol ID  |   SPI Size    |      Notify Message Type      |
//  |                Security Parameter Index (SPI)                 |
//  |                       Notification Data                       |
// Without an SPI the protocol is ignored. An SPI of the IKE SA should not be here, but
// implementations have sent it and nothing reads it, so it is kept rather than the message lost.
NotifyPayload parse_notify(Reader& body) {
  NotifyPayload notify;
  notify.protocol = ProtocolId{body.u8("notify protocol")};
  const std::size_t size_at = body.offset();
  const std::size_t spi_size = body.u8("notify SPI size");
  notify.type = NotifyType{body.u16("notify type")};
  if (!notify_spi_size_fits(notify.protocol, spi_size)) body.fail_at("notify SPI size", size_at);
  notify.spi = to_bytes(body.bytes(spi_size, "notify SPI"));
  notify.data = to_bytes(body.rest());
  if (notify.spi.empty()) notify.protocol = ProtocolId::none;
  return notify;
}

// 3.11
//  | Protocol ID   |   SPI Size    |          Num of SPIs          |
//  |               Security Parameter Index(es) (SPI)              |
// A count beside an IKE SA, which lists no SPIs, contradicts nothing and is let through.
DeletePayload parse_delete(Reader& body) {
  DeletePayload deletion;
  const std::size_t start = body.offset();
  deletion.protocol = ProtocolId{body.u8("delete protocol")};
  const std::size_t spi_size = body.u8("delete SPI size");
  const std::size_t count = body.u16("delete SPI count");
  const auto expected_size = deleted_spi_size(deletion.protocol);
  if (!expected_size) body.fail_at("delete protocol", start);
  if (spi_size != expected_size) body.fail_at("delete SPI size", start + 1);
  if (body.remaining() != count * spi_size) body.fail_at("delete SPI count", start + 2);
  if (spi_size != 0 && count > limits::kSpisPerDelete) body.fail_at("delete SPI count", start + 2);
  while (body.more()) deletion.spis.push_back(ChildSpi{body.u32("delete SPI")});
  return deletion;
}

// 3.15
//  |   CFG Type    |                    RESERVED                   |
//  |                   Configuration Attributes                    |
// 3.15.1
//  |R|         Attribute Type      |            Length             |
//  |                             Value                             |
ConfigurationPayload parse_configuration(Reader& body) {
  ConfigurationPayload configuration;
  configuration.type = body.u8("CP type");
  body.skip(3, "CP reserved octets");
  while (body.more()) {
    if (configuration.items.size() == limits::kConfigurationItems) body.fail("CP attribute count");
    ConfigurationPayload::Item item;
    item.type = body.u16("CP attribute type") & kConfigurationTypeMask;
    item.data = to_bytes(read_counted(body, "CP attribute length"));
    configuration.items.push_back(std::move(item));
  }
  return configuration;
}

// 3.16
//  |     Code      | Identifier    |            Length             |
//  |     Type      |                   Type_Data                   |
EapPayload parse_eap(Reader& body) {
  EapPayload eap;
  const std::size_t start = body.offset();
  eap.data = to_bytes(body.rest());
  if (eap.data.size() < 4) body.fail("EAP header");
  if (!eap_length_fits(eap.data)) body.fail_at("EAP length", start + 2);
  return eap;
}

}  // namespace

bool is_known(PayloadType type) {
  const auto number = std::to_underlying(type);
  return (number >= std::to_underlying(PayloadType::sa) &&
          number <= std::to_underlying(PayloadType::eap)) ||
         type == PayloadType::encrypted_fragment;
}

Payload parse_payload(PayloadType type, bool critical, Reader& body) {
  switch (type) {
    case PayloadType::sa:
      return parse_sa(body);
    case PayloadType::key_exchange:
      return parse_ke(body);
    case PayloadType::id_initiator:
      return parse_id(Role::initiator, body);
    case PayloadType::id_responder:
      return parse_id(Role::responder, body);
    case PayloadType::certificate:
      return parse_certificate<CertificatePayload>(body, "CERT encoding");
    case PayloadType::certificate_request:
      return parse_certificate<CertificateRequestPayload>(body, "CERTREQ encoding");
    case PayloadType::auth:
      return parse_auth(body);
    case PayloadType::nonce:
      return parse_nonce(body);
    case PayloadType::notify:
      return parse_notify(body);
    case PayloadType::delete_:
      return parse_delete(body);
    case PayloadType::vendor_id:
      return VendorIdPayload{.data = to_bytes(body.rest())};
    case PayloadType::ts_initiator:
      return parse_ts(Role::initiator, body);
    case PayloadType::ts_responder:
      return parse_ts(Role::responder, body);
    case PayloadType::configuration:
      return parse_configuration(body);
    case PayloadType::eap:
      return parse_eap(body);
    default:
      return UnknownPayload{.type = type, .critical = critical, .data = to_bytes(body.rest())};
  }
}

}  // namespace ipsec::wire
