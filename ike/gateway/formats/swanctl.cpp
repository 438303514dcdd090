// swanctl.conf (strongSwan 5.2 and later).
#include <fmt/ranges.h>

#include "ike/gateway/formats/render.h"
#include "ike/gateway/formats/swan_words.h"

namespace ipsec::gateway::formats {
namespace {

std::string swanctl_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string swanctl_ranges_text(const std::vector<Cidr>& ranges) {
  std::vector<std::string> out;
  out.reserve(ranges.size());
  for (const Cidr& range : ranges) out.push_back(range.to_string());
  return fmt::format("{}", fmt::join(out, ","));
}

std::string place(const std::optional<Address>& address) {
  return address ? address->to_string() : std::string("%any");
}

std::string_view swanctl_start_word(const View& view) {
  if (!view.enabled || view.start == Start::respond) return "none";
  return view.start == Start::traffic ? "trap" : "start";
}

bool has_aggressive_mode(const View& view) {
  return view.ike.version == IkeVersion::v1 && view.ike.mode == IkeMode::aggressive;
}

void swanctl_explain(Lines& out, const View& view) {
  out.part();
  out.note("Put this file into /etc/swanctl/conf.d and run `swanctl --load-all`.");
  out.part();
  out.note("version: the IKE version. local_addrs, remote_addrs: the two gateways.");
  out.note("id: who each says it is. local_ts, remote_ts: the ranges that are joined.");
  out.note("proposals, esp_proposals: algorithms of phase 1 and phase 2, best first.");
  out.note("rekey_time: when keys are made anew. dpd_delay: how often a silent peer is asked;");
  out.note("dpd_timeout counts with IKEv1 only.");
  if (has_aggressive_mode(view)) {
    for (const std::string_view line : kOfAggressiveMode) out.note("{}", line);
  }
  out.note("This machine must forward packets (net.ipv4.ip_forward=1), let UDP 500 and 4500 and");
  out.note("ESP in, and leave what goes to the other side's ranges out of its NAT.");
}

void write_child(Lines& out, const View& view, const Ranges& ranges, std::size_t number) {
  const bool ah = view.ipsec.protocol == IpsecProtocol::ah;
  out.add("      {}-{} {{", view.name, number);
  out.add("        local_ts = {}", swanctl_ranges_text(ranges.local));
  out.add("        remote_ts = {}", swanctl_ranges_text(ranges.remote));
  out.add("        mode = tunnel");
  out.add("        {} = {}", ah ? "ah_proposals" : "esp_proposals",
          write_proposals(view.child_offers, ah ? Use::ah : Use::esp, view.ike.version));
  out.add("        rekey_time = {}s", view.ipsec.lifetime.count());
  if (view.ipsec.lifetime_kb != 0) {
    out.add("        rekey_bytes = {}", view.ipsec.lifetime_kb * 1024);
  }
  out.add("        replay_window = {}", view.ipsec.replay_window);
  out.add("        start_action = {}", swanctl_start_word(view));
  out.add("        dpd_action = trap");
  out.add("      }}");
}

void write_secret(Lines& out, const View& view) {
  // strongSwan would take such a text for a number.
  const bool coded = view.key.starts_with("0x") || view.key.starts_with("0s");
  out.add("secrets {{");
  out.add("  ike-{} {{", view.name);
  int number = 0;
  for (const auto& id : {view.local_id, view.remote_id}) {
    if (id) out.add("    id-{} = {}", ++number, swanctl_quoted(write_identity(id)));
  }
  out.add("    secret = {}", coded ? write_hex_secret(view.key) : swanctl_quoted(view.key));
  out.add("  }}");
  out.add("}}");
}

}  // namespace

Rendered render_swanctl(const View& view) {
  Lines out("#");
  out.head(view);
  swanctl_explain(out, view);
  out.add("connections {{");
  out.add("  {} {{", view.name);
  out.add("    version = {}", static_cast<int>(view.ike.version));
  if (has_aggressive_mode(view)) out.add("    aggressive = yes");
  out.add("    local_addrs = {}", place(view.local));
  out.add("    remote_addrs = {}", place(view.remote));
  out.add("    proposals = {}", write_proposals(view.ike_offers, Use::ike, view.ike.version));
  out.add("    rekey_time = {}s", view.ike.lifetime.count());
  out.add("    dpd_delay = {}s", view.dpd.delay.count());
  out.add("    dpd_timeout = {}s", view.dpd.timeout.count());
  out.add("    keyingtries = 0");
  out.add("    mobike = no");
  if (view.force_encapsulation) out.add("    encap = yes");
  for (const auto& [side, id] :
       {std::pair("local", view.local_id), std::pair("remote", view.remote_id)}) {
    out.add("    {} {{", side);
    out.add("      auth = psk");
    out.add("      id = {}", swanctl_quoted(write_identity(id)));
    out.add("    }}");
  }
  out.add("    children {{");
  for (std::size_t i = 0; i < view.children.size(); ++i) {
    write_child(out, view, view.children[i], i + 1);
  }
  out.add("    }}");
  out.add("  }}");
  out.add("}}");
  write_secret(out, view);
  return Text{out.take(), {}};
}

}  // namespace ipsec::gateway::formats
