// Goal: a secret is wiped when it goes, moved rather than copied, and cannot be printed.
#include <catch2/catch.hpp>

#include <ostream>
#include <type_traits>

#include "ike/base/secret.h"

using ipsec::Bytes;
using ipsec::Secret;

namespace {

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };

}  // namespace

TEST_CASE("a secret cannot be copied or printed", "[secret]") {
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<Secret>);
  STATIC_REQUIRE_FALSE(std::is_copy_assignable_v<Secret>);
  STATIC_REQUIRE_FALSE(Printable<Secret>);
  STATIC_REQUIRE(Printable<int>);
}

TEST_CASE("wiping overwrites the bytes", "[secret]") {
  Bytes bytes{1, 2, 3};
  ipsec::wipe(bytes);
  CHECK(bytes == Bytes{0, 0, 0});
}

TEST_CASE("assignment wipes what it replaces", "[secret]") {
  // The old storage stays allocated in `other` only if it was swapped instead of wiped.
  Secret first = Secret::copy_of(Bytes{1, 2, 3});
  Secret second = Secret::copy_of(Bytes{4, 5});
  first = std::move(second);
  CHECK(first == Secret::copy_of(Bytes{4, 5}));
  CHECK(second.empty());  // NOLINT(bugprone-use-after-move): that it is empty is the point
}

TEST_CASE("taking bytes over empties the source", "[secret]") {
  Bytes source{1, 2, 3};
  const Secret secret(std::move(source));
  CHECK(source.empty());  // NOLINT(bugprone-use-after-move): that it is empty is the point
  CHECK(secret.size() == 3);
}

TEST_CASE("slices stay inside", "[secret]") {
  const Secret secret = Secret::copy_of(Bytes{1, 2, 3, 4});
  CHECK(secret.slice(1, 2) == Secret::copy_of(Bytes{2, 3}));
  CHECK(secret.slice(3, 9) == Secret::copy_of(Bytes{4}));
  CHECK(secret.slice(9, 9).empty());
  CHECK(secret.clone() == secret);
  CHECK_FALSE(secret == secret.slice(0, 3));
}
