// Offers as SA payloads.
#include <algorithm>
#include <utility>

#include "ike/base/writer.h"
#include "ike/core/proposal_match.h"

namespace ipsec::core {
namespace negotiation {
namespace {

wire::Transform transform(TransformType type, std::uint16_t id) {
  return {.type = std::to_underlying(type), .id = id, .key_bits = {}, .unknown_attributes = {}};
}

}  // namespace

ChildOffers expand(const ChildOffers& offers, Pfs pfs) {
  ChildOffers expanded;
  for (const ChildOffer& offer : offers) {
    ChildOffer without = offer;
    without.groups.clear();
    ChildOffer with = offer;
    std::erase(with.groups, nullptr);
    if (pfs == Pfs::left_out || with.groups.empty()) {
      expanded.push_back(std::move(without));
      continue;
    }
    const bool prefers_none = offer.groups.front() == nullptr;
    const bool none_too = with.groups.size() < offer.groups.size();
    if (prefers_none) expanded.push_back(without);
    expanded.push_back(std::move(with));
    if (none_too && !prefers_none) expanded.push_back(std::move(without));
  }
  return expanded;
}

wire::ProtocolId protocol_id(xfrm::Protocol protocol) {
  return protocol == xfrm::Protocol::ah ? wire::ProtocolId::ah : wire::ProtocolId::esp;
}

wire::Transform transform_of(const EncryptionRow& row) {
  wire::Transform written = transform(TransformType::encryption, std::to_underlying(row.id));
  if (row.key_bits != 0) written.key_bits = row.key_bits;
  return written;
}

wire::Transform transform_of(const PrfRow& row) {
  return transform(TransformType::prf, std::to_underlying(row.id));
}

wire::Transform transform_of(const IntegrityRow* row) {
  const IntegrityId id = row == nullptr ? IntegrityId::none : row->id;
  return transform(TransformType::integrity, std::to_underlying(id));
}

wire::Transform transform_of(const GroupRow* row) {
  const GroupId id = row == nullptr ? GroupId::none : row->id;
  return transform(TransformType::key_exchange, std::to_underlying(id));
}

wire::Transform transform_of(EsnId id) {
  return transform(TransformType::extended_sequence_numbers, std::to_underlying(id));
}

Bytes spi_bytes(ChildSpi spi) {
  Writer writer(sizeof(spi.value));
  writer.u32(spi.value);
  return to_bytes(writer.view());
}

}  // namespace negotiation

namespace {

using negotiation::transform_of;

wire::Proposal next_proposal(const wire::SaPayload& payload, wire::ProtocolId protocol, Bytes spi) {
  const auto number = static_cast<std::uint8_t>(payload.proposals.size() + 1);
  return {number, protocol, std::move(spi), {}};
}

}  // namespace

wire::SaPayload write_offers(const IkeOffers& offers, ByteView spi) {
  wire::SaPayload payload;
  for (const IkeOffer& offer : offers) {
    wire::Proposal proposal = next_proposal(payload, wire::ProtocolId::ike, to_bytes(spi));
    auto& transforms = proposal.transforms;
    for (const EncryptionRow* row : offer.encryption) transforms.push_back(transform_of(*row));
    for (const PrfRow* row : offer.prfs) transforms.push_back(transform_of(*row));
    for (const IntegrityRow* row : offer.integrity) transforms.push_back(transform_of(row));
    for (const GroupRow* row : offer.groups) transforms.push_back(transform_of(row));
    payload.proposals.push_back(std::move(proposal));
  }
  return payload;
}

wire::SaPayload write_offers(const ChildOffers& offers, ChildSpi spi, Pfs pfs) {
  wire::SaPayload payload;
  for (const ChildOffer& offer : negotiation::expand(offers, pfs)) {
    wire::Proposal proposal = next_proposal(payload, negotiation::protocol_id(offer.protocol),
                                            negotiation::spi_bytes(spi));
    auto& transforms = proposal.transforms;
    for (const EncryptionRow* row : offer.encryption) transforms.push_back(transform_of(*row));
    for (const IntegrityRow* row : offer.integrity) transforms.push_back(transform_of(row));
    for (const GroupRow* row : offer.groups) transforms.push_back(transform_of(row));
    for (const EsnId id : offer.sequence_numbers) transforms.push_back(transform_of(id));
    payload.proposals.push_back(std::move(proposal));
  }
  return payload;
}

std::size_t encryption_key_size(const ChildAlgorithms& algorithms) {
  if (algorithms.encryption == nullptr) return 0;
  return std::size_t{algorithms.encryption->key_bytes} + algorithms.encryption->salt_bytes;
}

std::size_t integrity_key_size(const ChildAlgorithms& algorithms) {
  return algorithms.integrity == nullptr ? 0 : algorithms.integrity->key_bytes;
}

}  // namespace ipsec::core
