// From a change of the configuration to what tunnels are told: those whose meaning changed, once,
// and no others.
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/daemon/configuration.h"
#include "tests/support/folder.h"
#include "tests/unit/gateway/site.h"

using ipsec::Kind;
using ipsec::ObjectId;
using ipsec::Reqid;
using ipsec::daemon::Configuration;
using ipsec::gateway::Draft;
using ipsec::gateway::Fields;
using ipsec::gateway::Site;
using ipsec::gateway::tunnel_fields;
namespace core = ipsec::core;

namespace {

using Lines = std::vector<std::string>;

// Writes down what it is told, and holds that reqids never meet.
class Recorder final : public ipsec::daemon::TunnelPort {
 public:
  void set(core::TunnelPointer tunnel, const core::TunnelConfig* before) override {
    lines.push_back((before != nullptr ? "change " : "set ") + tunnel->name);
    if (before != nullptr) release(*before);
    for (const auto& child : tunnel->children) {
      CHECK(reqids.insert(child.reqid.value).second);
      CHECK(ipsec::xfrm::is_ours(child.reqid));
    }
  }
  void remove(const core::TunnelConfig& tunnel) override {
    lines.push_back("remove " + tunnel.name);
    release(tunnel);
  }
  Lines take() { return std::exchange(lines, {}); }

  std::set<std::uint32_t> reqids;

 private:
  void release(const core::TunnelConfig& tunnel) {
    for (const auto& child : tunnel.children) reqids.erase(child.reqid.value);
  }
  Lines lines;
};

class Bench {
 public:
  Bench() : configuration(open(), {}, port) { CHECK(commit() == Lines{"set hq"}); }

  Lines commit() {
    auto plan = site.plan;
    const auto saved = configuration.commit(std::move(plan), "test", site.now);
    CHECK(saved.has_value());
    return port.take();
  }
  Lines create(Kind kind, const char* name, const Fields& fields) {
    CHECK(site.create(kind, name, fields) == Lines{});
    return commit();
  }
  Lines set(Kind kind, const char* name, const Fields& fields) {
    CHECK(site.set(kind, name, fields) == Lines{});
    return commit();
  }

  ipsec::test::Folder folder;
  Site site;
  Recorder port;
  Configuration configuration;

 private:
  ipsec::gateway::Store open() const {
    auto store = ipsec::gateway::Store::open(folder / "db");
    REQUIRE(store.has_value());
    return *std::move(store);
  }
};

}  // namespace

TEST_CASE("only a tunnel whose meaning changed is told", "[configuration]") {
  Bench bench;
  CHECK(bench.set(Kind::tunnel, "hq", {{"remarks", {"the head office"}}}) == Lines{});
  CHECK(bench.set(Kind::tunnel, "hq", {{"ike.version", {"2"}}}) == Lines{});
  CHECK(bench.set(Kind::tunnel, "hq", {{"dpd.delay_s", {"9"}}}) == Lines{"change hq"});
  CHECK(bench.set(Kind::gateway, "gw", {{"remarks", {"the gateway"}}}) == Lines{});
  CHECK(bench.set(Kind::gateway, "gw", {{"public_address", {"198.51.100.2"}}}) ==
        Lines{"change hq"});
  CHECK(bench.create(Kind::peer, "branch", {{"address", {"203.0.113.10"}}}) == Lines{});
  CHECK(bench.create(Kind::tunnel, "second",
                     tunnel_fields({{"peer", {"branch"}}, {"peer_cidrs", {"192.168.3.0/24"}}})) ==
        Lines{"set second"});
}

TEST_CASE("a new name disturbs nobody", "[configuration]") {
  Bench bench;
  CHECK(bench.site.change([&](Draft& it) {
    it.rename(bench.site.id(Kind::tunnel, "hq"), "head-office");
  }) == Lines{});
  CHECK(bench.commit() == Lines{});
}

TEST_CASE("a tunnel waits for the address of its gateway, and goes with it", "[configuration]") {
  Bench bench;
  const ObjectId id = bench.site.id(Kind::tunnel, "hq");
  CHECK(bench.set(Kind::gateway, "gw", {{"public_address", {}}}) == Lines{"remove hq"});
  CHECK(bench.configuration.running(id) == nullptr);
  CHECK(bench.set(Kind::gateway, "gw", {{"public_address", {"198.51.100.3"}}}) == Lines{"set hq"});
  REQUIRE(bench.configuration.running(id) != nullptr);
  CHECK(bench.configuration.running(id)->local.to_string() == "198.51.100.3");
}

TEST_CASE("what is removed is told, and its reqids are free", "[configuration]") {
  Bench bench;
  const ObjectId id = bench.site.id(Kind::tunnel, "hq");
  const Reqid reqid = bench.configuration.running(id)->children.front().reqid;
  CHECK(bench.configuration.owner_of(reqid) == id);
  CHECK(bench.site.remove(Kind::tunnel, "hq") == Lines{});
  CHECK(bench.commit() == Lines{"remove hq"});
  CHECK_FALSE(bench.configuration.owner_of(reqid).has_value());
  CHECK(bench.port.reqids.empty());
}

TEST_CASE("reqids of tunnels that come, change and go never meet", "[configuration]") {
  Bench bench;
  for (int round = 0; round < 40; ++round) {
    // 1 to 4 rules, each of peers of its own: as many children.
    Fields fields{{"local_cidrs", {}}, {"peer_cidrs", {}}, {"rules", {}}};
    for (int rule = 0; rule <= round % 4; ++rule) {
      fields.back().second.push_back("10.0." + std::to_string(1 + rule % 2) + "." +
                                     std::to_string(64 * rule) + "/26=192.168." +
                                     std::to_string(10 + rule) + ".0/24");
    }
    CHECK(bench.set(Kind::tunnel, "hq", fields) == Lines{"change hq"});
    const ObjectId id = bench.site.id(Kind::tunnel, "hq");
    const auto* running = bench.configuration.running(id);
    REQUIRE(running != nullptr);
    CHECK(bench.port.reqids.size() == running->children.size());
    for (const auto& child : running->children) {
      CHECK(bench.configuration.owner_of(child.reqid) == id);
    }
  }
}

TEST_CASE("what was committed is there for the next daemon", "[configuration]") {
  Bench bench;
  CHECK(bench.set(Kind::tunnel, "hq", {{"start", {"respond"}}}) == Lines{"change hq"});
  auto inventory = bench.configuration.store().load();
  REQUIRE(inventory.has_value());
  Recorder port;
  Configuration next(std::move(bench.configuration.store()), *std::move(inventory), port);
  next.carry_out_all();
  CHECK(port.take() == Lines{"set hq"});
  next.carry_out_all();
  CHECK(port.take() == Lines{});
}
