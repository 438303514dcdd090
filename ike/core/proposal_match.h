// What the parts of proposal.h share: a proposal off the wire read into rows, and the search for
// what an offer and a proposal have in common.
#pragma once

#include <array>
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "ike/core/proposal.h"

namespace ipsec::core::negotiation {

// The transforms of one type in a proposal that could be chosen, and whether the type is there at
// all: what cannot be chosen (an unknown id, an unknown attribute) still makes the type present. A
// null row is the transform NONE.
template <typename Row>
struct Listed {
  bool present = false;
  std::vector<const Row*> rows;
};

struct Candidates {
  Listed<EncryptionRow> encryption;
  Listed<PrfRow> prfs;
  Listed<IntegrityRow> integrity;
  Listed<GroupRow> groups;
  bool esn_present = false;
  std::vector<EsnId> esn;
};

// The error says in words why no transform of the proposal may be chosen.
[[nodiscard]] std::expected<Candidates, std::string> read_proposal(const wire::Proposal& proposal,
                                                                   wire::ProtocolId protocol,
                                                                   std::size_t spi_size);

// Where each choice stands in our lists, the group first, then the cipher, integrity, and PRF or
// ESN: the smaller, compared in this order, the better we like it.
using Rank = std::array<std::size_t, 4>;

template <typename Algorithms>
struct Match {
  Algorithms algorithms;
  Rank rank{};
};

[[nodiscard]] std::optional<Match<crypto::IkeAlgorithms>> match(const IkeOffer& ours,
                                                                const Candidates& theirs);
[[nodiscard]] std::optional<Match<ChildAlgorithms>> match(const ChildOffer& ours,
                                                          const Candidates& theirs);

// The child offers as they go out, one proposal each: without their groups where PFS is left out;
// else an offer to which "no PFS" is one choice of several becomes two, with key exchange and
// without. That is what every responder understands: the transform NONE among the groups is rarer,
// and a peer that stumbles over it would only do so at the first rekey, a day later.
[[nodiscard]] ChildOffers expand(const ChildOffers& offers, Pfs pfs);

[[nodiscard]] wire::ProtocolId protocol_id(xfrm::Protocol protocol);
[[nodiscard]] wire::Transform transform_of(const EncryptionRow& row);
[[nodiscard]] wire::Transform transform_of(const PrfRow& row);
// Null is NONE.
[[nodiscard]] wire::Transform transform_of(const IntegrityRow* row);
[[nodiscard]] wire::Transform transform_of(const GroupRow* row);
[[nodiscard]] wire::Transform transform_of(EsnId id);

[[nodiscard]] Bytes spi_bytes(ChildSpi spi);

}  // namespace ipsec::core::negotiation
