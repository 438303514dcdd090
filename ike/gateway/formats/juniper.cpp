// Juniper SRX: route-based, a traffic selector for each pair of ranges.
#include <array>

#include "ike/gateway/formats/render.h"
#include "ike/gateway/formats/suite.h"

namespace ipsec::gateway::formats {
namespace {

constexpr std::array<DeviceWord, 7> kSrxIkeCiphers{{{"aes256gcm16", "aes-256-gcm"},
                                                    {"aes128gcm16", "aes-128-gcm"},
                                                    {"aes256", "aes-256-cbc"},
                                                    {"aes192", "aes-192-cbc"},
                                                    {"aes128", "aes-128-cbc"},
                                                    {"3des", "3des-cbc"},
                                                    {"des", "des-cbc"}}};
constexpr std::array<DeviceWord, 8> kSrxEspCiphers{{{"aes256gcm16", "aes-256-gcm"},
                                                    {"aes192gcm16", "aes-192-gcm"},
                                                    {"aes128gcm16", "aes-128-gcm"},
                                                    {"aes256", "aes-256-cbc"},
                                                    {"aes192", "aes-192-cbc"},
                                                    {"aes128", "aes-128-cbc"},
                                                    {"3des", "3des-cbc"},
                                                    {"des", "des-cbc"}}};
constexpr std::array<DeviceWord, 5> kSrxIkeHashes{{{"sha512", "sha-512"},
                                                   {"sha384", "sha-384"},
                                                   {"sha256", "sha-256"},
                                                   {"sha1", "sha1"},
                                                   {"md5", "md5"}}};
constexpr std::array<DeviceWord, 5> kSrxEspHashes{{{"sha512", "hmac-sha-512"},
                                                   {"sha384", "hmac-sha-384"},
                                                   {"sha256", "hmac-sha-256-128"},
                                                   {"sha1", "hmac-sha1-96"},
                                                   {"md5", "hmac-md5-96"}}};
constexpr std::array<DeviceGroup, 10> kSrxGroups{{{GroupId::ecp521},
                                                  {GroupId::ecp384},
                                                  {GroupId::ecp256},
                                                  {GroupId::modp4096},
                                                  {GroupId::modp3072},
                                                  {GroupId::modp2048},
                                                  {GroupId::modp2048_256},
                                                  {GroupId::modp1536},
                                                  {GroupId::modp1024},
                                                  {GroupId::modp768}}};
constexpr bool kSrxHasAh = true;
constexpr Device kSrx{"Juniper SRX", kSrxIkeCiphers, kSrxIkeHashes, kSrxEspCiphers,
                      kSrxEspHashes, kSrxGroups,     kSrxHasAh};
constexpr std::size_t kSrxLongestName = 28;

std::string srx_identity_words(const Identity& id) {
  switch (id.type) {
    case IdType::ipv4:
      return "inet " + id.to_string();
    case IdType::rfc822:
      return fmt::format("user-at-hostname \"{}\"", id.to_string());
    case IdType::key_id:
      return fmt::format("key-id {}", as_text(id.data));
    default:
      return "hostname " + id.to_string();
  }
}

void srx_phase1(Lines& out, const View& view, const Suite& suite, const std::string& name,
                std::vector<std::string>& warnings) {
  const std::string proposal = fmt::format("set security ike proposal {}", name);
  out.add("{} authentication-method pre-shared-keys", proposal);
  out.add("{} dh-group group{}", proposal, suite.group_number());
  if (!suite.ike_cipher->is_aead()) {
    out.add("{} authentication-algorithm {}", proposal, suite.ike_hash_word);
  }
  out.add("{} encryption-algorithm {}", proposal, suite.ike_cipher_word);
  out.add("{} lifetime-seconds {}", proposal, view.ike.lifetime.count());
  const std::string policy = fmt::format("set security ike policy {}", name);
  if (view.ike.version == IkeVersion::v1) {
    out.add("{} mode {}", policy, view.ike.mode == IkeMode::main ? "main" : "aggressive");
  }
  out.add("{} proposals {}", policy, name);
  out.add("{} pre-shared-key ascii-text \"{}\"", policy, view.key);
  const std::string gateway = fmt::format("set security ike gateway {}", name);
  out.add("{} ike-policy {}", gateway, name);
  out.add("{} address {}", gateway, remote_text(view));
  out.add("{} dead-peer-detection always-send", gateway);
  out.add("{} dead-peer-detection interval {}", gateway,
          clamped(view.dpd.delay.count(), 2, 60, "dpd.delay_s", warnings));
  out.add("{} dead-peer-detection threshold 2", gateway);
  if (view.local_id) out.add("{} local-identity {}", gateway, srx_identity_words(*view.local_id));
  if (view.remote_id)
    out.add("{} remote-identity {}", gateway, srx_identity_words(*view.remote_id));
  out.add("{} external-interface ge-0/0/0.0", gateway);
  out.add("{} version v{}-only", gateway, static_cast<int>(view.ike.version));
}

void srx_phase2(Lines& out, const View& view, const Suite& suite, const std::string& name) {
  const std::string proposal = fmt::format("set security ipsec proposal {}", name);
  out.add("{} protocol {}", proposal, suite.esp_cipher == nullptr ? "ah" : "esp");
  if (suite.esp_hash != nullptr) {
    out.add("{} authentication-algorithm {}", proposal, suite.esp_hash_word);
  }
  if (suite.esp_cipher != nullptr) {
    out.add("{} encryption-algorithm {}", proposal, suite.esp_cipher_word);
  }
  out.add("{} lifetime-seconds {}", proposal, view.ipsec.lifetime.count());
  if (view.ipsec.lifetime_kb != 0) {
    out.add("{} lifetime-kilobytes {}", proposal, view.ipsec.lifetime_kb);
  }
  const std::string policy = fmt::format("set security ipsec policy {}", name);
  if (suite.pfs != nullptr) {
    out.add("{} perfect-forward-secrecy keys group{}", policy, suite.pfs_number());
  }
  out.add("{} proposals {}", policy, name);
  const std::string vpn = fmt::format("set security ipsec vpn {}", name);
  out.add("{} bind-interface st0.0", vpn);
  out.add("{} ike gateway {}", vpn, name);
  out.add("{} ike ipsec-policy {}", vpn, name);
  std::size_t number = 0;
  for (const CidrPair& pair : view.pairs()) {
    ++number;
    out.add("{} traffic-selector ts-{} local-ip {}", vpn, number, pair.local.to_string());
    out.add("{} traffic-selector ts-{} remote-ip {}", vpn, number, pair.remote.to_string());
  }
  out.add("{} establish-tunnels {}", vpn,
          view.start == Start::automatic ? "immediately" : "on-traffic");
}

// Traffic selectors make the routes to the other side by themselves.
void surroundings(Lines& out, const View& view, const std::string& name) {
  out.add("set interfaces st0 unit 0 family inet");
  out.add("set security zones security-zone vpn interfaces st0.0");
  out.add("set security zones security-zone untrust host-inbound-traffic system-services ike");
  std::size_t number = 0;
  for (const Cidr& range : local_ranges(view)) {
    out.add("set security address-book global address {}-here-{} {}", name, ++number,
            range.to_string());
    out.add("set security address-book global address-set {0}-here address {0}-here-{1}", name,
            number);
  }
  number = 0;
  for (const Cidr& range : remote_ranges(view)) {
    out.add("set security address-book global address {}-there-{} {}", name, ++number,
            range.to_string());
    out.add("set security address-book global address-set {0}-there address {0}-there-{1}", name,
            number);
  }
  struct Way {
    std::string_view from, to, source, destination;
  };
  for (const Way& way :
       {Way{"trust", "vpn", "here", "there"}, Way{"vpn", "trust", "there", "here"}}) {
    const std::string policy = fmt::format(
        "set security policies from-zone {} to-zone {} policy {}", way.from, way.to, name);
    out.add("{} match source-address {}-{}", policy, name, way.source);
    out.add("{} match destination-address {}-{}", policy, name, way.destination);
    out.add("{} match application any", policy);
    out.add("{} then permit", policy);
  }
}

}  // namespace

Rendered render_juniper_srx(const View& view) {
  Text text;
  const auto suite = choose_suite(view, kSrx, text.warnings);
  if (!suite) return std::unexpected(suite.error());
  const std::string name = plain_name(view.name, kSrxLongestName);
  Lines out("#");
  out.head(view);
  out.note("paste it in configuration mode, then `commit`. The outside interface is ge-0/0/0.0 in");
  out.note(
      "zone untrust, the inside is zone trust, and st0.0 is free; else put yours in their place.");
  out.note(
      "Source NAT from trust to untrust does not touch the tunnel: it leaves through zone vpn.");
  srx_phase1(out, view, *suite, name, text.warnings);
  srx_phase2(out, view, *suite, name);
  surroundings(out, view, name);
  text.text = out.take();
  return text;
}

}  // namespace ipsec::gateway::formats
