// What may be long: told in parts, between which the loop turns.
#include <algorithm>
#include <string>
#include <utility>

#include "ike/control/types/codec.h"
#include "ike/daemon/service.h"

namespace ipsec::daemon {
namespace {

// Of objects looked at in one part, though the search leave out all of them: about a millisecond.
constexpr std::size_t kAtOnce = 64;

// NOTE: Contract. Which objects, and in what order, is settled when it is asked for; each is told
// as it is when its turn comes, and what was deleted meanwhile is left out.
template <typename View>
class Listed final : public control::Listing {
 public:
  using Look = std::function<std::optional<View>(const ObjectId&)>;

  Listed(std::vector<ObjectId> ids, control::ListWriter out, Look look)
      : ids_(std::move(ids)), out_(std::move(out)), look_(std::move(look)) {}

  std::optional<std::string> next() override {
    if (ended_) return std::nullopt;
    for (std::size_t i = 0; i < kAtOnce && at_ < ids_.size(); ++i) {
      if (const auto view = look_(ids_[at_++])) out_.add(*view);
    }
    if (at_ == ids_.size()) {
      out_.end();
      ended_ = true;
    }
    return out_.take();
  }

 private:
  std::vector<ObjectId> ids_;
  control::ListWriter out_;
  Look look_;
  std::size_t at_ = 0;
  bool ended_ = false;
};

}  // namespace

Service::ListAnswer Service::list(const control::List& it, const Asker& asker,
                                  std::uint64_t number) {
  if (it.kind == Kind::tunnel) parts_.traffic.refresh();
  Ids ids;
  const auto& objects = parts_.configuration.inventory().objects();
  for (auto at = objects.lower_bound({it.kind, 0});
       at != objects.end() && at->first.kind == it.kind; ++at) {
    if (gateway::meta_of(*at->second).account == asker.account) ids.push_back(at->first);
  }
  sort_by_name(ids);
  using Found = std::optional<control::PrintedObject>;
  const auto look = [this, search = it.search](const ObjectId& id) -> Found {
    if (parts_.configuration.inventory().find(id) == nullptr) return std::nullopt;
    if (search.empty()) {
      return control::PrintedObject{
          standing(id), id.kind == Kind::tunnel ? std::optional(status_of(id)) : std::nullopt};
    }
    auto object = view(id, Secrets::left_out);
    if (!matches(object, search)) return std::nullopt;
    return control::PrintedObject{standing(id), std::move(object.status)};
  };
  return std::make_unique<Listed<control::PrintedObject>>(
      std::move(ids), control::ListWriter::objects(number, it.kind), look);
}

// Programs ask for the same list again and again.
std::string_view Service::standing(const ObjectId& id) {
  const std::uint64_t revision = parts_.configuration.revision();
  if (std::exchange(printed_at_, revision) != revision) printed_.clear();
  auto [at, fresh] = printed_.try_emplace(id);
  if (fresh) {
    const gateway::Inventory& inventory = parts_.configuration.inventory();
    at->second =
        control::print_standing(view_of(inventory, *inventory.find(id), Secrets::left_out));
  }
  return at->second;
}

Service::ListAnswer Service::list(const control::Status& it, const Asker& asker,
                                  std::uint64_t number) {
  auto ids = resolve_tunnels(it.tunnels, asker);
  if (!ids) return std::unexpected(std::move(ids.error()));
  parts_.traffic.refresh();
  sort_by_name(*ids);
  if (it.tunnels.empty()) {
    for (const auto& [id, object] : parts_.configuration.leaving()) {
      if (gateway::meta_of(*object).account == asker.account) ids->push_back(id);
    }
  }
  const auto look = [this](const ObjectId& id) -> std::optional<control::TunnelStatusView> {
    if (parts_.configuration.tunnel(id) == nullptr) return std::nullopt;
    return status_of(id);
  };
  return std::make_unique<Listed<control::TunnelStatusView>>(
      *std::move(ids), control::ListWriter::status(number), look);
}

void Service::sort_by_name(Ids& ids) const {
  const gateway::Inventory& inventory = parts_.configuration.inventory();
  // Names looked up once each: a lookup in every comparison would cost more than all the rest.
  std::vector<std::pair<std::string_view, ObjectId>> named;
  named.reserve(ids.size());
  for (const ObjectId& id : ids) {
    named.emplace_back(gateway::meta_of(*inventory.objects().at(id)).name, id);
  }
  std::ranges::sort(named);
  std::ranges::transform(named, ids.begin(), &std::pair<std::string_view, ObjectId>::second);
}

}  // namespace ipsec::daemon
