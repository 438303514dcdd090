// Every operation against every sort of caller, and whose account a caller speaks for.
#include <catch2/catch.hpp>

#include "ike/control/access.h"
#include "ike/control/types/codec.h"
#include "tests/support/control_examples.h"

namespace ipsec::control {
namespace {

constexpr Access kBoth{.group = 100, .readers = 200};
const Credentials kRootUser{0, 0, {}};
const Credentials kMember{1000, 1000, {5, 100}};
const Credentials kReader{1001, 200, {}};
const Credentials kStranger{1002, 1002, {1, 2}};

TEST_CASE("root and the group may do all, readers read, and others nothing") {
  for (const Request& request : test::all_requests()) {
    INFO(write(request));
    CHECK(admits(kBoth, kRootUser, request.operation).has_value());
    CHECK(admits(Access{}, kRootUser, request.operation).has_value());
    CHECK(admits(kBoth, kMember, request.operation).has_value());
    CHECK_FALSE(admits(Access{}, kMember, request.operation).has_value());
    CHECK_FALSE(admits(Access{std::nullopt, 200}, kMember, request.operation).has_value());
    const auto refused = admits(kBoth, kStranger, request.operation);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == ErrorCode::forbidden);
    CHECK(refused.error().message.starts_with("user 1002 may not ask this gateway anything; "));
  }
}

TEST_CASE("a reader may do what changes nothing and shows no secret") {
  const std::vector<Operation> allowed{
      Version{},
      List{Kind::vpc, ""},
      Show{Kind::tunnel, {"a"}, false},
      Create{Kind::vpc, "a", {}, true},
      Set{Kind::vpc, {"a"}, {}, true},
      Delete{Kind::vpc, {"a"}, true},
      Apply{"", "", true, true},
      Dump{false},
      Import{"swanctl", "", "", ""},
      Export{"a", "swanctl", true, false},
      Status{},
      ListSas{},
      Routes{},
      Diagnose{"a"},
      Events{},
      ListLimits{},
      ListVendors{},
      Check{},
      Audit{},
      ListCounters{},
  };
  const std::vector<Operation> refused{
      Show{Kind::tunnel, {"a"}, true},
      Create{Kind::vpc, "a", {}, false},
      Set{Kind::vpc, {"a"}, {}, false},
      Rename{Kind::vpc, "a", "b"},
      Delete{Kind::vpc, {"a"}, false},
      Apply{"", "", false, false},
      Dump{true},
      Export{"a", "swanctl", false, true},
      Command{Order::up, {"a"}},
      Reload{},
      Stop{},
      Upgrade{},
      SetLogLevel{"debug", ""},
  };
  for (const Operation& operation : allowed) {
    INFO(name_of(operation));
    CHECK(admits(kBoth, kReader, operation).has_value());
  }
  for (const Operation& operation : refused) {
    INFO(name_of(operation));
    const auto no = admits(kBoth, kReader, operation);
    REQUIRE_FALSE(no.has_value());
    CHECK(no.error().code == ErrorCode::forbidden);
  }
  CHECK(admits(kBoth, kReader, Dump{true}).error().message ==
        "user 1001 may only read here, and 'dump' with secrets shows keys; ask without them, or as "
        "root or as a member of the group that may do all");
  CHECK(admits(kBoth, kReader, Reload{}).error().message ==
        "user 1001 may only read here, and 'reload' changes something; ask as root or as a member "
        "of the group that may do all");
}

TEST_CASE("whoever is in both groups may do all") {
  CHECK(right_of(kBoth, {1, 200, {100}}) == Right::all);
  CHECK(right_of(kBoth, {1, 100, {200}}) == Right::all);
  CHECK(right_of({std::nullopt, 200}, {1, 1, {200}}) == Right::read);
  CHECK(right_of({std::nullopt, std::nullopt}, {1, 0, {0}}) == Right::none);
}

TEST_CASE("only root speaks for another account than his own") {
  const Accounts accounts{{{"alice", "red"}, {"root", "house"}}, "default"};
  CHECK(account_of(accounts, kMember, "alice", "") == "red");
  CHECK(account_of(accounts, kMember, "alice", "red") == "red");
  CHECK(account_of(accounts, kMember, "bob", "") == "default");
  CHECK(account_of(accounts, kRootUser, "root", "") == "house");
  CHECK(account_of(accounts, kRootUser, "root", "red") == "red");
  const auto refused = account_of(accounts, kMember, "alice", "default");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::forbidden);
  CHECK(refused.error().message ==
        "user 'alice' belongs to account 'red', and only root may name another one");
}

}  // namespace
}  // namespace ipsec::control
