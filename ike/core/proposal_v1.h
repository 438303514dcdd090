// What we are willing to negotiate, said in IKEv1 (RFC 2408 4.2, RFC 2409 5 and appendix A, RFC
// 2407 4.4 and 4.5): the offers are those of proposal.h, and so is whose order decides.
//
// Where IKEv2 lists the algorithms of each type, IKEv1 writes every combination out: a transform is
// a whole suite. What has no number there is left out: AEADs and CTR in phase 1, ChaCha20 anywhere.
//
// NOTE: An SA payload without proposals says that nothing we have can be said in IKEv1; writing it
// to the wire is Misuse.
// NOTE: Aggressive mode and quick mode have their KE payload in the message that offers, so all
// they offer has its group (RFC 2409 5, 5.5). For aggressive mode the caller hands in offers with
// that one group, on either side.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "ike/base/error.h"
#include "ike/base/strong_id.h"
#include "ike/base/time.h"
#include "ike/core/proposal.h"
#include "ike/wire/v1/sa_payload.h"

namespace ipsec::core::proposal_v1 {

struct Lifetimes {
  Duration time{};              // sent and agreed in whole seconds
  std::uint64_t kilobytes = 0;  // 0 is none
  bool operator==(const Lifetimes&) const = default;
};

// --- Phase 1, with pre-shared keys ---

struct IkeChoice {
  // The PRF is HMAC of the negotiated hash (RFC 2409 4). IKEv1 has no integrity algorithm; here it
  // is the row of that hash, so that describe() says "aes128-sha256-modp2048" as for IKEv2.
  crypto::IkeAlgorithms algorithms;
  wire::v1::SaPayload answer;  // to send: the peer's transform as it came
  // Of kilobytes only the peer speaks: what an ISAKMP SA carries is too little to count.
  Lifetimes lifetimes;
};

// The groups of what we offer and IKEv1 can say, what we like best first. Aggressive mode can offer
// but one of them (RFC 2409 5).
[[nodiscard]] std::vector<const GroupRow*> groups_of(const IkeOffers& offers);

// One proposal, at most limits::kV1IkeTransforms transforms. A hash whose PRF an offer does not
// list is not written.
[[nodiscard]] wire::v1::SaPayload write_offers(const IkeOffers& offers, Duration lifetime);

// As responder. The peer's lifetime is no reason to refuse: the shorter one is agreed.
[[nodiscard]] std::expected<IkeChoice, NoCommonGround> choose(const IkeOffers& ours,
                                                              Duration lifetime,
                                                              const wire::v1::SaPayload& theirs);

// As initiator: the answer must be one transform out of what write_offers() wrote. Its attributes
// may be in another order and form, and their numbers others: they are only there to spare a
// comparison (RFC 2408 4.2). Peers put their own lifetime into it, though they must not; it is
// taken where it is shorter.
[[nodiscard]] Result<IkeChoice> accept(const IkeOffers& offered, Duration lifetime,
                                       const wire::v1::SaPayload& answer);

// --- Phase 2 ---

struct ChildChoice {
  ChildAlgorithms algorithms;
  wire::v1::SaPayload answer;
  ChildSpi peer_spi;
  Lifetimes lifetimes;
};

// What all transforms of one quick mode have in common.
struct ChildTerms {
  Lifetimes lifetimes;
  const GroupRow* group = nullptr;  // that of the KE payload; null: no PFS
  // `tunnel`, or where a NAT was seen one of the two numbers of "tunnel in UDP".
  wire::v1::EncapsulationMode mode = wire::v1::EncapsulationMode::tunnel;
};

// The groups of what we offer and IKEv1 can say, what we like best first; null: no PFS. A quick
// mode can offer but one of them (RFC 2409 5.5).
[[nodiscard]] std::vector<const GroupRow*> groups_of(const ChildOffers& offers);

// A proposal for each offer that allows the group of `terms`, in all at most
// limits::kV1ChildTransforms transforms.
[[nodiscard]] wire::v1::SaPayload write_offers(const ChildOffers& offers, ChildSpi our_spi,
                                               const ChildTerms& terms);

// Whether ESP and AH of this peer go in UDP, because a NAT was seen.
enum class Encapsulation : std::uint8_t { plain, in_udp };

// As responder. Whether the message has a KE payload, and of the group chosen, is for the caller to
// check. Bundles (proposals with one number, RFC 2408 4.2) are not chosen.
//
// Where ESP goes in UDP, plain tunnel mode is taken as well: RFC 3947 5.1 has the peer ask for UDP,
// but not all do, and as both sides saw the NAT both use UDP all the same. Where it does not, modes
// in UDP are refused: what such a peer sends would not reach the SA that we install.
[[nodiscard]] std::expected<ChildChoice, NoCommonGround> choose(const ChildOffers& ours,
                                                                const Lifetimes& lifetimes,
                                                                const wire::v1::SaPayload& theirs,
                                                                ChildSpi our_spi,
                                                                Encapsulation encapsulation);

// As initiator, like that of phase 1; `terms` are those that were offered. A RESPONDER-LIFETIME
// beside the answer is for the caller to read.
[[nodiscard]] Result<ChildChoice> accept(const ChildOffers& offered, const ChildTerms& terms,
                                         const wire::v1::SaPayload& answer);

// --- Words ---

// Suites in the words of proposal.h, "aes128-sha256-modp2048" and the like, in the order they came
// in. "with" stands before what is one bundle with the proposal before it.
[[nodiscard]] std::string describe(const wire::v1::SaPayload& payload);

}  // namespace ipsec::core::proposal_v1
