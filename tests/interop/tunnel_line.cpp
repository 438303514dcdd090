#include "tests/interop/tunnel_line.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <vector>

namespace ipsec::interop {
namespace {

// Thrown and caught in this file: a wrong line ends the test that wrote it.
struct WrongLine : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> words;
  for (const auto part : std::views::split(text, separator)) {
    if (!part.empty()) words.emplace_back(part.begin(), part.end());
  }
  return words;
}

using Fields = std::map<std::string, std::string, std::less<>>;

Fields read_fields(std::string_view line) {
  Fields fields;
  for (const auto& word : split(line, ' ')) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) throw WrongLine("not key=value: " + word);
    fields[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return fields;
}

// Takes a field out, so that what is left at the end is a mistake.
std::optional<std::string> take(Fields& fields, std::string_view key) {
  const auto found = fields.find(key);
  if (found == fields.end()) return std::nullopt;
  auto value = std::move(found->second);
  fields.erase(found);
  return value;
}

Address address_of(const std::string& text) {
  const auto address = Address::parse(text);
  if (!address) throw WrongLine("no address: " + text);
  return *address;
}

Identity identity_of(const std::string& text) {
  auto identity = Identity::parse(text);
  if (!identity) throw WrongLine("no identity: " + text);
  return *std::move(identity);
}

std::int64_t number_of(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0) {
    throw WrongLine("no number: " + text);
  }
  return number;
}

void take_seconds(Fields& fields, std::string_view key, Duration& target) {
  if (const auto text = take(fields, key)) target = std::chrono::seconds(number_of(*text));
}

// The PRF of the integrity algorithm's hash, where none is named.
const PrfRow* prf_for(const IntegrityRow& integrity) {
  const auto rows = all_prfs();
  const auto found = std::ranges::find(rows, integrity.hash, &PrfRow::hash);
  return found == rows.end() ? nullptr : &*found;
}

core::IkeOffer ike_offer(const std::string& text) {
  core::IkeOffer offer;
  for (const auto& word : split(text, '-')) {
    if (const auto* encryption = find_encryption(word)) {
      offer.encryption.push_back(encryption);
    } else if (const auto* integrity = find_integrity(word)) {
      offer.integrity.push_back(integrity);
    } else if (const auto* prf = find_prf(word)) {
      offer.prfs.push_back(prf);
    } else if (const auto* group = find_group(word)) {
      offer.groups.push_back(group);
    } else {
      throw WrongLine("no IKE algorithm: " + word);
    }
  }
  if (offer.prfs.empty()) {
    for (const auto* integrity : offer.integrity) offer.prfs.push_back(prf_for(*integrity));
  }
  return offer;
}

core::ChildOffer child_offer(const std::string& text, xfrm::Protocol protocol) {
  core::ChildOffer offer;
  offer.protocol = protocol;
  for (const auto& word : split(text, '-')) {
    if (word == "none") {
      offer.groups.push_back(nullptr);
    } else if (word == "esn") {
      offer.sequence_numbers = {EsnId::yes};
    } else if (const auto* encryption = find_encryption(word)) {
      offer.encryption.push_back(encryption);
    } else if (const auto* integrity = find_integrity(word)) {
      offer.integrity.push_back(integrity);
    } else if (const auto* group = find_group(word)) {
      offer.groups.push_back(group);
    } else {
      throw WrongLine("no child algorithm: " + word);
    }
  }
  return offer;
}

std::optional<core::Profile> profile_of(const std::string& text) {
  if (text == "auto") return core::Profile::automatic;
  if (text == "modern") return core::Profile::modern;
  return std::nullopt;
}

core::IkeOffers ike_offers(const std::string& text) {
  if (const auto profile = profile_of(text)) return core::default_ike_offers(*profile);
  core::IkeOffers offers;
  for (const auto& word : split(text, ',')) offers.push_back(ike_offer(word));
  return offers;
}

core::ChildOffers child_offers(const std::optional<std::string>& esp,
                               const std::optional<std::string>& ah) {
  if (const auto profile = profile_of(esp.value_or(ah ? "" : "auto"))) {
    return core::default_child_offers(*profile);
  }
  core::ChildOffers offers;
  for (const auto& word : split(esp.value_or(""), ',')) {
    offers.push_back(child_offer(word, xfrm::Protocol::esp));
  }
  for (const auto& word : split(ah.value_or(""), ',')) {
    offers.push_back(child_offer(word, xfrm::Protocol::ah));
  }
  return offers;
}

core::Selectors selectors_of(const std::optional<std::string>& text, const Address& otherwise) {
  if (!text) return {TrafficSelector::of(Cidr::host(otherwise))};
  core::Selectors selectors;
  for (const auto& word : split(*text, ',')) {
    const auto cidr = Cidr::parse(word);
    if (!cidr) throw WrongLine("no network: " + word);
    selectors.push_back(TrafficSelector::of(*cidr));
  }
  return selectors;
}

core::Start start_of(const std::string& text) {
  if (text == "automatic") return core::Start::automatic;
  if (text == "respond") return core::Start::respond;
  if (text == "down") return core::Start::down;
  throw WrongLine("no start: " + text);
}

void take_ends(Fields& fields, core::TunnelConfig& tunnel) {
  tunnel.local = address_of(take(fields, "local").value_or(""));
  tunnel.remote = address_of(take(fields, "remote").value_or(""));
  const auto local_id = take(fields, "local_id");
  tunnel.local_identity = local_id ? identity_of(*local_id) : Identity::of(tunnel.local);
  const auto remote_id = take(fields, "remote_id");
  if (!remote_id) {
    tunnel.remote_identity = Identity::of(tunnel.remote);
  } else if (*remote_id != "%any") {
    tunnel.remote_identity = identity_of(*remote_id);
  }
  tunnel.credential =
      core::make_shared_key_credential(Secret::copy_of(take(fields, "psk").value_or("secret")));
}

core::ChildConfig take_child(Fields& fields, const core::TunnelConfig& tunnel) {
  core::ChildConfig child;
  child.reqid = Reqid{static_cast<std::uint32_t>(tunnel.id.value)};
  child.selectors.local = selectors_of(take(fields, "local_ts"), tunnel.local);
  child.selectors.remote = selectors_of(take(fields, "remote_ts"), tunnel.remote);
  const auto esp = take(fields, "esp");
  child.offers = child_offers(esp, take(fields, "ah"));
  take_seconds(fields, "lifetime", child.lifetime);
  return child;
}

void take_version(Fields& fields, core::TunnelConfig& tunnel) {
  const auto version = take(fields, "version").value_or("2");
  if (version != "1" && version != "2") throw WrongLine("no version: " + version);
  if (version == "1") tunnel.version = core::IkeVersion::v1;
  tunnel.aggressive = take(fields, "aggressive").value_or("no") == "yes";
}

core::TunnelConfig read_tunnel(std::string_view line, TunnelId id) {
  Fields fields = read_fields(line);
  core::TunnelConfig tunnel;
  tunnel.id = id;
  tunnel.name = take(fields, "name").value_or("");
  take_version(fields, tunnel);
  take_ends(fields, tunnel);
  tunnel.offers = ike_offers(take(fields, "ike").value_or("auto"));
  tunnel.children.push_back(take_child(fields, tunnel));
  tunnel.start = start_of(take(fields, "start").value_or("automatic"));
  take_seconds(fields, "ike_lifetime", tunnel.ike_lifetime);
  take_seconds(fields, "dpd_delay", tunnel.dpd_delay);
  take_seconds(fields, "dpd_timeout", tunnel.dpd_timeout);
  if (take(fields, "encap").value_or("no") == "yes") {
    tunnel.encapsulation = core::ForceEncapsulation::yes;
  }
  if (const auto bytes = take(fields, "fragment_bytes")) {
    tunnel.fragment_bytes = static_cast<std::size_t>(number_of(*bytes));
  }
  if (!fields.empty()) throw WrongLine("unknown key: " + fields.begin()->first);
  return tunnel;
}

}  // namespace

std::expected<core::TunnelConfig, std::string> parse_tunnel(std::string_view line, TunnelId id) {
  try {
    return read_tunnel(line, id);
  } catch (const WrongLine& wrong) {
    return std::unexpected(wrong.what());
  }
}

}  // namespace ipsec::interop
