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

TEST_CASE("tunnels that share both identities know of each other, whatever else is theirs",
          "[directory]") {
  const auto named = [](std::uint64_t id, IkeVersion version, std::string_view ours,
                        std::string_view theirs) {
    auto config = std::make_shared<TunnelConfig>(*tunnel(id, "192.0.2.1", "203.0.113.2", "x25519"));
    config->version = version;
    config->local_identity = Identity::parse(ours).value();
    config->remote_identity = Identity::parse(theirs).value();
    return config;
  };
  const auto first = named(1, IkeVersion::v2, "a.example", "b.example");
  Directory directory;
  directory.set(first);
  directory.set(named(2, IkeVersion::v2, "a.example", "c.example"));
  directory.set(named(3, IkeVersion::v2, "d.example", "b.example"));
  CHECK_FALSE(directory.shares_identities(*first));
  const auto other = named(4, IkeVersion::v1, "a.example", "b.example");
  directory.set(other);
  CHECK(directory.shares_identities(*first));
  // One that is held down cannot be up.
  other->start = Start::down;
  CHECK_FALSE(directory.shares_identities(*first));
  directory.remove(TunnelId{4});
  CHECK_FALSE(directory.shares_identities(*first));
}

}  // namespace ipsec::core
