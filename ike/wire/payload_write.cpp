// The bodies of IKEv2 payloads, SA and TS apart: values to bytes. The drawings are beside the
// parsers in payload_parse.cpp; reserved octets and bits are sent as zero (RFC 7296 3.2).
#include "ike/base/limits.h"
#include "ike/wire/payload_codec.h"

namespace ipsec::wire {
namespace {

void write_body(Writer& writer, const KePayload& ke) {
  writer.u16(ke.group);
  writer.zeros(2);
  writer.bytes(ke.data);
}

void write_body(Writer& writer, const IdPayload& id) {
  if (const auto size = address_id_size(id.type); size && id.data.size() != *size) {
    writer.fail("length of an address ID");
  }
  writer.u8(static_cast<std::uint8_t>(id.type));
  writer.zeros(3);
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

void write_body(Writer& writer, const AuthPayload& auth) {
  writer.u8(static_cast<std::uint8_t>(auth.method));
  writer.zeros(3);
  writer.bytes(auth.data);
}

void write_body(Writer& writer, const NoncePayload& nonce) {
  if (!nonce_size_fits(nonce.data.size())) writer.fail("nonce length");
  writer.bytes(nonce.data);
}

void write_body(Writer& writer, const NotifyPayload& notify) {
  if (notify.spi.size() > 0xff || !notify_spi_size_fits(notify.protocol, notify.spi.size())) {
    writer.fail("notify SPI size");
  }
  if (notify.spi.empty() && notify.protocol != ProtocolId::none) {
    writer.fail("notify protocol without an SPI");
  }
  // RFC 6290 4.1 wants the IKE SA's number where RFC 7296 3.10 has zero, which reads the same.
  const bool is_token = notify.type == NotifyType::quick_crash_detection && notify.spi.empty();
  writer.u8(static_cast<std::uint8_t>(is_token ? ProtocolId::ike : notify.protocol));
  writer.u8(static_cast<std::uint8_t>(notify.spi.size()));
  writer.u16(static_cast<std::uint16_t>(notify.type));
  writer.bytes(notify.spi);
  writer.bytes(notify.data);
}

void write_body(Writer& writer, const DeletePayload& deletion) {
  const auto spi_size = deleted_spi_size(deletion.protocol);
  if (!spi_size) writer.fail("delete protocol");
  if (spi_size == 0U && !deletion.spis.empty()) writer.fail("delete SPIs of an IKE SA");
  if (deletion.spis.size() > limits::kSpisPerDelete) writer.fail("delete SPI count");
  writer.u8(static_cast<std::uint8_t>(deletion.protocol));
  writer.u8(static_cast<std::uint8_t>(spi_size.value_or(0)));
  writer.u16(static_cast<std::uint16_t>(deletion.spis.size()));
  for (const ChildSpi spi : deletion.spis) writer.u32(spi.value);
}

void write_body(Writer& writer, const VendorIdPayload& vendor) { writer.bytes(vendor.data); }

void write_body(Writer& writer, const ConfigurationPayload& configuration) {
  if (configuration.items.size() > limits::kConfigurationItems) writer.fail("CP attribute count");
  writer.u8(configuration.type);
  writer.zeros(3);
  for (const auto& item : configuration.items) {
    if (item.type > kConfigurationTypeMask) writer.fail("CP attribute type");
    writer.u16(item.type);
    const auto length = writer.length_u16(writer.size() + 2, "CP attribute length");
    writer.bytes(item.data);
  }
}

void write_body(Writer& writer, const EapPayload& eap) {
  if (!eap_length_fits(eap.data)) writer.fail("EAP length");
  writer.bytes(eap.data);
}

// A type that has a value of its own would come back as that value.
void write_body(Writer& writer, const UnknownPayload& unknown) {
  if (unknown.type == PayloadType::none || is_known(unknown.type)) {
    writer.fail("type of an unknown payload");
  }
  writer.bytes(unknown.data);
}

// 3.2: never set on payloads this document defines, all of which every implementation understands.
std::uint8_t critical_octet(const Payload& payload) {
  const auto* unknown = std::get_if<UnknownPayload>(&payload);
  return unknown != nullptr && unknown->critical ? kCriticalBit : 0;
}

}  // namespace

// 3.2
//  | Next Payload  |C|  RESERVED   |         Payload Length        |
void write_payload(Writer& writer, PayloadType next, const Payload& payload) {
  const std::size_t start = writer.size();
  writer.u8(static_cast<std::uint8_t>(next));
  writer.u8(critical_octet(payload));
  const auto length = writer.length_u16(start, "payload length");
  std::visit([&writer](const auto& value) { write_body(writer, value); }, payload);
}

}  // namespace ipsec::wire
