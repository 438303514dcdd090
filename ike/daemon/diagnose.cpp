#include "ike/daemon/diagnose.h"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ike/gateway/spelling.h"

namespace ipsec::daemon {

const core::IkeStatus* current_ike(const TunnelFacts& facts) {
  if (!facts.status) return nullptr;
  const auto& all = facts.status->ike;
  const auto found = std::ranges::find_if(
      all, [](const core::IkeStatus& ike) { return ike.current && ike.established; });
  return found == all.end() ? nullptr : &*found;
}

// --- addresses and ways ------------------------------------------------------------------------

namespace {

void judge_local_address(const TunnelFacts& facts, const gateway::Meaning& meaning, Findings& out) {
  const std::string address = meaning.local.to_string();
  const Device* device = device_with(facts.devices, meaning.local);
  if (device != nullptr) {
    out.good("local address", fmt::format("{} on {}", address, device->name));
    return;
  }
  out.bad("local address", fmt::format("{} is on no device of this machine", address),
          fmt::format("add it (ip address add {}/{} dev DEVICE), or, where a NAT has it, say which "
                      "one this machine has: ipsecctl gateway set {} --local-address ADDRESS",
                      address, bits(meaning.local.family()), facts.gateway));
}

void judge_way_to_peer(const TunnelFacts& facts, const gateway::Meaning& meaning, Findings& out) {
  if (meaning.remote.is_any()) {
    out.note("way to the peer", "the peer comes from any address: it must begin");
    return;
  }
  const std::string peer = meaning.remote.to_string();
  const Route* route = route_to(facts.routes, meaning.remote);
  if (!facts.source) {
    out.bad("way to the peer", fmt::format("no route to {}", peer),
            fmt::format("ip route add {} via NEXT-HOP, or a default route", peer));
    return;
  }
  std::string way = fmt::format("{} leaves", peer);
  if (route != nullptr) {
    way = route->next_hop
              ? fmt::format("{} via {} on {}", peer, route->next_hop->to_string(), route->device)
              : fmt::format("{} on the link of {}", peer, route->device);
  }
  const std::string from = fmt::format("{}, from {}", way, facts.source->to_string());
  if (*facts.source == meaning.local) {
    out.good("way to the peer", from);
    return;
  }
  // Ours are sent from the local address all the same, and may be dropped for it further on.
  out.note("way to the peer",
           fmt::format("{}; the tunnel's packets are sent from {} all the same", from,
                       meaning.local.to_string()),
           fmt::format("where the provider drops such packets: ip route replace {} {}src {}", peer,
                       route != nullptr && route->next_hop
                           ? fmt::format("via {} ", route->next_hop->to_string())
                           : std::string(),
                       meaning.local.to_string()));
}

void judge_nat(const TunnelFacts& facts, Findings& out) {
  const core::IkeStatus* ike = current_ike(facts);
  if (ike == nullptr) {
    if (facts.gateway_behind_nat) {
      out.note("NAT", "the gateway's public address is that of a NAT in front of this machine",
               "the NAT must lead UDP 500 and 4500 of the public address here");
    }
    return;
  }
  if (!ike->nat.any()) {
    out.good("NAT", "none seen on the way");
    return;
  }
  const char* where = ike->nat.local && ike->nat.remote ? "in front of both sides"
                      : ike->nat.local                  ? "in front of this side"
                                                        : "in front of the peer";
  out.note("NAT", fmt::format("{}: ESP goes in UDP 4500", where));
}

}  // namespace

void judge_addresses(const TunnelFacts& facts, Findings& out) {
  if (!facts.meaning) {
    out.bad(
        "gateway address",
        fmt::format("gateway '{}' has no address yet, and its tunnels wait for one", facts.gateway),
        fmt::format("ipsecctl gateway set {} --public-address ADDRESS", facts.gateway));
    return;
  }
  judge_local_address(facts, *facts.meaning, out);
  judge_way_to_peer(facts, *facts.meaning, out);
  judge_nat(facts, out);
}

// --- negotiation -------------------------------------------------------------------------------

namespace {

std::string ranges_of(const std::vector<Cidr>& ranges) {
  std::vector<std::string> texts;
  texts.reserve(ranges.size());
  for (const Cidr& range : ranges) texts.push_back(range.to_string());
  return fmt::format("{}", fmt::join(texts, ", "));
}

// The peer's words cannot begin a line of their own.
std::string in_one_line(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return std::iscntrl(static_cast<unsigned char>(c)) != 0; }, '?');
  return text;
}

void judge_identities(const gateway::Meaning& meaning, Findings& out) {
  const std::string theirs = meaning.peer_id ? meaning.peer_id->to_string() : "whatever it says";
  out.note("identities",
           fmt::format("here local ID {}, peer ID {}", meaning.local_id.to_string(), theirs),
           fmt::format("at the peer local ID must be {}, peer ID {}", theirs,
                       meaning.local_id.to_string()));
}

// IKEv1 peers do not say what they would have had.
void judge_mode(const gateway::Meaning& meaning, Findings& out) {
  const bool aggressive = meaning.ike.mode == gateway::IkeMode::aggressive;
  const std::string mode = fmt::format("IKEv1, {} mode", aggressive ? "aggressive" : "main");
  out.note("version and mode", "here " + mode, "the peer must have " + mode + " for this gateway");
}

struct KeyLooks {
  std::size_t characters = 0;
  bool beyond_ascii = false;
  bool white_space = false;
  bool like_a_number = false;  // 0x or 0s: some products take that for hex or base64
};

KeyLooks looks_of(const gateway::Psk& psk) {
  const std::string_view text = as_text(psk.bytes());
  KeyLooks looks;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0U) != 0x80U) ++looks.characters;
    looks.beyond_ascii = looks.beyond_ascii || byte >= 0x80;
    looks.white_space = looks.white_space || std::isspace(byte) != 0;
  }
  looks.like_a_number = text.starts_with("0x") || text.starts_with("0s");
  return looks;
}

// What can be said of a key without saying it.
void judge_key(const TunnelFacts& facts, const gateway::Meaning& meaning, Findings& out) {
  const KeyLooks looks = looks_of(meaning.psk);
  std::string found = fmt::format("{} characters", looks.characters);
  if (looks.beyond_ascii) {
    found += "; some beyond ASCII, sent as UTF-8, which the peer may encode otherwise";
  }
  if (looks.white_space) found += "; white space in it, which the peer may have cut off";
  if (looks.like_a_number) {
    found += "; it begins as hex or base64 does, and some peers decode it; here it is text";
  }
  out.note("pre-shared key", found,
           fmt::format("compare with the peer's; set it anew on both sides: ipsecctl tunnel set {} "
                       "--psk-file FILE",
                       facts.tunnel.meta.name));
}

// M49.
void judge_mirror(const TunnelFacts& facts, Findings& out) {
  for (const gateway::Rule& rule : facts.tunnel.all_rules()) {
    out.note("ranges",
             fmt::format("here local {}, peer {}", rule.local.to_string(), ranges_of(rule.peers)),
             fmt::format("the peer must have local {}, peer {}", ranges_of(rule.peers),
                         rule.local.to_string()));
  }
}

void judge_failure(const TunnelFacts& facts, Findings& out) {
  if (!facts.status || !facts.status->last_failure) return;
  const core::Failure& failure = *facts.status->last_failure;
  const bool over = facts.view.connection == "connected";
  std::string found = fmt::format("{} failed: {}", name_of(failure.stage), name_of(failure.cause));
  if (!failure.detail.empty()) found += fmt::format(" ({})", in_one_line(failure.detail));
  if (over) {
    out.note("last failure", found + "; connected since");
    return;
  }
  out.bad("last failure", found, std::string(hint_for(failure.cause, failure.stage)));
  if (!failure.ours.empty()) out.note("ours", in_one_line(failure.ours));
  if (!failure.theirs.empty()) out.note("theirs", in_one_line(failure.theirs));
  if (!facts.meaning) return;
  using core::Stage;
  if (failure.stage == Stage::v1_opening || failure.stage == Stage::v1_proof) {
    judge_mode(*facts.meaning, out);
  }
  switch (failure.cause) {
    case core::Cause::authentication_failed:
    case core::Cause::identity_unknown:
    case core::Cause::malformed_message:
      judge_identities(*facts.meaning, out);
      judge_key(facts, *facts.meaning, out);
      break;
    case core::Cause::selectors_unacceptable:
      break;
    default:
      // A wrong key may show as silence: the peer drops what it cannot read.
      if (is_about_keys(failure.stage)) judge_key(facts, *facts.meaning, out);
      break;
  }
}

void judge_connection(const TunnelFacts& facts, Findings& out) {
  const control::TunnelStatusView& view = facts.view;
  const std::string tries =
      view.tries == 0 ? std::string() : fmt::format(", {} failed tries", view.tries);
  if (view.connection == "connected") {
    const std::string pairs =
        fmt::format("connected, {} of {} pairs of ranges", view.pairs_up, view.pairs);
    if (view.pairs_up == view.pairs) {
      out.good("connection", pairs);
    } else {
      out.warning("connection", pairs,
                  "the peer accepts fewer ranges: compare the ranges on both sides");
    }
    return;
  }
  if (!view.note.empty()) {
    out.note("connection", fmt::format("{}: {}", view.connection, view.note));
    return;
  }
  if (view.connection == "phase1-failed") {
    out.bad("connection", view.connection + tries,
            std::string(checklist_for(core::Stage::ike_sa_init)));
  } else if (view.connection == "phase2-failed") {
    out.bad("connection", view.connection + tries, std::string(checklist_for(core::Stage::child)));
  } else {
    out.warning("connection", view.connection + tries,
                "it takes up to 12 s; ask again, or follow it: ipsecctl events -f --tunnel " +
                    facts.tunnel.meta.name);
  }
}

void judge_algorithms(const TunnelFacts& facts, Findings& out) {
  if (facts.view.weak.empty()) {
    if (current_ike(facts) != nullptr) out.good("algorithms", "none in use is weak");
    return;
  }
  out.warning(
      "algorithms", fmt::format("weak: {}", fmt::join(facts.view.weak, ", ")),
      fmt::format("ipsecctl tunnel set {} {}, once the peer can do better", facts.tunnel.meta.name,
                  facts.tunnel.ike.mode == gateway::IkeMode::aggressive
                      ? "--ike-version 2, or --ike-mode main"
                      : "--profile modern"));
}

void judge_on_down(const TunnelFacts& facts, Findings& out) {
  const gateway::Tunnel& tunnel = facts.tunnel;
  if (tunnel.on_down == gateway::OnDown::withdraw) {
    out.note("on_down", "withdraw: while it is down another way, unencrypted, may take over",
             fmt::format("where nothing may leave in clear: ipsecctl tunnel set {} --on-down "
                         "blackhole",
                         tunnel.meta.name));
  } else {
    out.note("on_down", "blackhole: while it is down nothing leaves to the peer's ranges");
  }
}

}  // namespace

std::string crowd_in_words(const core::Openings& openings, Time now) {
  static constexpr Duration kRecent = std::chrono::seconds(30);
  const bool withheld = openings.last_withheld != kNever && now - openings.last_withheld < kRecent;
  if (!withheld && !openings.cookies_asked_for) return {};
  std::string text = fmt::format("{} half-open IKE SAs", openings.half_open);
  if (openings.cookies_asked_for) text += ", IKEv2 peers are asked for a cookie";
  if (withheld) {
    text += fmt::format(", {} openings in aggressive mode held back", openings.withheld);
  }
  return text;
}

void judge_openings(const TunnelFacts& facts, Findings& out) {
  const std::string crowd = crowd_in_words(facts.openings, facts.now);
  if (crowd.empty()) return;
  if (facts.view.connection == "connected") return out.note("openings", crowd);
  out.warning("openings", crowd,
              "many begin at once, or somebody floods UDP 500: see ipsecctl counters; what begins "
              "in aggressive mode may be kept out by it, main mode and IKEv2 are not");
}

void judge_negotiation(const TunnelFacts& facts, Findings& out) {
  judge_connection(facts, out);
  judge_failure(facts, out);
  judge_openings(facts, out);
  judge_mirror(facts, out);
  judge_algorithms(facts, out);
}

std::vector<control::Finding> judge(const TunnelFacts& facts) {
  Findings out;
  judge_addresses(facts, out);
  judge_negotiation(facts, out);
  judge_kernel(facts, out);
  judge_traffic(facts, out);
  judge_mtu(facts, out);
  judge_on_down(facts, out);
  judge_routes(facts, out);
  return std::move(out).take();
}

}  // namespace ipsec::daemon
