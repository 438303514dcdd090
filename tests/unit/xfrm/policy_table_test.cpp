// Goal: the kernel holds for each selector what was set last and not removed, a child before a
// trap; nothing is sent that changes nothing. Method: random sequences beside a naive model that
// keeps the specs themselves and looks through all of them for each place.
#include "xfrm/policy_table.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <list>

#include "tests/support/effort.h"
#include "tests/support/random_xfrm.h"

namespace ipsec::xfrm {

using test::Random;

namespace {

using Contents = std::map<PolicyKey, PolicyRecord>;

Contents as_contents(const std::vector<PolicyRecord>& policies) {
  Contents contents;
  for (const PolicyRecord& policy : policies) contents.emplace(policy.key, policy);
  return contents;
}

// For each place and each reqid the spec that was set last there; the earliest place-taker lowest.
class Naive {
 public:
  void set(const PolicySpec& spec) {
    for (const PolicyRecord& policy : policies_of(spec)) put(children_, policy.key, spec);
  }
  void remove(const PolicySpec& spec) {
    for (const PolicyRecord& policy : policies_of(spec)) {
      children_.remove_if([&](const auto& entry) {
        return entry.first == policy.key && entry.second.reqid == spec.reqid &&
               entry.second.spi == spec.spi;
      });
    }
  }
  void set(const TrapSpec& spec) {
    for (const PolicyRecord& policy : policies_of(spec)) put(traps_, policy.key, spec);
  }
  void remove(const TrapSpec& spec) {
    for (const PolicyRecord& policy : policies_of(spec)) {
      traps_.remove_if([&](const auto& entry) {
        return entry.first == policy.key && entry.second.reqid == spec.reqid;
      });
    }
  }
  void move(const SaKey& from, const Address& local, const Address& remote) {
    for (auto& [key, spec] : children_) {
      if (SaKey{spec.remote, spec.protocol, spec.spi} != from) continue;
      spec.local = local;
      spec.remote = remote;
    }
  }
  [[nodiscard]] Contents contents() const {
    Contents result;
    fill(result, traps_);
    fill(result, children_);
    return result;
  }

 private:
  template <typename Spec>
  using Entries = std::list<std::pair<PolicyKey, Spec>>;

  template <typename Spec>
  static void put(Entries<Spec>& entries, const PolicyKey& key, const Spec& spec) {
    for (auto& [place, other] : entries) {
      if (place == key && other.reqid == spec.reqid) {
        other = spec;
        return;
      }
    }
    entries.emplace_back(key, spec);
  }
  template <typename Spec>
  static void fill(Contents& contents, const Entries<Spec>& entries) {
    for (const auto& [key, spec] : entries) {
      for (const PolicyRecord& policy : policies_of(spec)) {
        if (policy.key == key) contents.insert_or_assign(key, policy);
      }
    }
  }

  Entries<TrapSpec> traps_;
  Entries<PolicySpec> children_;
};

std::vector<TrafficSelector> some_selectors(Random& random, std::uint32_t net) {
  std::vector<TrafficSelector> selectors;
  const std::size_t count = 1 + random.below(2);
  for (std::size_t i = 0; i < count; ++i) {
    const auto third = static_cast<std::uint32_t>(random.below(3));
    selectors.push_back(TrafficSelector::of(Cidr::enclosing(Address::v4(net | third << 8), 24)));
  }
  return selectors;
}

template <typename Spec>
Spec some_spec(Random& random) {
  Spec spec;
  const auto tunnel = static_cast<std::uint32_t>(random.below(3));
  spec.reqid = Reqid{kFirstReqid.value + tunnel};
  spec.local = Address::v4(0xc0000201);
  spec.remote = Address::v4(0xc0000210 + tunnel);
  spec.local_selectors = some_selectors(random, 0x0a010000);
  spec.remote_selectors = some_selectors(random, 0x0a020000);
  if constexpr (requires { spec.spi; }) {
    spec.spi = ChildSpi{0x1000 + static_cast<std::uint32_t>(random.below(3))};
  }
  return spec;
}

// What the changes say, done to what was there.
void check_changes(const PolicyTable::Pending& pending, Contents before, const Contents& after) {
  for (const PolicyChange& change : pending.changes()) {
    CHECK(change.before != change.after);
    const auto was = before.find(change.key);
    CHECK(change.before.has_value() == (was != before.end()));
    if (was != before.end() && change.before) CHECK(*change.before == was->second);
    if (change.after) {
      CHECK(change.after->key == change.key);
      before.insert_or_assign(change.key, *change.after);
    } else {
      before.erase(change.key);
    }
  }
  CHECK(before == after);
}

}  // namespace

TEST_CASE("the table holds what the naive one does, step by step", "[property]") {
  std::size_t refused = 0;
  std::size_t idle = 0;
  for (std::uint64_t seed = 0; seed < test::some_of(300); ++seed) {
    Random random(seed);
    PolicyTable table;
    Naive naive;
    std::vector<PolicySpec> children;
    std::vector<TrapSpec> traps;
    for (int step = 0; step < 40; ++step) {
      INFO("seed " << seed << " step " << step);
      const Contents before = naive.contents();
      Naive next = naive;
      PolicyTable::Pending pending;
      const auto pick = [&](const auto& list) { return list[random.below(list.size())]; };
      const std::size_t what = random.below(6);
      if (what <= 1 || children.empty()) {
        children.push_back(some_spec<PolicySpec>(random));
        pending = table.set(children.back());
        next.set(children.back());
      } else if (what == 2) {
        const PolicySpec spec = pick(children);
        pending = table.remove(spec);
        next.remove(spec);
      } else if (what == 3) {
        const PolicySpec spec = pick(children);
        const SaKey key{spec.remote, spec.protocol, spec.spi};
        const Address remote =
            Address::v4(0xc6336400 + static_cast<std::uint32_t>(random.below(4)));
        const Address local = Address::v4(0xc0000200 + static_cast<std::uint32_t>(random.below(4)));
        pending = table.move(key, local, remote);
        next.move(key, local, remote);
      } else if (what == 4 || traps.empty()) {
        traps.push_back(some_spec<TrapSpec>(random));
        pending = table.set(traps.back());
        next.set(traps.back());
      } else {
        const TrapSpec spec = pick(traps);
        pending = table.remove(spec);
        next.remove(spec);
      }
      check_changes(pending, before, next.contents());
      if (pending.changes().empty()) ++idle;
      // The kernel may refuse: then nothing was.
      if (random.one_in(5)) {
        ++refused;
        REQUIRE(as_contents(table.desired()) == before);
        continue;
      }
      table.commit(std::move(pending));
      naive = std::move(next);
      REQUIRE(as_contents(table.desired()) == naive.contents());
    }
  }
  CHECK(refused > test::some_of(1'000));
  CHECK(idle > test::some_of(500));
}

TEST_CASE("a rekeyed child keeps its places when the old one goes") {
  Random random(1);
  const auto trap = some_spec<TrapSpec>(random);
  PolicySpec old_child;
  old_child.reqid = trap.reqid;
  old_child.local = trap.local;
  old_child.remote = trap.remote;
  old_child.spi = ChildSpi{0x1001};
  old_child.local_selectors = trap.local_selectors;
  old_child.remote_selectors = trap.remote_selectors;
  PolicySpec new_child = old_child;
  new_child.spi = ChildSpi{0x1002};

  PolicyTable table;
  table.commit(table.set(trap));
  const auto trapped = table.desired();
  table.commit(table.set(old_child));
  auto rekeyed = table.set(new_child);
  // Inward policies accept both: only what goes out is switched.
  for (const PolicyChange& change : rekeyed.changes()) {
    CHECK(change.key.direction == PolicyDirection::out);
    CHECK(change.after->protection.spi == new_child.spi);
  }
  table.commit(std::move(rekeyed));
  CHECK(table.remove(old_child).changes().empty());
  table.commit(table.remove(new_child));
  CHECK(table.desired() == trapped);
  table.commit(table.remove(trap));
  CHECK(table.desired().empty());
}

TEST_CASE("between two SAs of one name the policies lead nowhere") {
  Random random(2);
  auto child = some_spec<PolicySpec>(random);
  child.spi = ChildSpi{0x1001};
  const SaKey outbound{child.remote, child.protocol, child.spi};
  PolicyTable table;
  table.commit(table.set(child));
  const auto pinned = table.desired();
  const Address other = Address::v4(0xc0000207);

  auto opened = table.move(outbound, other, child.remote, PolicyTable::Pin::nowhere);
  CHECK(opened.changes().size() == pinned.size());
  for (const PolicyChange& change : opened.changes()) {
    const bool out = change.key.direction == PolicyDirection::out;
    CHECK(change.after->protection.spi == (out ? kNowhere : ChildSpi{}));
    CHECK((out ? change.after->protection.source : change.after->protection.destination) == other);
  }
  table.commit(std::move(opened));
  auto closed = table.move(outbound, other, child.remote);
  for (const PolicyChange& change : closed.changes()) {
    CHECK(change.key.direction == PolicyDirection::out);
    CHECK(change.after->protection.spi == child.spi);
  }
  CHECK_FALSE(closed.changes().empty());
  table.commit(std::move(closed));
  table.commit(table.move(outbound, child.local, child.remote));
  CHECK(table.desired() == pinned);
}

TEST_CASE("what stands where another program's policy does is neither replaced nor removed") {
  Random random(3);
  auto child = some_spec<PolicySpec>(random);
  child.spi = ChildSpi{0x1001};
  PolicyTable table;
  table.commit(table.set(child));
  const auto whole = table.desired();
  table.mark_occupied({whole.front().key});
  CHECK(table.desired() == whole);  // wanted as before

  auto next = child;
  next.spi = ChildSpi{0x1002};
  next.remote = Address::v4(0xc0000277);
  next.local = Address::v4(0xc0000278);
  const auto rekeyed = table.set(next);
  CHECK(rekeyed.changes().size() == whole.size());
  for (const PolicyChange& change : rekeyed.changes()) {
    CHECK(change.before.has_value() == (change.key != whole.front().key));
  }
  const auto removed = table.remove(child);
  CHECK(removed.changes().size() == whole.size() - 1);

  SECTION("until it was taken there") {
    table.commit(table.set(next));
    const auto gone = table.remove(next);
    for (const PolicyChange& change : gone.changes()) CHECK(change.before);
  }
  SECTION("or the other went away") {
    table.mark_occupied({});
    CHECK(table.remove(child).changes().size() == whole.size());
  }
}

}  // namespace ipsec::xfrm
