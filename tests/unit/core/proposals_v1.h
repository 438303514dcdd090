// Transforms of IKEv1 from the numbers of RFC 2407 and RFC 2409, for tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "ike/base/bytes.h"
#include "ike/wire/v1/sa_payload.h"

namespace ipsec::core::proposal_v1 {

using Numbers = std::vector<std::pair<std::uint16_t, std::uint32_t>>;

inline wire::v1::Transform v1_transform(std::uint8_t id, const Numbers& numbers,
                                        std::uint8_t number = 1) {
  wire::v1::Transform transform{number, id, {}};
  for (const auto& [type, value] : numbers) {
    transform.attributes.push_back(wire::v1::attribute_of(type, value));
  }
  return transform;
}

inline Numbers without(Numbers numbers, std::uint16_t type) {
  std::erase_if(numbers, [&](const auto& number) { return number.first == type; });
  return numbers;
}
// In the place of what is there of that type, else at the end.
inline Numbers with(Numbers numbers, std::uint16_t type, std::uint32_t value) {
  const auto found = std::ranges::find(numbers, type, &Numbers::value_type::first);
  if (found == numbers.end()) {
    numbers.emplace_back(type, value);
  } else {
    found->second = value;
  }
  return numbers;
}

// AES-CBC 128, SHA2-256, pre-shared key, group 14, one hour.
inline const Numbers kIke{{1, 7}, {14, 128}, {2, 4}, {3, 1}, {4, 14}, {11, 1}, {12, 3'600}};
// The same for ESP in tunnel mode.
inline const Numbers kEsp{{5, 5}, {3, 14}, {4, 1}, {1, 1}, {2, 3'600}, {6, 128}};
inline constexpr std::uint8_t kAes = 12;
inline const Bytes kPeerSpi(4, 0x22);

inline wire::v1::SaPayload isakmp(std::vector<wire::v1::Transform> transforms) {
  return {{{1, wire::v1::ProtocolId::isakmp, {}, std::move(transforms)}}};
}

inline wire::v1::SaPayload isakmp(const Numbers& numbers) {
  return isakmp(std::vector{v1_transform(1, numbers)});
}

inline wire::v1::SaPayload esp(std::vector<wire::v1::Transform> transforms) {
  return {{{1, wire::v1::ProtocolId::esp, kPeerSpi, std::move(transforms)}}};
}

inline wire::v1::SaPayload esp(std::uint8_t id, const Numbers& numbers) {
  return esp(std::vector{v1_transform(id, numbers)});
}

inline wire::v1::SaPayload ah(std::uint8_t id, const Numbers& numbers) {
  return {{{1, wire::v1::ProtocolId::ah, kPeerSpi, {v1_transform(id, numbers)}}}};
}

}  // namespace ipsec::core::proposal_v1
