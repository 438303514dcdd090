// What a person configures, as plain data: every value parsed, none of it checked against another.
// Rules that span fields or objects are in check_*.cpp; objects are changed through a Draft only.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ike/base/address.h"
#include "ike/base/cidr.h"
#include "ike/base/identity.h"
#include "ike/base/secret.h"
#include "ike/crypto/registry/registry.h"
#include "ike/gateway/schema/kind.h"
#include "route/model.h"

namespace ipsec::gateway {

inline constexpr std::string_view kDefaultAccount = "default";
inline constexpr std::string_view kDefaultRegion = "default";

struct Meta {
  ObjectId id;
  std::string account{kDefaultAccount};
  std::string name;
  std::string remarks;
  std::chrono::sys_seconds created;
  bool operator==(const Meta&) const = default;
};

struct Vpc {
  static constexpr Kind kKind = Kind::vpc;
  Meta meta;
  std::vector<Cidr> cidrs;
  std::string region{kDefaultRegion};
  bool operator==(const Vpc&) const = default;
};

struct Subnet {
  static constexpr Kind kKind = Kind::subnet;
  Meta meta;
  ObjectId vpc;
  Cidr cidr;
  std::optional<route::Target> route_table;  // none: routes are nobody's business here
  bool operator==(const Subnet&) const = default;
};

struct Gateway {
  static constexpr Kind kKind = Kind::gateway;
  Meta meta;
  ObjectId vpc;
  ObjectId subnet;
  std::optional<Address> public_address;  // may come later (M14); its tunnels wait for it
  std::optional<Address> local_address;   // a NAT lies between this and the public one
  std::string model;
  std::string security_group;
  std::string protection;
  std::optional<std::uint32_t> bandwidth_mbps;  // recorded; shaping has its own place
  bool operator==(const Gateway&) const = default;

  [[nodiscard]] bool is_behind_nat() const {
    return local_address && public_address && *local_address != *public_address;
  }
};

struct Peer {
  static constexpr Kind kKind = Kind::peer;
  Meta meta;
  Address address;  // any: it comes from anywhere, and we only respond (M36)
  std::string vendor;
  std::string region{kDefaultRegion};
  bool operator==(const Peer&) const = default;
};

// A pre-shared key that objects share; compared by what it says, printed by nobody.
class Psk {
 public:
  Psk() = default;
  explicit Psk(std::string_view text)
      : secret_(std::make_shared<const Secret>(Secret::copy_of(text))) {}

  [[nodiscard]] ByteView bytes() const { return secret_ ? secret_->view() : ByteView{}; }
  [[nodiscard]] bool empty() const { return bytes().empty(); }
  friend bool operator==(const Psk& a, const Psk& b) {
    return equal_constant_time(a.bytes(), b.bytes());
  }

 private:
  std::shared_ptr<const Secret> secret_;
};

// One local range and the peer ranges that it reaches (M46).
struct Rule {
  Cidr local;
  std::vector<Cidr> peers;
  bool operator==(const Rule&) const = default;
};

enum class Start : std::uint8_t { automatic, traffic, respond };
enum class RouteMode : std::uint8_t { automatic, fixed, bgp };
enum class LineRouteMode : std::uint8_t { none, fixed, bgp };
enum class OnDown : std::uint8_t { withdraw, blackhole };
enum class Profile : std::uint8_t { automatic, modern };
enum class IkeVersion : std::uint8_t { v1 = 1, v2 = 2 };
enum class IkeMode : std::uint8_t { main, aggressive };
enum class IpsecProtocol : std::uint8_t { esp, ah };

// A group for PFS, or that there be none.
struct PfsChoice {
  const GroupRow* group = nullptr;  // null: none
  bool operator==(const PfsChoice&) const = default;
};

// Empty lists are "auto": the profile's defaults.
struct IkePolicy {
  IkeVersion version = IkeVersion::v2;
  IkeMode mode = IkeMode::main;
  std::vector<const EncryptionRow*> encryption;
  std::vector<const IntegrityRow*> integrity;
  std::vector<const GroupRow*> dh;
  std::optional<Identity> local_id;
  std::optional<Identity> peer_id;
  std::chrono::seconds lifetime{86400};
  bool operator==(const IkePolicy&) const = default;
};

struct IpsecPolicy {
  IpsecProtocol protocol = IpsecProtocol::esp;
  std::vector<const EncryptionRow*> encryption;
  std::vector<const IntegrityRow*> integrity;
  std::vector<PfsChoice> pfs;
  std::chrono::seconds lifetime{86400};
  std::uint64_t lifetime_kb = 0;  // 0: by time alone
  std::uint32_t replay_window = 1024;
  bool copy_dscp = true;          // from the packet inside to the one outside
  bool copy_ecn = true;           // both ways, RFC 6040
  std::uint32_t output_mark = 0;  // 0: none
  bool operator==(const IpsecPolicy&) const = default;
};

struct Dpd {
  std::chrono::seconds delay{8};
  std::chrono::seconds timeout{13};
  bool operator==(const Dpd&) const = default;
};

struct Tunnel {
  static constexpr Kind kKind = Kind::tunnel;
  Meta meta;
  ObjectId gateway;
  ObjectId peer;
  std::vector<Cidr> local_cidrs;
  std::vector<Cidr> peer_cidrs;
  std::vector<Rule> rules;  // instead of the two before
  Psk psk;
  std::string group;      // of redundancy
  std::string interface;  // a device of its own; empty: its policies take packets from anywhere
  bool enabled = true;
  Start start = Start::automatic;
  RouteMode route_mode = RouteMode::automatic;
  LineRouteMode line_route_mode = LineRouteMode::none;
  OnDown on_down = OnDown::withdraw;
  bool announce = true;  // false: withdrawn by hand (M101)
  std::uint32_t route_metric = 100;
  Profile profile = Profile::automatic;
  IkePolicy ike;
  IpsecPolicy ipsec;
  Dpd dpd;
  bool force_encapsulation = false;
  std::uint32_t fragment_bytes = 1232;
  bool operator==(const Tunnel&) const = default;

  // Both ways of saying it as one.
  [[nodiscard]] std::vector<Rule> all_rules() const;
};

// In the order of Kind.
using Object = std::variant<Vpc, Subnet, Gateway, Peer, Tunnel>;
using ObjectPointer = std::shared_ptr<const Object>;

[[nodiscard]] Object make_object(Kind kind);
[[nodiscard]] inline Kind kind_of(const Object& object) {
  return static_cast<Kind>(object.index());
}
[[nodiscard]] inline const Meta& meta_of(const Object& object) {
  return std::visit([](const auto& it) -> const Meta& { return it.meta; }, object);
}
[[nodiscard]] inline Meta& meta_of(Object& object) {
  return std::visit([](auto& it) -> Meta& { return it.meta; }, object);
}

}  // namespace ipsec::gateway
