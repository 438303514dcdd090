// Cisco ASA (9.x) and IOS / IOS XE: crypto maps, an access list line for each pair of ranges. Both
// negotiate one pair of SAs for each line, which our side narrows to.
#include <array>

#include "ike/gateway/formats/render.h"
#include "ike/gateway/formats/suite.h"

namespace ipsec::gateway::formats {
namespace {

constexpr bool kFormer = true;

// --- ASA ---------------------------------------------------------------------------------------

constexpr std::array<DeviceWord, 8> kAsaCiphers{{{"aes256gcm16", "aes-gcm-256"},
                                                 {"aes192gcm16", "aes-gcm-192"},
                                                 {"aes128gcm16", "aes-gcm"},
                                                 {"aes256", "aes-256"},
                                                 {"aes192", "aes-192"},
                                                 {"aes128", "aes"},
                                                 {"3des", "3des", kFormer},
                                                 {"des", "des", kFormer}}};
constexpr std::array<DeviceWord, 5> kAsaIkeHashes{{{"sha512", "sha512"},
                                                   {"sha384", "sha384"},
                                                   {"sha256", "sha256"},
                                                   {"sha1", "sha"},
                                                   {"md5", "md5", kFormer}}};
constexpr std::array<DeviceWord, 5> kAsaEspHashes{{{"sha512", "sha-512"},
                                                   {"sha384", "sha-384"},
                                                   {"sha256", "sha-256"},
                                                   {"sha1", "sha-1"},
                                                   {"md5", "md5", kFormer}}};
constexpr std::array<DeviceGroup, 11> kAsaGroups{{{GroupId::x25519},
                                                  {GroupId::ecp521},
                                                  {GroupId::ecp384},
                                                  {GroupId::ecp256},
                                                  {GroupId::modp4096},
                                                  {GroupId::modp3072},
                                                  {GroupId::modp2048},
                                                  {GroupId::modp2048_256, kFormer},
                                                  {GroupId::modp1536, kFormer},
                                                  {GroupId::modp1024, kFormer},
                                                  {GroupId::modp768, kFormer}}};
constexpr Device kAsa{"Cisco ASA", kAsaCiphers,   kAsaIkeHashes,
                      kAsaCiphers, kAsaEspHashes, kAsaGroups};

// IKEv1 of the ASA never learned SHA-2 and AEADs.
constexpr std::array<DeviceWord, 5> kAsaV1Ciphers{{{"aes256", "aes-256"},
                                                   {"aes192", "aes-192"},
                                                   {"aes128", "aes"},
                                                   {"3des", "3des", kFormer},
                                                   {"des", "des", kFormer}}};
constexpr std::array<DeviceWord, 2> kAsaV1Hashes{{{"sha1", "sha"}, {"md5", "md5", kFormer}}};
constexpr std::array<DeviceGroup, 4> kAsaV1Groups{{{GroupId::modp2048},
                                                   {GroupId::modp1536, kFormer},
                                                   {GroupId::modp1024, kFormer},
                                                   {GroupId::modp768, kFormer}}};
constexpr Device kAsaV1{"Cisco ASA with IKEv1", kAsaV1Ciphers, kAsaV1Hashes,
                        kAsaV1Ciphers,          kAsaV1Hashes,  kAsaV1Groups};

void asa_ikev2(Lines& out, const View& view, const Suite& suite) {
  const bool aead = suite.ike_cipher->is_aead();
  out.add("crypto ikev2 policy 10");
  out.add(" encryption {}", suite.ike_cipher_word);
  out.add(" integrity {}", aead ? "null" : suite.ike_hash_word);
  out.add(" group {}", suite.group_number());
  out.add(" prf {}", suite.ike_hash_word);
  out.add(" lifetime seconds {}", view.ike.lifetime.count());
  out.add("crypto ikev2 enable outside");
  out.add("crypto ipsec ikev2 ipsec-proposal {}", view.name);
  out.add(" protocol esp encryption {}", suite.esp_cipher_word);
  out.add(" protocol esp integrity {}", suite.esp_hash == nullptr ? "null" : suite.esp_hash_word);
}

void asa_ikev1(Lines& out, const View& view, const Suite& suite) {
  out.add("crypto ikev1 policy 10");
  out.add(" authentication pre-share");
  out.add(" encryption {}", suite.ike_cipher_word);
  out.add(" hash {}", suite.ike_hash_word);
  out.add(" group {}", suite.group_number());
  out.add(" lifetime {}", view.ike.lifetime.count());
  out.add("crypto ikev1 enable outside");
  out.add("crypto ipsec ikev1 transform-set {} esp-{} esp-{}-hmac", view.name,
          suite.esp_cipher_word, suite.esp_hash_word);
}

void asa_map(Lines& out, const View& view, const Suite& suite) {
  const std::string map = "crypto map outside_map 10";
  const bool v2 = view.ike.version == IkeVersion::v2;
  out.add("{} match address {}-acl", map, view.name);
  out.add("{} set peer {}", map, remote_text(view));
  if (suite.pfs != nullptr) out.add("{} set pfs group{}", map, suite.pfs_number());
  if (v2) {
    out.add("{} set ikev2 ipsec-proposal {}", map, view.name);
  } else {
    out.add("{} set ikev1 transform-set {}", map, view.name);
    if (view.ike.mode == IkeMode::aggressive) out.add("{} set ikev1 phase1-mode aggressive", map);
  }
  out.add("{} set security-association lifetime seconds {}", map, view.ipsec.lifetime.count());
  if (view.ipsec.lifetime_kb == 0) {
    out.add("{} set security-association lifetime kilobytes unlimited", map);
  } else {
    out.add("{} set security-association lifetime kilobytes {}", map, view.ipsec.lifetime_kb);
  }
  out.add("crypto map outside_map interface outside");
}

void asa_group(Lines& out, const View& view, std::vector<std::string>& warnings) {
  const std::string peer = remote_text(view);
  out.add("tunnel-group {} type ipsec-l2l", peer);
  out.add("tunnel-group {} ipsec-attributes", peer);
  if (view.ike.version == IkeVersion::v2) {
    out.add(" ikev2 remote-authentication pre-shared-key {}", view.key);
    out.add(" ikev2 local-authentication pre-shared-key {}", view.key);
  } else {
    out.add(" ikev1 pre-shared-key {}", view.key);
  }
  out.add(" isakmp keepalive threshold {} retry 2",
          clamped(view.dpd.delay.count(), 10, 3600, "dpd.delay_s", warnings));
}

// The ASA says who it is with one identity for all its tunnels.
void asa_identity(Lines& out, const View& view, std::vector<std::string>& warnings) {
  const auto& id = view.local_id;
  if (!id || id->type == IdType::ipv4) {
    out.add("crypto isakmp identity address");
    if (id && view.local && *id != Identity::of(*view.local)) {
      warnings.push_back(
          fmt::format("an ASA says the address of its interface, not {}: give that address in the "
                      "tunnel as its identity",
                      id->to_string()));
    }
    return;
  }
  if (id->type == IdType::key_id) {
    out.add("crypto isakmp identity key-id {}", as_text(id->data));
  } else {
    out.note("its identity must be {}: set its host name and domain so", id->to_string());
    out.add("crypto isakmp identity hostname");
  }
  warnings.emplace_back("`crypto isakmp identity` is for all tunnels of an ASA, not for this one");
}

}  // namespace

Rendered render_cisco_asa(const View& view) {
  Text text;
  const bool v2 = view.ike.version == IkeVersion::v2;
  const auto suite = choose_suite(view, v2 ? kAsa : kAsaV1, text.warnings);
  if (!suite) return std::unexpected(suite.error());
  Lines out("!");
  out.head(view);
  out.note("the interfaces are called inside and outside; a crypto map named otherwise that is on");
  out.note("outside already takes the lines of outside_map, with a number of its own");
  for (const auto& [what, ranges] :
       {std::pair("here", local_ranges(view)), std::pair("there", remote_ranges(view))}) {
    out.add("object-group network {}-{}", view.name, what);
    for (const Cidr& range : ranges) {
      out.add(" network-object {} {}", range.network().to_string(), mask_of(range));
    }
  }
  for (const CidrPair& pair : view.pairs()) {
    out.add("access-list {}-acl extended permit ip {} {} {} {}", view.name,
            pair.local.network().to_string(), mask_of(pair.local),
            pair.remote.network().to_string(), mask_of(pair.remote));
  }
  out.note("what goes through the tunnel keeps its addresses");
  out.add(
      "nat (inside,outside) source static {0}-here {0}-here destination static {0}-there {0}-there "
      "no-proxy-arp route-lookup",
      view.name);
  asa_identity(out, view, text.warnings);
  if (v2) {
    asa_ikev2(out, view, *suite);
  } else {
    asa_ikev1(out, view, *suite);
  }
  asa_group(out, view, text.warnings);
  asa_map(out, view, *suite);
  text.text = out.take();
  return text;
}

// --- IOS ---------------------------------------------------------------------------------------

namespace {

constexpr std::array<DeviceWord, 7> kIosIkeCiphers{{{"aes256gcm16", "aes-gcm-256"},
                                                    {"aes128gcm16", "aes-gcm-128"},
                                                    {"aes256", "aes-cbc-256"},
                                                    {"aes192", "aes-cbc-192"},
                                                    {"aes128", "aes-cbc-128"},
                                                    {"3des", "3des", kFormer},
                                                    {"des", "des", kFormer}}};
constexpr std::array<DeviceWord, 5> kIosV1Ciphers{{{"aes256", "aes 256"},
                                                   {"aes192", "aes 192"},
                                                   {"aes128", "aes"},
                                                   {"3des", "3des", kFormer},
                                                   {"des", "des", kFormer}}};
constexpr std::array<DeviceWord, 5> kIosIkeHashes{{{"sha512", "sha512"},
                                                   {"sha384", "sha384"},
                                                   {"sha256", "sha256"},
                                                   {"sha1", "sha1"},
                                                   {"md5", "md5", kFormer}}};
constexpr std::array<DeviceWord, 5> kIosV1Hashes{{{"sha512", "sha512"},
                                                  {"sha384", "sha384"},
                                                  {"sha256", "sha256"},
                                                  {"sha1", "sha"},
                                                  {"md5", "md5", kFormer}}};
constexpr std::array<DeviceWord, 8> kIosEspCiphers{{{"aes256gcm16", "esp-gcm 256"},
                                                    {"aes192gcm16", "esp-gcm 192"},
                                                    {"aes128gcm16", "esp-gcm 128"},
                                                    {"aes256", "esp-aes 256"},
                                                    {"aes192", "esp-aes 192"},
                                                    {"aes128", "esp-aes"},
                                                    {"3des", "esp-3des", kFormer},
                                                    {"des", "esp-des", kFormer}}};
// Behind "esp-" or "ah-".
constexpr std::array<DeviceWord, 5> kIosEspHashes{{{"sha512", "sha512-hmac"},
                                                   {"sha384", "sha384-hmac"},
                                                   {"sha256", "sha256-hmac"},
                                                   {"sha1", "sha-hmac"},
                                                   {"md5", "md5-hmac", kFormer}}};
constexpr std::array<DeviceGroup, 10> kIosGroups{{{GroupId::ecp521},
                                                  {GroupId::ecp384},
                                                  {GroupId::ecp256},
                                                  {GroupId::modp4096},
                                                  {GroupId::modp3072},
                                                  {GroupId::modp2048},
                                                  {GroupId::modp2048_256, kFormer},
                                                  {GroupId::modp1536, kFormer},
                                                  {GroupId::modp1024, kFormer},
                                                  {GroupId::modp768, kFormer}}};
constexpr bool kCiscoHasAh = true;
constexpr Device kIos{"Cisco IOS",   kIosIkeCiphers, kIosIkeHashes, kIosEspCiphers,
                      kIosEspHashes, kIosGroups,     kCiscoHasAh};
constexpr Device kIosV1{"Cisco IOS",   kIosV1Ciphers, kIosV1Hashes, kIosEspCiphers,
                        kIosEspHashes, kIosGroups,    kCiscoHasAh};

std::string ios_identity(const Identity& id, std::string_view mask) {
  switch (id.type) {
    case IdType::ipv4:
      return fmt::format("address {}{}", id.to_string(), mask);
    case IdType::rfc822:
      return "email " + id.to_string();
    case IdType::key_id:
      return fmt::format("key-id {}", as_text(id.data));
    default:
      return "fqdn " + id.to_string();
  }
}

void ios_ikev2(Lines& out, const View& view, const Suite& suite,
               std::vector<std::string>& warnings) {
  const bool aead = suite.ike_cipher->is_aead();
  out.add("crypto ikev2 proposal {}", view.name);
  out.add(" encryption {}", suite.ike_cipher_word);
  out.add(" {} {}", aead ? "prf" : "integrity", suite.ike_hash_word);
  out.add(" group {}", suite.group_number());
  out.add("crypto ikev2 policy {}", view.name);
  out.add(" match fvrf any");
  out.add(" proposal {}", view.name);
  out.add("crypto ikev2 keyring {}", view.name);
  out.add(" peer {}", view.name);
  out.add("  address {}", remote_text(view));
  out.add("  pre-shared-key {}", view.key);
  out.add("crypto ikev2 profile {}", view.name);
  if (view.remote_id) {
    out.add(" match identity remote {}", ios_identity(*view.remote_id, " 255.255.255.255"));
  } else {
    out.add(" match identity remote any");
  }
  if (view.local_id) out.add(" identity local {}", ios_identity(*view.local_id, ""));
  out.add(" authentication remote pre-share");
  out.add(" authentication local pre-share");
  out.add(" keyring local {}", view.name);
  out.add(" lifetime {}", view.ike.lifetime.count());
  out.add(" dpd {} {} periodic", clamped(view.dpd.delay.count(), 10, 3600, "dpd.delay_s", warnings),
          3);
}

void ios_ikev1(Lines& out, const View& view, const Suite& suite,
               std::vector<std::string>& warnings) {
  out.add("crypto isakmp policy 10");
  out.add(" encryption {}", suite.ike_cipher_word);
  out.add(" hash {}", suite.ike_hash_word);
  out.add(" authentication pre-share");
  out.add(" group {}", suite.group_number());
  out.add(" lifetime {}", view.ike.lifetime.count());
  out.add("crypto isakmp keepalive {} 3 periodic",
          clamped(view.dpd.delay.count(), 10, 3600, "dpd.delay_s", warnings));
  out.add("crypto keyring {}", view.name);
  out.add(" pre-shared-key address {} key {}", remote_text(view), view.key);
  out.add("crypto isakmp profile {}", view.name);
  out.add(" keyring {}", view.name);
  if (view.local_id) {
    out.add(" self-identity {}", view.local_id->type == IdType::ipv4
                                     ? std::string("address")
                                     : ios_identity(*view.local_id, ""));
  }
  if (view.remote_id) {
    out.add(" match identity {}", ios_identity(*view.remote_id, " 255.255.255.255"));
  }
  if (view.ike.mode == IkeMode::aggressive) out.add(" initiate mode aggressive");
}

void ios_transforms(Lines& out, const View& view, const Suite& suite) {
  std::string words(suite.esp_cipher_word);
  if (suite.esp_cipher == nullptr) {
    words = fmt::format("ah-{}", suite.esp_hash_word);
  } else if (suite.esp_hash != nullptr) {
    words += fmt::format(" esp-{}", suite.esp_hash_word);
  }
  out.add("crypto ipsec transform-set {} {}", view.name, words);
  out.add(" mode tunnel");
}

}  // namespace

Rendered render_cisco_ios(const View& view) {
  Text text;
  const bool v2 = view.ike.version == IkeVersion::v2;
  const auto suite = choose_suite(view, v2 ? kIos : kIosV1, text.warnings);
  if (!suite) return std::unexpected(suite.error());
  Lines out("!");
  out.head(view);
  out.note("put the name of the outside interface in place of GigabitEthernet1, and except the");
  out.note("pairs of {}-acl from its NAT: deny them in the NAT's own access list", view.name);
  if (v2) {
    ios_ikev2(out, view, *suite, text.warnings);
  } else {
    ios_ikev1(out, view, *suite, text.warnings);
  }
  ios_transforms(out, view, *suite);
  out.add("ip access-list extended {}-acl", view.name);
  for (const CidrPair& pair : view.pairs()) {
    out.add(" permit ip {} {} {} {}", pair.local.network().to_string(), wildcard_of(pair.local),
            pair.remote.network().to_string(), wildcard_of(pair.remote));
  }
  out.add("crypto map {}-map 10 ipsec-isakmp", view.name);
  out.add(" set peer {}", remote_text(view));
  out.add(" set security-association lifetime seconds {}", view.ipsec.lifetime.count());
  if (view.ipsec.lifetime_kb == 0) {
    out.add(" set security-association lifetime kilobytes disable");
  } else {
    out.add(" set security-association lifetime kilobytes {}", view.ipsec.lifetime_kb);
  }
  out.add(" set security-association replay window-size {}",
          clamped(view.ipsec.replay_window, 64, 1024, "ipsec.replay_window", text.warnings));
  out.add(" set transform-set {}", view.name);
  if (suite->pfs != nullptr) out.add(" set pfs group{}", suite->pfs_number());
  out.add(" set {} {}", v2 ? "ikev2-profile" : "isakmp-profile", view.name);
  out.add(" match address {}-acl", view.name);
  out.add("interface GigabitEthernet1");
  out.add(" crypto map {}-map", view.name);
  text.text = out.take();
  return text;
}

}  // namespace ipsec::gateway::formats
