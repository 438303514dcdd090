// All configured objects, found by id, by name, and by who uses whom. Copies are cheap enough to
// make one for every change: the objects themselves are shared.
//
// NOTE: Contract. Names are unique within account and kind. References lead to objects that exist;
// the checks of a Draft see to that.
#pragma once

#include <cstddef>
#include <expected>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "ike/gateway/model.h"

namespace ipsec::gateway {

// Which objects an object refers to.
[[nodiscard]] std::vector<ObjectId> references_of(const Object& object);

class Inventory {
 public:
  // Replaces the one with its id.
  void put(ObjectPointer object);
  void erase(const ObjectId& id);

  [[nodiscard]] ObjectPointer find(const ObjectId& id) const;
  // Null too where it is of another kind.
  template <typename T>
  [[nodiscard]] const T* get(const ObjectId& id) const {
    const auto found = objects_.find(id);
    return found == objects_.end() ? nullptr : std::get_if<T>(found->second.get());
  }
  [[nodiscard]] std::optional<ObjectId> named(std::string_view account, Kind kind,
                                              std::string_view name) const;
  // By name, by id, or by the beginning of an id that no other object shares. The error says why
  // not: nothing like it, or too much.
  [[nodiscard]] std::expected<ObjectId, std::string> resolve(std::string_view account, Kind kind,
                                                             std::string_view word) const;

  // Those that refer to it.
  [[nodiscard]] const std::set<ObjectId>& users_of(const ObjectId& id) const;
  template <typename T>
  [[nodiscard]] std::vector<const T*> users_of(const ObjectId& id) const {
    std::vector<const T*> out;
    for (const ObjectId& user : users_of(id)) {
      if (const T* it = get<T>(user)) out.push_back(it);
    }
    return out;
  }
  template <typename T>
  [[nodiscard]] std::vector<const T*> all() const {
    std::vector<const T*> out;
    const auto end = objects_.upper_bound({T::kKind, ~std::uint64_t{0}});
    for (auto at = objects_.lower_bound({T::kKind, 0}); at != end; ++at) {
      out.push_back(std::get_if<T>(at->second.get()));
    }
    return out;
  }
  // In the order of kinds: what an object refers to comes before it.
  [[nodiscard]] const std::map<ObjectId, ObjectPointer>& objects() const { return objects_; }
  [[nodiscard]] std::size_t size() const { return objects_.size(); }

 private:
  using Name = std::tuple<std::string, Kind, std::string>;

  std::map<ObjectId, ObjectPointer> objects_;
  std::map<Name, ObjectId, std::less<>> names_;
  std::map<ObjectId, std::set<ObjectId>> users_;
};

}  // namespace ipsec::gateway
