#include "ike/gateway/inventory.h"

#include <utility>

#include <fmt/format.h>

#include "ike/gateway/schema/fields.h"

namespace ipsec::gateway {

std::vector<ObjectId> references_of(const Object& object) {
  std::vector<ObjectId> out;
  const auto add = [&](const ObjectId& id) {
    if (id != ObjectId{}) out.push_back(id);
  };
  if (const auto* subnet = std::get_if<Subnet>(&object)) add(subnet->vpc);
  if (const auto* gateway = std::get_if<Gateway>(&object)) {
    add(gateway->vpc);
    add(gateway->subnet);
  }
  if (const auto* tunnel = std::get_if<Tunnel>(&object)) {
    add(tunnel->gateway);
    add(tunnel->peer);
  }
  return out;
}

void Inventory::put(ObjectPointer object) {
  const Meta& meta = meta_of(*object);
  const ObjectId id = meta.id;
  erase(id);
  names_.emplace(Name{meta.account, id.kind, meta.name}, id);
  for (const ObjectId& used : references_of(*object)) users_[used].insert(id);
  objects_.emplace(id, std::move(object));
}

// What refers to it is the caller's business: it may be about to be put back.
void Inventory::erase(const ObjectId& id) {
  const auto found = objects_.find(id);
  if (found == objects_.end()) return;
  const Meta& meta = meta_of(*found->second);
  names_.erase(Name{meta.account, id.kind, meta.name});
  for (const ObjectId& used : references_of(*found->second)) {
    const auto users = users_.find(used);
    users->second.erase(id);
    if (users->second.empty()) users_.erase(users);
  }
  objects_.erase(found);
}

ObjectPointer Inventory::find(const ObjectId& id) const {
  const auto found = objects_.find(id);
  return found == objects_.end() ? nullptr : found->second;
}

std::optional<ObjectId> Inventory::named(std::string_view account, Kind kind,
                                         std::string_view name) const {
  const auto found = names_.find(std::tuple(account, kind, name));
  if (found == names_.end()) return std::nullopt;
  return found->second;
}

std::expected<ObjectId, std::string> Inventory::resolve(std::string_view account, Kind kind,
                                                        std::string_view word) const {
  if (const auto by_name = named(account, kind, word)) return *by_name;
  const auto is_ours = [&](const Object& object) { return meta_of(object).account == account; };
  const std::string_view prefix = id_prefix(kind);
  std::vector<ObjectId> hits;
  std::vector<std::string_view> names;
  for (auto at = objects_.lower_bound({kind, 0}); at != objects_.end() && at->first.kind == kind;
       ++at) {
    if (!is_ours(*at->second)) continue;
    names.push_back(meta_of(*at->second).name);
    // The bare prefix names no object, though it begins the id of the only one.
    if (word.size() > prefix.size() && at->first.to_string().starts_with(word)) {
      hits.push_back(at->first);
    }
  }
  if (hits.size() == 1) return hits.front();
  if (hits.size() > 1) {
    return std::unexpected(fmt::format("{} {}s have an id that begins so; give more of it",
                                       hits.size(), name_of(kind)));
  }
  if (const auto meant = nearest(word, names)) {
    return std::unexpected(fmt::format("no such {}; is '{}' meant?", name_of(kind), *meant));
  }
  return std::unexpected(fmt::format("no such {}; `ipsecctl {} list` shows those there are",
                                     name_of(kind), name_of(kind)));
}

const std::set<ObjectId>& Inventory::users_of(const ObjectId& id) const {
  static const std::set<ObjectId> nobody;
  const auto found = users_.find(id);
  return found == users_.end() ? nobody : found->second;
}

}  // namespace ipsec::gateway
