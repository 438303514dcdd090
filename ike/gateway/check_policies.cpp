#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "ike/base/utf8.h"
#include "ike/gateway/check.h"

namespace ipsec::gateway {
namespace {

using Cause = Refusal::Cause;

constexpr std::uint64_t kLeastLifetimeKb = 2560;  // M76
constexpr std::uint32_t kLeastReplayWindow = 32;
constexpr std::uint32_t kMostReplayWindow = 4096;
// RFC 7383 2.5.1: what every path carries; and what an Ethernet frame holds.
constexpr std::uint32_t kLeastFragmentBytes = 548;
constexpr std::uint32_t kMostFragmentBytes = 1472;
constexpr std::size_t kLongestPsk = 128;
constexpr std::size_t kShortPsk = 8;
constexpr std::chrono::seconds kMostDpd{3600};

template <typename Rows>
std::size_t count_aeads(const Rows& rows) {
  return static_cast<std::size_t>(
      std::ranges::count_if(rows, [](const EncryptionRow* row) { return row->is_aead(); }));
}

class PolicyCheck {
 public:
  PolicyCheck(const CheckContext& context, const Tunnel& tunnel)
      : context_(context),
        tunnel_(tunnel),
        gateway_(*context.inventory.get<Gateway>(tunnel.gateway)),
        peer_(*context.inventory.get<Peer>(tunnel.peer)) {}

  void run() {
    check_key_and_identities();
    check_ike();
    check_ipsec();
    check_numbers();
    check_interface();
    // M103.
    if (tunnel_.line_route_mode == LineRouteMode::bgp && tunnel_.route_mode == RouteMode::fixed) {
      refuse("route_mode", "static", "does not go with BGP on the private line",
             "set route_mode to bgp, or line_route_mode to static");
    }
    check_routes();
  }

 private:
  // What is withdrawn from BGP is what others are to take over; a route that leads nowhere would be
  // announced to them.
  void check_routes() {
    if (tunnel_.route_mode == RouteMode::bgp && tunnel_.on_down == OnDown::blackhole) {
      refuse("on_down", "blackhole", "does not go with route_mode bgp, which withdraws",
             "set on_down to withdraw, or route_mode to auto");
    }
    if (tunnel_.route_metric == 0) {
      refuse("route_metric", "0", "is what the kernel takes for none",
             "choose a number from 1 on; a smaller one is taken first");
    }
  }

  void refuse(std::string_view field, std::string value, std::string why, std::string advice) {
    context_.refusals.push_back({Cause::invalid, Kind::tunnel, tunnel_.meta.name,
                                 std::string(field), std::move(value), std::move(why),
                                 std::move(advice)});
  }

  void check_key_and_identities() {
    if (auto why = why_no_psk(as_text(tunnel_.psk.bytes()))) {
      refuse("psk", "", *std::move(why),
             "a key has 1 to 128 characters, none of them blank or '?'");
    }
    // M37: the address says nothing, so the identity must.
    if (peer_.address.is_any() && !tunnel_.ike.peer_id) {
      refuse("ike.peer_id", "",
             fmt::format("missing, and peer '{}' may come from any address", peer_.meta.name),
             "set it to the identity that is configured at the peer, mostly its private address");
    }
    if (peer_.address.is_any() && tunnel_.start != Start::respond &&
        tunnel_.start != Start::automatic) {
      refuse("start", "traffic",
             fmt::format("peer '{}' may come from any address: there is nobody to call",
                         peer_.meta.name),
             "set start to respond");
    }
    const auto ours = gateway_.local_address ? gateway_.local_address : gateway_.public_address;
    if (ours && !peer_.address.is_any() && ours->family() != peer_.address.family()) {
      refuse("peer", peer_.meta.name,
             fmt::format("its address {} is not of the family of the gateway's {}",
                         peer_.address.to_string(), ours->to_string()),
             "both ends of a tunnel need addresses of one family");
    }
  }

  void check_ike() {
    const IkePolicy& ike = tunnel_.ike;
    if (ike.version == IkeVersion::v1) {
      check_v1();
    } else if (ike.mode == IkeMode::aggressive) {
      refuse("ike.mode", "aggressive", "IKEv2 has no modes",
             "leave it out, or set ike.version to 1");
    }
    for (const EncryptionRow* row : ike.encryption) {
      if (row->usable_for_ike) continue;
      refuse("ike.encryption", std::string(row->name), "no cipher for an IKE SA",
             "name it for ipsec.encryption only");
    }
    check_repeats("ike.encryption", ike.encryption);
    check_repeats("ike.integrity", ike.integrity);
    check_repeats("ike.dh", ike.dh);
  }

  // What is older than an algorithm has no number for it. RFC 2409 appendix A and RFC 2407 4 were
  // added to since, but AEADs never came to phase 1, nor ChaCha20 to IKEv1.
  void check_v1() {
    refuse_unsayable("ike.encryption", tunnel_.ike.encryption,
                     [](const EncryptionRow& row) { return row.v1_phase1 != 0; });
    refuse_unsayable("ike.integrity", tunnel_.ike.integrity, [](const IntegrityRow& row) {
      return std::ranges::any_of(
          all_prfs(), [&](const PrfRow& prf) { return prf.hash == row.hash && prf.v1_hash != 0; });
    });
    refuse_unsayable("ipsec.encryption", tunnel_.ipsec.encryption,
                     [](const EncryptionRow& row) { return row.v1_esp != 0; });
    const bool ah = tunnel_.ipsec.protocol == IpsecProtocol::ah;
    refuse_unsayable("ipsec.integrity", tunnel_.ipsec.integrity,
                     [ah](const IntegrityRow& row) { return (ah ? row.v1_ah : row.v1_auth) != 0; });
  }

  template <typename Row, typename Says>
  void refuse_unsayable(std::string_view field, const std::vector<const Row*>& rows, Says says) {
    for (const Row* row : rows) {
      if (says(*row)) continue;
      refuse(field, std::string(row->name), "IKEv1 has no number for it here",
             "choose another, or set ike.version to 2");
    }
  }

  void check_ipsec() {
    const IpsecPolicy& ipsec = tunnel_.ipsec;
    check_repeats("ipsec.encryption", ipsec.encryption);
    check_repeats("ipsec.integrity", ipsec.integrity);
    if (ipsec.protocol == IpsecProtocol::ah) {
      check_ah();
    } else if (!ipsec.encryption.empty() && !ipsec.integrity.empty() &&
               count_aeads(ipsec.encryption) == ipsec.encryption.size()) {
      refuse("ipsec.integrity", std::string(ipsec.integrity.front()->name),
             fmt::format("'{}' protects integrity itself", ipsec.encryption.front()->name),
             "leave it out, or name a cipher that needs it");
    }
  }

  // M71. And AH covers the addresses, which a NAT changes.
  void check_ah() {
    if (!tunnel_.ipsec.encryption.empty()) {
      refuse("ipsec.encryption", std::string(tunnel_.ipsec.encryption.front()->name),
             "AH does not encrypt", "leave it out, or set ipsec.protocol to esp");
    }
    if (gateway_.is_behind_nat()) {
      refuse(
          "ipsec.protocol", "ah",
          fmt::format("gateway '{}' is behind a NAT, which AH does not pass", gateway_.meta.name),
          "set it to esp");
    }
    if (tunnel_.force_encapsulation) {
      refuse("force_encapsulation", "true", "AH cannot go in UDP",
             "leave it out, or set ipsec.protocol to esp");
    }
  }

  void check_numbers() {
    check_lifetime("ike.lifetime_s", tunnel_.ike.lifetime);
    check_lifetime("ipsec.lifetime_s", tunnel_.ipsec.lifetime);
    check_range<std::uint64_t>("ipsec.replay_window", tunnel_.ipsec.replay_window,
                               kLeastReplayWindow, kMostReplayWindow);
    check_range<std::uint64_t>("fragment_bytes", tunnel_.fragment_bytes, kLeastFragmentBytes,
                               kMostFragmentBytes);
    check_range<std::int64_t>("dpd.delay_s", tunnel_.dpd.delay.count(), 1, kMostDpd.count());
    check_range<std::int64_t>("dpd.timeout_s", tunnel_.dpd.timeout.count(), 1, kMostDpd.count());
    if (tunnel_.ipsec.lifetime_kb != 0 && tunnel_.ipsec.lifetime_kb < kLeastLifetimeKb) {
      refuse("ipsec.lifetime_kb", fmt::to_string(tunnel_.ipsec.lifetime_kb),
             fmt::format("less than {}", kLeastLifetimeKb), "0 turns the limit by volume off");
    }
    // It is counted in bytes further down.
    static constexpr std::uint64_t kMostKb = std::numeric_limits<std::uint64_t>::max() / 1024;
    if (tunnel_.ipsec.lifetime_kb > kMostKb) {
      refuse("ipsec.lifetime_kb", fmt::to_string(tunnel_.ipsec.lifetime_kb),
             fmt::format("more than {}", kMostKb), "0 turns the limit by volume off");
    }
  }

  // What the kernel takes for a device's name, less those that mean something to sysctl.
  void check_interface() {
    const std::string& name = tunnel_.interface;
    if (name.empty()) return;
    static constexpr std::size_t kLongestDevice = 15;
    static constexpr std::array<std::string_view, 5> kReserved{".", "..", "lo", "all", "default"};
    const bool plain = std::ranges::all_of(
        name, [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != ':' && c != '%'; });
    if (plain && name.size() <= kLongestDevice &&
        std::ranges::find(kReserved, name) == kReserved.end()) {
      return;
    }
    refuse("interface", name, "no name for a device of its own",
           "choose up to 15 letters, digits and '-', such as 'vpn-office'");
  }

  void check_lifetime(std::string_view field, std::chrono::seconds lifetime) {
    const auto& [least, most] = context_.settings.lifetimes;
    check_range<std::int64_t>(field, lifetime.count(), least.count(), most.count());
  }

  template <typename N>
  void check_range(std::string_view field, N value, N least, N most) {
    if (value >= least && value <= most) return;
    refuse(field, fmt::to_string(value), "out of range",
           fmt::format("choose {} to {}", least, most));
  }

  template <typename Row>
  void check_repeats(std::string_view field, const std::vector<const Row*>& rows) {
    std::set<const Row*> seen;
    for (const Row* row : rows) {
      if (!seen.insert(row).second) {
        refuse(field, std::string(row->name), "named twice", "name each once, best first");
      }
    }
  }

  const CheckContext& context_;
  const Tunnel& tunnel_;
  const Gateway& gateway_;
  const Peer& peer_;
};

template <typename Row>
void warn_of_weak(std::vector<std::string>& out, std::string_view field,
                  const std::vector<const Row*>& rows) {
  for (const Row* row : rows) {
    if (row->strength == Strength::weak) {
      out.push_back(fmt::format("{} '{}' is weak", field, row->name));
    }
  }
}

}  // namespace

void check_policies(const CheckContext& context, const Tunnel& tunnel) {
  PolicyCheck(context, tunnel).run();
}

std::optional<std::string> why_no_psk(std::string_view text) {
  if (text.empty()) return "missing";
  const auto characters = count_characters(text);
  if (!characters) return "not valid UTF-8";
  if (*characters > kLongestPsk) return fmt::format("longer than {} characters", kLongestPsk);
  for (const char c : text) {
    if (c == '?') return "has a '?' in it";
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f) return "has white space or a control character in it";
  }
  return std::nullopt;
}

namespace {

// M15: hosts beside the gateway follow no route table to it.
void warn_of_own_subnet(std::vector<std::string>& out, const Inventory& inventory,
                        const Tunnel& tunnel) {
  const auto* gateway = inventory.get<Gateway>(tunnel.gateway);
  const auto* own = gateway == nullptr ? nullptr : inventory.get<Subnet>(gateway->subnet);
  if (own == nullptr) return;
  for (const Rule& rule : tunnel.all_rules()) {
    if (!own->cidr.contains(rule.local)) continue;
    out.push_back(fmt::format(
        "local range {} is in the gateway's own subnet '{}': give its hosts their routes "
        "by hand, or put the gateway in another subnet",
        rule.local.to_string(), own->meta.name));
  }
}

}  // namespace

std::vector<std::string> warnings_of(const Inventory& inventory, const Tunnel& tunnel) {
  std::vector<std::string> out;
  if (count_characters(as_text(tunnel.psk.bytes())).value_or(kShortPsk) < kShortPsk) {
    out.push_back(fmt::format("psk is shorter than {} characters and easily guessed", kShortPsk));
  }
  warn_of_weak(out, "ike.encryption", tunnel.ike.encryption);
  warn_of_weak(out, "ike.integrity", tunnel.ike.integrity);
  warn_of_weak(out, "ike.dh", tunnel.ike.dh);
  warn_of_weak(out, "ipsec.encryption", tunnel.ipsec.encryption);
  warn_of_weak(out, "ipsec.integrity", tunnel.ipsec.integrity);
  std::vector<const GroupRow*> pfs;
  for (const PfsChoice& choice : tunnel.ipsec.pfs) {
    if (choice.group != nullptr) pfs.push_back(choice.group);
  }
  warn_of_weak(out, "ipsec.pfs", pfs);
  warn_of_own_subnet(out, inventory, tunnel);
  if (tunnel.ike.mode == IkeMode::aggressive) {
    // RFC 2409 5.4: HASH_R is answered to whoever asks, and the identities are not encrypted.
    out.emplace_back(
        "aggressive mode sends both identities in clear, and lets whoever asks guess the psk at "
        "leisure: use main mode or IKEv2 where the peer can, else a psk of 20 random characters");
  }
  return out;
}

}  // namespace ipsec::gateway
