// What the parts of proposal_v1.h share: our offers as the suites that IKEv1 writes out, and a
// transform off the wire read into rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "ike/core/proposal_v1.h"

namespace ipsec::core::proposal_v1 {

// RFC 2407 4.4.1.1, the only transform of ISAKMP
inline constexpr std::uint8_t kKeyIke = 1;
// RFC 4304: the one value of the attribute; who means 32 bits leaves it out.
inline constexpr std::uint16_t kExtendedSequenceNumbers = 1;

// The offers without what IKEv1 has no number for. What is left of none disappears.
[[nodiscard]] IkeOffers sayable(const IkeOffers& offers);
[[nodiscard]] ChildOffers sayable(const ChildOffers& offers);

// Everything we would agree to, what we like best first.
[[nodiscard]] std::vector<crypto::IkeAlgorithms> suites_of(const IkeOffers& offers);
[[nodiscard]] std::vector<ChildAlgorithms> suites_of(const ChildOffers& offers);

// What of it goes out, in the same order, within the limits.
[[nodiscard]] std::vector<crypto::IkeAlgorithms> written_suites(const IkeOffers& offers);
struct WrittenChild {
  ChildAlgorithms algorithms;
  std::size_t offer = 0;  // its place among those that can be said
};
[[nodiscard]] std::vector<WrittenChild> written_suites(const ChildOffers& offers,
                                                       const GroupRow* group);

// --- Transforms off the wire ---

// How long a peer wants an SA to live; 0 is "no word of it", or no limit.
struct PeerLifetimes {
  std::uint64_t seconds = 0;
  std::uint64_t kilobytes = 0;
};

struct IkeTransform {
  crypto::IkeAlgorithms algorithms;
  PeerLifetimes lifetimes;
};
struct ChildTransform {
  ChildAlgorithms algorithms;
  PeerLifetimes lifetimes;
  wire::v1::EncapsulationMode mode{};
};

// The error says in words why it may not be chosen.
[[nodiscard]] std::expected<IkeTransform, std::string> read_ike(
    const wire::v1::Transform& transform);
// Of a proposal of AH or ESP.
[[nodiscard]] std::expected<ChildTransform, std::string> read_child(
    xfrm::Protocol protocol, const wire::v1::Transform& transform);

// --- What describing has in common with reading ---

// Null where there is no such row. AES without a key length is AES-128: RFC 3602 5.3 asks for the
// attribute, but it is younger than some peers, and those who leave it out mean the shortest.
using FindCipher = const EncryptionRow* (*)(std::uint16_t number, std::uint16_t key_bits);
[[nodiscard]] const EncryptionRow* cipher_of(FindCipher find, std::uint64_t number,
                                             std::optional<std::uint64_t> key_bits);
[[nodiscard]] const IntegrityRow* hash_of(std::uint64_t v1_hash);
[[nodiscard]] const IntegrityRow* auth_of(std::uint64_t v1_auth);
[[nodiscard]] const GroupRow* group_of(std::uint64_t number);

// The number of the first attribute of that type; nothing where there is none, or no number in it.
template <typename AttributeType>
[[nodiscard]] std::optional<std::uint64_t> number_in(const wire::v1::Transform& transform,
                                                     AttributeType type) {
  const wire::v1::Attribute* const attribute = wire::v1::find(transform, type);
  return attribute == nullptr ? std::nullopt : wire::v1::number_of(*attribute);
}

// Words for the first attribute that is not understood: an unknown type, one that is there twice,
// or a value that is none.
[[nodiscard]] std::optional<std::string> misunderstood_in_ike(const wire::v1::Transform& transform);
[[nodiscard]] std::optional<std::string> misunderstood_in_child(
    const wire::v1::Transform& transform);

}  // namespace ipsec::core::proposal_v1
