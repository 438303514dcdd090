// As responder: the best of what both sides can do. As initiator: whether the answer is one of our
// proposals.
#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "ike/base/reader.h"
#include "ike/core/failure.h"
#include "ike/core/proposal_match.h"

namespace ipsec::core {
namespace {

using negotiation::Candidates;
using negotiation::transform_of;
using wire::ProtocolId;

constexpr std::size_t kChildSpiBytes = sizeof(ChildSpi::rep);

ProtocolId protocol_of(const IkeOffer& /*offer*/) { return ProtocolId::ike; }
ProtocolId protocol_of(const ChildOffer& offer) { return negotiation::protocol_id(offer.protocol); }

template <typename Algorithms>
struct Best {
  Algorithms algorithms;
  negotiation::Rank rank{};
  const wire::Proposal* proposal = nullptr;
  Candidates candidates;
};

// The responder chooses (RFC 7296 2.7, 3.3), and our order is what it goes by:
//   1. Our offers in turn, until one fits any of the peer's proposals. Neighbours that list the
//      same groups in the same order differ in their ciphers only, so they count as one here.
//   2. There the group decides first: no weak one is taken for the sake of a cipher that ranks
//      higher. Who wants that pins the group in an offer of its own.
//   3. Then the offer, and in it cipher, integrity, PRF or ESN. Of equals the peer's first.
template <typename Algorithms, typename Offer>
std::optional<Best<Algorithms>> best_match(const std::vector<Offer>& ours,
                                           const wire::SaPayload& theirs, std::size_t spi_size) {
  std::optional<Best<Algorithms>> best;
  const Offer* before = nullptr;
  for (const Offer& offer : ours) {
    if (best && before->groups != offer.groups) return best;
    before = &offer;
    // Of another offer only a better group is better.
    const std::size_t group_to_beat =
        best ? best->rank.front() : std::numeric_limits<std::size_t>::max();
    for (const wire::Proposal& proposal : theirs.proposals) {
      auto candidates = negotiation::read_proposal(proposal, protocol_of(offer), spi_size);
      if (!candidates) continue;
      const auto fit = negotiation::match(offer, *candidates);
      if (!fit || fit->rank.front() >= group_to_beat) continue;
      if (best && best->rank <= fit->rank) continue;
      best = {fit->algorithms, fit->rank, &proposal, *std::move(candidates)};
    }
  }
  return best;
}

// RFC 7296 1.2: no key exchange is negotiated in IKE_AUTH. Peers that list groups there all the
// same mean them for later.
wire::SaPayload without_groups(const wire::SaPayload& payload) {
  wire::SaPayload stripped = payload;
  for (wire::Proposal& proposal : stripped.proposals) {
    std::erase_if(proposal.transforms, [](const wire::Transform& transform) {
      return transform.type == std::to_underlying(TransformType::key_exchange);
    });
  }
  return stripped;
}

ChildOffers without_groups(ChildOffers offers) {
  for (ChildOffer& offer : offers) offer.groups.clear();
  return offers;
}

// What the peer offered, with the reasons why a proposal was not even looked into.
std::string explain(const wire::SaPayload& theirs, ProtocolId protocol, std::size_t spi_size) {
  std::string text = describe(theirs);
  for (const wire::Proposal& proposal : theirs.proposals) {
    const auto candidates = negotiation::read_proposal(proposal, protocol, spi_size);
    if (candidates) continue;
    return text + fmt::format("; proposal {} has {}", proposal.number, candidates.error());
  }
  return text;
}

wire::SaPayload answer_of(const Best<crypto::IkeAlgorithms>& best, ByteView our_spi) {
  const crypto::IkeAlgorithms& chosen = best.algorithms;
  wire::Proposal proposal{best.proposal->number, ProtocolId::ike, to_bytes(our_spi), {}};
  auto& transforms = proposal.transforms;
  transforms.push_back(transform_of(*chosen.encryption));
  transforms.push_back(transform_of(*chosen.prf));
  // One transform of each type that the peer listed, NONE included (RFC 7296 3.3.6).
  const bool has_integrity = chosen.integrity != nullptr || best.candidates.integrity.present;
  if (has_integrity) transforms.push_back(transform_of(chosen.integrity));
  transforms.push_back(transform_of(chosen.group));
  return {{std::move(proposal)}};
}

wire::SaPayload answer_of(const Best<ChildAlgorithms>& best, ChildSpi our_spi) {
  const ChildAlgorithms& chosen = best.algorithms;
  wire::Proposal proposal{
      best.proposal->number, best.proposal->protocol, negotiation::spi_bytes(our_spi), {}};
  auto& transforms = proposal.transforms;
  if (chosen.encryption != nullptr) transforms.push_back(transform_of(*chosen.encryption));
  const bool has_integrity = chosen.integrity != nullptr || best.candidates.integrity.present;
  if (has_integrity) transforms.push_back(transform_of(chosen.integrity));
  const bool has_group = chosen.group != nullptr || best.candidates.groups.present;
  if (has_group) transforms.push_back(transform_of(chosen.group));
  if (best.candidates.esn_present) transforms.push_back(transform_of(chosen.sequence_numbers));
  return {{std::move(proposal)}};
}

ChildSpi child_spi(ByteView bytes) { return {Reader(bytes).u32("SPI")}; }

std::expected<ChildChoice, NoCommonGround> choose_child(const ChildOffers& ours,
                                                        const wire::SaPayload& theirs,
                                                        ChildSpi our_spi) {
  const auto best = best_match<ChildAlgorithms>(ours, theirs, kChildSpiBytes);
  if (!best) {
    const ProtocolId protocol = ours.empty() ? ProtocolId::esp : protocol_of(ours.front());
    return std::unexpected(NoCommonGround{std::string(kIpsecAlgorithms), describe(ours),
                                          explain(theirs, protocol, kChildSpiBytes)});
  }
  return ChildChoice{best->algorithms, answer_of(*best, our_spi), child_spi(best->proposal->spi)};
}

// --- Answers ---

std::unexpected<Error> violation(std::string rule, std::string found) {
  return fail(PeerViolation{std::move(rule), std::move(found)});
}

std::size_t count_of(const wire::Proposal& proposal, TransformType type) {
  return static_cast<std::size_t>(
      std::ranges::count(proposal.transforms, std::to_underlying(type), &wire::Transform::type));
}

bool has_duplicate_type(const wire::Proposal& proposal) {
  return std::ranges::any_of(proposal.transforms, [&](const wire::Transform& transform) {
    return count_of(proposal, TransformType{transform.type}) > 1;
  });
}

// The answer's one proposal against that of ours whose number it bears (RFC 7296 2.7).
template <typename Algorithms, typename Offer>
Result<Best<Algorithms>> accept_one(const std::vector<Offer>& ours, const wire::SaPayload& answer,
                                    std::size_t spi_size) {
  if (answer.proposals.size() != 1) {
    return violation("an answer has exactly one proposal",
                     fmt::format("{}", answer.proposals.size()));
  }
  const wire::Proposal& proposal = answer.proposals.front();
  if (proposal.number == 0 || proposal.number > ours.size()) {
    return violation(fmt::format("an answer bears the number of one of {} proposals", ours.size()),
                     fmt::format("number {}", proposal.number));
  }
  const Offer& offer = ours[proposal.number - 1U];
  auto candidates = negotiation::read_proposal(proposal, protocol_of(offer), spi_size);
  if (!candidates) {
    return violation("an answer takes one of the proposals offered", candidates.error());
  }
  if (has_duplicate_type(proposal)) {
    return violation("an answer has one transform of each type", describe(answer));
  }
  const auto fit = negotiation::match(offer, *candidates);
  if (!fit) {
    return violation(fmt::format("the answer takes from what was offered as proposal {}: {}",
                                 proposal.number, describe(std::vector{offer})),
                     describe(answer));
  }
  return Best<Algorithms>{fit->algorithms, fit->rank, &proposal, *std::move(candidates)};
}

template <typename Offer>
const GroupRow* group_by_number(const std::vector<Offer>& offers, std::uint16_t id) {
  for (const Offer& offer : offers) {
    for (const GroupRow* group : offer.groups) {
      if (group != nullptr && std::to_underlying(group->id) == id) return group;
    }
  }
  return nullptr;
}

}  // namespace

const GroupRow* offered_group(const IkeOffers& offers, std::uint16_t id) {
  return group_by_number(offers, id);
}

const GroupRow* offered_group(const ChildOffers& offers, std::uint16_t id) {
  return group_by_number(offers, id);
}

std::expected<IkeChoice, NoCommonGround> choose(const IkeOffers& ours,
                                                const wire::SaPayload& theirs, ByteView our_spi) {
  const auto best = best_match<crypto::IkeAlgorithms>(ours, theirs, our_spi.size());
  if (!best) {
    return std::unexpected(NoCommonGround{std::string(kIkeAlgorithms), describe(ours),
                                          explain(theirs, ProtocolId::ike, our_spi.size())});
  }
  return IkeChoice{best->algorithms, answer_of(*best, our_spi), best->proposal->spi};
}

std::expected<ChildChoice, NoCommonGround> choose(const ChildOffers& ours,
                                                  const wire::SaPayload& theirs, ChildSpi our_spi,
                                                  Pfs pfs) {
  return pfs == Pfs::negotiated
             ? choose_child(ours, theirs, our_spi)
             : choose_child(without_groups(ours), without_groups(theirs), our_spi);
}

Result<IkeChoice> accept(const IkeOffers& offered, const wire::SaPayload& answer,
                         ByteView our_spi) {
  const auto best = accept_one<crypto::IkeAlgorithms>(offered, answer, our_spi.size());
  if (!best) return std::unexpected(best.error());
  return IkeChoice{best->algorithms, answer, best->proposal->spi};
}

Result<ChildChoice> accept(const ChildOffers& offered, const wire::SaPayload& answer, Pfs pfs) {
  const auto best =
      accept_one<ChildAlgorithms>(negotiation::expand(offered, pfs), answer, kChildSpiBytes);
  if (!best) return std::unexpected(best.error());
  // A missing ESN transform is read as "no" in an offer only: here it was asked for.
  if (!best->candidates.esn_present) {
    return violation("an answer has one transform of each type offered",
                     "no extended sequence numbers transform");
  }
  return ChildChoice{best->algorithms, answer, child_spi(best->proposal->spi)};
}

}  // namespace ipsec::core
