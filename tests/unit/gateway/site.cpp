#include "tests/unit/gateway/site.h"

#include <algorithm>
#include <utility>

#include <catch2/catch.hpp>

namespace ipsec::gateway {

Site::Site() {
  REQUIRE(change([](Draft& it) {
            it.create(Kind::vpc, "prod", {{"cidrs", {"10.0.0.0/16"}}});
            it.create(Kind::subnet, "web", {{"vpc", {"prod"}}, {"cidr", {"10.0.1.0/24"}}});
            it.create(Kind::subnet, "db", {{"vpc", {"prod"}}, {"cidr", {"10.0.2.0/24"}}});
            it.create(Kind::subnet, "edge", {{"vpc", {"prod"}}, {"cidr", {"10.0.9.0/24"}}});
            it.create(
                Kind::gateway, "gw",
                {{"vpc", {"prod"}}, {"subnet", {"edge"}}, {"public_address", {"198.51.100.1"}}});
            it.create(Kind::peer, "office", {{"address", {"203.0.113.9"}}});
            it.create(Kind::tunnel, "hq", tunnel_fields());
          }) == std::vector<std::string>{});
}

std::vector<std::string> Site::take(Draft draft) {
  auto result = std::move(draft).finish();
  if (result) {
    plan = *std::move(result);
    inventory = plan.inventory;
    return {};
  }
  std::vector<std::string> out;
  for (const Refusal& refusal : result.error()) out.push_back(describe(refusal));
  return out;
}

std::vector<std::string> Site::create(Kind kind, std::string_view name, const Fields& fields) {
  return change([&](Draft& it) { it.create(kind, name, fields); });
}

std::vector<std::string> Site::set(Kind kind, std::string_view name, const Fields& fields) {
  return change([&](Draft& it) { it.set(id(kind, name), fields); });
}

std::vector<std::string> Site::remove(Kind kind, std::string_view name) {
  return change([&](Draft& it) { it.remove(id(kind, name)); });
}

ObjectId Site::id(Kind kind, std::string_view name) const {
  const auto found = inventory.named(kDefaultAccount, kind, name);
  REQUIRE(found.has_value());
  return *found;
}

Fields tunnel_fields(const Fields& otherwise) {
  Fields fields{{"gateway", {"gw"}},
                {"peer", {"office"}},
                {"local_cidrs", {"10.0.1.0/24"}},
                {"peer_cidrs", {"192.168.2.0/24"}},
                {"psk", {"correct-horse-battery"}}};
  for (const auto& [name, value] : otherwise) {
    std::erase_if(fields, [&](const auto& field) { return field.first == name; });
    if (!value.empty()) fields.emplace_back(name, value);
  }
  return fields;
}

}  // namespace ipsec::gateway
