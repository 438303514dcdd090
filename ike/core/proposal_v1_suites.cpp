// Offers as suites: every combination, and of too many those that peers are likeliest to have.
#include "ike/core/proposal_v1_suites.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "ike/base/limits.h"

namespace ipsec::core::proposal_v1 {
namespace {

// A suite with how little it resembles what is configured together in the field.
template <typename Algorithms>
struct Suite {
  Algorithms algorithms;
  std::size_t offer = 0;
  std::size_t oddity = 0;
};

// How far down its list something stands: 0 the first, kEnd the last.
constexpr std::size_t kEnd = 1'000;

std::size_t place(std::size_t at, std::size_t size) {
  return size < 2 ? 0 : at * kEnd / (size - 1);
}

// Lists of ciphers go from the longest key to the shortest. Peers have either: those in between
// (AES-192) are hardly ever the only one.
std::size_t cipher_oddity(std::size_t at, std::size_t size) {
  const std::size_t down = place(at, size);
  return std::min(down, kEnd - down);
}

// Lists go from strong to weak, and so from new to old. What a peer has is of one age: an old group
// with an old hash.
std::size_t age_oddity(std::size_t group, std::size_t groups, std::size_t hash,
                       std::size_t hashes) {
  if (groups < 2 || hashes < 2) return 0;
  const std::size_t one = place(group, groups);
  const std::size_t other = place(hash, hashes);
  return one > other ? one - other : other - one;
}

// In v2's order (proposal_choose.cpp): offers in turn, neighbours with the same groups as one;
// there the group before the offer.
template <typename Offer, typename Add>
void by_preference(const std::vector<Offer>& offers, Add add) {
  for (std::size_t first = 0; first < offers.size();) {
    std::size_t end = first;
    while (end < offers.size() && offers[end].groups == offers[first].groups) ++end;
    for (std::size_t group = 0; group < offers[first].groups.size(); ++group) {
      for (std::size_t offer = first; offer < end; ++offer) add(offer, group);
    }
    first = end;
  }
}

std::vector<Suite<crypto::IkeAlgorithms>> all_suites(const IkeOffers& sayable_offers) {
  std::vector<Suite<crypto::IkeAlgorithms>> suites;
  by_preference(sayable_offers, [&](std::size_t offer_at, std::size_t group) {
    const IkeOffer& offer = sayable_offers[offer_at];
    for (std::size_t cipher = 0; cipher < offer.encryption.size(); ++cipher) {
      // sayable() has made the lists of hashes and PRFs one and the same.
      for (std::size_t hash = 0; hash < offer.prfs.size(); ++hash) {
        suites.push_back({{offer.encryption[cipher], offer.integrity[hash], offer.prfs[hash],
                           offer.groups[group]},
                          offer_at,
                          age_oddity(group, offer.groups.size(), hash, offer.prfs.size()) +
                              cipher_oddity(cipher, offer.encryption.size())});
      }
    }
  });
  return suites;
}

void add_suites(std::vector<Suite<ChildAlgorithms>>& suites, const ChildOffer& offer,
                std::size_t offer_at, const GroupRow* group) {
  const auto add = [&](const EncryptionRow* cipher, const IntegrityRow* integrity,
                       std::size_t oddity) {
    for (const EsnId esn : offer.sequence_numbers) {
      suites.push_back({{offer.protocol, cipher, integrity, group, esn}, offer_at, oddity});
    }
  };
  if (offer.protocol == xfrm::Protocol::ah) {
    for (const IntegrityRow* integrity : offer.integrity) add(nullptr, integrity, 0);
    return;
  }
  for (std::size_t at = 0; at < offer.encryption.size(); ++at) {
    const EncryptionRow* const cipher = offer.encryption[at];
    const std::size_t oddity = cipher_oddity(at, offer.encryption.size());
    if (cipher->is_aead()) {
      add(cipher, nullptr, oddity);
      continue;
    }
    for (const IntegrityRow* integrity : offer.integrity) add(cipher, integrity, oddity);
  }
}

std::vector<Suite<ChildAlgorithms>> all_suites(ChildOffers sayable_offers) {
  // Two ways to say "no PFS".
  for (ChildOffer& offer : sayable_offers) {
    if (offer.groups.empty()) offer.groups.push_back(nullptr);
  }
  std::vector<Suite<ChildAlgorithms>> suites;
  by_preference(sayable_offers, [&](std::size_t offer_at, std::size_t group) {
    const ChildOffer& offer = sayable_offers[offer_at];
    add_suites(suites, offer, offer_at, offer.groups[group]);
  });
  return suites;
}

template <typename Algorithms>
std::vector<Algorithms> algorithms_of(const std::vector<Suite<Algorithms>>& suites) {
  std::vector<Algorithms> algorithms;
  algorithms.reserve(suites.size());
  for (const auto& suite : suites) algorithms.push_back(suite.algorithms);
  return algorithms;
}

template <typename Algorithms>
std::vector<Suite<Algorithms>> without_repetitions(const std::vector<Suite<Algorithms>>& suites) {
  std::vector<Suite<Algorithms>> kept;
  for (const auto& suite : suites) {
    const bool there =
        std::ranges::find(kept, suite.algorithms, &Suite<Algorithms>::algorithms) != kept.end();
    if (!there) kept.push_back(suite);
  }
  return kept;
}

// To cut off the end would be to offer the strongest group with every hash, and never the one that
// all peers have. So the odd ones go first, and the order of the rest stays. The first suite of all
// is never odd, nor is the last of a list of groups: on `auto` the platforms' common default.
template <typename Algorithms>
std::vector<Suite<Algorithms>> thinned_out(const std::vector<Suite<Algorithms>>& suites,
                                           std::size_t limit) {
  if (suites.size() <= limit) return suites;
  std::vector<std::size_t> order(suites.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t at) { return std::pair(suites[at].oddity, at); });
  order.resize(limit);
  std::ranges::sort(order);
  std::vector<Suite<Algorithms>> kept;
  kept.reserve(limit);
  for (const std::size_t at : order) kept.push_back(suites[at]);
  return kept;
}

const PrfRow* prf_of(const IntegrityRow& integrity) {
  const auto rows = all_prfs();
  const auto row = std::ranges::find(rows, integrity.hash, &PrfRow::hash);
  return row == rows.end() || row->v1_hash == 0 ? nullptr : &*row;
}

// The hashes that can be said and whose PRF is allowed; the PRFs become just theirs.
void leave_v1_hashes(IkeOffer& offer) {
  std::vector<const IntegrityRow*> hashes;
  std::vector<const PrfRow*> prfs;
  for (const IntegrityRow* integrity : offer.integrity) {
    const PrfRow* const prf = prf_of(*integrity);
    if (prf == nullptr || std::ranges::find(offer.prfs, prf) == offer.prfs.end()) continue;
    hashes.push_back(integrity);
    prfs.push_back(prf);
  }
  offer.integrity = std::move(hashes);
  offer.prfs = std::move(prfs);
}

bool is_sayable(const ChildOffer& offer) {
  if (offer.protocol == xfrm::Protocol::ah) return !offer.integrity.empty();
  return std::ranges::any_of(offer.encryption, [&](const EncryptionRow* row) {
    return row->is_aead() || !offer.integrity.empty();
  });
}

}  // namespace

IkeOffers sayable(const IkeOffers& offers) {
  IkeOffers kept = offers;
  for (IkeOffer& offer : kept) {
    std::erase_if(offer.encryption, [](const EncryptionRow* row) { return row->v1_phase1 == 0; });
    leave_v1_hashes(offer);
  }
  std::erase_if(kept, [](const IkeOffer& offer) {
    return offer.encryption.empty() || offer.prfs.empty() || offer.groups.empty();
  });
  return kept;
}

ChildOffers sayable(const ChildOffers& offers) {
  ChildOffers kept = offers;
  for (ChildOffer& offer : kept) {
    std::erase_if(offer.encryption, [](const EncryptionRow* row) { return row->v1_esp == 0; });
    const bool ah = offer.protocol == xfrm::Protocol::ah;
    std::erase_if(offer.integrity, [&](const IntegrityRow* row) {
      return row->v1_auth == 0 || (ah && row->v1_ah == 0);
    });
  }
  std::erase_if(kept, [](const ChildOffer& offer) { return !is_sayable(offer); });
  return kept;
}

std::vector<crypto::IkeAlgorithms> suites_of(const IkeOffers& offers) {
  return algorithms_of(all_suites(sayable(offers)));
}

std::vector<ChildAlgorithms> suites_of(const ChildOffers& offers) {
  return algorithms_of(all_suites(sayable(offers)));
}

std::vector<crypto::IkeAlgorithms> written_suites(const IkeOffers& offers) {
  return algorithms_of(
      thinned_out(without_repetitions(all_suites(sayable(offers))), limits::kV1IkeTransforms));
}

std::vector<WrittenChild> written_suites(const ChildOffers& offers, const GroupRow* group) {
  auto suites = all_suites(sayable(offers));
  std::erase_if(suites, [&](const auto& suite) { return suite.algorithms.group != group; });
  std::vector<WrittenChild> written;
  for (const auto& suite : thinned_out(without_repetitions(suites), limits::kV1ChildTransforms)) {
    written.push_back({suite.algorithms, suite.offer});
  }
  return written;
}

namespace {

template <typename Suite>
std::vector<const GroupRow*> distinct_groups(const std::vector<Suite>& suites) {
  std::vector<const GroupRow*> groups;
  for (const Suite& suite : suites) {
    if (std::ranges::find(groups, suite.group) == groups.end()) groups.push_back(suite.group);
  }
  return groups;
}

}  // namespace

std::vector<const GroupRow*> groups_of(const IkeOffers& offers) {
  return distinct_groups(suites_of(offers));
}

std::vector<const GroupRow*> groups_of(const ChildOffers& offers) {
  return distinct_groups(suites_of(offers));
}

}  // namespace ipsec::core::proposal_v1
