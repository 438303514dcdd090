#include "ike/gateway/model.h"

namespace ipsec::gateway {

std::vector<Rule> Tunnel::all_rules() const {
  if (!rules.empty()) return rules;
  std::vector<Rule> out;
  out.reserve(local_cidrs.size());
  for (const Cidr& local : local_cidrs) out.push_back({local, peer_cidrs});
  return out;
}

Object make_object(Kind kind) {
  switch (kind) {
    case Kind::vpc:
      return Vpc{};
    case Kind::subnet:
      return Subnet{};
    case Kind::gateway:
      return Gateway{};
    case Kind::peer:
      return Peer{};
    case Kind::tunnel:
      break;
  }
  return Tunnel{};
}

}  // namespace ipsec::gateway
