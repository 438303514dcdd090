// A change of the configuration, of one object or of thousands: made on a copy, checked as a whole,
// and then taken as a whole or not at all.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ike/base/random.h"
#include "ike/gateway/access.h"
#include "ike/gateway/inventory.h"
#include "ike/gateway/refusal.h"
#include "ike/gateway/settings.h"

namespace ipsec::gateway {

// What was said of an object; references are names or ids.
using Fields = std::vector<std::pair<std::string, FieldValue>>;

struct FieldChange {
  std::string field;
  FieldValue before;  // left empty for a secret, as is `after`
  FieldValue after;
  bool operator==(const FieldChange&) const = default;
};

struct Step {
  enum class What : std::uint8_t { create, change, remove, follow };
  What what = What::create;
  ObjectId id;
  std::string name;
  std::vector<FieldChange> changes;  // `name` among them where it was renamed
  // A tunnel whose meaning changed; `follow` is one of which nothing was said, but of its peer or
  // gateway.
  bool reconnects = false;
};

struct Plan {
  Inventory inventory;  // as it will be
  std::vector<Step> steps;
  std::vector<std::string> warnings;
};

class Draft {
 public:
  struct Maker {
    std::string account{kDefaultAccount};
    std::chrono::sys_seconds now;
    RandomSource& random;
  };

  Draft(const Inventory& base, const Settings& settings, Maker maker);

  // What is wrong with the values themselves is noted, and told by finish() beside the rest.
  void create(Kind kind, std::string_view name, const Fields& fields);
  // Only these fields.
  void set(const ObjectId& id, const Fields& fields);
  void rename(const ObjectId& id, std::string_view name);
  void remove(const ObjectId& id);
  // Create, or make it be exactly this: what is not said goes back to its default, but for a
  // secret, which stays. `ipsecctl dump` may leave those out.
  void declare(Kind kind, std::string_view name, const Fields& fields);

  // All of it, or everything that stands against it.
  [[nodiscard]] std::expected<Plan, Refusals> finish() &&;

 private:
  void assign(Object& object, const Fields& fields);
  void assign(Object& object, const Field& field, const FieldValue& value);
  [[nodiscard]] std::expected<FieldValue, std::string> resolved(const Field& field,
                                                                const FieldValue& value) const;
  [[nodiscard]] std::expected<FieldValue, std::string> take_from_pool(const Object& object) const;
  void check_name(const Object& object);
  void put(Object object);
  void refuse(const Object& object, Refusal::Cause cause, std::string_view field, std::string value,
              std::string why, std::string advice);

  [[nodiscard]] ObjectId make_id(Kind kind) const;
  [[nodiscard]] std::set<ObjectId> affected() const;
  void check_removed();
  void check_all(const std::set<ObjectId>& affected);
  [[nodiscard]] std::vector<Step> steps(const std::set<ObjectId>& affected) const;
  [[nodiscard]] Step step_of(const ObjectId& id) const;

  const Inventory& base_;
  const Settings& settings_;
  Maker maker_;
  Inventory draft_;
  std::set<ObjectId> touched_;
  Refusals refusals_;
};

// M110, M122: what an object may be called.
[[nodiscard]] std::optional<std::string> why_no_name(std::string_view name);

}  // namespace ipsec::gateway
