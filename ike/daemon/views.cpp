#include "ike/daemon/views.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "ike/gateway/access.h"

namespace ipsec::daemon {
namespace {

using control::ObjectView;

std::string name_in(const gateway::Inventory& inventory, const ObjectId& id) {
  const auto object = inventory.find(id);
  return object == nullptr ? id.to_string() : gateway::meta_of(*object).name;
}

void derive(ObjectView& view, std::string name, std::string value) {
  // More than any kind has: lists are made of thousands of these.
  view.derived.reserve(8);
  view.derived.emplace_back(std::move(name), std::move(value));
}

template <typename User>
std::string count_users(const gateway::Inventory& inventory, const ObjectId& id) {
  return fmt::to_string(inventory.users_of<User>(id).size());
}

std::string in_words(const std::optional<Address>& address) {
  return address ? address->to_string() : std::string();
}

void derive_all(ObjectView& view, const gateway::Inventory& inventory, const gateway::Vpc& vpc) {
  derive(view, "subnets", count_users<gateway::Subnet>(inventory, vpc.meta.id));
  derive(view, "gateways", count_users<gateway::Gateway>(inventory, vpc.meta.id));
}

void derive_all(ObjectView& view, const gateway::Inventory& inventory,
                const gateway::Subnet& subnet) {
  derive(view, "vpc_id", subnet.vpc.to_string());
  derive(view, "gateways", count_users<gateway::Gateway>(inventory, subnet.meta.id));
}

void derive_all(ObjectView& view, const gateway::Inventory& inventory,
                const gateway::Gateway& gateway) {
  derive(view, "vpc_id", gateway.vpc.to_string());
  derive(view, "subnet_id", gateway.subnet.to_string());
  derive(view, "tunnels", count_users<gateway::Tunnel>(inventory, gateway.meta.id));
  // Objects come and go within one transaction: what is listed runs (M81).
  derive(view, "status",
         gateway.public_address || gateway.local_address ? "Running" : "Waiting for an address");
}

void derive_all(ObjectView& view, const gateway::Inventory& inventory, const gateway::Peer& peer) {
  derive(view, "tunnels", count_users<gateway::Tunnel>(inventory, peer.meta.id));
}

void derive_all(ObjectView& view, const gateway::Inventory& inventory,
                const gateway::Tunnel& tunnel) {
  derive(view, "gateway_id", tunnel.gateway.to_string());
  derive(view, "peer_id", tunnel.peer.to_string());
  if (const auto* gateway = inventory.get<gateway::Gateway>(tunnel.gateway)) {
    derive(view, "gateway_address", in_words(gateway->public_address));
    derive(view, "vpc", name_in(inventory, gateway->vpc));
  }
  if (const auto* peer = inventory.get<gateway::Peer>(tunnel.peer)) {
    derive(view, "peer_address", peer->address.to_string());
  }
  derive(view, "protocol", "IKE/IPsec");
}

bool contains_folded(std::string_view text, std::string_view word) {
  const auto lower = [](char c) { return 'A' <= c && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return !std::ranges::search(text, word, {}, lower, lower).empty();
}

bool has_word(const ObjectView& object, std::string_view word) {
  if (contains_folded(object.name, word) || contains_folded(object.id, word)) return true;
  for (const auto& [field, values] : object.fields) {
    const auto* row = find_field(object.kind, field);
    if (row != nullptr && row->shape == Shape::secret) continue;
    if (std::ranges::any_of(values,
                            [&](const std::string& value) { return contains_folded(value, word); }))
      return true;
  }
  return std::ranges::any_of(object.derived,
                             [&](const auto& pair) { return contains_folded(pair.second, word); });
}

}  // namespace

ObjectView view_of(const gateway::Inventory& inventory, const gateway::Object& object,
                   Secrets secrets) {
  const gateway::Meta& meta = gateway::meta_of(object);
  ObjectView view;
  view.kind = gateway::kind_of(object);
  view.id = meta.id.to_string();
  view.name = meta.name;
  view.created = meta.created;
  const auto fields = fields_of(view.kind);
  view.fields.reserve(fields.size());
  for (const Field& field : fields) {
    if (field.shape == Shape::secret && secrets == Secrets::left_out) continue;
    FieldValue value = gateway::get_field(object, field.name);
    if (field.shape == Shape::reference) {
      for (std::string& reference : value) {
        if (const auto id = ObjectId::parse(reference)) reference = name_in(inventory, *id);
      }
    }
    view.fields.emplace_back(field.name, std::move(value));
  }
  std::visit([&](const auto& it) { derive_all(view, inventory, it); }, object);
  return view;
}

control::StepView view_of(const gateway::Step& step) {
  control::StepView view;
  switch (step.what) {
    case gateway::Step::What::create:
      view.what = "create";
      break;
    case gateway::Step::What::change:
      view.what = "change";
      break;
    case gateway::Step::What::remove:
      view.what = "remove";
      break;
    case gateway::Step::What::follow:
      view.what = "follow";
      break;
  }
  view.kind = step.id.kind;
  view.id = step.id.to_string();
  view.name = step.name;
  view.reconnects = step.reconnects;
  view.changes.reserve(step.changes.size());
  for (const gateway::FieldChange& change : step.changes) {
    view.changes.push_back({change.field, change.before, change.after});
  }
  return view;
}

bool is_amiss(const control::RouteView& route) {
  return route.state != "ok" && route.state != "down" && route.state != "withdrawn" &&
         route.state != "no table";
}

bool matches(const ObjectView& object, std::string_view search) {
  while (!search.empty()) {
    const auto end = std::min(search.find(' '), search.size());
    const std::string_view word = search.substr(0, end);
    if (!word.empty() && !has_word(object, word)) return false;
    search.remove_prefix(std::min(end + 1, search.size()));
  }
  return true;
}

}  // namespace ipsec::daemon
