#include "ike/gateway/formats/assemble.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "ike/base/limits.h"
#include "ike/base/utf8.h"
#include "ike/gateway/access.h"
#include "ike/gateway/formats/swan_words.h"
#include "ike/gateway/spelling.h"

namespace ipsec::gateway::formats {
namespace {

// Behind it a number may still come.
constexpr std::size_t kForeignLongestName = 100;

std::string object_name(std::string_view name) {
  // Our own export puts the tunnel's id behind its name (M137).
  static constexpr std::size_t kIdLength = 20;
  if (name.size() > kIdLength + 1 && name[name.size() - kIdLength - 1] == '-' &&
      ObjectId::parse(name.substr(name.size() - kIdLength))) {
    name.remove_suffix(kIdLength + 1);
  }
  std::string out;
  while (!name.empty()) {
    // Whole characters, and none that no text has.
    const std::size_t size = size_of_character(name);
    const std::string_view character = name.substr(0, std::max<std::size_t>(size, 1));
    if (out.size() + character.size() > kForeignLongestName) break;
    const auto byte = static_cast<unsigned char>(character.front());
    const bool bad =
        size == 0 || byte <= 0x20 || byte == 0x7f ||
        std::string_view("\"'`/\\,=").find(character.front()) != std::string_view::npos;
    out += bad ? "-" : character;
    name.remove_prefix(character.size());
  }
  const bool bare = out.empty() || out.front() == '-' || ObjectId::parse(out);
  return bare ? fmt::format("t{}", out) : out;
}

std::string range_name(const Cidr& range) {
  std::string out = fmt::format("{}-{}", kImportedVpc, range.to_string());
  std::ranges::replace_if(out, [](char c) { return c == '.' || c == ':' || c == '/'; }, '-');
  return out;
}

// Those that lie in no other.
std::vector<Cidr> outermost(std::vector<Cidr> ranges) {
  std::ranges::sort(ranges);
  std::vector<Cidr> out;
  for (const Cidr& range : ranges) {
    // Sorted, whatever holds it is the last that was kept.
    if (out.empty() || !out.back().contains(range)) out.push_back(range);
  }
  return out;
}

bool is_private(const Address& address) {
  static constexpr std::array<std::string_view, 4> kPrivate{"10.0.0.0/8", "172.16.0.0/12",
                                                            "192.168.0.0/16", "100.64.0.0/10"};
  return std::ranges::any_of(kPrivate, [&](std::string_view range) {
    return Cidr::parse(range).value().contains(address);
  });
}

FieldValue texts(const std::vector<Cidr>& ranges) {
  FieldValue out;
  out.reserve(ranges.size());
  for (const Cidr& range : ranges) out.push_back(range.to_string());
  return out;
}

std::vector<Rule> rules_of(const ForeignChild& child) {
  std::vector<Rule> out;
  out.reserve(child.local.size());
  for (const Cidr& local : child.local) out.push_back({local, child.remote});
  return out;
}

// One tunnel to be: connections that mean one association.
struct Bundle {
  const ForeignConnection* first = nullptr;
  const ForeignPolicy* policy = nullptr;
  std::vector<const ForeignChild*> children;
};

class Assembling {
 public:
  explicit Assembling(ForeignFile file) : file_(std::move(file)) {
    for (const ForeignSecret& secret : file_.secrets) {
      if (secret.owners.empty()) anybodys_.push_back(&secret);
      for (const Identity& owner : secret.owners) secrets_[owner].push_back(&secret);
    }
  }

  Imported run() {
    bundle();
    if (!bundles_.empty()) {
      declare_network();
      for (const Bundle& bundle : bundles_) declare_tunnel(bundle);
    }
    in_order_of_kinds(out_.declarations);
    out_.untaken = std::move(file_.untaken);
    std::ranges::sort(out_.untaken, {}, [](const Untaken& it) {
      return std::tuple(it.place, std::string_view(it.what), std::string_view(it.why));
    });
    out_.notes = std::move(file_.notes);
    return std::move(out_);
  }

 private:
  // --- connections to tunnels --------------------------------------------------------------------

  void bundle() {
    std::map<std::pair<std::optional<Address>, std::optional<Address>>, std::vector<std::size_t>>
        between;
    for (const ForeignConnection& connection : file_.connections) {
      if (connection.children.empty()) {
        file_.leave(connection.line, connection.name, "has no ranges that can be had");
        continue;
      }
      auto& known = between[{connection.ike.local, connection.ike.remote}];
      const auto same = std::ranges::find_if(
          known, [&](std::size_t index) { return may_join(bundles_[index], connection); });
      if (same == known.end()) {
        known.push_back(bundles_.size());
        bundles_.push_back({&connection, &connection.children.front().policy, {}});
        add_children(bundles_.back(), connection);
      } else {
        add_children(bundles_[*same], connection);
      }
    }
  }

  static bool may_join(const Bundle& bundle, const ForeignConnection& connection) {
    return bundle.first->ike == connection.ike &&
           *bundle.policy == connection.children.front().policy;
  }

  void add_children(Bundle& bundle, const ForeignConnection& connection) {
    bundle.children.reserve(bundle.children.size() + connection.children.size());
    for (const ForeignChild& child : connection.children) {
      if (child.policy == *bundle.policy) {
        bundle.children.push_back(&child);
        continue;
      }
      file_.leave(
          child.line, fmt::format("{}: {}", connection.name, child.name),
          fmt::format("its settings are not those of '{}', and a tunnel has one set for all "
                      "its ranges",
                      bundle.children.front()->name));
    }
  }

  // --- what tunnels stand on ---------------------------------------------------------------------

  void declare(Kind kind, std::string name, Fields fields, std::uint32_t line) {
    toml::Declaration it;
    it.kind = kind;
    it.name = std::move(name);
    it.fields = std::move(fields);
    it.place = {line, 1};
    out_.declarations.push_back(std::move(it));
  }

  std::string unused(Kind kind, std::string_view wanted) {
    std::string name(wanted);
    for (std::size_t number = 2; !names_.insert({kind, name}).second; ++number) {
      name = fmt::format("{}-{}", wanted, number);
    }
    return name;
  }

  void declare_network() {
    std::vector<Cidr> ranges;
    for (const Bundle& bundle : bundles_) {
      for (const ForeignChild* child : bundle.children) {
        ranges.insert(ranges.end(), child->local.begin(), child->local.end());
      }
    }
    subnets_ = outermost(std::move(ranges));
    const std::uint32_t line = bundles_.front().first->line;
    declare(Kind::vpc, std::string(kImportedVpc), {{"cidrs", texts(subnets_)}}, line);
    for (const Cidr& subnet : subnets_) {
      declare(Kind::subnet, range_name(subnet),
              {{"vpc", {std::string(kImportedVpc)}}, {"cidr", {subnet.to_string()}}}, line);
    }
    file_.notes.push_back(fmt::format(
        "the local ranges became {} subnet{} of VPC '{}'; it knows no ranges but those imported",
        subnets_.size(), subnets_.size() == 1 ? "" : "s", kImportedVpc));
  }

  struct GatewayMade {
    std::string name;
    std::optional<Identity> says;  // where its tunnels name no identity
  };

  const GatewayMade& gateway_for(const Bundle& bundle) {
    const ForeignIke& ike = bundle.first->ike;
    const auto found = gateways_.find(ike.local);
    if (found != gateways_.end()) return found->second;

    GatewayMade made{unused(Kind::gateway, kImportedVpc), std::nullopt};
    const auto inside = std::ranges::find_if(
        subnets_, [&](const Cidr& subnet) { return ike.local && subnet.contains(*ike.local); });
    const Cidr& subnet = inside == subnets_.end() ? subnets_.front() : *inside;
    Fields fields{{"vpc", {std::string(kImportedVpc)}}, {"subnet", {range_name(subnet)}}};
    if (ike.local) {
      // A private address that says it is another one stands behind a NAT that shows that one.
      std::optional<Address> shown = ike.local;
      if (is_private(*ike.local) && ike.local_id && ike.local_id->type == IdType::ipv4 &&
          *ike.local_id != Identity::of(*ike.local)) {
        shown = Address::from_bytes(ike.local_id->data);
        fields.push_back({"local_address", {ike.local->to_string()}});
      }
      fields.push_back({"public_address", {shown->to_string()}});
      made.says = Identity::of(*shown);
    } else {
      file_.notes.push_back(fmt::format(
          "gateway '{}' has no address, as '{}' names none: its tunnels wait until it gets one",
          made.name, bundle.first->name));
    }
    declare(Kind::gateway, made.name, std::move(fields), bundle.first->line);
    return gateways_.emplace(ike.local, std::move(made)).first->second;
  }

  // One of each address, but a gateway and a peer have one tunnel (M5).
  std::string peer_for(const Bundle& bundle, const std::string& gateway, const std::string& name) {
    const ForeignIke& ike = bundle.first->ike;
    const Address address = ike.remote.value_or(Address{});
    auto& known = peers_[address];
    for (const std::string& peer : known) {
      if (joined_.insert({gateway, peer}).second) return peer;
    }
    known.push_back(unused(Kind::peer, name));
    joined_.insert({gateway, known.back()});
    declare(Kind::peer, known.back(), {{"address", {address.to_string()}}}, bundle.first->line);
    return known.back();
  }

  // --- a tunnel ----------------------------------------------------------------------------------

  void declare_tunnel(const Bundle& bundle) {
    const ForeignConnection& connection = *bundle.first;
    const ForeignIke& ike = connection.ike;
    const std::string name = unused(Kind::tunnel, object_name(connection.name));
    const GatewayMade& gateway = gateway_for(bundle);
    Fields fields{{"gateway", {gateway.name}}, {"peer", {peer_for(bundle, gateway.name, name)}}};
    add_ranges(fields, bundle);
    if (const auto* key = key_of(ike)) {
      fields.push_back({"psk", {*key}});
    } else {
      file_.notes.push_back(fmt::format(
          "no pre-shared key for '{}' was found: give tunnel '{}' one", connection.name, name));
    }
    Tunnel tunnel = settings_of(bundle);
    const auto remote_default =
        ike.remote ? std::optional(Identity::of(*ike.remote)) : std::optional<Identity>();
    if (ike.local_id && ike.local_id != gateway.says) tunnel.ike.local_id = ike.local_id;
    if (ike.remote_id && ike.remote_id != remote_default) tunnel.ike.peer_id = ike.remote_id;
    add_settings(fields, std::move(tunnel));
    declare(Kind::tunnel, name, std::move(fields), connection.line);
  }

  static void add_ranges(Fields& fields, const Bundle& bundle) {
    if (bundle.children.size() == 1) {
      fields.emplace_back("local_cidrs", texts(bundle.children.front()->local));
      fields.emplace_back("peer_cidrs", texts(bundle.children.front()->remote));
      return;
    }
    std::vector<Rule> rules;
    for (const ForeignChild* child : bundle.children) {
      for (Rule& rule : rules_of(*child)) {
        const auto same = std::ranges::find(rules, rule.local, &Rule::local);
        if (same == rules.end()) {
          rules.push_back(std::move(rule));
        } else {
          same->peers.insert(same->peers.end(), rule.peers.begin(), rule.peers.end());
        }
      }
    }
    FieldValue value;
    value.reserve(rules.size());
    for (const Rule& rule : rules) value.push_back(Spelling<Rule>::print(rule));
    fields.emplace_back("rules", std::move(value));
  }

  Tunnel settings_of(const Bundle& bundle) {
    const ForeignIke& ike = bundle.first->ike;
    const ForeignPolicy& policy = *bundle.policy;
    Tunnel tunnel;
    auto named = name_algorithms(ike.offers, policy.offers, policy.protocol);
    if (named.wider) {
      file_.notes.push_back(
          fmt::format("'{}' has proposals that a tunnel cannot keep apart: it takes each of their "
                      "algorithms with each",
                      bundle.first->name));
    }
    tunnel.profile = named.profile;
    tunnel.ike = std::move(named.ike);
    tunnel.ipsec = std::move(named.ipsec);
    tunnel.ipsec.protocol = policy.protocol;
    tunnel.ike.version = ike.version == 1 ? IkeVersion::v1 : IkeVersion::v2;
    if (ike.aggressive && ike.version == 1) tunnel.ike.mode = IkeMode::aggressive;
    tunnel.start = policy.start;
    tunnel.force_encapsulation = ike.encapsulate;
    if (ike.lifetime) tunnel.ike.lifetime = *ike.lifetime;
    if (ike.dpd_delay) tunnel.dpd.delay = *ike.dpd_delay;
    if (ike.dpd_timeout) tunnel.dpd.timeout = *ike.dpd_timeout;
    if (policy.lifetime) tunnel.ipsec.lifetime = *policy.lifetime;
    if (policy.lifetime_bytes) tunnel.ipsec.lifetime_kb = *policy.lifetime_bytes / 1024;
    if (policy.replay_window) {
      static constexpr std::uint64_t kMost = 0xffffffffU;
      tunnel.ipsec.replay_window =
          static_cast<std::uint32_t>(std::min(*policy.replay_window, kMost));
    }
    return tunnel;
  }

  // What is not as it is by default, in the order of the schema.
  static void add_settings(Fields& fields, Tunnel tunnel) {
    const Object object = std::move(tunnel);
    for (const Field& field : fields_of(Kind::tunnel)) {
      if (field.required) continue;
      FieldValue value = get_field(object, field.name);
      if (value != default_of(Kind::tunnel, field.name)) {
        fields.emplace_back(std::string(field.name), std::move(value));
      }
    }
  }

  // The key that fits best, as strongSwan chooses: of both ends, of one, anybody's.
  const std::string* key_of(const ForeignIke& ike) const {
    const auto or_address = [](const auto& id, const auto& address) {
      return id || !address ? id : std::optional(Identity::of(*address));
    };
    const auto local = or_address(ike.local_id, ike.local);
    const auto remote = or_address(ike.remote_id, ike.remote);
    for (const auto& mine : {remote, local}) {
      const auto found = mine ? secrets_.find(*mine) : secrets_.end();
      if (found == secrets_.end()) continue;
      const auto& other = mine == remote ? local : remote;
      for (const ForeignSecret* secret : found->second) {
        if (other && std::ranges::find(secret->owners, *other) != secret->owners.end()) {
          return &secret->key;
        }
      }
      return &found->second.front()->key;
    }
    return anybodys_.empty() ? nullptr : &anybodys_.front()->key;
  }

  ForeignFile file_;
  std::vector<Bundle> bundles_;
  std::vector<Cidr> subnets_;
  std::map<std::optional<Address>, GatewayMade> gateways_;
  std::map<Address, std::vector<std::string>> peers_;
  std::set<std::pair<std::string, std::string>> joined_;
  std::set<std::pair<Kind, std::string>> names_;
  std::map<Identity, std::vector<const ForeignSecret*>> secrets_;
  std::vector<const ForeignSecret*> anybodys_;
  Imported out_;
};

}  // namespace

void in_order_of_kinds(std::vector<toml::Declaration>& declarations) {
  std::vector<toml::Declaration> sorted;
  sorted.reserve(declarations.size());
  for (const Kind kind : kKinds) {
    for (toml::Declaration& it : declarations) {
      if (it.kind == kind) sorted.push_back(std::move(it));
    }
  }
  declarations = std::move(sorted);
}

Imported assemble(ForeignFile file) { return Assembling(std::move(file)).run(); }

std::expected<std::vector<Cidr>, std::string> read_ranges(std::string_view text) {
  std::vector<Cidr> out;
  for (const std::string_view word : split(text, ", \t")) {
    const auto fail = [&](std::string_view why) {
      return std::unexpected(fmt::format("'{}' {}", word, why));
    };
    if (word.contains('[') || word == "dynamic" || word.starts_with('%')) {
      return fail(word.contains('[') ? "names a protocol or port; tunnels here join whole ranges"
                                     : "is no fixed range");
    }
    if (const auto dash = word.find('-'); dash != std::string_view::npos) {
      const auto first = Address::parse(trimmed(word.substr(0, dash)));
      const auto last = Address::parse(trimmed(word.substr(dash + 1)));
      const auto range = first && last ? AddressRange::make(*first, *last) : std::nullopt;
      if (!range) return fail("is no range of addresses");
      const auto prefixes = cover(*range);
      out.insert(out.end(), prefixes.begin(), prefixes.end());
    } else {
      const auto cidr = Cidr::parse(word);
      if (!cidr) return fail(cidr.error().why);
      out.push_back(*cidr);
    }
    if (out.size() > limits::kImportRanges) return fail("is one range too many");
  }
  return out;
}

std::expected<ForeignAddress, std::string> read_address(std::string_view text) {
  const auto words = split(text, ", \t");
  if (words.empty()) return ForeignAddress{};
  const std::string_view word = words.front();
  const bool more = words.size() > 1;
  // %any, %any4, %defaultroute
  if (word.starts_with('%')) return ForeignAddress{std::nullopt, more};
  const auto address = Address::parse(word);
  if (!address) {
    return std::unexpected(
        fmt::format("'{}' is no address; names are not looked up, write the address", word));
  }
  if (address->is_any()) return ForeignAddress{std::nullopt, more};
  return ForeignAddress{address, more};
}

}  // namespace ipsec::gateway::formats
