#include "ike/gateway/formats/beside.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "ike/gateway/formats/assemble.h"

namespace ipsec::gateway::formats {
namespace {

using Declarations = std::vector<toml::Declaration>;

FieldValue* field_of(toml::Declaration& it, std::string_view field) {
  const auto found = std::ranges::find(it.fields, field, &Fields::value_type::first);
  return found == it.fields.end() ? nullptr : &found->second;
}

std::string first_of(toml::Declaration& it, std::string_view field) {
  const FieldValue* value = field_of(it, field);
  return value == nullptr || value->empty() ? std::string() : value->front();
}

// The earlier VPC, its subnets and gateways, as one would declare them today.
Declarations network_of(const Inventory& inventory, const ObjectId& vpc, std::string_view account) {
  Inventory network;
  network.put(inventory.find(vpc));
  // Subnets and gateways: nothing else refers to a VPC.
  for (const ObjectId& user : inventory.users_of(vpc)) network.put(inventory.find(user));
  auto read = toml::read(toml::write(network, account, toml::Secrets::left_out));
  if (!read) return {};
  for (toml::Declaration& it : *read) {
    // Not places of the file that is being imported.
    it.place = {1, 1};
    it.field_places.clear();
  }
  return *std::move(read);
}

bool within(std::string_view inner, std::string_view outer) {
  const auto a = Cidr::parse(inner);
  const auto b = Cidr::parse(outer);
  return a && b && b->contains(*a);
}

class Fitting {
 public:
  Fitting(Imported& imported, Declarations earlier, const Inventory& inventory,
          std::string_view account)
      : imported_(imported),
        earlier_(std::move(earlier)),
        inventory_(inventory),
        account_(account) {}

  void run() {
    Declarations added;
    for (toml::Declaration& it : imported_.declarations) {
      if (it.kind == Kind::vpc) {
        widen(it);
      } else if (it.kind == Kind::subnet) {
        if (!is_there(it)) added.push_back(std::move(it));
      } else if (it.kind == Kind::gateway) {
        if (!is_one_of_earlier(it)) added.push_back(std::move(it));
      } else {
        if (it.kind == Kind::tunnel) become(it, "gateway", gateways_);
        added.push_back(std::move(it));
      }
    }
    imported_.declarations = std::move(earlier_);
    std::ranges::move(added, std::back_inserter(imported_.declarations));
    in_order_of_kinds(imported_.declarations);
  }

 private:
  // The VPC of the file gives its ranges to that which is there. One range within another is left
  // away: those of a VPC do not overlap.
  void widen(toml::Declaration& vpc) {
    FieldValue* known = field_of(earlier_.front(), "cidrs");
    const FieldValue* more = field_of(vpc, "cidrs");
    if (known == nullptr || more == nullptr) return;
    for (const std::string& range : *more) {
      if (std::ranges::any_of(*known, [&](const auto& it) { return within(range, it); })) continue;
      std::erase_if(*known, [&](const auto& it) { return within(it, range); });
      known->push_back(range);
    }
    imported_.notes.push_back(fmt::format(
        "VPC '{}' of an earlier import is kept, with what stands on it", earlier_.front().name));
  }

  // In one of an earlier import is as good as being one.
  bool is_there(toml::Declaration& subnet) {
    const std::string range = first_of(subnet, "cidr");
    const auto holder = std::ranges::find_if(earlier_, [&](toml::Declaration& it) {
      return it.kind == Kind::subnet && within(range, first_of(it, "cidr"));
    });
    if (holder == earlier_.end()) return false;
    subnets_[subnet.name] = holder->name;
    return true;
  }

  bool is_one_of_earlier(toml::Declaration& gateway) {
    const std::string address = first_of(gateway, "public_address");
    for (toml::Declaration& it : earlier_) {
      if (it.kind != Kind::gateway || first_of(it, "public_address") != address) continue;
      gateways_[gateway.name] = it.name;
      return true;
    }
    std::string name = gateway.name;
    for (std::size_t number = 2; !is_free(name); ++number) {
      name = fmt::format("{}-{}", gateway.name, number);
    }
    gateways_[gateway.name] = name;
    gateway.name = std::move(name);
    become(gateway, "subnet", subnets_);
    return false;
  }

  // Also of gateways that no import made.
  bool is_free(const std::string& gateway) {
    return !inventory_.named(account_, Kind::gateway, gateway) && given_.insert(gateway).second;
  }

  using Names = std::map<std::string, std::string>;
  static void become(toml::Declaration& it, std::string_view field, const Names& names) {
    FieldValue* value = field_of(it, field);
    if (value == nullptr || value->empty()) return;
    const auto found = names.find(value->front());
    if (found != names.end()) value->front() = found->second;
  }

  Imported& imported_;
  Declarations earlier_;
  const Inventory& inventory_;
  std::string_view account_;
  std::set<std::string> given_;  // names of gateways
  // What the file's became.
  Names subnets_;
  Names gateways_;
};

}  // namespace

void fit_beside(Imported& imported, const Inventory& inventory, std::string_view account) {
  const auto vpc = inventory.named(account, Kind::vpc, kImportedVpc);
  if (!vpc || imported.declarations.empty()) return;
  Declarations earlier = network_of(inventory, *vpc, account);
  if (earlier.empty()) return;
  Fitting(imported, std::move(earlier), inventory, account).run();
}

}  // namespace ipsec::gateway::formats
