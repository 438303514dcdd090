// A tunnel in five parts (M130): basic, CIDRs, IKE, IPsec, monitoring.
#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/output.h"
#include "cli/show.h"
#include "cli/text_width.h"
#include "cli/words.h"
#include "ike/gateway/schema/fields.h"

namespace ipsec::cli {
namespace {

using control::ObjectView;
using control::TunnelStatusView;

const FieldValue* find_value(const ObjectView& tunnel, std::string_view field) {
  const auto found = std::ranges::find(tunnel.fields, field,
                                       [](const auto& it) { return std::string_view(it.first); });
  return found == tunnel.fields.end() ? nullptr : &found->second;
}

std::string value_or(const ObjectView& tunnel, std::string_view field, std::string_view otherwise) {
  const std::string value = value_in(tunnel, field);
  return value.empty() ? std::string(otherwise) : value;
}

// --- groups ------------------------------------------------------------------------------------

struct GroupNote {
  std::string_view name;
  std::string_view number;
  std::string_view note;  // M158
};

std::string group_in_words(std::string_view group) {
  static constexpr std::array kGroups{
      GroupNote{"modp768", "1", ""},
      GroupNote{"modp1024", "2", ""},
      GroupNote{"modp1536", "5", ""},
      GroupNote{"modp2048", "14", "dynamic VPN not supported"},
      GroupNote{"modp2048s256", "24", "group VPN not supported"},
  };
  for (const GroupNote& it : kGroups) {
    if (group != it.name && group != it.number) continue;
    return fmt::format("{} (group {}{}{})", it.name, it.number, it.note.empty() ? "" : ": ",
                       it.note);
  }
  return std::string(group);
}

std::string groups_in_words(const ObjectView& tunnel, std::string_view field,
                            std::string_view otherwise) {
  const FieldValue* const groups = find_value(tunnel, field);
  if (groups == nullptr || groups->empty()) return std::string(otherwise);
  FieldValue words;
  words.reserve(groups->size());
  for (const std::string& group : *groups) words.push_back(group_in_words(group));
  return joined(words);
}

// --- the parts ---------------------------------------------------------------------------------

std::string with_address_of(const ObjectView& tunnel, std::string_view what) {
  const std::string address = value_in(tunnel, fmt::format("{}_address", what));
  const std::string name = value_in(tunnel, what);
  return address.empty() ? name : fmt::format("{} ({})", name, address);
}

std::string seconds_in_words(const std::string& seconds) {
  return seconds.empty() ? std::string() : fmt::format("{} s", seconds);
}

Part basic_part(const ObjectView& tunnel) {
  Part part("Basic");
  part.add("Name", tunnel.name);
  part.add("ID", tunnel.id);
  part.add("Remarks", value_in(tunnel, "remarks"));
  part.add("VPC", value_in(tunnel, "vpc"));
  part.add("Gateway", with_address_of(tunnel, "gateway"));
  part.add("Peer gateway", with_address_of(tunnel, "peer"));
  part.add("Protocol type", value_or(tunnel, "protocol", "IKE/IPsec"));
  part.add("Created", local_time(tunnel.created));
  if (tunnel.status) {
    part.add("Status", tunnel.status->resource, tone_of(tunnel.status->resource));
    part.add("Connection", tunnel.status->connection, tone_of(tunnel.status->connection));
  }
  part.add("Enabled", value_in(tunnel, "enabled"));
  part.add("Start", value_in(tunnel, "start"));
  part.add("Redundancy group", value_in(tunnel, "group"));
  part.add("Route mode", value_in(tunnel, "route_mode"));
  part.add("Private line", value_in(tunnel, "line_route_mode"));
  part.add("Profile", value_in(tunnel, "profile"));
  part.add("When down", value_in(tunnel, "on_down"));
  part.add("Routes announced", value_in(tunnel, "announce"));
  part.add("Route metric", value_in(tunnel, "route_metric"));
  part.add("DPD delay", seconds_in_words(value_in(tunnel, "dpd.delay_s")));
  part.add("DPD timeout", seconds_in_words(value_in(tunnel, "dpd.timeout_s")));
  part.add("Force encapsulation", value_in(tunnel, "force_encapsulation"));
  part.add("Fragment bytes", value_in(tunnel, "fragment_bytes"));
  part.add("Alarm template", value_in(tunnel, "alarm_template"));
  return part;
}

Part cidr_part(const ObjectView& tunnel) {
  Part part("CIDRs");
  const FieldValue* const rules = find_value(tunnel, "rules");
  if (rules != nullptr && !rules->empty()) {
    for (const std::string& rule : *rules) {
      const auto sign = std::min(rule.find('='), rule.size());
      const std::string peers = sign == rule.size() ? std::string() : rule.substr(sign + 1);
      part.add(rule.substr(0, sign), fmt::format("-> {}", peers));
    }
    return part;
  }
  part.add("Local", value_in(tunnel, "local_cidrs"));
  part.add("Peer", value_in(tunnel, "peer_cidrs"));
  return part;
}

Part ike_part(const ObjectView& tunnel) {
  Part part("IKE");
  const FieldValue* const psk = find_value(tunnel, "psk");
  if (psk != nullptr && !psk->empty()) {
    part.add("Pre-shared key", psk->front());
  } else {
    part.add("Pre-shared key", "(not shown; see --show-secrets)", Tone::dim);
  }
  const std::string version = value_in(tunnel, "ike.version");
  part.add("Version", version.empty() ? version : fmt::format("IKEv{}", version));
  part.add("Mode", version == "2" ? "- (IKEv1 only)" : value_in(tunnel, "ike.mode"));
  const std::string otherwise =
      fmt::format("auto (profile {})", value_or(tunnel, "profile", "auto"));
  part.add("Authentication", value_or(tunnel, "ike.integrity", otherwise));
  part.add("Encryption", value_or(tunnel, "ike.encryption", otherwise));
  part.add("DH group", groups_in_words(tunnel, "ike.dh", otherwise));
  part.add("Local ID", value_or(tunnel, "ike.local_id", "the gateway's public address"));
  part.add("Peer ID", value_or(tunnel, "ike.peer_id", "the peer gateway's address"));
  part.add("Lifetime", seconds_in_words(value_in(tunnel, "ike.lifetime_s")));
  return part;
}

Part ipsec_part(const ObjectView& tunnel) {
  Part part("IPsec");
  const std::string protocol = value_in(tunnel, "ipsec.protocol");
  const std::string otherwise =
      fmt::format("auto (profile {})", value_or(tunnel, "profile", "auto"));
  part.add("Protocol", protocol == "ah" ? "AH" : protocol == "esp" ? "ESP" : protocol);
  part.add("Authentication", value_or(tunnel, "ipsec.integrity", otherwise));
  part.add("Encryption", protocol == "ah" ? "none: AH only authenticates"
                                          : value_or(tunnel, "ipsec.encryption", otherwise));
  part.add("PFS", groups_in_words(tunnel, "ipsec.pfs", otherwise));
  part.add("Lifetime", seconds_in_words(value_in(tunnel, "ipsec.lifetime_s")));
  const std::string kilobytes = value_or(tunnel, "ipsec.lifetime_kb", "0");
  part.add("Lifetime by volume",
           kilobytes == "0" ? std::string("never") : fmt::format("{} KB", kilobytes));
  part.add("Replay window", value_in(tunnel, "ipsec.replay_window"));
  return part;
}

// A field that came later than this page is told with its bare name.
Part further_part(const ObjectView& tunnel) {
  static constexpr std::array<std::string_view, 38> kTold{"gateway",
                                                          "peer",
                                                          "local_cidrs",
                                                          "peer_cidrs",
                                                          "rules",
                                                          "psk",
                                                          "group",
                                                          "enabled",
                                                          "start",
                                                          "route_mode",
                                                          "line_route_mode",
                                                          "on_down",
                                                          "announce",
                                                          "route_metric",
                                                          "profile",
                                                          "ike.version",
                                                          "ike.mode",
                                                          "ike.encryption",
                                                          "ike.integrity",
                                                          "ike.dh",
                                                          "ike.local_id",
                                                          "ike.peer_id",
                                                          "ike.lifetime_s",
                                                          "ipsec.protocol",
                                                          "ipsec.encryption",
                                                          "ipsec.integrity",
                                                          "ipsec.pfs",
                                                          "ipsec.lifetime_s",
                                                          "ipsec.lifetime_kb",
                                                          "ipsec.replay_window",
                                                          "dpd.delay_s",
                                                          "dpd.timeout_s",
                                                          "force_encapsulation",
                                                          "fragment_bytes",
                                                          "remarks",
                                                          "alarm_template",
                                                          "vpc",
                                                          "protocol"};
  Part part({});
  for (const auto& [name, value] : tunnel.fields) {
    if (std::ranges::find(kTold, name) == kTold.end()) part.add(title_of(name), joined(value));
  }
  return part;
}

// --- monitoring --------------------------------------------------------------------------------

void add_failure(Part& part, const control::FailureView& failure) {
  part.add("Last failure", in_line(failure), Tone::bad);
  part.add_if("  at", local_time(failure.at));
  part.add_if("  phase", failure.stage);
  part.add_if("  we said", failure.ours);
  part.add_if("  peer said", failure.theirs);
  part.add_if("  detail", failure.detail);
  part.add_if("  to check", failure.check);
}

// M95: what the path between the gateways is like.
std::string path_in_words(const control::Phase1View& ike) {
  std::string losses =
      fmt::format("{} of {} sent again", ike.resent, counted(ike.requests, "request"));
  if (!ike.round_trip_us) return losses;
  return fmt::format("{:.1f} ms there and back, {}", static_cast<double>(*ike.round_trip_us) / 1000,
                     losses);
}

std::string nat_in_words(const std::string& nat) {
  if (nat == "here") return "at our end";
  if (nat == "there") return "at the peer's end";
  return nat == "both" ? "at both ends" : nat;
}

void add_phase1(Part& part, const control::Phase1View& ike) {
  part.add("IKE SA",
           fmt::format("{} <-> {}, since {}", ike.local, ike.remote, local_time(ike.since)));
  part.add_if("  peer is", ike.peer_id);
  part.add_if("  algorithms", ike.algorithms);
  part.add("  SPIs", fmt::format("{} ours, {} the peer's", ike.our_spi, ike.peer_spi));
  part.add_if("  NAT", nat_in_words(ike.nat));
  part.add_if("  peer's vendor", ike.peer_vendor);
  part.add("  path", path_in_words(ike));
}

void add_child(Part& part, const control::ChildView& child) {
  part.add("IPsec SA", fmt::format("{} <-> {}", joined(child.local), joined(child.remote)));
  part.add_if("  algorithms", child.algorithms);
  part.add("  SPIs", fmt::format("{} in, {} out, reqid {}", child.inbound_spi, child.outbound_spi,
                                 child.reqid));
  part.add_if("  since", local_time(child.since));
}

Part monitoring_part(const TunnelStatusView& status) {
  Part part("Monitoring");
  part.add("Connection", status.connection, tone_of(status.connection));
  part.add_if("Since", local_time(status.since));
  if (status.resumed_at) {
    part.add("  resumed at",
             fmt::format("{}, by the ipsecd after the one before", local_time(*status.resumed_at)));
  }
  part.add_if("Note", status.note, Tone::warn);
  part.add("Phase 1", status.phase1, tone_of(status.phase1));
  part.add("Phase 2",
           fmt::format("{}, {} of {} CIDR pairs", status.phase2, status.pairs_up, status.pairs),
           tone_of(status.phase2));
  if (status.routes > 0) {
    part.add("Routes", fmt::format("{} of {} in place", status.routes_ok, status.routes),
             status.routes_ok == status.routes ? Tone::good : Tone::warn);
  }
  part.add_if("  trouble", status.route_trouble, Tone::warn);
  part.add("Traffic", status.traffic, tone_of(status.traffic));
  part.add("In", fmt::format("{}, {}", in_bytes(status.counters.in_bytes),
                             counted(status.counters.in_packets, "packet")));
  part.add("Out", fmt::format("{}, {}", in_bytes(status.counters.out_bytes),
                              counted(status.counters.out_packets, "packet")));
  part.add("Tries", fmt::to_string(status.tries));
  if (status.next_try) part.add("Next try", local_time(*status.next_try));
  if (!status.weak.empty()) {
    part.add("Warning", fmt::format("weak, and in use: {}", joined(status.weak)), Tone::warn);
  }
  if (status.last_failure) add_failure(part, *status.last_failure);
  if (status.ike) add_phase1(part, *status.ike);
  for (const control::ChildView& child : status.children) add_child(part, child);
  return part;
}

}  // namespace

std::string show_status(const TunnelStatusView& status, const Look& look) {
  return monitoring_part(status).text(look);
}

std::string show_tunnel(const ObjectView& tunnel, const Look& look) {
  std::string out = bold(fmt::format("Tunnel {}", harmless(tunnel.name)), look);
  out += fmt::format("  {}\n\n", harmless(tunnel.id));
  out += basic_part(tunnel).text(look) + further_part(tunnel).text(look) + '\n';
  out += cidr_part(tunnel).text(look) + '\n' + ike_part(tunnel).text(look) + '\n' +
         ipsec_part(tunnel).text(look);
  if (tunnel.status) out += '\n' + monitoring_part(*tunnel.status).text(look);
  return out;
}

}  // namespace ipsec::cli
