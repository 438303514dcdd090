// ipsec.conf as strongSwan's starter reads it, and the form of M137 to the letter.
//
// The key belongs into another file, ipsec.secrets. It comes in lines that are comments here, so
// that one text holds both and is loaded as it is; a command in its heading takes them out.
#include <algorithm>

#include <fmt/ranges.h>

#include "ike/gateway/formats/render.h"
#include "ike/gateway/formats/secrets_block.h"
#include "ike/gateway/formats/swan_words.h"

namespace ipsec::gateway::formats {
namespace {

std::string conf_ranges_text(const std::vector<Cidr>& ranges) {
  std::vector<std::string> out;
  out.reserve(ranges.size());
  for (const Cidr& range : ranges) out.push_back(range.to_string());
  return fmt::format("{}", fmt::join(out, ","));
}

std::string identity_text(const std::optional<Identity>& identity) {
  const std::string text = write_identity(identity);
  // A '#' would begin a comment.
  return text.contains('#') ? '"' + text + '"' : text;
}

std::string_view conf_start_word(const View& view) {
  if (!view.enabled || view.start == Start::respond) return "add";
  return view.start == Start::traffic ? "route" : "start";
}

bool is_aggressive(const View& view) {
  return view.ike.version == IkeVersion::v1 && view.ike.mode == IkeMode::aggressive;
}

std::string secret_text(std::string_view key) {
  if (!key.contains('"')) return fmt::format("\"{}\"", key);
  if (!key.contains('\'')) return fmt::format("'{}'", key);
  return write_hex_secret(key);
}

void conf_explain(Lines& out, const View& view) {
  out.part();
  out.note("Append this to /etc/ipsec.conf, and what follows '{}' at its end to", kSecretsMark);
  out.note("/etc/ipsec.secrets:  sed -n 's/^{}//p' FILE >>/etc/ipsec.secrets", kSecretsMark);
  out.note("then run `ipsec update` and `ipsec rereadsecrets`.");
  out.part();
  // M138.
  out.note("keyexchange: the IKE version");
  out.note("left, right: the address of this gateway, and of the peer");
  out.note("leftid, rightid: who each says it is");
  out.note("leftsubnet, rightsubnet: the ranges on this side, and on the peer's");
  out.note(
      "ike, esp: algorithms of phase 1 and phase 2; a group in esp= is perfect forward secrecy");
  out.note("ikelifetime, lifetime: when their keys are made anew");
  out.note("dpdaction, dpddelay, dpdtimeout: what is done with a peer that falls silent, and when");
  if (is_aggressive(view)) {
    for (const std::string_view line : kOfAggressiveMode) out.note("{}", line);
  }
  out.part();
}

void write_secrets(Lines& out, const View& view) {
  std::string owners = write_identity(view.local_id);
  if (view.remote_id) owners += " " + write_identity(view.remote_id);
  out.add("{}{} : PSK {}", kSecretsMark, owners, secret_text(view.key));
}

std::string conn_name(std::string_view base, std::size_t index) {
  return index == 0 ? std::string(base) : fmt::format("{}-{}", base, index + 1);
}

void write_side(Lines& out, std::string_view side, std::string_view address,
                const std::optional<Identity>& id, const std::vector<Cidr>& ranges) {
  out.add("  {}={}", side, address);
  out.add("  {}id={}", side, identity_text(id));
  out.add("  {}subnet={}", side, conf_ranges_text(ranges));
}

void write_conn(Lines& out, const View& view, std::size_t index) {
  const Ranges& ranges = view.children[index];
  const bool ah = view.ipsec.protocol == IpsecProtocol::ah;
  out.add("conn {}", conn_name(view.name, index));
  out.add("  keyexchange=ikev{}", static_cast<int>(view.ike.version));
  if (is_aggressive(view)) out.add("  aggressive=yes");
  out.add("  authby=psk");
  out.add("  type=tunnel");
  out.add("  auto={}", conf_start_word(view));
  out.add("  keyingtries=%forever");
  out.add("  mobike=no");
  write_side(out, "left", view.local ? view.local->to_string() : "%defaultroute", view.local_id,
             ranges.local);
  write_side(out, "right", view.remote ? view.remote->to_string() : "%any", view.remote_id,
             ranges.remote);
  out.add("  ike={}!", write_proposals(view.ike_offers, Use::ike, view.ike.version));
  out.add("  {}={}!", ah ? "ah" : "esp",
          write_proposals(view.child_offers, ah ? Use::ah : Use::esp, view.ike.version));
  out.add("  ikelifetime={}s", view.ike.lifetime.count());
  out.add("  lifetime={}s", view.ipsec.lifetime.count());
  if (view.ipsec.lifetime_kb != 0) out.add("  lifebytes={}", view.ipsec.lifetime_kb * 1024);
  out.add("  replay_window={}", view.ipsec.replay_window);
  out.add("  dpdaction=hold");
  out.add("  dpddelay={}s", view.dpd.delay.count());
  out.add("  dpdtimeout={}s", view.dpd.timeout.count());
  if (view.force_encapsulation) out.add("  forceencaps=yes");
}

// --- the form of M137 --------------------------------------------------------------------------

// M137 has the platforms' defaults where a tunnel names nothing, and a tunnel on `auto` takes them.
// `modern` does not: there it is what the profile itself begins with.
Proposals literal_ike(const View& view) {
  if (view.profile == Profile::modern) return view.ike_offers;
  IkePolicy policy = view.ike;
  if (policy.encryption.empty()) policy.encryption = {find_encryption("aes128")};
  if (policy.integrity.empty()) policy.integrity = {find_integrity("sha1")};
  if (policy.dh.empty()) policy.dh = {find_group("modp1024")};
  return ike_proposals(policy, view.profile);
}

Proposals literal_child(const View& view) {
  if (view.profile == Profile::modern) return view.child_offers;
  IpsecPolicy policy = view.ipsec;
  if (policy.encryption.empty() && policy.protocol == IpsecProtocol::esp) {
    policy.encryption = {find_encryption("aes128")};
  }
  if (policy.integrity.empty()) policy.integrity = {find_integrity("sha1")};
  if (policy.pfs.empty()) policy.pfs = {{find_group("modp1024")}};
  return child_proposals(policy, view.profile);
}

// The first proposal, without what M137 does not have: `aes128-sha1-modp1024`.
std::string literal_word(const Proposals& proposals, Use use) {
  return write_proposals(proposals, use, IkeVersion::v1);
}

void write_literal(Lines& out, const View& view, std::size_t index) {
  const Ranges& ranges = view.children[index];
  const bool ah = view.ipsec.protocol == IpsecProtocol::ah;
  out.add("conn {}", conn_name(fmt::format("{}-{}", view.name, view.id), index));
  out.add("  keyingtries=3");
  out.add("  authby=psk");
  out.add("  auto={}", conf_start_word(view));
  out.add("  type=tunnel");
  // M137 has this beside a group in esp=, for which strongSwan does PFS all the same: it reads the
  // group and passes `pfs` over. So the line is the same for every tunnel, and a tunnel without PFS
  // differs by having no group.
  out.add("  pfs=no");
  out.add("  # IPSecProtocol follow");
  out.add("  keyexchange=ikev{}", static_cast<int>(view.ike.version));
  if (is_aggressive(view)) out.add("  aggressive=yes");
  out.add("  {}={}!", ah ? "ah" : "esp",
          literal_word(literal_child(view), ah ? Use::ah : Use::esp));
  out.add("  ike={}!", literal_word(literal_ike(view), Use::ike));
  out.add("  ikelifetime={}s", view.ike.lifetime.count());
  out.add("  lifetime={}s", view.ipsec.lifetime.count());
  write_side(out, "left", view.local ? view.local->to_string() : "%defaultroute", view.local_id,
             ranges.local);
  out.add("  leftnexthop=%defaultroute");
  write_side(out, "right", view.remote ? view.remote->to_string() : "%any", view.remote_id,
             ranges.remote);
  out.add("  rightnexthop=%defaultroute");
  out.add("  dpdaction=hold");
  out.add("  dpddelay={}s", view.dpd.delay.count());
  out.add("  dpdtimeout={}s", view.dpd.timeout.count());
}

bool names_all(const View& view) {
  const bool cipher = !view.ipsec.encryption.empty() || view.ipsec.protocol == IpsecProtocol::ah;
  return !view.ike.encryption.empty() && !view.ike.integrity.empty() && !view.ike.dh.empty() &&
         cipher && !view.ipsec.integrity.empty() && !view.ipsec.pfs.empty();
}

}  // namespace

Rendered render_ipsec_conf(const View& view) {
  Lines out("#");
  out.head(view);
  conf_explain(out, view);
  for (std::size_t i = 0; i < view.children.size(); ++i) write_conn(out, view, i);
  out.part();
  write_secrets(out, view);
  return Text{out.take(), {}};
}

Rendered render_literal(const View& view) {
  Lines out("#");
  out.head(view);
  conf_explain(out, view);
  for (std::size_t i = 0; i < view.children.size(); ++i) write_literal(out, view, i);
  out.part();
  write_secrets(out, view);
  Text text{out.take(), {}};
  if (!names_all(view) && view.profile == Profile::automatic) {
    text.warnings.emplace_back(
        "algorithms that the tunnel does not name are the platforms' defaults in this form: "
        "aes128, sha1 and group 2, which are weak; the form ipsec.conf has the strongest first");
  }
  if (view.force_encapsulation || view.ipsec.lifetime_kb != 0) {
    text.warnings.emplace_back(
        "this form has no place for force_encapsulation and ipsec.lifetime_kb; the form ipsec.conf "
        "has");
  }
  return text;
}

}  // namespace ipsec::gateway::formats
