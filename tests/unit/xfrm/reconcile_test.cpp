// Goal: after the plan the kernel holds what is wanted and everything that is not ours as it was.
// Method: random tables, the plan done to them, and each row asked for by itself.
#include "xfrm/reconcile.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "tests/support/random_xfrm.h"

namespace ipsec::xfrm {

using test::Random;

namespace {

SaKey some_key(Random& random) {
  return {Address::v4(static_cast<std::uint32_t>(random.below(3))), Protocol::esp,
          ChildSpi{static_cast<std::uint32_t>(random.below(8))}};
}

Reqid some_reqid(Random& random) {
  switch (random.below(6)) {
    case 0:
      return Reqid{0};
    case 1:
      return Reqid{kFirstReqid.value - 1};
    case 2:
      return Reqid{kLastReqid.value + 1};
    case 3:
      return kFirstReqid;
    case 4:
      return kLastReqid;
    default:
      return Reqid{kFirstReqid.value + 9};
  }
}

PolicyRecord some_policy(Random& random, Reqid reqid) {
  PolicyRecord policy;
  policy.key.direction = PolicyDirection{static_cast<std::uint8_t>(random.below(3))};
  policy.key.interface_id = static_cast<std::uint32_t>(random.below(4));
  policy.priority = static_cast<std::uint32_t>(random.below(2));
  policy.protection.reqid = reqid;
  return policy;
}

using Policies = std::map<PolicyKey, PolicyRecord>;

std::vector<PolicyRecord> rows(const Policies& policies) {
  std::vector<PolicyRecord> result;
  for (const auto& [key, policy] : policies) result.push_back(policy);
  return result;
}

template <typename T>
bool has(const std::vector<T>& list, const T& item) {
  return std::ranges::find(list, item) != list.end();
}

}  // namespace

TEST_CASE("every SA is adopted, lost, deleted or left alone", "[property]") {
  for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
    Random random(seed);
    INFO("seed " << seed);
    std::set<SaKey> wanted;
    for (std::size_t i = random.below(8); i > 0; --i) wanted.insert(some_key(random));
    std::map<SaKey, SaUsage> found;
    for (std::size_t i = random.below(8); i > 0; --i) {
      SaUsage sa{.key = some_key(random), .reqid = some_reqid(random)};
      if (random.one_in(2)) sa.attachment.mark = Mark{1, 1};
      found.insert_or_assign(sa.key, sa);
    }
    std::vector<SaUsage> found_rows;
    for (const auto& [key, sa] : found) found_rows.push_back(sa);

    const ReconcilePlan made = plan({wanted.begin(), wanted.end()}, {}, found_rows, {});
    for (const auto& [key, sa] : found) {
      const bool ours = is_ours(sa.reqid);
      CHECK(has(made.adopt, key) == (ours && wanted.contains(key)));
      CHECK(has(made.delete_sas, sa) == (ours && !wanted.contains(key)));
    }
    for (const SaKey& key : wanted) {
      const bool there = found.contains(key) && is_ours(found[key].reqid);
      CHECK(has(made.lost, key) == !there);
    }
    CHECK(made.adopt.size() + made.lost.size() == wanted.size());
    CHECK(made.delete_sas.size() <= found.size());
  }
}

TEST_CASE("the plan done, our policies are as wanted and the others as they were", "[property]") {
  std::size_t occupied = 0;
  for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
    Random random(seed);
    INFO("seed " << seed);
    Policies wanted;
    Policies there;
    for (std::size_t i = random.below(8); i > 0; --i) {
      const PolicyRecord policy = some_policy(random, kFirstReqid);
      wanted.insert_or_assign(policy.key, policy);
    }
    for (std::size_t i = random.below(8); i > 0; --i) {
      const PolicyRecord policy = some_policy(random, some_reqid(random));
      there.insert_or_assign(policy.key, policy);
    }
    const Policies before = there;
    const ReconcilePlan made = plan({}, rows(wanted), {}, rows(there));
    for (const PolicyKey& key : made.delete_policies) CHECK(there.erase(key) == 1);
    for (const PolicyRecord& policy : made.add_policies) {
      // What is right already is not written again.
      CHECK((!before.contains(policy.key) || before.at(policy.key) != policy));
      there.insert_or_assign(policy.key, policy);
    }
    Policies expected = wanted;
    for (const auto& [key, policy] : before) {
      if (is_ours(policy.protection.reqid)) continue;
      if (wanted.contains(key)) {
        ++occupied;
        CHECK(has(made.occupied, key));
      }
      expected.insert_or_assign(key, policy);
    }
    CHECK(there == expected);
  }
  CHECK(occupied > 100);
}

TEST_CASE("nothing to do where all is as it should be") {
  Random random(1);
  const PolicyRecord policy = some_policy(random, kFirstReqid);
  const SaKey key = some_key(random);
  const ReconcilePlan made =
      plan({key}, {policy}, {SaUsage{.key = key, .reqid = kFirstReqid}}, {policy});
  CHECK(made.adopt == std::vector{key});
  CHECK(made.lost.empty());
  CHECK(made.delete_sas.empty());
  CHECK(made.add_policies.empty());
  CHECK(made.delete_policies.empty());
  CHECK(made.occupied.empty());
}

}  // namespace ipsec::xfrm
