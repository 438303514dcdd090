// FortiGate (FortiOS 6.4 and later): an IPsec interface, a phase 2 for each pair of ranges.
#include <array>

#include "ike/gateway/formats/render.h"
#include "ike/gateway/formats/suite.h"

namespace ipsec::gateway::formats {
namespace {

constexpr std::array<DeviceWord, 8> kFortigateCiphers{{{"aes256gcm16", "aes256gcm"},
                                                       {"aes128gcm16", "aes128gcm"},
                                                       {"chacha20poly1305", "chacha20poly1305"},
                                                       {"aes256", "aes256"},
                                                       {"aes192", "aes192"},
                                                       {"aes128", "aes128"},
                                                       {"3des", "3des"},
                                                       {"des", "des"}}};
// Without AEADs, which its IKEv1 has not.
constexpr std::span<const DeviceWord> kV1Ciphers = std::span(kFortigateCiphers).subspan(3);
constexpr std::array<DeviceWord, 5> kFortigateHashes{{{"sha512", "sha512"},
                                                      {"sha384", "sha384"},
                                                      {"sha256", "sha256"},
                                                      {"sha1", "sha1"},
                                                      {"md5", "md5"}}};
constexpr std::array<DeviceGroup, 12> kFortigateGroups{{{GroupId::x25519},
                                                        {GroupId::ecp521},
                                                        {GroupId::ecp384},
                                                        {GroupId::ecp256},
                                                        {GroupId::modp8192},
                                                        {GroupId::modp6144},
                                                        {GroupId::modp4096},
                                                        {GroupId::modp3072},
                                                        {GroupId::modp2048},
                                                        {GroupId::modp1536},
                                                        {GroupId::modp1024},
                                                        {GroupId::modp768}}};
constexpr Device kFortigate{"FortiGate",       kFortigateCiphers, kFortigateHashes,
                            kFortigateCiphers, kFortigateHashes,  kFortigateGroups};
constexpr Device kFortigateV1{"FortiGate",       kV1Ciphers,       kFortigateHashes,
                              kFortigateCiphers, kFortigateHashes, kFortigateGroups};
// It is an interface's name too.
constexpr std::size_t kFortigateLongestName = 15;

std::string_view identity_type(const Identity& id) {
  switch (id.type) {
    case IdType::ipv4:
      return "address";
    case IdType::rfc822:
      return "user-fqdn";
    case IdType::key_id:
      return "keyid";
    default:
      return "fqdn";
  }
}

std::string fortigate_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

void fortigate_phase1(Lines& out, const View& view, const Suite& suite, const std::string& name,
                      std::vector<std::string>& warnings) {
  out.add("config vpn ipsec phase1-interface");
  out.add("    edit \"{}\"", name);
  out.add("        set interface \"wan1\"");
  out.add("        set ike-version {}", static_cast<int>(view.ike.version));
  if (view.ike.version == IkeVersion::v1) {
    out.add("        set mode {}", view.ike.mode == IkeMode::main ? "main" : "aggressive");
  }
  out.add("        set keylife {}", view.ike.lifetime.count());
  if (view.remote_id && (!view.remote || *view.remote_id != Identity::of(*view.remote))) {
    out.add("        set peertype one");
    out.add("        set peerid {}",
            fortigate_quoted(view.remote_id->type == IdType::key_id
                                 ? std::string(as_text(view.remote_id->data))
                                 : view.remote_id->to_string()));
  } else {
    out.add("        set peertype any");
  }
  out.add("        set net-device disable");
  const bool aead = suite.ike_cipher->is_aead();
  out.add("        set proposal {}-{}{}", suite.ike_cipher_word, aead ? "prf" : "",
          suite.ike_hash_word);
  if (view.local_id) {
    out.add("        set localid-type {}", identity_type(*view.local_id));
    out.add("        set localid {}",
            fortigate_quoted(view.local_id->type == IdType::key_id
                                 ? std::string(as_text(view.local_id->data))
                                 : view.local_id->to_string()));
  }
  out.add("        set dpd on-idle");
  out.add("        set dhgrp {}", suite.group_number());
  out.add("        set nattraversal {}", view.force_encapsulation ? "forced" : "enable");
  out.add("        set remote-gw {}", remote_text(view));
  out.add("        set psksecret {}", fortigate_quoted(view.key));
  out.add("        set dpd-retrycount 3");
  out.add("        set dpd-retryinterval {}",
          clamped(view.dpd.delay.count(), 1, 3600, "dpd.delay_s", warnings));
  out.add("    next");
  out.add("end");
}

void fortigate_phase2(Lines& out, const View& view, const Suite& suite, const std::string& name) {
  out.add("config vpn ipsec phase2-interface");
  std::size_t number = 0;
  for (const CidrPair& pair : view.pairs()) {
    out.add("    edit \"{}-{}\"", name, ++number);
    out.add("        set phase1name \"{}\"", name);
    if (suite.esp_hash == nullptr) {
      out.add("        set proposal {}", suite.esp_cipher_word);
    } else {
      out.add("        set proposal {}-{}", suite.esp_cipher_word, suite.esp_hash_word);
    }
    out.add("        set pfs {}", suite.pfs == nullptr ? "disable" : "enable");
    if (suite.pfs != nullptr) out.add("        set dhgrp {}", suite.pfs_number());
    if (view.start == Start::automatic) out.add("        set auto-negotiate enable");
    if (view.ipsec.lifetime_kb != 0) {
      out.add("        set keylife-type both");
      out.add("        set keylifekbs {}", view.ipsec.lifetime_kb);
    }
    out.add("        set keylifeseconds {}", view.ipsec.lifetime.count());
    out.add("        set src-subnet {} {}", pair.local.network().to_string(), mask_of(pair.local));
    out.add("        set dst-subnet {} {}", pair.remote.network().to_string(),
            mask_of(pair.remote));
    out.add("    next");
  }
  out.add("end");
}

void routes_and_policies(Lines& out, const View& view, const std::string& name) {
  out.add("config router static");
  for (const Cidr& range : remote_ranges(view)) {
    out.add("    edit 0");
    out.add("        set dst {} {}", range.network().to_string(), mask_of(range));
    out.add("        set device \"{}\"", name);
    out.add("    next");
  }
  out.add("end");
  out.note("policies both ways, without NAT; make them narrower with addresses of your own");
  out.add("config firewall policy");
  for (const auto& [from, to] :
       {std::pair(std::string("internal"), name), std::pair(name, std::string("internal"))}) {
    out.add("    edit 0");
    out.add("        set srcintf \"{}\"", from);
    out.add("        set dstintf \"{}\"", to);
    out.add("        set srcaddr \"all\"");
    out.add("        set dstaddr \"all\"");
    out.add("        set action accept");
    out.add("        set schedule \"always\"");
    out.add("        set service \"ALL\"");
    out.add("        set nat disable");
    out.add("    next");
  }
  out.add("end");
}

}  // namespace

Rendered render_fortigate(const View& view) {
  Text text;
  const bool v2 = view.ike.version == IkeVersion::v2;
  const auto suite = choose_suite(view, v2 ? kFortigate : kFortigateV1, text.warnings);
  if (!suite) return std::unexpected(suite.error());
  const std::string name = plain_name(view.name, kFortigateLongestName);
  Lines out("#");
  out.head(view);
  out.note("the outside interface is wan1, the inside internal; else put yours in their place");
  fortigate_phase1(out, view, *suite, name, text.warnings);
  fortigate_phase2(out, view, *suite, name);
  routes_and_policies(out, view, name);
  text.text = out.take();
  return text;
}

}  // namespace ipsec::gateway::formats
