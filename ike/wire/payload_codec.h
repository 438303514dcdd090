// Inside the room: one parser and one writer for each IKEv2 payload body, and what they share. The
// rest of the house uses message.h.
//
// NOTE: Failure. Parsers report into their Reader and writers into their Writer, both sticky; a
// value built after a failure is thrown away by message.cpp.
// NOTE: Symmetry. A writer refuses exactly what its parser would refuse or would read as another
// value, so whatever is written is read back the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "ike/base/reader.h"
#include "ike/base/writer.h"
#include "ike/wire/payloads.h"
#include "ike/wire/structure.h"

namespace ipsec::wire {

// 3.2: the C bit of a payload's second octet; the other seven are reserved.
inline constexpr std::uint8_t kCriticalBit = 0x80;

// sa_codec.cpp
[[nodiscard]] SaPayload parse_sa(Reader& body);
void write_body(Writer& writer, const SaPayload& sa);

// ts_codec.cpp
[[nodiscard]] TsPayload parse_ts(Role role, Reader& body);
void write_body(Writer& writer, const TsPayload& ts);

// payload_parse.cpp. SK and SKF are no payloads of this kind: message.cpp keeps them apart.
[[nodiscard]] bool is_known(PayloadType type);
[[nodiscard]] Payload parse_payload(PayloadType type, bool critical, Reader& body);

// payload_rules.cpp: what parsers and writers must agree on.
// 3.5: an address identity is exactly an address; the others have no set size.
[[nodiscard]] std::optional<std::size_t> address_id_size(IdType type);
// 3.9
[[nodiscard]] bool nonce_size_fits(std::size_t size);
// 3.10: the SPIs of AH and ESP have four octets.
[[nodiscard]] bool notify_spi_size_fits(ProtocolId protocol, std::size_t size);
// 3.11; nothing for a protocol whose SAs cannot be deleted.
[[nodiscard]] std::optional<std::size_t> deleted_spi_size(ProtocolId protocol);
// 3.16: the EAP message says its own length, which must be that of the payload's body.
[[nodiscard]] bool eap_length_fits(ByteView message);
// 3.15.1: the bit above is reserved.
inline constexpr std::uint16_t kConfigurationTypeMask = 0x7fff;

// payload_write.cpp
void write_payload(Writer& writer, PayloadType next, const Payload& payload);

}  // namespace ipsec::wire
