#include "ike/gateway/formats/proposals.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace ipsec::gateway::formats {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::array kAeads{"aes256gcm16"sv, "aes192gcm16"sv, "aes128gcm16"sv,
                            "chacha20poly1305"sv};
constexpr std::array kOfferedCiphers{"aes256"sv, "aes192"sv, "aes128"sv};
constexpr std::array kOfferedHashes{"sha512"sv, "sha384"sv, "sha256"sv};
constexpr std::array kPrfs{"prfsha512"sv, "prfsha384"sv, "prfsha256"sv};
constexpr std::array kOfferedGroups{"x25519"sv,   "ecp521"sv,   "ecp384"sv,  "ecp256"sv,
                                    "modp4096"sv, "modp3072"sv, "modp2048"sv};
constexpr std::array kOldGroups{"modp1536"sv, "modp1024"sv};

template <typename Row, typename Names>
void add(std::vector<const Row*>& rows, const Names& names,
         const Row* (*find)(std::string_view name)) {
  rows.reserve(rows.size() + names.size());
  for (const std::string_view name : names) rows.push_back(find(name));
}

// The defaults: AEADs, and the classic ciphers behind them.
Proposals defaults(Profile profile) {
  const bool old_too = profile == Profile::automatic;
  Proposal aead;
  add(aead.encryption, kAeads, find_encryption);
  add(aead.prfs, kPrfs, find_prf);
  add(aead.groups, kOfferedGroups, find_group);
  if (old_too) {
    aead.prfs.push_back(find_prf("prfsha1"));
    add(aead.groups, kOldGroups, find_group);
  }
  Proposal classic = aead;
  classic.encryption.clear();
  add(classic.encryption, kOfferedCiphers, find_encryption);
  add(classic.integrity, kOfferedHashes, find_integrity);
  if (old_too) classic.integrity.push_back(find_integrity("sha1"));
  return {std::move(aead), std::move(classic)};
}

// An AEAD is never offered beside a cipher that needs a hash (RFC 5282 8).
void name_ciphers(Proposals& proposals, const std::vector<const EncryptionRow*>& named) {
  if (named.empty()) return;
  for (Proposal& proposal : proposals) proposal.encryption.clear();
  for (const EncryptionRow* row : named) {
    proposals[row->is_aead() ? 0 : 1].encryption.push_back(row);
  }
  if (!named.front()->is_aead()) std::swap(proposals[0], proposals[1]);
  std::erase_if(proposals, [](const Proposal& it) { return it.encryption.empty(); });
}

std::vector<const PrfRow*> prfs_of(const std::vector<const IntegrityRow*>& hashes) {
  std::vector<const PrfRow*> out;
  out.reserve(hashes.size());
  for (const IntegrityRow* hash : hashes) {
    const auto rows = all_prfs();
    const auto row = std::ranges::find(rows, hash->hash, &PrfRow::hash);
    if (row != rows.end()) out.push_back(&*row);
  }
  return out;
}

}  // namespace

Proposals ike_proposals(const IkePolicy& policy, Profile profile) {
  Proposals proposals = defaults(profile);
  for (Proposal& proposal : proposals) {
    if (!policy.integrity.empty()) {
      if (!proposal.integrity.empty()) proposal.integrity = policy.integrity;
      proposal.prfs = prfs_of(policy.integrity);
    }
    if (!policy.dh.empty()) proposal.groups = policy.dh;
  }
  name_ciphers(proposals, policy.encryption);
  return proposals;
}

Proposals child_proposals(const IpsecPolicy& policy, Profile profile) {
  Proposals proposals = defaults(profile);
  for (Proposal& proposal : proposals) {
    proposal.prfs.clear();
    proposal.groups.push_back(nullptr);
    if (!policy.integrity.empty() && !proposal.integrity.empty()) {
      proposal.integrity = policy.integrity;
    }
    if (policy.pfs.empty()) continue;
    proposal.groups.clear();
    for (const PfsChoice& choice : policy.pfs) proposal.groups.push_back(choice.group);
    const auto is_none = [](const GroupRow* group) { return group == nullptr; };
    if (std::ranges::all_of(proposal.groups, is_none)) proposal.groups.clear();
  }
  if (policy.protocol == IpsecProtocol::ah) {
    Proposal authentic = std::move(proposals[1]);
    authentic.encryption.clear();
    return {std::move(authentic)};
  }
  name_ciphers(proposals, policy.encryption);
  return proposals;
}

}  // namespace ipsec::gateway::formats
