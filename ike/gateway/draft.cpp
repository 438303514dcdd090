#include "ike/gateway/draft.h"

#include <algorithm>
#include <array>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ike/base/utf8.h"
#include "ike/gateway/check.h"
#include "ike/gateway/meaning.h"

namespace ipsec::gateway {
namespace {

using Cause = Refusal::Cause;

constexpr std::size_t kLongestName = 128;
// So many users of an object are named when it cannot go; the rest are counted.
constexpr std::size_t kUsersNamed = 3;

std::string shown(const Field& field, const FieldValue& value) {
  return field.shape == Shape::secret ? std::string() : fmt::format("{}", fmt::join(value, ", "));
}

// The VPC an object belongs to, or is.
std::optional<ObjectId> vpc_of(const Inventory& inventory, const Object& object) {
  if (const auto* vpc = std::get_if<Vpc>(&object)) return vpc->meta.id;
  if (const auto* subnet = std::get_if<Subnet>(&object)) return subnet->vpc;
  if (const auto* gateway = std::get_if<Gateway>(&object)) return gateway->vpc;
  if (const auto* tunnel = std::get_if<Tunnel>(&object)) {
    if (const auto* gateway = inventory.get<Gateway>(tunnel->gateway)) return gateway->vpc;
  }
  return std::nullopt;
}

// All that it refers to is there, and is whole itself.
bool is_whole(const Inventory& inventory, const Object& object) {
  const auto references = references_of(object);
  const Kind kind = kind_of(object);
  const std::size_t wanted = kind == Kind::gateway || kind == Kind::tunnel ? 2
                             : kind == Kind::subnet                        ? 1
                                                                           : 0;
  return references.size() == wanted && std::ranges::all_of(references, [&](const ObjectId& id) {
           const ObjectPointer used = inventory.find(id);
           return used != nullptr && is_whole(inventory, *used);
         });
}

}  // namespace

Draft::Draft(const Inventory& base, const Settings& settings, Maker maker)
    : base_(base), settings_(settings), maker_(std::move(maker)), draft_(base) {}

// --- what is asked -----------------------------------------------------------------------------

void Draft::create(Kind kind, std::string_view name, const Fields& fields) {
  Object object = make_object(kind);
  Meta& meta = meta_of(object);
  meta.id = make_id(kind);
  meta.account = maker_.account;
  meta.name = name;
  meta.created = maker_.now;
  check_name(object);
  if (draft_.named(maker_.account, kind, name)) {
    return refuse(object, Cause::conflict, "name", std::string(name), "taken already",
                  "choose another, or change that one");
  }
  for (const Field& field : fields_of(kind)) {
    const auto said = std::ranges::find(fields, field.name, &Fields::value_type::first);
    if (!field.required || (said != fields.end() && !said->second.empty())) continue;
    refuse(object, Cause::invalid, field.name, "", "missing", fmt::format("give {}", field.help));
  }
  assign(object, fields);
  put(std::move(object));
}

void Draft::set(const ObjectId& id, const Fields& fields) {
  const ObjectPointer before = draft_.find(id);
  if (before == nullptr) return;
  Object object = *before;
  assign(object, fields);
  put(std::move(object));
}

void Draft::rename(const ObjectId& id, std::string_view name) {
  const ObjectPointer before = draft_.find(id);
  if (before == nullptr || meta_of(*before).name == name) return;
  Object object = *before;
  if (draft_.named(meta_of(object).account, id.kind, name)) {
    return refuse(object, Cause::conflict, "name", std::string(name), "taken already",
                  "choose another");
  }
  meta_of(object).name = name;
  check_name(object);
  put(std::move(object));
}

void Draft::remove(const ObjectId& id) {
  if (draft_.find(id) == nullptr) return;
  touched_.insert(id);
  draft_.erase(id);
}

void Draft::declare(Kind kind, std::string_view name, const Fields& fields) {
  const auto id = draft_.named(maker_.account, kind, name);
  if (!id) return create(kind, name, fields);
  Fields whole = fields;
  for (const Field& field : fields_of(kind)) {
    const bool said =
        std::ranges::find(fields, field.name, &Fields::value_type::first) != fields.end();
    // A required one that is left out is told by assign().
    if (!said && field.shape != Shape::secret) whole.emplace_back(field.name, FieldValue{});
  }
  set(*id, whole);
}

std::expected<Plan, Refusals> Draft::finish() && {
  check_removed();
  const auto affected = this->affected();
  check_all(affected);
  if (!refusals_.empty()) return std::unexpected(std::move(refusals_));
  Plan plan;
  plan.steps = steps(affected);
  for (const ObjectId& id : touched_) {
    const auto* tunnel = draft_.get<Tunnel>(id);
    if (tunnel == nullptr) continue;
    for (const std::string& warning : warnings_of(draft_, *tunnel)) {
      plan.warnings.push_back(fmt::format("tunnel '{}': {}", tunnel->meta.name, warning));
    }
  }
  plan.inventory = std::move(draft_);
  return plan;
}

// --- values ------------------------------------------------------------------------------------

void Draft::assign(Object& object, const Fields& fields) {
  std::set<std::string_view> seen;
  for (const auto& [name, value] : fields) {
    const Field* field = find_field(kind_of(object), name);
    if (field == nullptr) {
      const auto meant = nearest_field(kind_of(object), name);
      refuse(object, Cause::invalid, name, "", "no such field",
             meant ? fmt::format("is '{}' meant?", *meant) : std::string());
    } else if (!seen.insert(name).second) {
      refuse(object, Cause::invalid, name, "", "said twice", "say it once");
    } else {
      assign(object, *field, value);
    }
  }
}

void Draft::assign(Object& object, const Field& field, const FieldValue& value) {
  if (field.required && value.empty()) {
    return refuse(object, Cause::invalid, field.name, "", "missing",
                  fmt::format("give {}", field.help));
  }
  const bool from_pool = kind_of(object) == Kind::gateway && field.name == "public_address" &&
                         value == FieldValue{"auto"};
  auto final_value = from_pool ? take_from_pool(object) : resolved(field, value);
  if (!final_value) {
    const auto cause = field.refers ? Cause::not_found : Cause::limit;
    return refuse(object, cause, field.name, shown(field, value), std::move(final_value.error()),
                  "");
  }
  if (const auto result = set_field(object, field.name, *final_value); !result) {
    refuse(object, Cause::invalid, field.name, shown(field, {result.error().value}),
           result.error().why, "");
  }
}

std::expected<FieldValue, std::string> Draft::resolved(const Field& field,
                                                       const FieldValue& value) const {
  if (!field.refers) return value;
  FieldValue ids;
  for (const std::string& word : value) {
    auto id = draft_.resolve(maker_.account, *field.refers, word);
    if (!id) return std::unexpected(std::move(id.error()));
    ids.push_back(id->to_string());
  }
  return ids;
}

std::expected<FieldValue, std::string> Draft::take_from_pool(const Object& object) const {
  std::set<Address> taken;
  for (const Gateway* other : draft_.all<Gateway>()) {
    // Said again of a gateway that has one of the pool, it keeps it.
    const bool own = other->meta.id == meta_of(object).id;
    if (other->public_address && !own) taken.insert(*other->public_address);
  }
  const auto& now = std::get<Gateway>(object).public_address;
  const auto& pool = settings_.public_pool;
  if (now && std::ranges::find(pool, *now) != pool.end()) return FieldValue{now->to_string()};
  for (const Address& address : pool) {
    if (!taken.contains(address)) return FieldValue{address.to_string()};
  }
  return std::unexpected(pool.empty() ? "no pool of public addresses is set; give an address"
                                      : "every address of the pool is taken; give one");
}

void Draft::check_name(const Object& object) {
  const std::string& name = meta_of(object).name;
  if (auto why = why_no_name(name)) {
    refuse(object, Cause::invalid, "name", name, *std::move(why),
           "a name has 1 to 128 letters, digits or signs, no white space, quotes, '/', ',' or '='");
  }
}

std::optional<std::string> why_no_name(std::string_view name) {
  if (name.empty()) return "empty";
  if (name.size() > kLongestName) return fmt::format("longer than {} bytes", kLongestName);
  if (!is_utf8(name)) return "not valid UTF-8";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f) return "has white space or a control character in it";
    if (std::string_view("\"'`/\\,=").find(c) != std::string_view::npos) {
      return fmt::format("has a {} in it", c);
    }
  }
  if (name.front() == '-') return "begins with a dash, like an option";
  if (ObjectId::parse(name)) return "looks like an object's id";
  return std::nullopt;
}

void Draft::put(Object object) {
  touched_.insert(meta_of(object).id);
  draft_.put(std::make_shared<const Object>(std::move(object)));
}

void Draft::refuse(const Object& object, Cause cause, std::string_view field, std::string value,
                   std::string why, std::string advice) {
  refusals_.push_back({cause, kind_of(object), meta_of(object).name, std::string(field),
                       std::move(value), std::move(why), std::move(advice)});
}

ObjectId Draft::make_id(Kind kind) const {
  ObjectId id{kind, 0};
  while (id.number == 0 || draft_.find(id) != nullptr) {
    std::array<std::uint8_t, sizeof(id.number)> bytes{};
    maker_.random.fill(bytes);
    id.number = 0;
    for (const std::uint8_t byte : bytes) id.number = id.number << 8U | byte;
  }
  return id;
}

// --- the whole ---------------------------------------------------------------------------------

// Rules look downwards: a tunnel at its gateway's VPC and the subnets there. So what changed there
// sends us to all that stands on it.
std::set<ObjectId> Draft::affected() const {
  std::set<ObjectId> out;
  std::set<ObjectId> vpcs;
  for (const ObjectId& id : touched_) {
    if (draft_.find(id) != nullptr) out.insert(id);
    const auto& users = draft_.users_of(id);
    out.insert(users.begin(), users.end());
    if (id.kind != Kind::vpc && id.kind != Kind::subnet) continue;
    const ObjectPointer object = draft_.find(id) != nullptr ? draft_.find(id) : base_.find(id);
    if (object == nullptr) continue;  // made and removed again
    if (const auto vpc = vpc_of(draft_, *object)) vpcs.insert(*vpc);
  }
  for (const ObjectId& vpc : vpcs) {
    for (const ObjectId& user : draft_.users_of(vpc)) {
      if (user.kind != Kind::gateway) continue;
      const auto& tunnels = draft_.users_of(user);
      out.insert(tunnels.begin(), tunnels.end());
    }
  }
  return out;
}

// M118, M124.
void Draft::check_removed() {
  for (const ObjectId& id : touched_) {
    const auto& users = draft_.users_of(id);
    const ObjectPointer before = base_.find(id);
    if (draft_.find(id) != nullptr || users.empty() || before == nullptr) continue;
    std::string named;
    std::size_t count = 0;
    for (const ObjectId& user : users) {
      if (++count > kUsersNamed) break;
      named += fmt::format("{}{} '{}'", named.empty() ? "" : ", ", name_of(user.kind),
                           meta_of(*draft_.find(user)).name);
    }
    if (users.size() > kUsersNamed)
      named += fmt::format(" and {} more", users.size() - kUsersNamed);
    refuse(*before, Cause::in_use, "", "", fmt::format("in use by {}", named),
           "delete what uses it first");
  }
}

void Draft::check_all(const std::set<ObjectId>& affected) {
  const CheckContext context{draft_, settings_, refusals_};
  std::set<ObjectId> vpcs;
  for (const ObjectId& id : affected) {
    const ObjectPointer object = draft_.find(id);
    // That has been refused already, and nothing else about it can be said.
    if (!is_whole(draft_, *object)) continue;
    check(context, *object);
    if (id.kind == Kind::tunnel) vpcs.insert(*vpc_of(draft_, *object));
  }
  if (!vpcs.empty()) check_pairs(context, vpcs, affected);
  check_limits(context, base_, touched_);
}

std::vector<Step> Draft::steps(const std::set<ObjectId>& affected) const {
  std::vector<Step> out;
  std::set<ObjectId> all = affected;
  all.insert(touched_.begin(), touched_.end());
  for (const ObjectId& id : all) {
    if (base_.find(id) == nullptr && draft_.find(id) == nullptr) continue;  // made and removed
    Step step = step_of(id);
    const bool matters = step.what == Step::What::create || step.what == Step::What::remove ||
                         !step.changes.empty() || step.reconnects;
    if (matters) out.push_back(std::move(step));
  }
  return out;
}

Step Draft::step_of(const ObjectId& id) const {
  const ObjectPointer before = base_.find(id);
  const ObjectPointer after = draft_.find(id);
  Step step;
  step.id = id;
  step.name = meta_of(after != nullptr ? *after : *before).name;
  if (after == nullptr) {
    step.what = Step::What::remove;
    return step;
  }
  if (before == nullptr) return step;
  step.what = touched_.contains(id) ? Step::What::change : Step::What::follow;
  if (meta_of(*before).name != step.name) {
    step.changes.push_back({"name", {meta_of(*before).name}, {step.name}});
  }
  for (const Field& field : fields_of(id.kind)) {
    FieldChange change{std::string(field.name), get_field(*before, field.name),
                       get_field(*after, field.name)};
    if (change.before == change.after) continue;
    if (field.shape == Shape::secret) change.before = change.after = {};
    step.changes.push_back(std::move(change));
  }
  const auto* old_tunnel = std::get_if<Tunnel>(before.get());
  const auto* new_tunnel = std::get_if<Tunnel>(after.get());
  if (new_tunnel != nullptr) {
    step.reconnects = meaning_of(base_, *old_tunnel) != meaning_of(draft_, *new_tunnel);
  }
  return step;
}

}  // namespace ipsec::gateway
