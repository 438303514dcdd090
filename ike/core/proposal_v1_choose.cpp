// As responder: the suite that we like best of those the peer wrote. As initiator: whether the
// answer is one of ours.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "ike/base/reader.h"
#include "ike/core/failure.h"
#include "ike/core/proposal_match.h"
#include "ike/core/proposal_v1_suites.h"

namespace ipsec::core::proposal_v1 {
namespace {

using wire::v1::EncapsulationMode;
using wire::v1::Proposal;
using wire::v1::ProtocolId;
using wire::v1::SaPayload;
using wire::v1::Transform;

constexpr std::size_t kChildSpiBytes = sizeof(ChildSpi::rep);
constexpr std::uint32_t kReservedChildSpis = 255;  // RFC 4303 2.1

// --- What may be chosen ---

// Proposals of ISAKMP are looked at whatever their numbers: a bundle of two ISAKMP SAs would mean
// nothing (RFC 2409 5 has one proposal here), and some count transforms but not proposals.
std::expected<IkeTransform, std::string> read_ike_of(const SaPayload& /*payload*/,
                                                     const Proposal& proposal,
                                                     const Transform& transform) {
  if (proposal.protocol != ProtocolId::isakmp) {
    return std::unexpected(
        fmt::format("protocol {} instead of ISAKMP", std::to_underlying(proposal.protocol)));
  }
  return read_ike(transform);
}

// RFC 2408 4.2: proposals with one number are taken together or not at all.
bool is_bundled(const SaPayload& payload, const Proposal& proposal) {
  return std::ranges::count(payload.proposals, proposal.number, &Proposal::number) > 1;
}

std::optional<ChildSpi> spi_of(const Proposal& proposal) {
  if (proposal.spi.size() != kChildSpiBytes) return std::nullopt;
  const ChildSpi spi{Reader(proposal.spi).u32("SPI")};
  return spi.value > kReservedChildSpis ? std::optional(spi) : std::nullopt;
}

std::expected<ChildTransform, std::string> read_child_of(const SaPayload& payload,
                                                         const Proposal& proposal,
                                                         const Transform& transform) {
  if (proposal.protocol != ProtocolId::esp && proposal.protocol != ProtocolId::ah) {
    return std::unexpected(
        fmt::format("protocol {} instead of ESP or AH", std::to_underlying(proposal.protocol)));
  }
  if (is_bundled(payload, proposal)) return std::unexpected("a bundle of protocols");
  if (!spi_of(proposal)) {
    return std::unexpected(fmt::format("the reserved SPI {}", to_hex(proposal.spi)));
  }
  const bool ah = proposal.protocol == ProtocolId::ah;
  return read_child(ah ? xfrm::Protocol::ah : xfrm::Protocol::esp, transform);
}

bool may_be(EncapsulationMode mode, Encapsulation encapsulation) {
  switch (mode) {
    case EncapsulationMode::tunnel:
      return true;
    case EncapsulationMode::udp_tunnel:
    case EncapsulationMode::udp_tunnel_draft:
      return encapsulation == Encapsulation::in_udp;
    default:
      return false;
  }
}

// --- The responder ---

template <typename Read>
struct Pick {
  Read read;
  const Proposal* proposal = nullptr;
  const Transform* transform = nullptr;
  std::size_t rank = 0;  // in our list
};

// Our order decides; of transforms that are equal to us the peer's first.
template <typename Algorithms, typename ReadTransform>
auto pick(const std::vector<Algorithms>& ours, const SaPayload& theirs, ReadTransform read) {
  using Read = typename std::invoke_result_t<ReadTransform, const SaPayload&, const Proposal&,
                                             const Transform&>::value_type;
  std::optional<Pick<Read>> best;
  for (const Proposal& proposal : theirs.proposals) {
    for (const Transform& transform : proposal.transforms) {
      const auto theirs_read = read(theirs, proposal, transform);
      if (!theirs_read) continue;
      const auto found = std::ranges::find(ours, theirs_read->algorithms);
      const auto rank = static_cast<std::size_t>(found - ours.begin());
      if (found == ours.end() || (best && best->rank <= rank)) continue;
      best = Pick<Read>{*theirs_read, &proposal, &transform, rank};
    }
  }
  return best;
}

// What the peer offered, with the first reason why a transform was not even considered.
template <typename ReadTransform>
std::string explain(const SaPayload& theirs, ReadTransform read) {
  std::string text = describe(theirs);
  for (const Proposal& proposal : theirs.proposals) {
    for (const Transform& transform : proposal.transforms) {
      const auto theirs_read = read(theirs, proposal, transform);
      if (theirs_read) continue;
      return text + fmt::format("; transform {} of proposal {} has {}", transform.number,
                                proposal.number, theirs_read.error());
    }
  }
  return text;
}

// RFC 2408 4.2: the transform goes back as it came, with its number and its attributes in their
// order; some compare the bytes.
SaPayload answer_of(const Proposal& proposal, const Transform& transform, Bytes spi) {
  return {{{proposal.number, proposal.protocol, std::move(spi), {transform}}}};
}

// --- Lifetimes ---

// RFC 2407 4.5.4: who wants less than what was offered may go on all the same, and end or renew the
// SA when it suits him. So both reckon with the smaller.
Lifetimes agreed(const Lifetimes& ours, const PeerLifetimes& theirs) {
  Lifetimes lifetimes = ours;
  const auto ours_s = std::chrono::duration_cast<std::chrono::seconds>(ours.time).count();
  if (theirs.seconds != 0 && std::cmp_less(theirs.seconds, ours_s)) {
    lifetimes.time = std::chrono::seconds(theirs.seconds);
  }
  const bool theirs_in_kilobytes = theirs.kilobytes != 0;
  if (theirs_in_kilobytes && (ours.kilobytes == 0 || theirs.kilobytes < ours.kilobytes)) {
    lifetimes.kilobytes = theirs.kilobytes;
  }
  return lifetimes;
}

// --- The initiator ---

std::unexpected<Error> violation(std::string rule, std::string found) {
  return fail(PeerViolation{std::move(rule), std::move(found)});
}

template <typename ReadTransform>
auto read_answer(const SaPayload& answer, ReadTransform read)
    -> Result<typename std::invoke_result_t<ReadTransform, const SaPayload&, const Proposal&,
                                            const Transform&>::value_type> {
  if (answer.proposals.size() != 1) {
    return violation("an answer has exactly one proposal",
                     fmt::format("{}", answer.proposals.size()));
  }
  const Proposal& proposal = answer.proposals.front();
  if (proposal.transforms.size() != 1) {
    return violation("an answer has exactly one transform",
                     fmt::format("{}", proposal.transforms.size()));
  }
  auto theirs = read(answer, proposal, proposal.transforms.front());
  if (!theirs) return violation("an answer takes one of the transforms offered", theirs.error());
  return *std::move(theirs);
}

std::unexpected<Error> not_offered(std::string offered, const SaPayload& answer) {
  return violation("the answer takes from what was offered: " + std::move(offered),
                   describe(answer));
}

}  // namespace

std::expected<IkeChoice, NoCommonGround> choose(const IkeOffers& ours, Duration lifetime,
                                                const SaPayload& theirs) {
  const auto best = pick(suites_of(ours), theirs, read_ike_of);
  if (!best) {
    return std::unexpected(NoCommonGround{
        std::string(kIkeAlgorithms), core::describe(sayable(ours)), explain(theirs, read_ike_of)});
  }
  // The SPIs of an ISAKMP SA are the cookies of the header (RFC 2408 3.5).
  return IkeChoice{best->read.algorithms, answer_of(*best->proposal, *best->transform, {}),
                   agreed({lifetime, 0}, best->read.lifetimes)};
}

std::expected<ChildChoice, NoCommonGround> choose(const ChildOffers& ours,
                                                  const Lifetimes& lifetimes,
                                                  const SaPayload& theirs, ChildSpi our_spi,
                                                  Encapsulation encapsulation) {
  const auto read = [&](const SaPayload& payload, const Proposal& proposal,
                        const Transform& transform) -> std::expected<ChildTransform, std::string> {
    auto theirs_read = read_child_of(payload, proposal, transform);
    if (theirs_read && !may_be(theirs_read->mode, encapsulation)) {
      return std::unexpected(
          fmt::format("encapsulation mode {}", std::to_underlying(theirs_read->mode)));
    }
    return theirs_read;
  };
  const auto best = pick(suites_of(ours), theirs, read);
  if (!best) {
    return std::unexpected(NoCommonGround{std::string(kIpsecAlgorithms),
                                          core::describe(sayable(ours)), explain(theirs, read)});
  }
  return ChildChoice{best->read.algorithms,
                     answer_of(*best->proposal, *best->transform, negotiation::spi_bytes(our_spi)),
                     *spi_of(*best->proposal), agreed(lifetimes, best->read.lifetimes)};
}

Result<IkeChoice> accept(const IkeOffers& offered, Duration lifetime, const SaPayload& answer) {
  const auto theirs = read_answer(answer, read_ike_of);
  if (!theirs) return std::unexpected(theirs.error());
  const auto ours = written_suites(offered);
  if (std::ranges::find(ours, theirs->algorithms) == ours.end()) {
    return not_offered(describe(write_offers(offered, lifetime)), answer);
  }
  return IkeChoice{theirs->algorithms, answer, agreed({lifetime, 0}, theirs->lifetimes)};
}

Result<ChildChoice> accept(const ChildOffers& offered, const ChildTerms& terms,
                           const SaPayload& answer) {
  const auto theirs = read_answer(answer, read_child_of);
  if (!theirs) return std::unexpected(theirs.error());
  const auto ours = written_suites(offered, terms.group);
  const bool known =
      std::ranges::find(ours, theirs->algorithms, &WrittenChild::algorithms) != ours.end();
  if (!known || theirs->mode != terms.mode) {
    return not_offered(describe(write_offers(offered, ChildSpi{}, terms)), answer);
  }
  return ChildChoice{theirs->algorithms, answer, *spi_of(answer.proposals.front()),
                     agreed(terms.lifetimes, theirs->lifetimes)};
}

}  // namespace ipsec::core::proposal_v1
