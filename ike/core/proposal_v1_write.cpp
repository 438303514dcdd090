// Offers as SA payloads of IKEv1.
#include <algorithm>
#include <limits>
#include <utility>

#include "ike/core/proposal_match.h"
#include "ike/core/proposal_v1_suites.h"

namespace ipsec::core::proposal_v1 {
namespace {

using wire::v1::attribute_of;
using wire::v1::LifeType;
using wire::v1::Phase1Attribute;
using wire::v1::Phase2Attribute;
using wire::v1::ProtocolId;
using wire::v1::SaPayload;
using wire::v1::Transform;

template <typename AttributeType, typename Number>
void add(Transform& transform, AttributeType type, Number number) {
  transform.attributes.push_back(attribute_of(type, static_cast<std::uint32_t>(number)));
}

// RFC 2407 4.5: the duration follows its type. Longer than the field holds is as long as it holds.
template <typename AttributeType>
void add_lifetime(Transform& transform, LifeType unit, std::uint64_t amount) {
  add(transform, AttributeType::life_type, std::to_underlying(unit));
  add(transform, AttributeType::life_duration,
      std::min<std::uint64_t>(amount, std::numeric_limits<std::uint32_t>::max()));
}

template <typename AttributeType>
void add_lifetimes(Transform& transform, const Lifetimes& lifetimes) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(lifetimes.time).count();
  add_lifetime<AttributeType>(transform, LifeType::seconds, static_cast<std::uint64_t>(seconds));
  if (lifetimes.kilobytes == 0) return;
  add_lifetime<AttributeType>(transform, LifeType::kilobytes, lifetimes.kilobytes);
}

Transform transform_of(const crypto::IkeAlgorithms& suite, Duration lifetime) {
  Transform transform{1, kKeyIke, {}};
  add(transform, Phase1Attribute::encryption, suite.encryption->v1_phase1);
  if (suite.encryption->key_bits != 0) {
    add(transform, Phase1Attribute::key_length, suite.encryption->key_bits);
  }
  add(transform, Phase1Attribute::hash, suite.prf->v1_hash);
  add(transform, Phase1Attribute::auth_method,
      std::to_underlying(wire::v1::AuthMethod::pre_shared_key));
  add(transform, Phase1Attribute::group_description, std::to_underlying(suite.group->id));
  add_lifetimes<Phase1Attribute>(transform, {lifetime, 0});
  return transform;
}

Transform transform_of(const ChildAlgorithms& suite, const ChildTerms& terms) {
  Transform transform;
  if (suite.encryption == nullptr) {
    transform.id = suite.integrity->v1_ah;
  } else {
    transform.id = suite.encryption->v1_esp;
    if (suite.encryption->key_bits != 0) {
      add(transform, Phase2Attribute::key_length, suite.encryption->key_bits);
    }
  }
  if (suite.integrity != nullptr) {
    add(transform, Phase2Attribute::auth_algorithm, suite.integrity->v1_auth);
  }
  if (suite.group != nullptr) {
    add(transform, Phase2Attribute::group_description, std::to_underlying(suite.group->id));
  }
  add(transform, Phase2Attribute::encapsulation_mode, std::to_underlying(terms.mode));
  add_lifetimes<Phase2Attribute>(transform, terms.lifetimes);
  if (suite.sequence_numbers == EsnId::yes) {
    add(transform, Phase2Attribute::extended_sequence_numbers, kExtendedSequenceNumbers);
  }
  return transform;
}

void append(wire::v1::Proposal& proposal, Transform transform) {
  transform.number = static_cast<std::uint8_t>(proposal.transforms.size() + 1);
  proposal.transforms.push_back(std::move(transform));
}

}  // namespace

SaPayload write_offers(const IkeOffers& offers, Duration lifetime) {
  const auto suites = written_suites(offers);
  if (suites.empty()) return {};
  wire::v1::Proposal proposal{1, ProtocolId::isakmp, {}, {}};
  for (const auto& suite : suites) append(proposal, transform_of(suite, lifetime));
  return {{std::move(proposal)}};
}

SaPayload write_offers(const ChildOffers& offers, ChildSpi our_spi, const ChildTerms& terms) {
  SaPayload payload;
  std::optional<std::size_t> offer;
  for (const WrittenChild& suite : written_suites(offers, terms.group)) {
    if (offer != suite.offer) {
      offer = suite.offer;
      const auto number = static_cast<std::uint8_t>(payload.proposals.size() + 1);
      const bool ah = suite.algorithms.protocol == xfrm::Protocol::ah;
      payload.proposals.push_back(
          {number, ah ? ProtocolId::ah : ProtocolId::esp, negotiation::spi_bytes(our_spi), {}});
    }
    append(payload.proposals.back(), transform_of(suite.algorithms, terms));
  }
  return payload;
}

}  // namespace ipsec::core::proposal_v1
