#include "ike/gateway/spelling.h"

#include <algorithm>
#include <vector>

#include "ike/base/utf8.h"

namespace ipsec::gateway {
namespace {

// Long enough for any remark; what is longer is a mistake or an attack.
constexpr std::size_t kLongestText = 4096;

// Control characters would write into terminals and logs.
bool is_printable(std::string_view text) {
  return std::ranges::none_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// As people write algorithms: case and dashes do not matter, and SHA-2 may be told from SHA-1.
std::string folded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '-' || c == '_') continue;
    out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  for (const std::string_view size : {"256", "384", "512"}) {
    if (out == fmt::format("sha2{}", size)) return fmt::format("sha{}", size);
  }
  return out;
}

template <typename Rows>
std::string names(const Rows& rows) {
  std::string out;
  for (const auto& row : rows) out += fmt::format("{}{}", out.empty() ? "" : ", ", row.name);
  return out;
}

}  // namespace

Read<std::string> Spelling<std::string>::read(std::string_view text) {
  if (text.size() > kLongestText) {
    return std::unexpected(fmt::format("longer than {} bytes", kLongestText));
  }
  if (!is_utf8(text)) return std::unexpected("not valid UTF-8");
  if (!is_printable(text)) return std::unexpected("control characters are not allowed");
  return std::string(text);
}

Read<ObjectId> Spelling<ObjectId>::read(std::string_view text) {
  if (const auto id = ObjectId::parse(text)) return *id;
  return std::unexpected("no object's id");
}

Read<Address> Spelling<Address>::read(std::string_view text) {
  if (const auto address = Address::parse(text)) return *address;
  return std::unexpected("no IPv4 or IPv6 address");
}

Read<Cidr> Spelling<Cidr>::read(std::string_view text) {
  auto cidr = Cidr::parse(text);
  if (!cidr) return std::unexpected(std::move(cidr.error().why));
  return *cidr;
}

Read<Rule> Spelling<Rule>::read(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) {
    return std::unexpected("no rule of the form LOCAL=PEER,PEER...");
  }
  auto local = Spelling<Cidr>::read(trimmed(text.substr(0, equals)));
  if (!local) return std::unexpected(std::move(local.error()));
  Rule rule{*local, {}};
  std::string_view rest = text.substr(equals + 1);
  for (bool more = true; more;) {
    const auto comma = rest.find(',');
    more = comma != std::string_view::npos;
    auto peer = Spelling<Cidr>::read(trimmed(rest.substr(0, comma)));
    if (!peer) return std::unexpected(std::move(peer.error()));
    rule.peers.push_back(*peer);
    if (more) rest.remove_prefix(comma + 1);
  }
  return rule;
}

std::string Spelling<Rule>::print(const Rule& rule) {
  std::string out = rule.local.to_string();
  char before = '=';
  for (const Cidr& peer : rule.peers) {
    out += before;
    out += peer.to_string();
    before = ',';
  }
  return out;
}

Read<Identity> Spelling<Identity>::read(std::string_view text) {
  if (auto identity = Identity::parse(text)) return *std::move(identity);
  return std::unexpected(
      "no identity: an address, vpn.example.com, user@example.com or key:TEXT, without blanks");
}

Read<const EncryptionRow*> Spelling<const EncryptionRow*>::read(std::string_view text) {
  if (const auto* row = find_encryption(folded(text))) return row;
  return std::unexpected(fmt::format("none of the ciphers {}", names(all_encryption())));
}

Read<const IntegrityRow*> Spelling<const IntegrityRow*>::read(std::string_view text) {
  if (const auto* row = find_integrity(folded(text))) return row;
  return std::unexpected(fmt::format("none of the hashes {}", names(all_integrity())));
}

Read<const GroupRow*> Spelling<const GroupRow*>::read(std::string_view text) {
  const std::string name = folded(text);
  if (const auto* row = find_group(name)) return row;
  const std::string_view digits =
      name.starts_with("group") ? std::string_view(name).substr(5) : std::string_view(name);
  if (const auto number = Spelling<std::uint16_t>::read(digits)) {
    if (const auto* row = find_group(static_cast<GroupId>(*number))) return row;
  }
  std::string known;
  for (const auto& row : all_groups()) {
    known += fmt::format("{}{} ({})", known.empty() ? "" : ", ", row.name,
                         static_cast<unsigned>(row.id));
  }
  return std::unexpected(fmt::format("none of the groups {}", known));
}

Read<PfsChoice> Spelling<PfsChoice>::read(std::string_view text) {
  const std::string word = folded(text);
  if (word == "none" || word == "disable") return PfsChoice{};
  auto group = Spelling<const GroupRow*>::read(text);
  if (!group) return std::unexpected(std::move(group.error()) + ", and not `none`");
  return PfsChoice{*group};
}

}  // namespace ipsec::gateway
