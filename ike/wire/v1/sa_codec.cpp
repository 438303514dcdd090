// SA payload: proposals of transforms with attributes (RFC 2408 3.4 to 3.6, RFC 2407 4.6.1).
#include <utility>

#include "ike/base/limits.h"
#include "ike/wire/v1/payload_codec.h"

namespace ipsec::wire::v1 {
namespace {

constexpr std::uint32_t kIdentityOnly = 1;  // SIT_IDENTITY_ONLY, RFC 2407 4.2.1

// Octets before these fields of a proposal.
constexpr std::size_t kSpiSizeOffset = 6;
constexpr std::size_t kTransformCountOffset = 7;

// RFC 2408 3.6
//  | Next Payload  |   RESERVED    |         Payload Length        |
//  |  Transform #  |  Transform-Id |           RESERVED2           |
//  |                          SA Attributes                        |
// The reserved octets of proposals and transforms are ignored: by the time they are read, the one
// of the SA payload has shown that the bytes are no noise.
bool parse_transform(Reader& reader, Proposal& proposal) {
  Structure structure = read_structure(reader, "SA transform header", "SA transform length");
  Reader& body = structure.body;
  const bool more =
      more_follow(reader, structure, kMoreTransforms, "next payload of an SA transform");
  Transform transform;
  transform.number = body.u8("SA transform number");
  transform.id = body.u8("SA transform id");
  body.skip(2, "SA transform reserved octets");
  while (body.more()) {
    if (transform.attributes.size() == limits::kV1AttributesPerTransform) {
      body.fail("transform attribute count");
    }
    transform.attributes.push_back(read_attribute(body));
  }
  proposal.transforms.push_back(std::move(transform));
  return more;
}

void parse_transforms(Reader& reader, Proposal& proposal) {
  bool more = true;
  while (reader.ok() && more) {
    if (proposal.transforms.size() == limits::kV1TransformsPerProposal) {
      reader.fail("SA transform count");
    }
    more = parse_transform(reader, proposal);
  }
  reader.expect_end("bytes after the last SA transform");
}

// RFC 2408 3.5
//  | Next Payload  |   RESERVED    |         Payload Length        |
//  |  Proposal #   |  Protocol-Id  |    SPI Size   |# of Transforms|
//  |                        SPI (variable)                         |
bool parse_proposal(Reader& reader, SaPayload& sa) {
  Structure structure = read_structure(reader, "SA proposal header", "SA proposal length");
  Reader& body = structure.body;
  const bool more =
      more_follow(reader, structure, kMoreProposals, "next payload of an SA proposal");
  Proposal proposal;
  proposal.number = body.u8("SA proposal number");
  proposal.protocol = ProtocolId{body.u8("SA proposal protocol")};
  const std::uint8_t spi_size = body.u8("SA proposal SPI size");
  const std::uint8_t transform_count = body.u8("SA proposal transform count");
  if (!proposal_spi_size_fits(proposal.protocol, spi_size)) {
    body.fail_at("SA proposal SPI size", structure.start + kSpiSizeOffset);
  }
  proposal.spi = to_bytes(body.bytes(spi_size, "SA proposal SPI"));
  parse_transforms(body, proposal);
  if (proposal.transforms.size() != transform_count) {
    body.fail_at("SA proposal transform count", structure.start + kTransformCountOffset);
  }
  sa.proposals.push_back(std::move(proposal));
  return more;
}

void write_transform(Writer& writer, const Transform& transform, bool last) {
  if (transform.attributes.size() > limits::kV1AttributesPerTransform) {
    writer.fail("transform attribute count");
  }
  const std::size_t start = writer.size();
  writer.u8(last ? kLast : kMoreTransforms);
  writer.zeros(1);
  const auto length = writer.length_u16(start, "SA transform length");
  writer.u8(transform.number);
  writer.u8(transform.id);
  writer.zeros(2);
  for (const Attribute& attribute : transform.attributes) write_attribute(writer, attribute);
}

void write_proposal(Writer& writer, const Proposal& proposal, bool last) {
  if (!proposal_spi_size_fits(proposal.protocol, proposal.spi.size())) {
    writer.fail("SA proposal SPI size");
  }
  if (proposal.transforms.empty() ||
      proposal.transforms.size() > limits::kV1TransformsPerProposal) {
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

// RFC 2407 4.6.1
//  |                  Domain of Interpretation (IPSEC)             |
//  |                       Situation (bitmap)                      |
//  |                          <Proposals>                          |
// Any bit beside SIT_IDENTITY_ONLY asks for labels that we cannot honour, and brings fields of its
// own before the proposals.
SaPayload parse_sa(Reader& body) {
  SaPayload sa;
  const std::size_t start = body.offset();
  const Doi doi{body.u32("SA DOI")};
  if (doi != Doi::ipsec) body.fail_at("SA DOI", start);
  const std::uint32_t situation = body.u32("SA situation");
  if (situation != kIdentityOnly) body.fail_at("SA situation", start + 4);
  bool more = true;
  while (body.ok() && more) {
    if (sa.proposals.size() == limits::kV1Proposals) body.fail("SA proposal count");
    more = parse_proposal(body, sa);
  }
  body.expect_end("bytes after the last SA proposal");
  return sa;
}

void write_body(Writer& writer, const SaPayload& sa) {
  if (sa.proposals.empty() || sa.proposals.size() > limits::kV1Proposals) {
    writer.fail("SA proposal count");
    return;
  }
  writer.u32(std::to_underlying(Doi::ipsec));
  writer.u32(kIdentityOnly);
  for (const Proposal& proposal : sa.proposals) {
    write_proposal(writer, proposal, &proposal == &sa.proposals.back());
  }
}

}  // namespace ipsec::wire::v1
