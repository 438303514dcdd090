#include "ike/core/proposal_match.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "ike/base/reader.h"

namespace ipsec::core::negotiation {
namespace {

constexpr std::size_t kIkeSpiBytes = 8;
constexpr std::uint32_t kReservedChildSpis = 255;  // RFC 4303 2.1

bool is_reserved_spi(ByteView spi) {
  Reader reader(spi);
  if (spi.size() == kIkeSpiBytes) return reader.u64("SPI") == 0;
  return spi.size() == sizeof(std::uint32_t) && reader.u32("SPI") <= kReservedChildSpis;
}

// RFC 7296 3.3.3.
bool belongs_to(std::uint8_t type, wire::ProtocolId protocol) {
  switch (static_cast<TransformType>(type)) {
    case TransformType::encryption:
      return protocol != wire::ProtocolId::ah;
    case TransformType::prf:
      return protocol == wire::ProtocolId::ike;
    case TransformType::integrity:
    case TransformType::key_exchange:
      return true;
    case TransformType::extended_sequence_numbers:
      return protocol != wire::ProtocolId::ike;
  }
  return false;
}

template <typename Row>
void add_row(Listed<Row>& listed, const Row* row) {
  if (row != nullptr) listed.rows.push_back(row);
}

// RFC 7296 3.3.6: a transform with an attribute that is not understood is not chosen; 3.3.5: only
// ciphers have a key length.
bool is_choosable(const wire::Transform& transform) {
  if (!transform.unknown_attributes.empty()) return false;
  const bool is_cipher = transform.type == std::to_underlying(TransformType::encryption);
  return !transform.key_bits || (is_cipher && *transform.key_bits != 0);
}

void add(Candidates& candidates, const wire::Transform& transform) {
  const bool choosable = is_choosable(transform);
  switch (transform.type) {
    case std::to_underlying(TransformType::encryption):
      candidates.encryption.present = true;
      if (!choosable) return;
      return add_row(candidates.encryption,
                     find_encryption(EncryptionId{transform.id}, transform.key_bits.value_or(0)));
    case std::to_underlying(TransformType::prf):
      candidates.prfs.present = true;
      if (choosable) add_row(candidates.prfs, find_prf(PrfId{transform.id}));
      return;
    case std::to_underlying(TransformType::integrity):
      candidates.integrity.present = true;
      if (!choosable) return;
      if (IntegrityId{transform.id} == IntegrityId::none) {
        candidates.integrity.rows.push_back(nullptr);
      }
      return add_row(candidates.integrity, find_integrity(IntegrityId{transform.id}));
    case std::to_underlying(TransformType::key_exchange):
      candidates.groups.present = true;
      if (!choosable) return;
      if (GroupId{transform.id} == GroupId::none) candidates.groups.rows.push_back(nullptr);
      return add_row(candidates.groups, find_group(GroupId{transform.id}));
    case std::to_underlying(TransformType::extended_sequence_numbers):
      candidates.esn_present = true;
      if (choosable) candidates.esn.push_back(EsnId{transform.id});
      return;
    default:  // belongs_to() has let none through
      return;
  }
}

// The place in our list of the first row that is in theirs.
template <typename Row>
std::optional<std::size_t> first_common(const std::vector<const Row*>& ours,
                                        const Listed<Row>& theirs) {
  const auto found = std::ranges::find_first_of(ours, theirs.rows);
  if (found == ours.end()) return std::nullopt;
  return static_cast<std::size_t>(found - ours.begin());
}

// To leave a type out and to propose NONE for it are the same (RFC 7296 3.3.2, RFC 5282 8).
template <typename Row>
bool allows_none(const Listed<Row>& theirs) {
  return !theirs.present || std::ranges::find(theirs.rows, nullptr) != theirs.rows.end();
}

// A row, or null for none, with its place in our list.
template <typename Row>
using Picked = std::optional<std::pair<const Row*, std::size_t>>;

Picked<IntegrityRow> pick_integrity(const EncryptionRow* encryption,
                                    const std::vector<const IntegrityRow*>& ours,
                                    const Listed<IntegrityRow>& theirs) {
  if (encryption != nullptr && encryption->is_aead()) {
    if (!allows_none(theirs)) return std::nullopt;
    return std::pair{nullptr, std::size_t{0}};
  }
  const auto at = first_common(ours, theirs);
  if (!at) return std::nullopt;
  return std::pair{ours[*at], *at};
}

Picked<GroupRow> pick_pfs(const std::vector<const GroupRow*>& ours,
                          const Listed<GroupRow>& theirs) {
  if (ours.empty() && allows_none(theirs)) return std::pair{nullptr, std::size_t{0}};
  for (std::size_t at = 0; at < ours.size(); ++at) {
    const bool common = ours[at] == nullptr
                            ? allows_none(theirs)
                            : std::ranges::find(theirs.rows, ours[at]) != theirs.rows.end();
    if (common) return std::pair{ours[at], at};
  }
  return std::nullopt;
}

std::optional<std::size_t> pick_esn(const std::vector<EsnId>& ours, const Candidates& theirs) {
  // RFC 7296 3.3.3 has the type mandatory; peers that leave it out mean the old 32-bit numbers.
  const std::vector<EsnId> esn = theirs.esn_present ? theirs.esn : std::vector{EsnId::no};
  const auto found = std::ranges::find_first_of(ours, esn);
  if (found == ours.end()) return std::nullopt;
  return static_cast<std::size_t>(found - ours.begin());
}

}  // namespace

std::expected<Candidates, std::string> read_proposal(const wire::Proposal& proposal,
                                                     wire::ProtocolId protocol,
                                                     std::size_t spi_size) {
  if (proposal.protocol != protocol) {
    return std::unexpected(fmt::format("protocol {} instead of {}",
                                       std::to_underlying(proposal.protocol),
                                       std::to_underlying(protocol)));
  }
  if (proposal.spi.size() != spi_size) {
    return std::unexpected(
        fmt::format("an SPI of {} bytes instead of {}", proposal.spi.size(), spi_size));
  }
  if (is_reserved_spi(proposal.spi)) {
    return std::unexpected(fmt::format("the reserved SPI {}", to_hex(proposal.spi)));
  }
  Candidates candidates;
  for (const wire::Transform& transform : proposal.transforms) {
    if (!belongs_to(transform.type, protocol)) {
      return std::unexpected(fmt::format("transform type {}, not known here", transform.type));
    }
    add(candidates, transform);
  }
  return candidates;
}

std::optional<Match<crypto::IkeAlgorithms>> match(const IkeOffer& ours, const Candidates& theirs) {
  const auto encryption = first_common(ours.encryption, theirs.encryption);
  const auto prf = first_common(ours.prfs, theirs.prfs);
  const auto group = first_common(ours.groups, theirs.groups);
  if (!encryption || !prf || !group) return std::nullopt;
  const EncryptionRow* const cipher = ours.encryption[*encryption];
  const auto integrity = pick_integrity(cipher, ours.integrity, theirs.integrity);
  if (!integrity) return std::nullopt;
  return Match<crypto::IkeAlgorithms>{
      {cipher, integrity->first, ours.prfs[*prf], ours.groups[*group]},
      {*group, *encryption, integrity->second, *prf}};
}

std::optional<Match<ChildAlgorithms>> match(const ChildOffer& ours, const Candidates& theirs) {
  const EncryptionRow* cipher = nullptr;
  std::size_t encryption = 0;
  if (ours.protocol == xfrm::Protocol::esp) {
    const auto at = first_common(ours.encryption, theirs.encryption);
    if (!at) return std::nullopt;
    encryption = *at;
    cipher = ours.encryption[encryption];
  }
  const auto integrity = pick_integrity(cipher, ours.integrity, theirs.integrity);
  const auto group = pick_pfs(ours.groups, theirs.groups);
  const auto esn = pick_esn(ours.sequence_numbers, theirs);
  if (!integrity || !group || !esn) return std::nullopt;
  return Match<ChildAlgorithms>{
      {ours.protocol, cipher, integrity->first, group->first, ours.sequence_numbers[*esn]},
      {group->second, encryption, integrity->second, *esn}};
}

}  // namespace ipsec::core::negotiation
