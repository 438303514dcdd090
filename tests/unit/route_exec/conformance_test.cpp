// What every route driver must pass, of this one with scripts/route-exec-rest as its program and a
// server behind that.
#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/support/poll_reactor.h"
#include "tests/support/route_conformance.h"
#include "tests/unit/route_exec/rest_server.h"
#include "tests/unit/route_exec/surroundings.h"

namespace ipsec::route::exec {
namespace {

using Json = nlohmann::json;

class RestHands final : public conformance::Hands {
 public:
  RestHands() : server_(folder_) {
    test::write_program(folder_, test::kRestProgram);
    server_.start();
  }

  std::unique_ptr<Driver> make_driver() override {
    ExecSettings settings;
    settings.name = "rest";
    settings.program = folder_ / "program";
    settings.timeout = std::chrono::seconds(60);  // the machine may have other things to do
    return std::make_unique<ExecDriver>(reactor_, std::move(settings));
  }
  Table fresh_table() override {
    Table table = test::table("t" + std::to_string(++tables_));
    server_.put(table.name, Json::array());
    return table;
  }
  std::vector<Hop> hops(Family family) override {
    const bool v4 = family == Family::v4;
    return {{Address::parse(v4 ? "10.0.1.1" : "fd00::1"), ""},
            {Address::parse(v4 ? "10.0.1.2" : "fd00::2"), ""}};
  }

  void add_foreign(const Table& table, const Route& route) override {
    Json routes = server_.table(table.name);
    routes.push_back({{"destination", route.key.destination.to_string()},
                      {"metric", route.key.metric},
                      {"owner", "somebody"}});
    server_.put(table.name, routes);
  }
  void remove(const Table& table, const Route& route) override {
    Json left = Json::array();
    for (const Json& one : server_.table(table.name)) {
      const bool is_it = one["destination"] == route.key.destination.to_string() &&
                         one["metric"] == route.key.metric;
      if (!is_it) left.push_back(one);
    }
    server_.put(table.name, left);
  }
  std::vector<std::string> witness(const Table& table) override {
    std::vector<std::string> lines;
    for (const Json& one : server_.table(table.name)) lines.push_back(one.dump());
    std::ranges::sort(lines);
    return lines;
  }
  bool turn(Driver* driver, std::chrono::milliseconds patience) override {
    // A run of many changes may be longer than others are patient.
    bool any = reactor_.turn(driver, patience);
    for (int more = 0; more < 5 && !any && driver != nullptr; ++more) {
      if (driver->next_deadline() == kNever) break;
      any = reactor_.turn(driver, patience);
    }
    return any;
  }

 private:
  test::NothingLeft nothing_left_;
  ipsec::test::Folder folder_;
  ipsec::test::PollReactor reactor_;
  test::RestServer server_;
  int tables_ = 0;
};

TEST_CASE("the driver passes what every driver must") {
  RestHands hands;
  std::vector<std::string_view> skipped;
  for (const conformance::Verdict& it : conformance::run(hands)) {
    INFO(it.check);
    INFO(it.wrong.value_or(""));
    CHECK_FALSE(it.wrong.has_value());
    if (it.skipped) skipped.push_back(it.check);
  }
  CHECK(skipped == std::vector<std::string_view>{"rules come and go", "drift is told"});
}

}  // namespace
}  // namespace ipsec::route::exec
