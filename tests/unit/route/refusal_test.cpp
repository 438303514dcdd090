// Goal: what the kernel refuses is sorted as an operator would, and says what to do. Method: the
// numbers and texts that kernels 6.1 to 6.18 give, each by itself.
#include "route/kernel/refusal.h"

#include <catch2/catch.hpp>
#include <cerrno>

namespace ipsec::route::kernel {
namespace {

Route some_route() {
  return {{*Cidr::parse("10.8.0.0/16"), 100}, {{*Address::parse("10.0.1.9"), "lan"}}, 0, 0};
}

Trouble::Kind kind_of(int error_number, std::string says = "") {
  return trouble_of(some_route(), Failure{error_number, std::move(says), false}).kind;
}

}  // namespace

TEST_CASE("a next hop that cannot be reached, in all its numbers") {
  using enum Trouble::Kind;
  CHECK(kind_of(ENETUNREACH, "Nexthop has invalid gateway") == unreachable);
  CHECK(kind_of(EHOSTUNREACH) == unreachable);
  CHECK(kind_of(ENETDOWN, "Nexthop device is not up") == unreachable);
  CHECK(kind_of(ENODEV) == unreachable);
  CHECK(kind_of(EINVAL, "Nexthop has invalid gateway") == unreachable);
  CHECK(kind_of(EINVAL, "Gateway can not be a local address") == unreachable);
  CHECK(kind_of(EINVAL, "Invalid prefix for given prefix length") == other);
  CHECK(kind_of(EACCES, "IPv6 is disabled on nexthop device") == unreachable);
  CHECK(kind_of(EINVAL) == other);
  CHECK(kind_of(ENOMEM) == other);
  const auto trouble =
      trouble_of(some_route(), {ENETUNREACH, "Nexthop has invalid gateway", false});
  CHECK_THAT(trouble.why, Catch::Contains("no way to the next hop 10.0.1.9 by device lan") &&
                              Catch::Contains("the kernel says \"Nexthop has invalid gateway\""));
}

TEST_CASE("what we may not do names the capability") {
  const auto trouble = trouble_of("read table 101", Failure{EPERM, "", false});
  CHECK(trouble.kind == Trouble::Kind::forbidden);
  CHECK_THAT(trouble.why, Catch::Contains("read table 101: this needs CAP_NET_ADMIN"));
}

TEST_CASE("a socket that breaks says nothing of the next hop") {
  const Failure broken{ENODEV, "netlink: receive from the kernel", true};
  const auto trouble = trouble_of(some_route(), broken);
  CHECK(trouble.kind == Trouble::Kind::other);
  CHECK_THAT(trouble.why, Catch::StartsWith("netlink: receive from the kernel: "));
}

TEST_CASE("another one's rule is a conflict") {
  const Rule rule{*Cidr::parse("10.0.1.0/24")};
  CHECK(trouble_of(rule, {EEXIST, "", false}).kind == Trouble::Kind::conflict);
  CHECK(trouble_of(rule, {EPERM, "", false}).kind == Trouble::Kind::forbidden);
}

TEST_CASE("a missing device says where it is missed") {
  CHECK(no_device("xfrm7", {"kernel", "101", "", ""}).why == "there is no device xfrm7");
  CHECK(no_device("xfrm7", {"kernel", "101", "blue", ""}).why ==
        "there is no device xfrm7 in netns blue");
}

}  // namespace ipsec::route::kernel
