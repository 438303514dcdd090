#include "ike/gateway/schema/fields.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace ipsec {
namespace {

constexpr bool kMany = true;
constexpr bool kRequired = true;

constexpr Field kRemarks{"remarks", Shape::text, false, false, "TEXT", "a note for people"};

constexpr Field reference(std::string_view name, Kind to, std::string_view help) {
  return {name, Shape::reference, false, kRequired, "NAME", help, to};
}
constexpr Field text(std::string_view name, std::string_view placeholder, std::string_view help) {
  return {name, Shape::text, false, false, placeholder, help};
}
constexpr Field list(std::string_view name, std::string_view placeholder, std::string_view help) {
  return {name, Shape::text, kMany, false, placeholder, help};
}
constexpr Field number(std::string_view name, std::string_view placeholder, std::string_view help) {
  return {name, Shape::number, false, false, placeholder, help};
}
constexpr Field flag(std::string_view name, std::string_view help) {
  return {name, Shape::flag, false, false, "true|false", help};
}
constexpr Field required(Field field) {
  field.required = true;
  return field;
}

constexpr std::array kVpc{
    required(list("cidrs", "CIDR", "the ranges of the VPC; peer ranges must lie outside them")),
    text("region", "NAME", "the region the VPC is in"),
    kRemarks,
};

constexpr std::array kSubnet{
    reference("vpc", Kind::vpc, "the VPC the subnet belongs to"),
    required(text("cidr", "CIDR", "the subnet's range, inside the VPC's")),
    text("route_table", "TABLE[,OPTION...]", "the route table that peer routes are delivered into"),
    kRemarks,
};

constexpr std::array kGateway{
    reference("vpc", Kind::vpc, "the VPC the gateway serves"),
    reference("subnet", Kind::subnet, "the subnet the gateway itself sits in"),
    text("public_address", "ADDRESS|auto",
         "the public address peers know; may follow later; `auto` takes one from the pool"),
    text("local_address", "ADDRESS",
         "the address on this machine that IKE and ESP leave from, where it is not the public one"),
    text("model", "NAME", "the machine model the gateway runs on"),
    text("security_group", "NAME", "the security group of the gateway"),
    text("protection", "NAME", "the anti-DDoS package bound to the public address"),
    number("bandwidth_mbps", "5|10|20|50|100", "the bandwidth that was bought, in Mbit/s"),
    kRemarks,
};

constexpr std::array kPeer{
    required(text("address", "ADDRESS",
                  "the peer's public address; 0.0.0.0 for any, which only "
                  "responds")),
    text("vendor", "NAME", "what the peer is made by; see `ipsecctl vendors`"),
    text("region", "NAME", "the region the peer gateway is listed in"),
    kRemarks,
};

constexpr std::array kTunnel{
    reference("gateway", Kind::gateway, "our end"),
    reference("peer", Kind::peer, "the other end"),
    list("local_cidrs", "CIDR", "ranges on our side, each inside a subnet of the VPC"),
    list("peer_cidrs", "CIDR", "ranges on the peer's side; each local range reaches all of them"),
    list("rules", "LOCAL=PEER,PEER...",
         "instead of local_cidrs and peer_cidrs: one local range and the peer ranges it reaches"),
    Field{"psk", Shape::secret, false, kRequired, "TEXT", "the pre-shared key"},
    text("group", "NAME", "tunnels of one redundancy group may serve the same ranges"),
    text("interface", "DEVICE",
         "a device of its own that takes all that routes send there; without, its ranges decide"),
    flag("enabled", "false holds the tunnel down"),
    text("start", "auto|traffic|respond", "who begins: we, the first packet, or the peer"),
    text("route_mode", "auto|static|bgp", "how peer ranges get into the subnets' route tables"),
    text("line_route_mode", "none|static|bgp",
         "how routes over a private line beside the tunnel are made"),
    text("on_down", "withdraw|blackhole",
         "whether routes leave or lead nowhere while the tunnel is down"),
    flag("announce", "false keeps the tunnel's routes out of all tables"),
    number("route_metric", "METRIC", "the metric of its routes; the smaller one is taken"),
    text("profile", "auto|modern", "what is offered where no algorithms are named"),
    text("ike.version", "1|2", "the IKE version"),
    text("ike.mode", "main|aggressive", "phase 1 of IKEv1"),
    list("ike.encryption", "NAME", "ciphers of the IKE SA, best first"),
    list("ike.integrity", "NAME", "hashes of the IKE SA, best first"),
    list("ike.dh", "GROUP", "Diffie-Hellman groups, best first; by number or name"),
    text("ike.local_id", "ID", "who we say we are; else the gateway's public address"),
    text("ike.peer_id", "ID", "who the peer must say it is; else its address"),
    number("ike.lifetime_s", "SECONDS", "when the IKE SA is made anew"),
    text("ipsec.protocol", "esp|ah", "encryption and integrity, or integrity alone"),
    list("ipsec.encryption", "NAME", "ciphers of the IPsec SAs, best first"),
    list("ipsec.integrity", "NAME", "hashes of the IPsec SAs, best first"),
    list("ipsec.pfs", "GROUP|none", "groups for perfect forward secrecy, best first"),
    number("ipsec.lifetime_s", "SECONDS", "when an IPsec SA is made anew"),
    number("ipsec.lifetime_kb", "KILOBYTES", "the same by volume; 0 for never"),
    number("ipsec.replay_window", "PACKETS", "how far packets may overtake one another"),
    flag("ipsec.copy_dscp", "the class of service of a packet inside shows outside"),
    flag("ipsec.copy_ecn", "marks of congestion pass between inside and outside"),
    number("ipsec.output_mark", "MARK",
           "firewall mark of packets once they are encrypted, for rules of routing; 0 for none"),
    number("dpd.delay_s", "SECONDS", "silence after which the peer is asked whether it lives"),
    number("dpd.timeout_s", "SECONDS", "silence after that until it is taken for dead"),
    flag("force_encapsulation", "ESP goes in UDP even where no NAT is seen"),
    number("fragment_bytes", "BYTES", "IKE messages longer than this go in fragments"),
    kRemarks,
};

// The number of letters to add, drop, change or swap with their neighbour.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(last.begin(), last.end(), 0U);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0U : 1U;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last.back();
}

}  // namespace

std::span<const Field> fields_of(Kind kind) {
  switch (kind) {
    case Kind::vpc:
      return kVpc;
    case Kind::subnet:
      return kSubnet;
    case Kind::gateway:
      return kGateway;
    case Kind::peer:
      return kPeer;
    case Kind::tunnel:
      return kTunnel;
  }
  return {};
}

const Field* find_field(Kind kind, std::string_view name) {
  const auto fields = fields_of(kind);
  const auto found = std::ranges::find(fields, name, &Field::name);
  return found == fields.end() ? nullptr : &*found;
}

std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> known) {
  // A longer word is no slip of the hand, and comparing it would cost its square.
  static constexpr std::size_t kLongest = 64;
  static constexpr std::size_t kFarthest = 2;
  if (word.empty() || word.size() > kLongest) return std::nullopt;
  std::optional<std::string_view> best;
  std::size_t least = std::min(kFarthest, (word.size() - 1) / 2) + 1;
  for (const std::string_view candidate : known) {
    const std::size_t off = distance(word, candidate);
    if (off >= least) continue;
    least = off;
    best = candidate;
  }
  return best;
}

std::optional<std::string_view> nearest_field(Kind kind, std::string_view name) {
  std::vector<std::string_view> names{"name"};
  for (const Field& field : fields_of(kind)) names.push_back(field.name);
  return nearest(name, names);
}

}  // namespace ipsec
