// Goal: the engine's clock cannot be read, only handed in.
#include <catch2/catch.hpp>

#include "ike/base/time.h"

namespace {

template <typename T>
concept HasNow = requires { T::now(); };

}  // namespace

TEST_CASE("the clock has no now()", "[time]") {
  STATIC_REQUIRE_FALSE(HasNow<ipsec::Clock>);
  STATIC_REQUIRE(HasNow<std::chrono::steady_clock>);
}

TEST_CASE("time counts in microseconds and never ends before kNever", "[time]") {
  const ipsec::Time start{};
  CHECK((start + std::chrono::seconds(2)).time_since_epoch().count() == 2'000'000);
  CHECK(start + std::chrono::years(1000) < ipsec::kNever);
}
