// Inside the room: one parser and one writer for each IKEv1 payload body, and what they share. The
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
#include "ike/wire/structure.h"
#include "ike/wire/v1/payloads.h"

namespace ipsec::wire::v1 {

inline constexpr std::size_t kPayloadHeaderSize = 4;

// sa_codec.cpp
[[nodiscard]] SaPayload parse_sa(Reader& body);
void write_body(Writer& writer, const SaPayload& sa);

// payload_parse.cpp
[[nodiscard]] Payload parse_payload(PayloadType type, Reader& body);

// payload_rules.cpp: what parsers and writers must agree on.
// Whether a type has a value of its own.
[[nodiscard]] bool is_known(PayloadType type);
// RFC 2407 4.6.2: addresses, subnets and ranges; the others have no set size.
[[nodiscard]] std::optional<std::size_t> address_id_size(IdType type);
// RFC 2409 5
[[nodiscard]] bool nonce_size_fits(std::size_t size);
// RFC 2408 3.5, RFC 2407 4.4
[[nodiscard]] bool proposal_spi_size_fits(ProtocolId protocol, std::size_t size);
// RFC 2408 3.14, RFC 2407 4.6.3
[[nodiscard]] bool notification_spi_size_fits(ProtocolId protocol, std::size_t size);
// RFC 2408 3.15; nothing for a protocol whose SAs we do not know.
[[nodiscard]] std::optional<std::size_t> deleted_spi_size(ProtocolId protocol);
// The IPsec DOI, or that of ISAKMP itself, which stands for no DOI in particular (RFC 2408 3.4).
[[nodiscard]] bool is_understood(Doi doi);

// payload_write.cpp
void write_payload(Writer& writer, PayloadType next, const Payload& payload);

}  // namespace ipsec::wire::v1
