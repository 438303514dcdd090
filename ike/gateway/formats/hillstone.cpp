// Hillstone (StoneOS), and Sangfor, whose devices are set up on pages and not by text.
#include <array>

#include "ike/gateway/formats/render.h"
#include "ike/gateway/formats/suite.h"

namespace ipsec::gateway::formats {
namespace {

constexpr bool kHillstoneHasAh = true;

constexpr std::array<DeviceWord, 5> kHillstoneCiphers{{{"aes256", "aes-256"},
                                                       {"aes192", "aes-192"},
                                                       {"aes128", "aes"},
                                                       {"3des", "3des"},
                                                       {"des", "des"}}};
constexpr std::array<DeviceWord, 5> kHillstoneHashes{{{"sha512", "sha512"},
                                                      {"sha384", "sha384"},
                                                      {"sha256", "sha256"},
                                                      {"sha1", "sha"},
                                                      {"md5", "md5"}}};
constexpr std::array<DeviceGroup, 7> kHillstoneGroups{{{GroupId::modp4096},
                                                       {GroupId::modp3072},
                                                       {GroupId::modp2048},
                                                       {GroupId::modp2048_256},
                                                       {GroupId::modp1536},
                                                       {GroupId::modp1024},
                                                       {GroupId::modp768}}};
constexpr Device kHillstone{"Hillstone",       kHillstoneCiphers, kHillstoneHashes,
                            kHillstoneCiphers, kHillstoneHashes,  kHillstoneGroups,
                            kHillstoneHasAh};
constexpr std::size_t kHillstoneLongestName = 28;

std::string hillstone_identity_words(const Identity& id) {
  switch (id.type) {
    case IdType::ipv4:
      return "ip " + id.to_string();
    case IdType::rfc822:
      return fmt::format("u-fqdn \"{}\"", id.to_string());
    case IdType::key_id:
      return fmt::format("key-id \"{}\"", as_text(id.data));
    default:
      return fmt::format("fqdn \"{}\"", id.to_string());
  }
}

void hillstone_ikev1(Lines& out, const View& view, const Suite& suite, const std::string& name,
                     std::vector<std::string>& warnings) {
  out.add("isakmp proposal \"{}-p1\"", name);
  out.add("  authentication pre-share");
  out.add("  hash {}", suite.ike_hash_word);
  out.add("  encryption {}", suite.ike_cipher_word);
  out.add("  group {}", suite.group_number());
  out.add("  lifetime {}", view.ike.lifetime.count());
  out.add("exit");
  out.add("isakmp peer \"{}\"", name);
  out.add("  interface ethernet0/1");
  out.add("  mode {}", view.ike.mode == IkeMode::main ? "main" : "aggressive");
  out.add("  type static");
  out.add("  peer {}", remote_text(view));
  out.add("  isakmp-proposal \"{}-p1\"", name);
  out.add("  pre-share \"{}\"", view.key);
  if (view.local_id) out.add("  local-id {}", hillstone_identity_words(*view.local_id));
  if (view.remote_id) out.add("  peer-id {}", hillstone_identity_words(*view.remote_id));
  out.add("  dpd interval {} retry 3",
          clamped(view.dpd.delay.count(), 1, 10, "dpd.delay_s", warnings));
  out.add("  nat-traversal");
  out.add("exit");
}

void hillstone_ikev2(Lines& out, const View& view, const Suite& suite, const std::string& name) {
  out.add("ikev2 proposal \"{}-p1\"", name);
  out.add("  hash {}", suite.ike_hash_word);
  out.add("  prf {}", suite.ike_hash_word);
  out.add("  encryption {}", suite.ike_cipher_word);
  out.add("  group {}", suite.group_number());
  out.add("  lifetime {}", view.ike.lifetime.count());
  out.add("exit");
  out.add("ikev2 peer \"{}\"", name);
  out.add("  interface ethernet0/1");
  out.add("  match-peer {}", remote_text(view));
  out.add("  auth psk");
  out.add("  ikev2-proposal \"{}-p1\"", name);
  if (view.local_id) out.add("  local-id {}", hillstone_identity_words(*view.local_id));
  std::size_t number = 0;
  for (const CidrPair& pair : view.pairs()) {
    out.add("  ikev2-profile \"{}-{}\"", name, ++number);
    if (view.remote_id) out.add("    remote id {}", hillstone_identity_words(*view.remote_id));
    out.add("    remote key {}", view.key);
    out.add("    traffic-selector src subnet {}", pair.local.to_string());
    out.add("    traffic-selector dst subnet {}", pair.remote.to_string());
    out.add("  exit");
  }
  out.add("exit");
}

void hillstone_phase2(Lines& out, const View& view, const Suite& suite, const std::string& name) {
  const bool v2 = view.ike.version == IkeVersion::v2;
  out.add("{} \"{}-p2\"", v2 ? "ikev2 ipsec-proposal" : "ipsec proposal", name);
  out.add("  protocol {}", suite.esp_cipher == nullptr ? "ah" : "esp");
  out.add("  hash {}", suite.esp_hash_word);
  if (suite.esp_cipher != nullptr) out.add("  encryption {}", suite.esp_cipher_word);
  if (suite.pfs == nullptr) {
    out.add("  group nopfs");
  } else {
    out.add("  group {}", suite.pfs_number());
  }
  out.add("  lifetime {}", view.ipsec.lifetime.count());
  if (view.ipsec.lifetime_kb != 0) out.add("  lifesize {}", view.ipsec.lifetime_kb);
  out.add("exit");
  out.add("tunnel ipsec \"{}\" {}", name, v2 ? "ikev2" : "auto");
  out.add("  {} \"{}\"", v2 ? "ikev2-peer" : "isakmp-peer", name);
  out.add("  ipsec-proposal \"{}-p2\"", name);
  if (!v2) {
    for (const CidrPair& pair : view.pairs()) {
      out.add("  id local {} remote {} service \"Any\"", pair.local.to_string(),
              pair.remote.to_string());
    }
  }
  if (view.start == Start::automatic) out.add("  auto-connect");
  out.add("exit");
}

}  // namespace

Rendered render_hillstone(const View& view) {
  Text text;
  const auto suite = choose_suite(view, kHillstone, text.warnings);
  if (!suite) return std::unexpected(suite.error());
  const std::string name = plain_name(view.name, kHillstoneLongestName);
  Lines out("#");
  out.head(view);
  out.note(
      "the outside interface is ethernet0/1, tunnel1 and zone VPNHub are free, and the inside");
  out.note("is zone trust; else put yours in their place. Lines that begin with # are not for the");
  out.note(
      "device. Traffic through tunnel1 is not source-translated unless a rule of yours says so.");
  if (view.ike.version == IkeVersion::v2) {
    hillstone_ikev2(out, view, *suite, name);
  } else {
    hillstone_ikev1(out, view, *suite, name, text.warnings);
  }
  hillstone_phase2(out, view, *suite, name);
  out.add("interface tunnel1");
  out.add("  zone \"VPNHub\"");
  out.add("  tunnel ipsec \"{}\"", name);
  out.add("exit");
  out.add("ip vrouter \"trust-vr\"");
  for (const Cidr& range : remote_ranges(view)) out.add("  ip route {} tunnel1", range.to_string());
  out.add("exit");
  for (const auto& [from, to] : {std::pair("trust", "VPNHub"), std::pair("VPNHub", "trust")}) {
    out.add("rule");
    out.add("  action permit");
    out.add("  src-zone \"{}\"", from);
    out.add("  dst-zone \"{}\"", to);
    out.add("  src-addr \"Any\"");
    out.add("  dst-addr \"Any\"");
    out.add("  service \"Any\"");
    out.add("exit");
  }
  text.text = out.take();
  return text;
}

// --- Sangfor -----------------------------------------------------------------------------------

namespace {

constexpr std::array<DeviceWord, 5> kPageCiphers{{{"aes256", "AES-256"},
                                                  {"aes192", "AES-192"},
                                                  {"aes128", "AES-128"},
                                                  {"3des", "3DES"},
                                                  {"des", "DES"}}};
constexpr std::array<DeviceWord, 5> kPageHashes{{{"sha512", "SHA2-512"},
                                                 {"sha384", "SHA2-384"},
                                                 {"sha256", "SHA2-256"},
                                                 {"sha1", "SHA-1"},
                                                 {"md5", "MD5"}}};
constexpr Device kSangfor{"Sangfor",   kPageCiphers,     kPageHashes,    kPageCiphers,
                          kPageHashes, kHillstoneGroups, kHillstoneHasAh};

std::string identity_phrase(const std::optional<Identity>& id) {
  if (!id) return "any";
  const std::string_view type = id->type == IdType::ipv4     ? "IP address"
                                : id->type == IdType::rfc822 ? "user string (USER_FQDN)"
                                : id->type == IdType::key_id ? "key ID"
                                                             : "domain string (FQDN)";
  return fmt::format("{} {}", type, id->to_string());
}

}  // namespace

Rendered render_sangfor(const View& view) {
  Text text;
  const auto suite = choose_suite(view, kSangfor, text.warnings);
  if (!suite) return std::unexpected(suite.error());
  text.warnings.emplace_back("Sangfor devices load no text: this is what to enter on their pages");
  const bool v2 = view.ike.version == IkeVersion::v2;
  Lines out("#");
  out.head(view);
  out.note("enter it under IPsec VPN > third-party device (standard IPsec)");
  out.add("[Phase I]");
  out.add("Device name:             {}", view.name);
  out.add("IKE version:             IKEv{}", static_cast<int>(view.ike.version));
  if (!v2) {
    out.add("Connection mode:         {}", view.ike.mode == IkeMode::main ? "main" : "aggressive");
  }
  out.add("Peer address type:       static IP");
  out.add("Peer address:            {}", remote_text(view));
  out.add("Authentication:          pre-shared key");
  out.add("Pre-shared key:          {}", view.key);
  out.add("Local identity:          {}", identity_phrase(view.local_id));
  out.add("Peer identity:           {}", identity_phrase(view.remote_id));
  out.add("Encryption:              {}", suite->ike_cipher_word);
  out.add("Authentication hash:     {}", suite->ike_hash_word);
  out.add("DH group:                {}", suite->group_number());
  out.add("ISAKMP lifetime:         {} s", view.ike.lifetime.count());
  out.add("DPD:                     on, every {} s",
          clamped(view.dpd.delay.count(), 5, 60, "dpd.delay_s", text.warnings));
  out.add("NAT traversal:           on");
  out.add("Start by itself:         {}", view.start == Start::automatic ? "yes" : "no");
  out.add("[Phase II]");
  out.add("Protocol:                {}", suite->esp_cipher == nullptr ? "AH" : "ESP");
  if (suite->esp_cipher != nullptr) {
    out.add("Encryption:              {}", suite->esp_cipher_word);
  }
  out.add("Authentication hash:     {}", suite->esp_hash_word);
  if (suite->pfs == nullptr) {
    out.add("PFS:                     off");
  } else {
    out.add("PFS:                     on, group {}", suite->pfs_number());
  }
  out.add("IPsec SA lifetime:       {} s", view.ipsec.lifetime.count());
  if (view.ipsec.lifetime_kb != 0) {
    out.add("IPsec SA lifetime:       {} KB", view.ipsec.lifetime_kb);
  }
  for (const CidrPair& pair : view.pairs()) {
    out.add("Policy, out and in:      {} to {}", pair.local.to_string(), pair.remote.to_string());
  }
  out.note(
      "let UDP 500 and 4500 and ESP in, except these ranges from NAT, and permit them between");
  out.note("LAN and VPN");
  text.text = out.take();
  return text;
}

}  // namespace ipsec::gateway::formats
