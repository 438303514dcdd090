// Offers, choices and SA payloads in words: alternatives are joined by '/', types by '-', proposals
// by ", ". The PRF is said only where it is not that of the integrity algorithm, as people write
// it.
#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ike/core/proposal_match.h"

namespace ipsec::core {
namespace {

// A peer may send 32 proposals of 96 transforms; honest ones have 4 of 20.
constexpr std::size_t kProposalsShown = 8;
constexpr std::size_t kAlternativesShown = 16;

using Names = std::vector<std::string>;

struct Words {
  std::string prefix;
  Names encryption;
  Names integrity;
  Names prfs;
  Names groups;
  Names esn;
  Names others;
};

std::string alternatives(const Names& names) {
  if (names.size() <= kAlternativesShown) return fmt::format("{}", fmt::join(names, "/"));
  return fmt::format("{}/and {} more",
                     fmt::join(names.begin(), names.begin() + kAlternativesShown, "/"),
                     names.size() - kAlternativesShown);
}

bool prfs_go_without_saying(const Words& words) {
  return std::ranges::equal(words.prfs, words.integrity,
                            [](const std::string& prf, const std::string& integrity) {
                              return prf == "prf" + integrity;
                            });
}

std::string line_of(const Words& words) {
  Names parts;
  const Names no_prfs;
  const Names& prfs = prfs_go_without_saying(words) ? no_prfs : words.prfs;
  for (const Names* names :
       {&words.encryption, &words.integrity, &prfs, &words.groups, &words.esn, &words.others}) {
    if (!names->empty()) parts.push_back(alternatives(*names));
  }
  return fmt::format("{}{}", words.prefix, fmt::join(parts, "-"));
}

template <typename Row>
std::string name_of(const Row* row) {
  return row == nullptr ? "none" : std::string(row->name);
}

template <typename Row>
Names names_of(const std::vector<const Row*>& rows) {
  Names names;
  for (const Row* row : rows) names.push_back(name_of(row));
  return names;
}

template <typename Row>
Names only(const Row* row) {
  return row == nullptr ? Names{} : Names{name_of(row)};
}

std::string name_of(EsnId id) {
  switch (id) {
    case EsnId::no:
      return "noesn";
    case EsnId::yes:
      return "esn";
  }
  return fmt::format("esn {}", std::to_underlying(id));
}

// The old numbers alone go without saying.
Names names_of(const std::vector<EsnId>& ids) {
  Names names;
  if (ids == std::vector{EsnId::no}) return names;
  for (const EsnId id : ids) names.push_back(name_of(id));
  return names;
}

std::string prefix_of(xfrm::Protocol protocol) {
  return protocol == xfrm::Protocol::ah ? "ah:" : "";
}

Words words_of(const IkeOffer& offer) {
  return {"",
          names_of(offer.encryption),
          names_of(offer.integrity),
          names_of(offer.prfs),
          names_of(offer.groups),
          {},
          {}};
}

Words words_of(const ChildOffer& offer) {
  return {prefix_of(offer.protocol),
          names_of(offer.encryption),
          names_of(offer.integrity),
          {},
          names_of(offer.groups),
          names_of(offer.sequence_numbers),
          {}};
}

// --- Proposals off the wire ---

std::string name_of(const wire::Transform& transform, std::string_view name,
                    std::string_view type) {
  std::string text = name.empty() ? fmt::format("{} {}", type, transform.id) : std::string(name);
  // A cipher's name has the key length in it.
  const bool said =
      transform.type == std::to_underlying(TransformType::encryption) && !name.empty();
  if (transform.key_bits && !said) text += fmt::format(" with {} bits", *transform.key_bits);
  if (!transform.unknown_attributes.empty()) text += " with unknown attributes";
  return text;
}

template <typename Row>
std::string_view row_name(const Row* row) {
  return row == nullptr ? std::string_view{} : row->name;
}

void add(Words& words, const wire::Transform& transform) {
  const std::uint16_t id = transform.id;
  const auto named = [&](std::string_view name, std::string_view type) {
    return name_of(transform, name, type);
  };
  switch (static_cast<TransformType>(transform.type)) {
    case TransformType::encryption:
      words.encryption.push_back(
          named(row_name(find_encryption(EncryptionId{id}, transform.key_bits.value_or(0))),
                "encryption"));
      return;
    case TransformType::prf:
      words.prfs.push_back(named(row_name(find_prf(PrfId{id})), "prf"));
      return;
    case TransformType::integrity:
      words.integrity.push_back(
          named(id == 0 ? "none" : row_name(find_integrity(IntegrityId{id})), "integrity"));
      return;
    case TransformType::key_exchange:
      words.groups.push_back(named(id == 0 ? "none" : row_name(find_group(GroupId{id})), "group"));
      return;
    case TransformType::extended_sequence_numbers:
      words.esn.push_back(named(name_of(EsnId{id}), ""));
      return;
  }
  words.others.push_back(fmt::format("type {}:{}", transform.type, id));
}

std::string line_of(const wire::Proposal& proposal) {
  Words words;
  switch (proposal.protocol) {
    case wire::ProtocolId::ike:
    case wire::ProtocolId::esp:
      break;
    case wire::ProtocolId::ah:
      words.prefix = prefix_of(xfrm::Protocol::ah);
      break;
    default:
      words.prefix = fmt::format("protocol {}:", std::to_underlying(proposal.protocol));
  }
  for (const wire::Transform& transform : proposal.transforms) add(words, transform);
  if (words.esn == Names{"noesn"}) words.esn.clear();
  return line_of(words);
}

template <typename Offers>
std::string list_of(const Offers& offers) {
  if (offers.empty()) return "nothing";
  Names lines;
  for (const auto& offer : offers) lines.push_back(line_of(words_of(offer)));
  return fmt::format("{}", fmt::join(lines, ", "));
}

}  // namespace

std::string describe(const crypto::IkeAlgorithms& algorithms) {
  return line_of(Words{"",
                       only(algorithms.encryption),
                       only(algorithms.integrity),
                       only(algorithms.prf),
                       only(algorithms.group),
                       {},
                       {}});
}

std::string describe(const ChildAlgorithms& algorithms) {
  return line_of(Words{prefix_of(algorithms.protocol),
                       only(algorithms.encryption),
                       only(algorithms.integrity),
                       {},
                       only(algorithms.group),
                       names_of(std::vector{algorithms.sequence_numbers}),
                       {}});
}

std::string describe(const IkeOffers& offers) { return list_of(offers); }

std::string describe(const ChildOffers& offers) { return list_of(offers); }

std::string describe(const wire::SaPayload& payload) {
  if (payload.proposals.empty()) return "nothing";
  Names lines;
  const std::size_t shown = std::min(payload.proposals.size(), kProposalsShown);
  for (std::size_t i = 0; i < shown; ++i) lines.push_back(line_of(payload.proposals[i]));
  if (shown < payload.proposals.size()) {
    lines.push_back(fmt::format("and {} more", payload.proposals.size() - shown));
  }
  return fmt::format("{}", fmt::join(lines, ", "));
}

}  // namespace ipsec::core
