#include <poll.h>

#include <algorithm>
#include <set>
#include <vector>

#include <catch2/catch.hpp>

#include "ike/crypto/openssl_provider.h"
#include "ike/daemon/pool.h"

using ipsec::GroupId;
using ipsec::JobId;
using ipsec::SaId;
using ipsec::daemon::Pool;
namespace core = ipsec::core;

namespace {

constexpr GroupId kX25519{31};

std::unique_ptr<ipsec::crypto::OpensslProvider> provider() {
  auto made = ipsec::crypto::OpensslProvider::create();
  REQUIRE(made.has_value());
  return *std::move(made);
}

std::vector<core::JobDone> results_of(Pool& pool, std::size_t count) {
  std::vector<core::JobDone> out;
  while (out.size() < count) {
    pollfd waiting{pool.fd(), POLLIN, 0};
    REQUIRE(::poll(&waiting, 1, 10'000) == 1);
    for (auto& result : pool.take_results()) out.push_back(std::move(result));
  }
  return out;
}

}  // namespace

TEST_CASE("every job is done once and comes back to who asked", "[pool]") {
  const auto crypto = provider();
  auto pool = Pool::start(*crypto, 3);
  REQUIRE(pool.has_value());
  static constexpr std::uint64_t kJobs = 200;
  for (std::uint64_t i = 1; i <= kJobs; ++i) {
    (*pool)->submit({SaId{i}, JobId{i + 1000}, core::GenerateKey{kX25519}});
  }
  std::set<std::uint64_t> seen;
  const auto results = results_of(**pool, kJobs);
  for (const core::JobDone& result : results) {
    CHECK(result.job.value == result.sa.value + 1000);
    CHECK(result.result.has_value());
    CHECK(seen.insert(result.sa.value).second);
  }
  CHECK(seen.size() == kJobs);
}

TEST_CASE("a pool that ends drops what has not begun", "[pool]") {
  const auto crypto = provider();
  auto pool = Pool::start(*crypto, 1);
  REQUIRE(pool.has_value());
  for (std::uint64_t i = 1; i <= 10'000; ++i) {
    (*pool)->submit({SaId{i}, JobId{i}, core::GenerateKey{GroupId{16}}});
  }
  pool->reset();
  SUCCEED("it ended");
}
