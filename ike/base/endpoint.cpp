#include "ike/base/endpoint.h"

#include <algorithm>

namespace ipsec {

std::string Endpoint::to_string() const {
  const std::string host = address.to_string();
  const std::string suffix = ":" + std::to_string(port);
  return address.family() == Family::v4 ? host + suffix : "[" + host + "]" + suffix;
}

bool PortRange::contains(const PortRange& other) const {
  if (other.is_opaque()) return is_any() || is_opaque();
  return first <= other.first && other.last <= last;
}

std::optional<PortRange> PortRange::intersection(const PortRange& other) const {
  if (contains(other)) return other;
  if (other.contains(*this)) return *this;
  const PortRange both{std::max(first, other.first), std::min(last, other.last)};
  if (both.first > both.last) return std::nullopt;
  return both;
}

std::string PortRange::to_string() const {
  if (is_any()) return "any";
  if (is_opaque()) return "opaque";
  if (first == last) return std::to_string(first);
  return std::to_string(first) + "-" + std::to_string(last);
}

}  // namespace ipsec
