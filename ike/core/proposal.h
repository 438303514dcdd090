// What we are willing to negotiate, and how an offer meets the peer's (RFC 7296 2.7, 3.3.6).
//
// An offer is a set of algorithms that go together: either AEAD ciphers, or ciphers with integrity
// algorithms, never both (RFC 5282 8). A list of offers is in order of preference, and so is each
// list inside. As responder ours decides, group before cipher where an offer leaves both open:
// two gateways on `auto` pick the strongest (proposal_choose.cpp has the rule).
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ike/base/error.h"
#include "ike/crypto/key_derivation.h"
#include "ike/crypto/registry/registry.h"
#include "ike/wire/payloads.h"
#include "xfrm/model.h"

namespace ipsec::core {

struct IkeOffer {
  std::vector<const EncryptionRow*> encryption;
  std::vector<const IntegrityRow*> integrity;  // empty exactly when the ciphers are AEADs
  std::vector<const PrfRow*> prfs;
  std::vector<const GroupRow*> groups;
  bool operator==(const IkeOffer&) const = default;
};
using IkeOffers = std::vector<IkeOffer>;

struct ChildOffer {
  xfrm::Protocol protocol = xfrm::Protocol::esp;
  std::vector<const EncryptionRow*> encryption;  // empty exactly for AH
  std::vector<const IntegrityRow*> integrity;
  // PFS groups for rekeys and further children; a null row means that none is acceptable too. Empty
  // is "no PFS". The first child of an IKE SA never has an exchange of its own (RFC 7296 1.2).
  std::vector<const GroupRow*> groups;
  std::vector<EsnId> sequence_numbers = {EsnId::no};
  bool operator==(const ChildOffer&) const = default;
};
using ChildOffers = std::vector<ChildOffer>;

struct ChildAlgorithms {
  xfrm::Protocol protocol = xfrm::Protocol::esp;
  const EncryptionRow* encryption = nullptr;
  const IntegrityRow* integrity = nullptr;
  const GroupRow* group = nullptr;  // null: no PFS
  EsnId sequence_numbers = EsnId::no;
  bool operator==(const ChildAlgorithms&) const = default;
};

// Whether key exchange transforms take part: not in IKE_AUTH.
enum class Pfs : std::uint8_t { negotiated, left_out };

[[nodiscard]] wire::SaPayload write_offers(const IkeOffers& offers, ByteView spi);
[[nodiscard]] wire::SaPayload write_offers(const ChildOffers& offers, ChildSpi spi, Pfs pfs);

struct IkeChoice {
  crypto::IkeAlgorithms algorithms;
  wire::SaPayload answer;  // to send: one proposal, the peer's number, one transform of each type
  Bytes peer_spi;          // 8 bytes in a rekey, empty in IKE_SA_INIT
};
struct ChildChoice {
  ChildAlgorithms algorithms;
  wire::SaPayload answer;
  ChildSpi peer_spi;
};

// As responder. The error holds both sides' offers in words. `our_spi` goes into the answer; the
// peer's must be of its size. An ESP or AH proposal without an ESN transform is read as "no ESN",
// and key exchange transforms in IKE_AUTH are passed over, as other implementations do.
[[nodiscard]] std::expected<IkeChoice, NoCommonGround> choose(const IkeOffers& ours,
                                                              const wire::SaPayload& theirs,
                                                              ByteView our_spi);
[[nodiscard]] std::expected<ChildChoice, NoCommonGround> choose(const ChildOffers& ours,
                                                                const wire::SaPayload& theirs,
                                                                ChildSpi our_spi, Pfs pfs);

// The group with this number in what we offer (INVALID_KE_PAYLOAD names one, RFC 7296 1.3); null if
// it is not there.
[[nodiscard]] const GroupRow* offered_group(const IkeOffers& offers, std::uint16_t id);
[[nodiscard]] const GroupRow* offered_group(const ChildOffers& offers, std::uint16_t id);

// As initiator: the peer's answer must be one proposal out of what we offered (RFC 7296 2.7).
// `our_spi` is the one that was offered: 8 bytes in a rekey, empty in IKE_SA_INIT; the peer's must
// be of that size.
[[nodiscard]] Result<IkeChoice> accept(const IkeOffers& offered, const wire::SaPayload& answer,
                                       ByteView our_spi = {});
[[nodiscard]] Result<ChildChoice> accept(const ChildOffers& offered, const wire::SaPayload& answer,
                                         Pfs pfs);

// The ruled defaults of a tunnel that names nothing (`auto`), strongest first; `modern` leaves out
// what is weak.
enum class Profile : std::uint8_t { automatic, modern };
[[nodiscard]] IkeOffers default_ike_offers(Profile profile);
[[nodiscard]] ChildOffers default_child_offers(Profile profile);

// "aes128-sha256-modp2048" and the like.
[[nodiscard]] std::string describe(const crypto::IkeAlgorithms& algorithms);
[[nodiscard]] std::string describe(const ChildAlgorithms& algorithms);
[[nodiscard]] std::string describe(const IkeOffers& offers);
[[nodiscard]] std::string describe(const ChildOffers& offers);
[[nodiscard]] std::string describe(const wire::SaPayload& payload);

// Sizes of the keys a child needs.
[[nodiscard]] std::size_t encryption_key_size(const ChildAlgorithms& algorithms);
[[nodiscard]] std::size_t integrity_key_size(const ChildAlgorithms& algorithms);

}  // namespace ipsec::core
