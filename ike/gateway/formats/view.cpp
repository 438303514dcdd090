#include "ike/gateway/formats/view.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>

namespace ipsec::gateway::formats {
namespace {

constexpr std::size_t kViewLongestName = 48;
constexpr std::string_view kKeyPlaceholder = "PUT-THE-PRE-SHARED-KEY-HERE";

// As the daemon groups them (translate.cpp): local ranges with the same peer ranges share a child.
// Quick Mode of IKEv1 takes one pair each.
std::vector<Ranges> children_of(const std::vector<Rule>& rules, IkeVersion version) {
  std::vector<Ranges> out;
  for (const Rule& rule : rules) {
    if (version == IkeVersion::v1) {
      for (const Cidr& peer : rule.peers) out.push_back({{rule.local}, {peer}});
      continue;
    }
    auto same = std::ranges::find(out, rule.peers, &Ranges::remote);
    if (same == out.end()) same = out.insert(same, {{}, rule.peers});
    same->local.push_back(rule.local);
  }
  return out;
}

std::optional<Address> known(const Address& address) {
  return address.is_any() ? std::nullopt : std::optional(address);
}

void swap_sides(View& view) {
  std::swap(view.local, view.remote);
  std::swap(view.local_id, view.remote_id);
  std::swap(view.local_name, view.remote_name);
  for (Ranges& ranges : view.children) std::swap(ranges.local, ranges.remote);
  // Whom nobody calls must call.
  if (view.start == Start::respond) view.start = Start::automatic;
}

// One tunnel's own surroundings, so that an address can be put where none is yet.
std::optional<Meaning> meaning_with(const Gateway& gateway, const Inventory& inventory,
                                    const Tunnel& tunnel) {
  Inventory own;
  own.put(std::make_shared<const Object>(gateway));
  if (auto peer = inventory.find(tunnel.peer)) own.put(std::move(peer));
  return meaning_of(own, tunnel);
}

}  // namespace

std::vector<CidrPair> View::pairs() const {
  std::vector<CidrPair> out;
  for (const Ranges& ranges : children) {
    out.reserve(out.size() + ranges.local.size() * ranges.remote.size());
    for (const Cidr& local_range : ranges.local) {
      for (const Cidr& remote_range : ranges.remote) out.push_back({local_range, remote_range});
    }
  }
  return out;
}

std::expected<View, std::string> view_of(const Inventory& inventory, const Tunnel& tunnel,
                                         Side side, Secrets secrets,
                                         std::vector<std::string>& warnings) {
  const auto* configured = inventory.get<Gateway>(tunnel.gateway);
  const auto* peer = inventory.get<Peer>(tunnel.peer);
  if (configured == nullptr || peer == nullptr) {
    return std::unexpected(fmt::format("tunnel '{}' has no gateway or no peer", tunnel.meta.name));
  }
  Gateway gateway = *configured;
  if (!gateway.public_address && !gateway.local_address) {
    gateway.public_address = Address::any(peer->address.family());
    warnings.push_back(fmt::format(
        "gateway '{}' has no address yet: the text has a placeholder for it; export again once it "
        "has one",
        gateway.meta.name));
  }
  const auto meaning = meaning_with(gateway, inventory, tunnel);
  if (!meaning || meaning->rules.empty()) {
    return std::unexpected(fmt::format("tunnel '{}' has no ranges", tunnel.meta.name));
  }

  View view;
  view.title = fmt::format("tunnel '{}' ({})", tunnel.meta.name, tunnel.meta.id.to_string());
  view.name = plain_name(tunnel.meta.name, kViewLongestName);
  view.id = tunnel.meta.id.to_string();
  view.local_name = fmt::format("gateway '{}'", gateway.meta.name);
  view.remote_name = fmt::format("peer '{}'", peer->meta.name);
  // The far end sees the NAT's address, and only it.
  view.local =
      known(side == Side::ours ? meaning->local : gateway.public_address.value_or(meaning->local));
  view.remote = known(meaning->remote);
  view.local_id = meaning->local_id;
  if (meaning->local_id == Identity::of(Address::any(Family::v4)) ||
      meaning->local_id == Identity::of(Address::any(Family::v6))) {
    view.local_id.reset();
  }
  view.remote_id = meaning->peer_id;
  view.key_shown = secrets == Secrets::shown;
  view.key = view.key_shown ? as_text(meaning->psk.bytes()) : kKeyPlaceholder;
  view.children = children_of(meaning->rules, meaning->ike.version);
  view.enabled = meaning->enabled;
  view.start = view.remote ? meaning->start : Start::respond;
  view.ike = meaning->ike;
  view.ipsec = meaning->ipsec;
  view.profile = meaning->profile;
  view.ike_offers = ike_proposals(meaning->ike, meaning->profile);
  view.child_offers = child_proposals(meaning->ipsec, meaning->profile);
  view.dpd = meaning->dpd;
  view.force_encapsulation = meaning->force_encapsulation;
  view.fragment_bytes = meaning->fragment_bytes;
  if (side == Side::peer) {
    swap_sides(view);
    view.remote_pending = !view.remote;
  }
  return view;
}

std::vector<std::string> heading(const View& view) {
  const auto place = [](const std::optional<Address>& address) {
    return address ? address->to_string() : std::string("no fixed address");
  };
  std::vector<std::string> out;
  out.push_back(fmt::format("{}: IKEv{} with a pre-shared key", view.title,
                            static_cast<int>(view.ike.version)));
  out.push_back(fmt::format("this side: {}, {}", view.local_name, place(view.local)));
  out.push_back(fmt::format("other side: {}, {}", view.remote_name, place(view.remote)));
  if (!view.key_shown) {
    out.push_back(fmt::format("put the tunnel's pre-shared key in place of {}", view.key));
  }
  return out;
}

std::string plain_name(std::string_view name, std::size_t longest) {
  std::string out;
  for (const char c : name.substr(0, longest)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_';
    out += plain ? c : '-';
  }
  const bool letter_first = !out.empty() && ((out.front() >= 'a' && out.front() <= 'z') ||
                                             (out.front() >= 'A' && out.front() <= 'Z'));
  // Some products take a name that begins with a digit for a number.
  if (!letter_first) out = ("t" + out).substr(0, longest);
  return out;
}

}  // namespace ipsec::gateway::formats
