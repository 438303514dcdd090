// Huawei (USG and AR, VRP 8 and 5) and H3C (Comware 7): policies on an interface, an ACL rule for
// each pair of ranges. The two have one ancestor, and no longer one language.
#include <array>

#include "ike/gateway/formats/render.h"
#include "ike/gateway/formats/suite.h"

namespace ipsec::gateway::formats {
namespace {

constexpr bool kChinaHasAh = true;

void write_acl(Lines& out, const View& view, std::string_view opening) {
  out.part();
  out.add("{}", opening);
  unsigned rule = 0;
  for (const CidrPair& pair : view.pairs()) {
    rule += 5;
    out.add(" rule {} permit ip source {} {} destination {} {}", rule,
            pair.local.network().to_string(), wildcard_of(pair.local),
            pair.remote.network().to_string(), wildcard_of(pair.remote));
  }
}

void write_durations(Lines& out, const View& view) {
  out.add(" sa duration time-based {}", view.ipsec.lifetime.count());
  if (view.ipsec.lifetime_kb != 0) {
    out.add(" sa duration traffic-based {}", view.ipsec.lifetime_kb);
  }
}

// --- Huawei ------------------------------------------------------------------------------------

constexpr std::array<DeviceWord, 5> kHuaweiCiphers{{{"aes256", "aes-256"},
                                                    {"aes192", "aes-192"},
                                                    {"aes128", "aes-128"},
                                                    {"3des", "3des"},
                                                    {"des", "des"}}};
constexpr std::array<DeviceWord, 5> kHuaweiHashes{{{"sha512", "sha2-512"},
                                                   {"sha384", "sha2-384"},
                                                   {"sha256", "sha2-256"},
                                                   {"sha1", "sha1"},
                                                   {"md5", "md5"}}};
constexpr std::array<DeviceGroup, 10> kHuaweiGroups{{{GroupId::ecp521},
                                                     {GroupId::ecp384},
                                                     {GroupId::ecp256},
                                                     {GroupId::modp4096},
                                                     {GroupId::modp3072},
                                                     {GroupId::modp2048},
                                                     {GroupId::modp2048_256},
                                                     {GroupId::modp1536},
                                                     {GroupId::modp1024},
                                                     {GroupId::modp768}}};
constexpr Device kHuawei{"Huawei",      kHuaweiCiphers, kHuaweiHashes, kHuaweiCiphers,
                         kHuaweiHashes, kHuaweiGroups,  kChinaHasAh};
constexpr std::size_t kHuaweiLongestName = 15;

void huawei_identity(Lines& out, std::string_view side, const std::optional<Identity>& id) {
  if (!id) return;
  const std::string_view type = id->type == IdType::ipv4     ? "ip"
                                : id->type == IdType::rfc822 ? "user-fqdn"
                                : id->type == IdType::key_id ? "key-id"
                                                             : "fqdn";
  out.add(" {}-id-type {}", side, type);
  // The local one of type ip is the address of its interface.
  if (type == "ip" && side == "local") return;
  out.add(" {}-id {}", side,
          id->type == IdType::key_id ? std::string(as_text(id->data)) : id->to_string());
}

void huawei_ike(Lines& out, const View& view, const Suite& suite, const std::string& name,
                std::vector<std::string>& warnings) {
  const bool v2 = view.ike.version == IkeVersion::v2;
  out.part();
  out.add("ike proposal 10");
  out.add(" encryption-algorithm {}", suite.ike_cipher_word);
  out.add(" dh group{}", suite.group_number());
  out.add(" authentication-algorithm {}", suite.ike_hash_word);
  out.add(" authentication-method pre-share");
  if (v2) {
    const bool old = suite.ike_hash->name == "md5" || suite.ike_hash->name == "sha1";
    const std::string word = fmt::format("hmac-{}{}", suite.ike_hash_word, old ? "-96" : "");
    out.add(" integrity-algorithm {}", word);
    out.add(" prf hmac-{}", suite.ike_hash_word);
  }
  out.add(" sa duration {}", view.ike.lifetime.count());
  out.part();
  out.add("ike peer {}", name);
  out.add(" undo version {}", v2 ? 1 : 2);
  if (!v2) {
    out.add(" exchange-mode {}", view.ike.mode == IkeMode::main ? "main" : "aggressive");
  }
  out.add(" pre-shared-key {}", view.key);
  out.add(" ike-proposal 10");
  huawei_identity(out, "local", view.local_id);
  huawei_identity(out, "remote", view.remote_id);
  out.add(" remote-address {}", remote_text(view));
  out.add(" dpd type periodic");
  out.add(" dpd idle-time {}", clamped(view.dpd.delay.count(), 10, 3600, "dpd.delay_s", warnings));
}

void huawei_ipsec(Lines& out, const View& view, const Suite& suite, const std::string& name) {
  out.part();
  out.add("ipsec proposal {}", name);
  if (suite.esp_cipher == nullptr) {
    out.add(" transform ah");
    out.add(" ah authentication-algorithm {}", suite.esp_hash_word);
  } else {
    out.add(" transform esp");
    out.add(" esp authentication-algorithm {}", suite.esp_hash_word);
    out.add(" esp encryption-algorithm {}", suite.esp_cipher_word);
  }
  out.add(" encapsulation-mode tunnel");
  out.part();
  out.add("ipsec policy {} 10 isakmp", name);
  out.add(" security acl 3000");
  out.add(" ike-peer {}", name);
  out.add(" proposal {}", name);
  if (suite.pfs != nullptr) out.add(" pfs dh-group{}", suite.pfs_number());
  write_durations(out, view);
  if (view.start == Start::automatic) out.add(" sa trigger-mode auto");
}

}  // namespace

Rendered render_huawei(const View& view) {
  Text text;
  const auto suite = choose_suite(view, kHuawei, text.warnings);
  if (!suite) return std::unexpected(suite.error());
  const std::string name = plain_name(view.name, kHuaweiLongestName);
  if (view.local_id && view.local_id->type == IdType::ipv4 && view.local &&
      *view.local_id != Identity::of(*view.local)) {
    text.warnings.push_back(
        fmt::format("it says the address of its interface as its identity: that must be {}",
                    view.local_id->to_string()));
  }
  Lines out("#");
  out.head(view);
  out.note(
      "the outside interface is GigabitEthernet1/0/1, and ACL 3000 is free; else put yours in");
  out.note(
      "their place. Except the pairs of ACL 3000 from source NAT (action no-nat), let UDP 500");
  out.note("and 4500 and ESP reach zone local, and permit the ranges between the zones.");
  write_acl(out, view, "acl number 3000");
  huawei_ike(out, view, *suite, name, text.warnings);
  huawei_ipsec(out, view, *suite, name);
  out.part();
  out.add("interface GigabitEthernet1/0/1");
  out.add(" ipsec policy {}", name);
  out.part();
  text.text = out.take();
  return text;
}

// --- H3C ---------------------------------------------------------------------------------------

namespace {

constexpr std::array<DeviceWord, 5> kH3cIkeCiphers{{{"aes256", "aes-cbc-256"},
                                                    {"aes192", "aes-cbc-192"},
                                                    {"aes128", "aes-cbc-128"},
                                                    {"3des", "3des-cbc"},
                                                    {"des", "des-cbc"}}};
constexpr std::array<DeviceWord, 8> kH3cEspCiphers{{{"aes256gcm16", "gcm-256"},
                                                    {"aes192gcm16", "gcm-192"},
                                                    {"aes128gcm16", "gcm-128"},
                                                    {"aes256", "aes-cbc-256"},
                                                    {"aes192", "aes-cbc-192"},
                                                    {"aes128", "aes-cbc-128"},
                                                    {"3des", "3des-cbc"},
                                                    {"des", "des-cbc"}}};
constexpr std::array<DeviceWord, 5> kH3cHashes{{{"sha512", "sha512"},
                                                {"sha384", "sha384"},
                                                {"sha256", "sha256"},
                                                {"sha1", "sha1"},
                                                {"md5", "md5"}}};
constexpr std::array<DeviceGroup, 7> kH3cGroups{{{GroupId::ecp384},
                                                 {GroupId::ecp256},
                                                 {GroupId::modp2048},
                                                 {GroupId::modp2048_256},
                                                 {GroupId::modp1536},
                                                 {GroupId::modp1024},
                                                 {GroupId::modp768}}};
constexpr Device kH3c{"H3C",      kH3cIkeCiphers, kH3cHashes, kH3cEspCiphers,
                      kH3cHashes, kH3cGroups,     kChinaHasAh};
// Its AEADs go with IKEv2 alone.
constexpr Device kH3cV1{"H3C with IKEv1", kH3cIkeCiphers, kH3cHashes, kH3cIkeCiphers,
                        kH3cHashes,       kH3cGroups,     kChinaHasAh};

std::string h3c_identity(const Identity& id, bool v2, std::string_view mask) {
  switch (id.type) {
    case IdType::ipv4:
      return fmt::format("address {}{}", id.to_string(), mask);
    case IdType::rfc822:
      return fmt::format("{} {}", v2 ? "email" : "user-fqdn", id.to_string());
    case IdType::key_id:
      return fmt::format("key-id {}", as_text(id.data));
    default:
      return "fqdn " + id.to_string();
  }
}

void h3c_ikev2(Lines& out, const View& view, const Suite& suite,
               std::vector<std::string>& warnings) {
  out.part();
  out.add("ikev2 keychain {}", view.name);
  out.add(" peer {}", view.name);
  out.add("  address {} 32", remote_text(view));
  out.add("  pre-shared-key plaintext {}", view.key);
  out.part();
  out.add("ikev2 proposal {}", view.name);
  out.add(" encryption {}", suite.ike_cipher_word);
  out.add(" integrity {}", suite.ike_hash_word);
  out.add(" prf {}", suite.ike_hash_word);
  out.add(" dh group{}", suite.group_number());
  out.part();
  out.add("ikev2 policy {}", view.name);
  out.add(" priority 10");
  out.add(" proposal {}", view.name);
  out.part();
  out.add("ikev2 profile {}", view.name);
  out.add(" authentication-method local pre-share");
  out.add(" authentication-method remote pre-share");
  out.add(" keychain {}", view.name);
  if (view.local_id) out.add(" identity local {}", h3c_identity(*view.local_id, true, ""));
  if (view.remote_id) {
    out.add(" match remote identity {}", h3c_identity(*view.remote_id, true, " 32"));
  }
  out.add(" sa duration {}", view.ike.lifetime.count());
  out.add(" dpd interval {} retry 3 periodic",
          clamped(view.dpd.delay.count(), 10, 3600, "dpd.delay_s", warnings));
}

void h3c_ikev1(Lines& out, const View& view, const Suite& suite,
               std::vector<std::string>& warnings) {
  out.part();
  out.add("ike proposal 10");
  out.add(" encryption-algorithm {}", suite.ike_cipher_word);
  out.add(" authentication-algorithm {}", suite.ike_hash_word);
  out.add(" authentication-method pre-share");
  out.add(" dh group{}", suite.group_number());
  out.add(" sa duration {}", view.ike.lifetime.count());
  out.part();
  out.add("ike keychain {}", view.name);
  out.add(" pre-shared-key address {} 255.255.255.255 key simple {}", remote_text(view), view.key);
  out.part();
  out.add("ike profile {}", view.name);
  out.add(" keychain {}", view.name);
  out.add(" proposal 10");
  if (view.ike.mode == IkeMode::aggressive) out.add(" exchange-mode aggressive");
  if (view.local_id) out.add(" local-identity {}", h3c_identity(*view.local_id, false, ""));
  if (view.remote_id) {
    out.add(" match remote identity {}", h3c_identity(*view.remote_id, false, " 255.255.255.255"));
  }
  out.add(" dpd interval {} retry 3 periodic",
          clamped(view.dpd.delay.count(), 1, 300, "dpd.delay_s", warnings));
}

void h3c_ipsec(Lines& out, const View& view, const Suite& suite) {
  const bool v2 = view.ike.version == IkeVersion::v2;
  out.part();
  out.add("ipsec transform-set {}", view.name);
  if (suite.esp_cipher == nullptr) {
    out.add(" protocol ah");
    out.add(" ah authentication-algorithm {}", suite.esp_hash_word);
  } else {
    out.add(" protocol esp");
    out.add(" esp encryption-algorithm {}", suite.esp_cipher_word);
    if (suite.esp_hash != nullptr) {
      out.add(" esp authentication-algorithm {}", suite.esp_hash_word);
    }
  }
  out.add(" encapsulation-mode tunnel");
  if (suite.pfs != nullptr) out.add(" pfs dh-group{}", suite.pfs_number());
  out.part();
  out.add("ipsec policy {} 10 isakmp", view.name);
  out.add(" transform-set {}", view.name);
  out.add(" security acl 3000");
  if (view.local) out.add(" local-address {}", view.local->to_string());
  out.add(" remote-address {}", remote_text(view));
  out.add(" {} {}", v2 ? "ikev2-profile" : "ike-profile", view.name);
  write_durations(out, view);
  if (view.start == Start::automatic) out.add(" sa trigger-mode auto");
}

}  // namespace

Rendered render_h3c(const View& view) {
  Text text;
  const bool v2 = view.ike.version == IkeVersion::v2;
  const auto suite = choose_suite(view, v2 ? kH3c : kH3cV1, text.warnings);
  if (!suite) return std::unexpected(suite.error());
  Lines out("#");
  out.head(view);
  out.note("the outside interface is GigabitEthernet0/1, and ACL 3000 is free; else put yours in");
  out.note(
      "their place. Except the pairs of ACL 3000 from NAT: deny them in the NAT's own ACL. If");
  out.note("the device is behind a NAT itself, leave local-address out.");
  write_acl(out, view, "acl advanced 3000");
  if (v2) {
    h3c_ikev2(out, view, *suite, text.warnings);
  } else {
    h3c_ikev1(out, view, *suite, text.warnings);
  }
  h3c_ipsec(out, view, *suite);
  out.part();
  out.add("interface GigabitEthernet0/1");
  out.add(" ipsec apply policy {}", view.name);
  out.part();
  text.text = out.take();
  return text;
}

}  // namespace ipsec::gateway::formats
