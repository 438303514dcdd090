#include "ike/gateway/access.h"

#include <array>
#include <map>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "ike/gateway/spelling.h"

namespace ipsec::gateway {
namespace {

template <typename T>
struct Access {
  std::string_view name;
  std::expected<void, BadValue> (*set)(T& object, const FieldValue& value);
  FieldValue (*get)(const T& object);
};

// --- several values, one, or none --------------------------------------------------------------

template <typename V>
struct Codec {
  static std::expected<void, BadValue> read(V& into, const FieldValue& value) {
    if (value.size() != 1) return std::unexpected(BadValue{value[1], "one value too many"});
    auto read = Spelling<V>::read(value.front());
    if (!read) return std::unexpected(BadValue{value.front(), std::move(read.error())});
    into = *std::move(read);
    return {};
  }
  static FieldValue print(const V& value) {
    FieldValue out;  // with no copy made, as its list of initializers would
    out.push_back(Spelling<V>::print(value));
    return out;
  }
};

template <typename V>
struct Codec<std::optional<V>> {
  static std::expected<void, BadValue> read(std::optional<V>& into, const FieldValue& value) {
    V one{};
    auto read = Codec<V>::read(one, value);
    if (read) into = std::move(one);
    return read;
  }
  static FieldValue print(const std::optional<V>& value) {
    return value ? Codec<V>::print(*value) : FieldValue{};
  }
};

template <typename V>
struct Codec<std::vector<V>> {
  static std::expected<void, BadValue> read(std::vector<V>& into, const FieldValue& value) {
    std::vector<V> all;
    for (const std::string& text : value) {
      auto read = Spelling<V>::read(text);
      if (!read) return std::unexpected(BadValue{text, std::move(read.error())});
      all.push_back(*std::move(read));
    }
    into = std::move(all);
    return {};
  }
  static FieldValue print(const std::vector<V>& values) {
    FieldValue out;
    for (const V& value : values) out.push_back(Spelling<V>::print(value));
    return out;
  }
};

// An empty text or key, and an id of nothing, is one that was not given.
template <typename V>
bool is_nothing(const V& value) {
  if constexpr (std::is_same_v<V, ObjectId>) return value == ObjectId{};
  if constexpr (requires { value.empty(); }) return value.empty();
  return false;
}

// --- the tables --------------------------------------------------------------------------------

template <typename T, auto... Path>
constexpr Access<T> at(std::string_view name) {
  return {name,
          [](T& object, const FieldValue& value) -> std::expected<void, BadValue> {
            auto& member = (object.*....*Path);
            if (!value.empty())
              return Codec<std::remove_reference_t<decltype(member)>>::read(member, value);
            static const T blank{};
            member = (blank.*....*Path);
            return {};
          },
          [](const T& object) -> FieldValue {
            const auto& member = (object.*....*Path);
            if (is_nothing(member)) return {};
            return Codec<std::remove_cvref_t<decltype(member)>>::print(member);
          }};
}

template <typename T>
constexpr Access<T> kRemarks = at<T, &T::meta, &Meta::remarks>("remarks");

constexpr std::array kVpc{
    at<Vpc, &Vpc::cidrs>("cidrs"),
    at<Vpc, &Vpc::region>("region"),
    kRemarks<Vpc>,
};

constexpr std::array kSubnet{
    at<Subnet, &Subnet::vpc>("vpc"),
    at<Subnet, &Subnet::cidr>("cidr"),
    at<Subnet, &Subnet::route_table>("route_table"),
    kRemarks<Subnet>,
};

constexpr std::array kGateway{
    at<Gateway, &Gateway::vpc>("vpc"),
    at<Gateway, &Gateway::subnet>("subnet"),
    at<Gateway, &Gateway::public_address>("public_address"),
    at<Gateway, &Gateway::local_address>("local_address"),
    at<Gateway, &Gateway::model>("model"),
    at<Gateway, &Gateway::security_group>("security_group"),
    at<Gateway, &Gateway::protection>("protection"),
    at<Gateway, &Gateway::bandwidth_mbps>("bandwidth_mbps"),
    kRemarks<Gateway>,
};

constexpr std::array kPeer{
    at<Peer, &Peer::address>("address"),
    at<Peer, &Peer::vendor>("vendor"),
    at<Peer, &Peer::region>("region"),
    kRemarks<Peer>,
};

constexpr std::array kTunnel{
    at<Tunnel, &Tunnel::gateway>("gateway"),
    at<Tunnel, &Tunnel::peer>("peer"),
    at<Tunnel, &Tunnel::local_cidrs>("local_cidrs"),
    at<Tunnel, &Tunnel::peer_cidrs>("peer_cidrs"),
    at<Tunnel, &Tunnel::rules>("rules"),
    at<Tunnel, &Tunnel::psk>("psk"),
    at<Tunnel, &Tunnel::group>("group"),
    at<Tunnel, &Tunnel::interface>("interface"),
    at<Tunnel, &Tunnel::enabled>("enabled"),
    at<Tunnel, &Tunnel::start>("start"),
    at<Tunnel, &Tunnel::route_mode>("route_mode"),
    at<Tunnel, &Tunnel::line_route_mode>("line_route_mode"),
    at<Tunnel, &Tunnel::on_down>("on_down"),
    at<Tunnel, &Tunnel::announce>("announce"),
    at<Tunnel, &Tunnel::route_metric>("route_metric"),
    at<Tunnel, &Tunnel::profile>("profile"),
    at<Tunnel, &Tunnel::ike, &IkePolicy::version>("ike.version"),
    at<Tunnel, &Tunnel::ike, &IkePolicy::mode>("ike.mode"),
    at<Tunnel, &Tunnel::ike, &IkePolicy::encryption>("ike.encryption"),
    at<Tunnel, &Tunnel::ike, &IkePolicy::integrity>("ike.integrity"),
    at<Tunnel, &Tunnel::ike, &IkePolicy::dh>("ike.dh"),
    at<Tunnel, &Tunnel::ike, &IkePolicy::local_id>("ike.local_id"),
    at<Tunnel, &Tunnel::ike, &IkePolicy::peer_id>("ike.peer_id"),
    at<Tunnel, &Tunnel::ike, &IkePolicy::lifetime>("ike.lifetime_s"),
    at<Tunnel, &Tunnel::ipsec, &IpsecPolicy::protocol>("ipsec.protocol"),
    at<Tunnel, &Tunnel::ipsec, &IpsecPolicy::encryption>("ipsec.encryption"),
    at<Tunnel, &Tunnel::ipsec, &IpsecPolicy::integrity>("ipsec.integrity"),
    at<Tunnel, &Tunnel::ipsec, &IpsecPolicy::pfs>("ipsec.pfs"),
    at<Tunnel, &Tunnel::ipsec, &IpsecPolicy::lifetime>("ipsec.lifetime_s"),
    at<Tunnel, &Tunnel::ipsec, &IpsecPolicy::lifetime_kb>("ipsec.lifetime_kb"),
    at<Tunnel, &Tunnel::ipsec, &IpsecPolicy::replay_window>("ipsec.replay_window"),
    at<Tunnel, &Tunnel::ipsec, &IpsecPolicy::copy_dscp>("ipsec.copy_dscp"),
    at<Tunnel, &Tunnel::ipsec, &IpsecPolicy::copy_ecn>("ipsec.copy_ecn"),
    at<Tunnel, &Tunnel::ipsec, &IpsecPolicy::output_mark>("ipsec.output_mark"),
    at<Tunnel, &Tunnel::dpd, &Dpd::delay>("dpd.delay_s"),
    at<Tunnel, &Tunnel::dpd, &Dpd::timeout>("dpd.timeout_s"),
    at<Tunnel, &Tunnel::force_encapsulation>("force_encapsulation"),
    at<Tunnel, &Tunnel::fragment_bytes>("fragment_bytes"),
    kRemarks<Tunnel>,
};

template <typename T>
constexpr std::span<const Access<T>> table() {
  if constexpr (std::is_same_v<T, Vpc>) return kVpc;
  if constexpr (std::is_same_v<T, Subnet>) return kSubnet;
  if constexpr (std::is_same_v<T, Gateway>) return kGateway;
  if constexpr (std::is_same_v<T, Peer>) return kPeer;
  if constexpr (std::is_same_v<T, Tunnel>) return kTunnel;
}

template <typename T>
const Access<T>* find(std::string_view field) {
  for (const auto& access : table<T>()) {
    if (access.name == field) return &access;
  }
  return nullptr;
}

}  // namespace

std::expected<void, BadValue> set_field(Object& object, std::string_view field,
                                        const FieldValue& value) {
  return std::visit(
      [&]<typename T>(T& it) -> std::expected<void, BadValue> {
        const auto* access = find<T>(field);
        if (access == nullptr) return std::unexpected(BadValue{std::string(field), "no field"});
        return access->set(it, value);
      },
      object);
}

FieldValue get_field(const Object& object, std::string_view field) {
  return std::visit(
      [&]<typename T>(const T& it) -> FieldValue {
        const auto* access = find<T>(field);
        return access == nullptr ? FieldValue{} : access->get(it);
      },
      object);
}

const FieldValue& default_of(Kind kind, std::string_view field) {
  static const auto defaults = [] {
    std::map<std::pair<Kind, std::string_view>, FieldValue> all;
    for (const Kind each : kKinds) {
      const Object blank = make_object(each);
      for (const Field& known : fields_of(each)) {
        // What must be given has no default, though its type has a blank.
        if (!known.required) all[{each, known.name}] = get_field(blank, known.name);
      }
    }
    return all;
  }();
  static const FieldValue none;
  const auto found = defaults.find({kind, field});
  return found == defaults.end() ? none : found->second;
}

}  // namespace ipsec::gateway
