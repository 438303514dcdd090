#include "ike/base/traffic_selector.h"

#include <fmt/format.h>

namespace ipsec {

bool TrafficSelector::contains(const TrafficSelector& other) const {
  return addresses.contains(other.addresses) && (protocol == 0 || protocol == other.protocol) &&
         ports.contains(other.ports);
}

std::optional<TrafficSelector> TrafficSelector::intersection(const TrafficSelector& other) const {
  const auto both = addresses.intersection(other.addresses);
  const auto both_ports = ports.intersection(other.ports);
  const bool protocols_agree = protocol == 0 || other.protocol == 0 || protocol == other.protocol;
  if (!both || !both_ports || !protocols_agree) return std::nullopt;
  return TrafficSelector{*both, protocol == 0 ? other.protocol : protocol, *both_ports};
}

std::string TrafficSelector::to_string() const {
  const auto prefixes = cover(addresses);
  std::string text = prefixes.size() == 1 ? prefixes.front().to_string() : addresses.to_string();
  if (protocol != 0) text += fmt::format(" protocol {}", protocol);
  if (!ports.is_any()) text += fmt::format(" ports {}", ports.to_string());
  return text;
}

}  // namespace ipsec
