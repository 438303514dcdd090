#include <limits>

#include "ike/wire/v1/sa_payload.h"

namespace ipsec::wire::v1 {
namespace {

// RFC 2407 4.5: a type of life, then its duration. The n-th duration belongs to the n-th type,
// whatever stands between them: so a peer that turns the two round is understood as well.
std::optional<std::uint64_t> life_of(const Transform& transform, std::uint16_t type_attribute,
                                     std::uint16_t duration_attribute, LifeType unit) {
  std::size_t place = 0;
  bool found = false;
  for (const Attribute& attribute : transform.attributes) {
    if (attribute.type != type_attribute) continue;
    found = number_of(attribute) == std::to_underlying(unit);
    if (found) break;
    ++place;
  }
  if (!found) return std::nullopt;
  for (const Attribute& attribute : transform.attributes) {
    if (attribute.type != duration_attribute) continue;
    if (place == 0) return number_of(attribute);
    --place;
  }
  return std::nullopt;
}

}  // namespace

Attribute attribute_of(std::uint16_t type, std::uint32_t number) {
  if (number <= std::numeric_limits<std::uint16_t>::max()) {
    return {type, static_cast<std::uint16_t>(number)};
  }
  Bytes bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<std::uint8_t>(number >> shift));
  }
  return {type, std::move(bytes)};
}

std::optional<std::uint64_t> number_of(const Attribute& attribute) {
  if (const auto* number = std::get_if<std::uint16_t>(&attribute.value)) return *number;
  const auto& bytes = std::get<Bytes>(attribute.value);
  if (bytes.empty() || bytes.size() > sizeof(std::uint64_t)) return std::nullopt;
  std::uint64_t number = 0;
  for (const std::uint8_t byte : bytes) number = number << 8 | byte;
  return number;
}

const Attribute* find(const Transform& transform, std::uint16_t type) {
  for (const Attribute& attribute : transform.attributes) {
    if (attribute.type == type) return &attribute;
  }
  return nullptr;
}

std::optional<std::uint64_t> phase1_life(const Transform& transform, LifeType unit) {
  return life_of(transform, std::to_underlying(Phase1Attribute::life_type),
                 std::to_underlying(Phase1Attribute::life_duration), unit);
}

std::optional<std::uint64_t> phase2_life(const Transform& transform, LifeType unit) {
  return life_of(transform, std::to_underlying(Phase2Attribute::life_type),
                 std::to_underlying(Phase2Attribute::life_duration), unit);
}

}  // namespace ipsec::wire::v1
