// Goal: the directory offers a peer only what a tunnel between those two addresses allows.
#include "ike/core/directory.h"

#include <catch2/catch.hpp>

namespace ipsec::core {
namespace {

TunnelPointer tunnel(std::uint64_t id, std::string_view local, std::string_view remote,
                     std::string_view group) {
  auto config = std::make_shared<TunnelConfig>();
  config->id = TunnelId{id};
  config->local = Address::parse(local).value();
  config->remote = Address::parse(remote).value();
  IkeOffer offer;
  offer.groups.push_back(find_group(group));
  config->offers.push_back(std::move(offer));
  return config;
}

using Names = std::vector<std::string_view>;

Names groups(const Directory& directory, std::string_view local, std::string_view remote) {
  Names names;
  const auto found = directory.offers_for(IkeVersion::v2, Address::parse(local).value(),
                                          Address::parse(remote).value());
  for (const auto* offers : found) names.push_back(offers->at(0).groups.at(0)->name);
  return names;
}

}  // namespace

TEST_CASE("a tunnel on another of our addresses has no say", "[directory]") {
  Directory directory;
  directory.set(tunnel(1, "192.0.2.1", "203.0.113.2", "ecp256"));
  directory.set(tunnel(2, "192.0.2.2", "203.0.113.2", "ecp384"));
  CHECK(groups(directory, "192.0.2.1", "203.0.113.2") == Names{"ecp256"});
  CHECK(groups(directory, "192.0.2.2", "203.0.113.2") == Names{"ecp384"});
  CHECK(groups(directory, "192.0.2.3", "203.0.113.2").empty());
}

TEST_CASE("named addresses stand before any", "[directory]") {
  Directory directory;
  directory.set(tunnel(1, "0.0.0.0", "0.0.0.0", "modp2048"));
  directory.set(tunnel(2, "192.0.2.1", "0.0.0.0", "x25519"));
  directory.set(tunnel(3, "0.0.0.0", "203.0.113.2", "ecp384"));
  directory.set(tunnel(4, "192.0.2.1", "203.0.113.2", "ecp256"));
  CHECK(groups(directory, "192.0.2.1", "203.0.113.2") ==
        Names{"ecp256", "ecp384", "x25519", "modp2048"});
  directory.remove(TunnelId{4});
  CHECK(groups(directory, "192.0.2.1", "203.0.113.2") == Names{"ecp384", "x25519", "modp2048"});
}

}  // namespace ipsec::core
