// Goal: a descriptor is closed exactly once, by its last owner.
#include <catch2/catch.hpp>

#include <fcntl.h>

#include "ike/base/unique_fd.h"

using ipsec::UniqueFd;

namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }
UniqueFd open_null() { return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace

TEST_CASE("the owner closes its descriptor", "[unique_fd]") {
  int number = -1;
  {
    const UniqueFd fd = open_null();
    number = fd.get();
    REQUIRE(is_open(number));
  }
  CHECK_FALSE(is_open(number));
}

TEST_CASE("moving hands the descriptor on", "[unique_fd]") {
  UniqueFd first = open_null();
  const int number = first.get();
  UniqueFd second = std::move(first);
  CHECK_FALSE(static_cast<bool>(first));  // NOLINT(bugprone-use-after-move)
  CHECK(is_open(number));
  second = open_null();
  CHECK((second.get() == number || !is_open(number)));
}

TEST_CASE("release gives ownership up", "[unique_fd]") {
  UniqueFd fd = open_null();
  const int number = fd.release();
  fd.reset();
  CHECK(is_open(number));
  (void)::close(number);
}
