#include <nlohmann/json.hpp>

#include "route/exec/codec.h"

namespace ipsec::route::exec {
namespace {

// In the order in which a person would write them.
using Ordered = nlohmann::ordered_json;

Ordered head(const Table& table, const char* operation) {
  return {
      {"version", kVersion}, {"operation", operation}, {"owner", "ipsecd"}, {"table", table.name}};
}

Ordered hops(const Route& route) {
  Ordered out = Ordered::array();
  for (const Hop& hop : route.hops) {
    Ordered one = Ordered::object();
    if (hop.via) one["via"] = hop.via->to_string();
    if (!hop.device.empty()) one["device"] = hop.device;
    out.push_back(std::move(one));
  }
  return out;
}

Ordered routes(const std::vector<Route>& from) {
  Ordered out = Ordered::array();
  for (const Route& route : from) {
    out.push_back({{"destination", route.key.destination.to_string()},
                   {"metric", route.key.metric},
                   {"type", route.is_blackhole() ? "blackhole" : "unicast"},
                   {"next_hops", hops(route)},
                   {"mtu", route.mtu},
                   {"advmss", route.advmss}});
  }
  return out;
}

std::string text(const Ordered& request) {
  return request.dump(-1, ' ', false, Ordered::error_handler_t::replace) + '\n';
}

}  // namespace

std::string write_list_request(const Table& table, const std::set<Cidr>& destinations) {
  Ordered request = head(table, "list");
  Ordered& told = request["destinations"] = Ordered::array();
  for (const Cidr& destination : destinations) told.push_back(destination.to_string());
  return text(request);
}

std::string write_apply_request(const Table& table, const Changes& changes) {
  Ordered request = head(table, "apply");
  request["add"] = routes(changes.add);
  request["replace"] = routes(changes.replace);
  request["remove"] = routes(changes.remove);
  return text(request);
}

}  // namespace ipsec::route::exec
