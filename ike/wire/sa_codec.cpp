// SA payload: proposals of transforms with attributes (RFC 7296 3.3).
#include <utility>

#include "ike/base/limits.h"
#include "ike/wire/payload_codec.h"

namespace ipsec::wire {
namespace {

// Octets before the SPI of a proposal.
constexpr std::size_t kNumberOffset = 4;
constexpr std::size_t kSpiSizeOffset = 6;
constexpr std::size_t kTransformCountOffset = 7;

// 3.3.1: none in the first negotiation of an IKE SA, else as long as the protocol's SPIs are. The
// proposals of an unknown protocol will not be chosen, so theirs may be anything.
bool spi_size_fits(ProtocolId protocol, std::size_t size) {
  switch (protocol) {
    case ProtocolId::ike:
      return size == 0 || size == 8;
    case ProtocolId::ah:
    case ProtocolId::esp:
      return size == 4;
    default:
      return size <= 0xff;
  }
}

bool is_key_length(const Attribute& attribute) {
  return attribute.type == kKeyLengthAttribute &&
         std::holds_alternative<std::uint16_t>(attribute.value);
}

// A key length in the long form breaks 3.3.5 (the Key Length attribute is always short), so it is
// kept as an attribute nobody understands and the transform is not chosen (3.3.6). A second key
// length in one transform is a mistake of form, not a thing unknown: a transform MUST NOT have two
// attributes of one type, other lengths go into transforms of their own (3.3). So it is malformed,
// and the message refused as a whole (2.21), rather than the transform passed over.
void parse_attributes(Reader& reader, Transform& transform) {
  for (std::size_t count = 0; reader.more(); ++count) {
    if (count == limits::kAttributesPerTransform) reader.fail("transform attribute count");
    const std::size_t start = reader.offset();
    Attribute attribute = read_attribute(reader);
    if (!is_key_length(attribute)) {
      transform.unknown_attributes.push_back(std::move(attribute));
      continue;
    }
    if (transform.key_bits) reader.fail_at("repeated key length attribute", start);
    transform.key_bits = std::get<std::uint16_t>(attribute.value);
  }
}

// 3.3.2
//  | Last Substruc |   RESERVED    |        Transform Length       |
//  |Transform Type |   RESERVED    |          Transform ID         |
//  |                      Transform Attributes                     |
bool parse_transform(Reader& reader, Proposal& proposal) {
  Structure structure = read_structure(reader, "SA transform header", "SA transform length");
  const bool more =
      more_follow(reader, structure, kMoreTransforms, "last substructure of an SA transform");
  Transform transform;
  transform.type = structure.body.u8("transform type");
  structure.body.skip(1, "transform reserved octet");
  transform.id = structure.body.u16("transform id");
  parse_attributes(structure.body, transform);
  proposal.transforms.push_back(std::move(transform));
  return more;
}

void parse_transforms(Reader& reader, Proposal& proposal) {
  bool more = true;
  while (reader.ok() && more) {
    if (proposal.transforms.size() == limits::kTransformsPerProposal) {
      reader.fail("SA transform count");
    }
    more = parse_transform(reader, proposal);
  }
  reader.expect_end("bytes after the last SA transform");
}

// 3.3.1
//  | Last Substruc |   RESERVED    |         Proposal Length       |
//  | Proposal Num  |  Protocol ID  |    SPI Size   |Num  Transforms|
//  |                        SPI (variable)                         |
//  |                        <Transforms>                           |
bool parse_proposal(Reader& reader, SaPayload& sa) {
  Structure structure = read_structure(reader, "SA proposal header", "SA proposal length");
  Reader& body = structure.body;
  const bool more =
      more_follow(reader, structure, kMoreProposals, "last substructure of an SA proposal");
  Proposal proposal;
  proposal.number = body.u8("SA proposal number");
  proposal.protocol = ProtocolId{body.u8("SA proposal protocol")};
  const std::uint8_t spi_size = body.u8("SA proposal SPI size");
  const std::uint8_t transform_count = body.u8("SA proposal transform count");
  if (!spi_size_fits(proposal.protocol, spi_size)) {
    body.fail_at("SA proposal SPI size", structure.start + kSpiSizeOffset);
  }
  proposal.spi = to_bytes(body.bytes(spi_size, "SA proposal SPI"));
  parse_transforms(body, proposal);
  if (proposal.transforms.size() != transform_count) {
    body.fail_at("SA proposal transform count", structure.start + kTransformCountOffset);
  }
  // An offer counts from 1 without a gap; an answer is one proposal with the number it had in the
  // offer (3.3.1).
  const bool right_number = sa.proposals.empty()
                                ? proposal.number == 1 || (proposal.number > 1 && !more)
                                : proposal.number == sa.proposals.back().number + 1;
  if (!right_number) body.fail_at("SA proposal number", structure.start + kNumberOffset);
  sa.proposals.push_back(std::move(proposal));
  return more;
}

void write_transform(Writer& writer, const Transform& transform, bool last) {
  const std::size_t start = writer.size();
  writer.u8(last ? kLast : kMoreTransforms);
  writer.zeros(1);
  const auto length = writer.length_u16(start, "SA transform length");
  writer.u8(transform.type);
  writer.zeros(1);
  writer.u16(transform.id);
  if (transform.unknown_attributes.size() + (transform.key_bits ? 1 : 0) >
      limits::kAttributesPerTransform) {
    writer.fail("transform attribute count");
  }
  if (transform.key_bits) write_attribute(writer, {kKeyLengthAttribute, *transform.key_bits});
  for (const Attribute& attribute : transform.unknown_attributes) {
    if (is_key_length(attribute)) writer.fail("key length among the unknown attributes");
    write_attribute(writer, attribute);
  }
}

void write_proposal(Writer& writer, const Proposal& proposal, bool last) {
  if (!spi_size_fits(proposal.protocol, proposal.spi.size())) writer.fail("SA proposal SPI size");
  if (proposal.transforms.empty() || proposal.transforms.size() > limits::kTransformsPerProposal) {
    writer.fail("SA transform count");
  }
  const std::size_t start = writer.size();
  writer.u8(last ? kLast : kMoreProposals);
  writer.zeros(1);
  const auto length = writer.length_u16(start, "SA proposal length");
  writer.u8(proposal.number);
  writer.u8(static_cast<std::uint8_t>(proposal.protocol));
  writer.u8(static_cast<std::uint8_t>(proposal.spi.size()));
  writer.u8(static_cast<std::uint8_t>(proposal.transforms.size()));
  writer.bytes(proposal.spi);
  for (const Transform& transform : proposal.transforms) {
    write_transform(writer, transform, &transform == &proposal.transforms.back());
  }
}

}  // namespace

SaPayload parse_sa(Reader& body) {
  SaPayload sa;
  bool more = true;
  while (body.ok() && more) {
    if (sa.proposals.size() == limits::kProposals) body.fail("SA proposal count");
    more = parse_proposal(body, sa);
  }
  body.expect_end("bytes after the last SA proposal");
  return sa;
}

void write_body(Writer& writer, const SaPayload& sa) {
  if (sa.proposals.empty() || sa.proposals.size() > limits::kProposals) {
    writer.fail("SA proposal count");
    return;
  }
  int expected = sa.proposals.size() == 1 ? sa.proposals.front().number : 1;
  if (expected == 0) writer.fail("SA proposal number");
  for (const Proposal& proposal : sa.proposals) {
    if (proposal.number != expected++) writer.fail("SA proposal number");
    write_proposal(writer, proposal, &proposal == &sa.proposals.back());
  }
}

}  // namespace ipsec::wire
