// The SA payload of IKEv1: what is offered, and what was chosen (RFC 2408 3.4 to 3.6, RFC 2407 4.4
// to 4.6, RFC 2409 appendix A). Numbers are open enums: what has no name is kept.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "ike/base/bytes.h"
#include "ike/wire/attribute.h"

namespace ipsec::wire::v1 {

using wire::Attribute;

// RFC 2407 4.4.1
enum class ProtocolId : std::uint8_t { none = 0, isakmp = 1, ah = 2, esp = 3, ipcomp = 4 };

// Types and values of attributes have 16 bits on the wire, whatever those with a name need.
// NOLINTBEGIN(performance-enum-size): for that reason

// Of a transform of ISAKMP (RFC 2409 appendix A).
enum class Phase1Attribute : std::uint16_t {
  encryption = 1,
  hash = 2,
  auth_method = 3,
  group_description = 4,
  group_type = 5,
  life_type = 11,
  life_duration = 12,
  prf = 13,
  key_length = 14,
};

// Of a transform of AH or ESP (RFC 2407 4.5).
enum class Phase2Attribute : std::uint16_t {
  life_type = 1,
  life_duration = 2,
  group_description = 3,
  encapsulation_mode = 4,
  auth_algorithm = 5,
  key_length = 6,
  extended_sequence_numbers = 11,  // RFC 4304; 1 is "64 bits"
};

enum class AuthMethod : std::uint16_t { pre_shared_key = 1 };

// The same numbers in both phases.
enum class LifeType : std::uint16_t { seconds = 1, kilobytes = 2 };

// NOLINTEND(performance-enum-size)

enum class EncapsulationMode : std::uint16_t {
  tunnel = 1,
  transport = 2,
  udp_tunnel = 3,  // RFC 3947 5.1
  udp_transport = 4,
  udp_tunnel_draft = 61443,  // draft-ietf-ipsec-nat-t-ike-02 and -03
  udp_transport_draft = 61444,
};

struct Transform {
  std::uint8_t number = 1;
  std::uint8_t id = 0;  // KEY_IKE is 1; for ESP the cipher, for AH the hash (RFC 2407 4.4)
  std::vector<Attribute> attributes;
  bool operator==(const Transform&) const = default;
};

// Proposals with the same number are one offer together (RFC 2408 4.2); they are kept as they came.
// The SPI has four octets for AH and ESP; for ISAKMP, whose SPI is the header's, up to 16 that mean
// nothing (RFC 2408 3.5).
struct Proposal {
  std::uint8_t number = 1;
  ProtocolId protocol = ProtocolId::isakmp;
  Bytes spi;
  std::vector<Transform> transforms;  // one or more, the first the one liked best
  bool operator==(const Proposal&) const = default;
};

// One proposal or more, of the IPsec DOI and the situation SIT_IDENTITY_ONLY: no others are
// understood.
struct SaPayload {
  std::vector<Proposal> proposals;
  bool operator==(const SaPayload&) const = default;
};

// In the short form where 16 bits hold the number, else in the long one with four octets.
[[nodiscard]] Attribute attribute_of(std::uint16_t type, std::uint32_t number);
[[nodiscard]] inline Attribute attribute_of(Phase1Attribute type, std::uint32_t number) {
  return attribute_of(std::to_underlying(type), number);
}
[[nodiscard]] inline Attribute attribute_of(Phase2Attribute type, std::uint32_t number) {
  return attribute_of(std::to_underlying(type), number);
}

// In either form, the long one with one octet to eight.
[[nodiscard]] std::optional<std::uint64_t> number_of(const Attribute& attribute);

// The first of that type, or null.
[[nodiscard]] const Attribute* find(const Transform& transform, std::uint16_t type);
[[nodiscard]] inline const Attribute* find(const Transform& transform, Phase1Attribute type) {
  return find(transform, std::to_underlying(type));
}
[[nodiscard]] inline const Attribute* find(const Transform& transform, Phase2Attribute type) {
  return find(transform, std::to_underlying(type));
}

// How long the SA of a transform of ISAKMP, or of AH or ESP, is to live in that unit. Both units
// may be there, each with a duration of its own, which find() would not tell apart.
[[nodiscard]] std::optional<std::uint64_t> phase1_life(const Transform& transform, LifeType unit);
[[nodiscard]] std::optional<std::uint64_t> phase2_life(const Transform& transform, LifeType unit);

}  // namespace ipsec::wire::v1
