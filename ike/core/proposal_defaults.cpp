// The ruled defaults (rulings on M59-M61, M72-M74).
//
// Not in `auto`, though the registry has them and an operator may name them:
//  - 3DES and DES: with blocks of 64 bits an SA is weak after some 32 GB (Sweet32), which a day's
//    lifetime at 100 Mbit/s exceeds thirty times over; nothing here would make a peer on better
//    algorithms fall back to them, but one that has nothing else deserves an operator who knows.
//  - MD5, group 1 (MODP 768): broken or breakable in hours. Group 24: primes of unknown origin (RFC
//    8247 2.4).
//  - AES-CTR, MODP 6144 and 8192: no peer has these alone, and the groups cost a flooded responder
//    far more than the curves that stand before them.
#include <array>
#include <string_view>

#include "ike/core/proposal.h"

namespace ipsec::core {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::array kAeads{"aes256gcm16"sv, "aes192gcm16"sv, "aes128gcm16"sv,
                            "chacha20poly1305"sv};
constexpr std::array kCiphers{"aes256"sv, "aes192"sv, "aes128"sv};
constexpr std::array kIntegrity{"sha512"sv, "sha384"sv, "sha256"sv};
constexpr std::array kPrfs{"prfsha512"sv, "prfsha384"sv, "prfsha256"sv};
constexpr std::array kGroups{"x25519"sv,   "ecp521"sv,   "ecp384"sv,  "ecp256"sv,
                             "modp4096"sv, "modp3072"sv, "modp2048"sv};
// What platforms of ten years ago have as their default, and `modern` has not.
constexpr std::array kOldGroups{"modp1536"sv, "modp1024"sv};

template <typename Row, typename Names>
void add(std::vector<const Row*>& rows, const Names& names,
         const Row* (*find)(std::string_view name)) {
  for (const std::string_view name : names) rows.push_back(find(name));
}

std::vector<const IntegrityRow*> integrity_of(Profile profile) {
  std::vector<const IntegrityRow*> rows;
  add(rows, kIntegrity, find_integrity);
  if (profile == Profile::automatic) rows.push_back(find_integrity("sha1"));
  return rows;
}

std::vector<const GroupRow*> groups_of(Profile profile) {
  std::vector<const GroupRow*> rows;
  add(rows, kGroups, find_group);
  if (profile == Profile::automatic) add(rows, kOldGroups, find_group);
  return rows;
}

}  // namespace

IkeOffers default_ike_offers(Profile profile) {
  IkeOffer aead;
  add(aead.encryption, kAeads, find_encryption);
  add(aead.prfs, kPrfs, find_prf);
  if (profile == Profile::automatic) aead.prfs.push_back(find_prf("prfsha1"));
  aead.groups = groups_of(profile);

  IkeOffer classic = aead;
  classic.encryption.clear();
  add(classic.encryption, kCiphers, find_encryption);
  classic.integrity = integrity_of(profile);
  return {std::move(aead), std::move(classic)};
}

ChildOffers default_child_offers(Profile profile) {
  ChildOffer aead;
  add(aead.encryption, kAeads, find_encryption);
  // PFS where the peer has it, whatever group; "none" for peers without.
  aead.groups = groups_of(profile);
  aead.groups.push_back(nullptr);
  // 2^32 packets are sent in 12 hours at 100 Mbit/s, within one lifetime: an initiator that can do
  // both lists both (RFC 7296 3.3.2).
  aead.sequence_numbers = {EsnId::yes, EsnId::no};

  ChildOffer classic = aead;
  classic.encryption.clear();
  add(classic.encryption, kCiphers, find_encryption);
  classic.integrity = integrity_of(profile);
  return {std::move(aead), std::move(classic)};
}

}  // namespace ipsec::core
