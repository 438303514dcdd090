#include "ike/gateway/formats/swan_words.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "ike/base/bytes.h"

namespace ipsec::gateway::formats {
namespace {

// --- proposals ---------------------------------------------------------------------------------

constexpr std::string_view kNoGroup = "modpnone";

// Other spellings of strongSwan's for rows of the registry.
constexpr std::array<std::pair<std::string_view, std::string_view>, 23> kSynonyms{{
    {"aes", "aes128"},
    {"aes128gcm", "aes128gcm16"},
    {"aes192gcm", "aes192gcm16"},
    {"aes256gcm", "aes256gcm16"},
    {"aesgcm", "aes128gcm16"},
    {"aesgcm16", "aes128gcm16"},
    {"aes128gcm128", "aes128gcm16"},
    {"aes192gcm128", "aes192gcm16"},
    {"aes256gcm128", "aes256gcm16"},
    {"aesctr", "aes128ctr"},
    {"chacha20poly1305compat", "chacha20poly1305"},
    {"sha", "sha1"},
    {"sha2_256", "sha256"},
    {"sha2_384", "sha384"},
    {"sha2_512", "sha512"},
    {"curve25519", "x25519"},
    {"modpnull", "modpnone"},
    {"none", "modpnone"},
    {"esp", ""},
    {"ah", ""},
    {"esn", ""},
    {"noesn", ""},
    {"", ""},
}};

bool take_word(Proposal& proposal, std::string_view word, Use use) {
  for (const auto& [synonym, known] : kSynonyms) {
    if (word == synonym) word = known;
  }
  if (word.empty()) return true;  // sequence numbers are not a setting of ours
  if (word == kNoGroup && use != Use::ike) {
    proposal.groups.push_back(nullptr);
    return true;
  }
  const auto* encryption = find_encryption(word);
  if (encryption != nullptr && use != Use::ah) {
    proposal.encryption.push_back(encryption);
    return true;
  }
  if (const auto* integrity = find_integrity(word)) {
    proposal.integrity.push_back(integrity);
    return true;
  }
  const auto* prf = find_prf(word);
  if (prf != nullptr && use == Use::ike) {
    proposal.prfs.push_back(prf);
    return true;
  }
  if (const auto* group = find_group(word)) {
    proposal.groups.push_back(group);
    return true;
  }
  return false;
}

bool is_aead(const Proposal& proposal) {
  return !proposal.encryption.empty() && proposal.encryption.front()->is_aead();
}

// What strongSwan leaves to be understood, as it is in ours.
std::expected<void, std::string> complete(Proposal& proposal, std::string_view text, Use use) {
  const auto fail = [&](std::string_view why) {
    return std::unexpected(fmt::format("proposal '{}' {}", text, why));
  };
  if (use != Use::ah && proposal.encryption.empty()) return fail("has no cipher");
  const bool aead = is_aead(proposal);
  if (std::ranges::any_of(proposal.encryption,
                          [&](const EncryptionRow* row) { return row->is_aead() != aead; })) {
    return fail("has ciphers with and without integrity of their own side by side");
  }
  if (use == Use::ike && proposal.groups.empty()) return fail("has no group");
  if (!aead && proposal.integrity.empty()) return fail("has no hash");
  if (use != Use::ike) {
    if (aead) proposal.integrity.clear();
    return {};
  }
  if (aead) {
    // A hash beside an AEAD is taken for its PRF by strongSwan too.
    if (proposal.prfs.empty() && proposal.integrity.empty()) {
      proposal.prfs = ike_proposals({}, Profile::automatic).front().prfs;
    }
  } else {
    proposal.prfs.clear();
  }
  for (const IntegrityRow* hash : proposal.integrity) {
    const auto rows = all_prfs();
    const auto row = std::ranges::find(rows, hash->hash, &PrfRow::hash);
    if (std::ranges::find(proposal.prfs, &*row) == proposal.prfs.end()) {
      proposal.prfs.push_back(&*row);
    }
  }
  if (aead) proposal.integrity.clear();
  return {};
}

std::string write_proposal(const Proposal& proposal, Use use, IkeVersion version) {
  std::string out;
  const auto add = [&](std::string_view word) {
    if (!out.empty()) out += '-';
    out += word;
  };
  for (const EncryptionRow* row : proposal.encryption) add(row->name);
  for (const IntegrityRow* row : proposal.integrity) add(row->name);
  // Elsewhere it follows from the hashes.
  if (is_aead(proposal)) {
    for (const PrfRow* row : proposal.prfs) add(row->name);
  }
  for (const GroupRow* row : proposal.groups) add(row == nullptr ? kNoGroup : row->name);
  if (use != Use::ike && version == IkeVersion::v2) {
    add("esn");
    add("noesn");
  }
  return out;
}

// --- lists -------------------------------------------------------------------------------------

template <typename Row>
void add_new(std::vector<Row>& rows, const Row& row) {
  if (std::ranges::find(rows, row) == rows.end()) rows.push_back(row);
}

struct Lists {
  std::vector<const EncryptionRow*> encryption;
  std::vector<const IntegrityRow*> integrity;
  std::vector<const GroupRow*> groups;
};

Lists lists_of(const Proposals& proposals) {
  Lists lists;
  for (const Proposal& proposal : proposals) {
    for (const EncryptionRow* row : proposal.encryption) add_new(lists.encryption, row);
    for (const IntegrityRow* row : proposal.integrity) add_new(lists.integrity, row);
    for (const PrfRow* prf : proposal.prfs) {
      const auto rows = all_integrity();
      const auto row = std::ranges::find(rows, prf->hash, &IntegrityRow::hash);
      if (row != rows.end()) add_new(lists.integrity, &*row);
    }
    for (const GroupRow* row : proposal.groups) add_new(lists.groups, row);
  }
  return lists;
}

// Which of the three lists are named.
constexpr unsigned kEncryption = 1;
constexpr unsigned kIntegrity = 2;
constexpr unsigned kNamedGroups = 4;
constexpr unsigned kAll = 7;
// Fewest first.
constexpr std::array<unsigned, 8> kChoices{0, kEncryption, kIntegrity, kNamedGroups, 3, 5, 6, kAll};

IkePolicy ike_policy(const Lists& lists, unsigned named) {
  IkePolicy policy;
  if ((named & kEncryption) != 0) policy.encryption = lists.encryption;
  if ((named & kIntegrity) != 0) policy.integrity = lists.integrity;
  if ((named & kNamedGroups) != 0) policy.dh = lists.groups;
  return policy;
}

IpsecPolicy ipsec_policy(const Lists& lists, unsigned named, IpsecProtocol protocol) {
  IpsecPolicy policy;
  policy.protocol = protocol;
  if ((named & kEncryption) != 0) policy.encryption = lists.encryption;
  if ((named & kIntegrity) != 0) policy.integrity = lists.integrity;
  if ((named & kNamedGroups) == 0) return policy;
  policy.pfs.reserve(lists.groups.size() + 1);
  for (const GroupRow* group : lists.groups) policy.pfs.push_back({group});
  if (policy.pfs.empty()) policy.pfs.push_back({});
  return policy;
}

// The fewest names that say exactly this; nothing where none do.
template <typename Offers>
std::optional<unsigned> exact(const Proposals& wanted, Offers offers) {
  for (const unsigned named : kChoices) {
    if (wanted.empty() || offers(named) == wanted) return named;
  }
  return std::nullopt;
}

}  // namespace

std::string write_proposals(const Proposals& proposals, Use use, IkeVersion version) {
  std::string out;
  for (const Proposal& proposal : proposals) {
    if (!out.empty()) out += ',';
    out += write_proposal(proposal, use, version);
  }
  return out;
}

std::expected<Proposals, std::string> read_proposals(std::string_view text, Use use) {
  text = trimmed(text);
  if (text.ends_with('!')) text.remove_suffix(1);
  Proposals out;
  bool defaults = false;
  for (const std::string_view each : split(text, ",")) {
    if (each == "default") {
      defaults = true;
      continue;
    }
    Proposal proposal;
    for (const std::string_view word : split(each, "-")) {
      if (!take_word(proposal, word, use)) {
        return std::unexpected(fmt::format("'{}' in '{}' is no algorithm known here", word, each));
      }
    }
    auto done = complete(proposal, each, use);
    if (!done) return std::unexpected(std::move(done.error()));
    out.push_back(std::move(proposal));
  }
  if (defaults) out.clear();
  return out;
}

NamedAlgorithms name_algorithms(const Proposals& ike, const Proposals& child,
                                IpsecProtocol protocol) {
  const Lists ike_lists = lists_of(ike);
  const Lists child_lists = lists_of(child);
  struct Names {
    Profile profile;
    std::optional<unsigned> ike;
    std::optional<unsigned> child;

    [[nodiscard]] bool is_exact() const { return ike && child; }
    [[nodiscard]] int count() const {
      return std::popcount(ike.value_or(kAll)) + std::popcount(child.value_or(kAll));
    }
  };
  const auto names_under = [&](Profile profile) -> Names {
    return {
        profile,
        exact(ike,
              [&](unsigned named) { return ike_proposals(ike_policy(ike_lists, named), profile); }),
        exact(child, [&](unsigned named) {
          return child_proposals(ipsec_policy(child_lists, named, protocol), profile);
        })};
  };
  Names best = names_under(Profile::automatic);
  const Names modern = names_under(Profile::modern);
  // A profile is worth naming only where it saves other names.
  if (modern.is_exact() && (!best.is_exact() || modern.count() < best.count())) best = modern;
  return {best.profile, ike_policy(ike_lists, best.ike.value_or(kAll)),
          ipsec_policy(child_lists, best.child.value_or(kAll), protocol), !best.is_exact()};
}

// --- identities --------------------------------------------------------------------------------

std::string write_identity(const std::optional<Identity>& identity) {
  if (!identity) return "%any";
  switch (identity->type) {
    case IdType::fqdn:
      return "@" + identity->to_string();
    case IdType::rfc822:
      return "@@" + identity->to_string();
    case IdType::key_id:
      return "@#" + to_hex(identity->data);
    default:
      return identity->to_string();
  }
}

namespace {

std::optional<Identity> read_key_id(std::string_view text) {
  const bool sharp = text.starts_with("@#");
  std::string_view rest = text.substr(sharp ? 2 : 6);
  const bool hex = sharp || rest.starts_with("0x");
  if (rest.starts_with("0x")) rest.remove_prefix(2);
  auto bytes = hex ? from_hex(rest) : std::optional(to_bytes(rest));
  if (!bytes) return std::nullopt;
  return Identity{IdType::key_id, *std::move(bytes)};
}

}  // namespace

std::expected<std::optional<Identity>, std::string> read_identity(std::string_view text) {
  text = trimmed(text);
  if (text == "%any" || text == "0.0.0.0" || text == "::" || text.empty()) return std::nullopt;
  const auto fail = [&](std::string_view why) {
    return std::unexpected(fmt::format("identity '{}' {}", text, why));
  };
  std::optional<Identity> identity;
  if (text.starts_with("@#") || text.starts_with("keyid:")) {
    identity = read_key_id(text);
  } else if (text.starts_with("@@") || text.starts_with("email:")) {
    identity = Identity{IdType::rfc822, to_bytes(text.substr(text.starts_with("@@") ? 2 : 6))};
  } else if (text.starts_with('@') || text.starts_with("fqdn:")) {
    identity = Identity{IdType::fqdn, to_bytes(text.substr(text.starts_with('@') ? 1 : 5))};
  } else if (text.contains('=')) {
    return fail("is a certificate's name, and certificates are not for this gateway yet");
  } else if (text.contains('*') || text.contains('%')) {
    return fail("is a pattern; a tunnel names one identity");
  } else {
    identity = Identity::parse(text);
  }
  // The model keeps identities as text, and one that reads back as another would be wrong.
  if (!identity || Identity::parse(identity->to_string()) != identity) {
    return fail("cannot be said here");
  }
  return identity;
}

// --- values ------------------------------------------------------------------------------------

std::optional<std::uint64_t> read_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto read = std::from_chars(text.begin(), text.end(), number);
  if (read.ec != std::errc{} || read.ptr != text.end()) return std::nullopt;
  return number;
}

std::optional<std::chrono::seconds> read_duration(std::string_view text) {
  static constexpr std::uint64_t kMost = 1'000'000'000;  // 30 years: more is a mistake
  static constexpr std::array<std::pair<char, std::uint64_t>, 5> kUnits{
      {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}}};
  text = trimmed(text);
  std::uint64_t unit = 1;
  for (const auto& [letter, seconds] : kUnits) {
    if (!text.ends_with(letter)) continue;
    unit = seconds;
    text.remove_suffix(1);
    break;
  }
  const auto number = read_number(trimmed(text));
  if (!number || *number > kMost / unit) return std::nullopt;
  return std::chrono::seconds(static_cast<std::int64_t>(*number * unit));
}

std::optional<bool> read_flag(std::string_view text) {
  for (const std::string_view word : {"yes", "true", "enabled", "1"}) {
    if (text == word) return true;
  }
  for (const std::string_view word : {"no", "false", "disabled", "0"}) {
    if (text == word) return false;
  }
  return std::nullopt;
}

namespace {

std::optional<std::string> from_base64(std::string_view text) {
  static constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const auto value = kLetters.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>((bits >> static_cast<unsigned>(count)) & 0xffU);
  }
  return out;
}

}  // namespace

std::optional<std::string> read_secret(std::string_view text) {
  if (text.starts_with("0s")) return from_base64(text.substr(2));
  if (!text.starts_with("0x")) return std::string(text);
  const auto bytes = from_hex(text.substr(2));
  if (!bytes) return std::nullopt;
  return std::string(as_text(*bytes));
}

std::string write_hex_secret(std::string_view secret) { return "0x" + to_hex(to_bytes(secret)); }

std::string_view trimmed(std::string_view text) {
  static constexpr std::string_view kBlanks = " \t\r";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, std::string_view at) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const auto end = text.find_first_of(at);
    if (const auto word = trimmed(text.substr(0, end)); !word.empty()) out.push_back(word);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace ipsec::gateway::formats
