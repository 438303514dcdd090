// Goal: ids of different kinds do not mix, and hash and compare by value.
#include <catch2/catch.hpp>

#include <type_traits>
#include <unordered_set>

#include "ike/base/strong_id.h"

using ipsec::ChildSpi;
using ipsec::Reqid;

TEST_CASE("ids of different kinds do not mix", "[strong_id]") {
  STATIC_REQUIRE_FALSE(std::is_convertible_v<ChildSpi, Reqid>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<int, Reqid>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<Reqid, bool>);
}

TEST_CASE("ids compare and hash by value", "[strong_id]") {
  CHECK(ChildSpi{1} == ChildSpi{1});
  CHECK(ChildSpi{1} < ChildSpi{2});
  CHECK_FALSE(static_cast<bool>(ChildSpi{}));
  const std::unordered_set<ChildSpi> set{{1}, {2}, {1}};
  CHECK(set.size() == 2);
}
