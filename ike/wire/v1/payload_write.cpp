// The bodies of IKEv1 payloads, SA apart: values to bytes. The drawings are beside the parsers in
// payload_parse.cpp; reserved octets are sent as zero (RFC 2408 3.2).
#include <utility>

#include "ike/base/limits.h"
#include "ike/wire/v1/payload_codec.h"

namespace ipsec::wire::v1 {
namespace {

void write_body(Writer& writer, const KePayload& ke) { writer.bytes(ke.data); }

void write_body(Writer& writer, const IdPayload& id) {
  if (const auto size = address_id_size(id.type); size && id.data.size() != *size) {
    writer.fail("length of an address ID");
  }
  writer.u8(static_cast<std::uint8_t>(id.type));
  writer.u8(id.protocol);
  writer.u16(id.port);
  writer.bytes(id.data);
}

void write_body(Writer& writer, const CertificatePayload& certificate) {
  writer.u8(certificate.encoding);
  writer.bytes(certificate.data);
}

void write_body(Writer& writer, const CertificateRequestPayload& request) {
  writer.u8(request.encoding);
  writer.bytes(request.data);
}

void write_body(Writer& writer, const HashPayload& hash) { writer.bytes(hash.data); }

void write_body(Writer& writer, const SignaturePayload& signature) { writer.bytes(signature.data); }

void write_body(Writer& writer, const NoncePayload& nonce) {
  if (!nonce_size_fits(nonce.data.size())) writer.fail("nonce length");
  writer.bytes(nonce.data);
}

void write_body(Writer& writer, const NotificationPayload& notification) {
  if (!is_understood(notification.doi)) writer.fail("notification DOI");
  if (!notification_spi_size_fits(notification.protocol, notification.spi.size())) {
    writer.fail("notification SPI size");
  }
  writer.u32(std::to_underlying(notification.doi));
  writer.u8(static_cast<std::uint8_t>(notification.protocol));
  writer.u8(static_cast<std::uint8_t>(notification.spi.size()));
  writer.u16(static_cast<std::uint16_t>(notification.type));
  writer.bytes(notification.spi);
  writer.bytes(notification.data);
}

void write_body(Writer& writer, const DeletePayload& deletion) {
  if (!is_understood(deletion.doi)) writer.fail("delete DOI");
  const auto spi_size = deleted_spi_size(deletion.protocol);
  if (!spi_size) writer.fail("delete protocol");
  const bool isakmp = deletion.protocol == ProtocolId::isakmp;
  if (isakmp ? !deletion.child_sas.empty() : !deletion.isakmp_sas.empty()) {
    writer.fail("delete SPIs of another protocol");
  }
  const std::size_t count = isakmp ? deletion.isakmp_sas.size() : deletion.child_sas.size();
  if (count > limits::kSpisPerDelete) writer.fail("delete SPI count");
  writer.u32(std::to_underlying(deletion.doi));
  writer.u8(static_cast<std::uint8_t>(deletion.protocol));
  writer.u8(static_cast<std::uint8_t>(spi_size.value_or(0)));
  writer.u16(static_cast<std::uint16_t>(count));
  for (const CookiePair& pair : deletion.isakmp_sas) {
    writer.u64(pair.initiator.value);
    writer.u64(pair.responder.value);
  }
  for (const ChildSpi spi : deletion.child_sas) writer.u32(spi.value);
}

void write_body(Writer& writer, const VendorIdPayload& vendor) { writer.bytes(vendor.data); }

void write_body(Writer& writer, const NatDiscoveryPayload& discovery) {
  writer.bytes(discovery.hash);
}

void write_body(Writer& writer, const NatOriginalAddressPayload& original) {
  const bool v4 = original.address.family() == Family::v4;
  writer.u8(std::to_underlying(v4 ? IdType::ipv4 : IdType::ipv6));
  writer.zeros(3);
  writer.bytes(original.address.bytes());
}

// A type that has a value of its own would come back as that value.
void write_body(Writer& writer, const UnknownPayload& unknown) {
  if (is_known(unknown.type)) writer.fail("type of an unknown payload");
  writer.bytes(unknown.data);
}

}  // namespace

// RFC 2408 3.2
//  | Next Payload  |   RESERVED    |         Payload Length        |
void write_payload(Writer& writer, PayloadType next, const Payload& payload) {
  const std::size_t start = writer.size();
  writer.u8(static_cast<std::uint8_t>(next));
  writer.zeros(1);
  const auto length = writer.length_u16(start, "payload length");
  std::visit([&writer](const auto& value) { write_body(writer, value); }, payload);
}

}  // namespace ipsec::wire::v1
